"""From decimal text to the exchange's integers, exactly; what does not fit is said, not rounded."""

from decimal import Decimal
from typing import Final, NamedTuple

LONGEST: Final = 18  # digits before the point: larger numbers are larger than every limit


class OnGrid(NamedTuple):
    """A positive number counted in steps of `10**-digits`."""

    steps: int  # cut
    exact: bool  # nothing was cut


def on_grid(value: Decimal, digits: int) -> OnGrid | None:
    """Return `value` in steps of `10**-digits`; None unless it is a finite number above 0.

    Numbers of more than 18 digits before the point come back as `10**(18 + digits)`, cut.
    """
    if not value.is_finite() or value <= 0:
        return None
    size = value.adjusted()
    if size >= LONGEST:
        return OnGrid(10 ** (LONGEST + digits), False)
    if size < -digits:
        return OnGrid(0, False)
    _, figures, exponent = value.as_tuple()
    spare = -digits - int(exponent)  # figures beyond the grid
    if spare <= 0:
        return OnGrid(int(value.scaleb(digits)), True)
    kept = figures[: len(figures) - spare]
    return OnGrid(int("".join(map(str, kept)) or "0"), not any(figures[len(kept) :]))
