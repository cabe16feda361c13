"""From the units people write to the whole numbers the core counts in, exactly or not at all."""

from decimal import ROUND_FLOOR, Decimal
from typing import Final, NamedTuple

from src.core.domain.market import PPM
from src.core.exceptions import ConfigError


class Unit(NamedTuple):
    """What a number means."""

    name: str
    per: int | None  # the core counts in this many parts of 1; None: in floats


BPS: Final = 10_000

FRACTION: Final = Unit("a fraction of 1", None)
PPM_FRACTION: Final = Unit("a fraction of 1", PPM)
BPS_FRACTION: Final = Unit("a fraction of 1", BPS)
MULTIPLE: Final = Unit("a multiple", BPS)


def in_parts(value: float, unit: Unit) -> int:
    """Return `value` in the parts its unit is counted in: 0.0005 in ppm is 500.

    Raises
    ------
    ConfigError
        If it is not a whole number of parts; the remedy names the nearest values that are.
    """
    if unit.per is None:
        raise ConfigError(f"{unit.name} is not counted in parts", remedy="use the number as it is")
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise ConfigError(f"{value} is not a number", remedy="write a finite number")
    parts = exact * unit.per
    if parts == parts.to_integral_value():
        return int(parts)
    below = int(parts.to_integral_value(ROUND_FLOOR))
    near = [written(Decimal(n) / unit.per) for n in (below, below + 1)]
    raise ConfigError(
        f"{written(exact)} is finer than this setting is counted ({unit.name}, in steps of {written(1 / unit.per)})",
        remedy=f"write {near[0]} or {near[1]}",
    )


def written(value: float | Decimal) -> str:
    """Return a number as it is written in a settings file: no exponent, no idle zeros."""
    return f"{Decimal(str(value)).normalize():f}"
