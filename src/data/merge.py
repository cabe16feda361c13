"""Putting two sets of bars together, and apart again by UTC month."""

import numpy as np

from src.core.domain.candles import Candles
from src.core.domain.market import Bar
from src.core.domain.time import DAY, Millis, format_jst, month_start, next_month_start
from src.core.exceptions import BadCandles


def merge(old: Candles, new: Candles, *, replace: bool = False) -> Candles:
    """Return the bars of both, in order; a bar that both have is kept once.

    Parameters
    ----------
    old, new
        Bars of the same series, overlapping or not.
    replace
        Where both have a bar of the same time with different values, take the one of `new`.

    Raises
    ------
    BadCandles
        If such a conflict exists and `replace` is false; the first one is named.
    """
    shared, in_old, in_new = np.intersect1d(old.closed_at, new.closed_at, assume_unique=True, return_indices=True)
    if len(shared):
        if not replace:
            _refuse_conflicts(old.rows(_mask(old, in_old)), new.rows(_mask(new, in_new)))
        old = old.rows(~_mask(old, in_old))
    order = np.argsort(np.concatenate((old.closed_at, new.closed_at)), kind="stable")
    return Candles(*(np.concatenate(pair)[order] for pair in zip(old.columns, new.columns, strict=True)))


def by_month(candles: Candles) -> list[tuple[Millis, Candles]]:
    """Return the bars in pieces of one UTC month each, with the month's first instant.

    A bar belongs to the month it lies in, not to the one it closes into: the last bar of January closes
    at 00:00 on 1 February. So no day is ever split between two months.
    """
    pieces: list[tuple[Millis, Candles]] = []
    at = 0
    while at < len(candles):
        month = month_of(candles.bar(at).closed_at)
        piece = candles.between(month, next_month_start(month))
        pieces.append((month, piece))
        at += len(piece)
    return pieces


def month_of(closed_at: Millis) -> Millis:
    """Return the first instant of the UTC month in which a bar lies that closed at `closed_at`."""
    return month_start(Millis(closed_at - 1))


def day_of(closed_at: Millis) -> int:
    """Return the number of the UTC day (since 1970-01-01) in which a bar lies that closed at `closed_at`."""
    return (closed_at - 1) // DAY


def _mask(candles: Candles, positions: np.typing.NDArray[np.intp]) -> np.typing.NDArray[np.bool_]:
    mask = np.zeros(len(candles), np.bool_)
    mask[positions] = True
    return mask


def _refuse_conflicts(stored: Candles, given: Candles) -> None:
    pairs = zip(stored.columns[1:], given.columns[1:], strict=True)
    differs = np.any([a != b for a, b in pairs], axis=0)
    if differs.any():
        i = int(np.flatnonzero(differs)[0])
        raise BadCandles(
            f"{int(differs.sum())} of {len(differs)} shared bars differ from what is stored; the first closed "
            f"{format_jst(stored.bar(i).closed_at)}: stored {_values(stored.bar(i))}, given {_values(given.bar(i))}",
            remedy="find out which is right; to let the new values win, give --replace (replace=True), "
            "to keep both, store the new ones under another name",
        )


def _values(bar: Bar) -> str:
    return f"O {bar.open} H {bar.high} L {bar.low} C {bar.close} V {bar.volume / 10_000:.4f}"
