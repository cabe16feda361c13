"""Numbers as people read them."""

import math

from src.core.domain.market import Instrument, Money

MISSING = "–"


def jpy(sum_: Money, unit: Instrument, *, signed: bool = False) -> str:
    """Return a sum in whole JPY, with thousands separated; half to even."""
    whole = int(unit.jpy(sum_).to_integral_value())
    return f"{whole:+,}" if signed and whole else f"{whole:,}"


def percent(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """Return a percentage, or a dash for one that does not exist; nothing is never negative."""
    shown = number(value, digits, signed=signed)
    return shown if shown == MISSING else f"{shown} %"


def number(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """Return a number, or a dash for one that does not exist."""
    if value is None or not math.isfinite(value):
        return MISSING
    value = round(value, digits) + 0.0  # no -0.00
    return f"{value:+,.{digits}f}" if signed and value else f"{value:,.{digits}f}"
