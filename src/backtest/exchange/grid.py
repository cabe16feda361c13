"""From decimal text to the exchange's integers, exactly; what does not fit is said, not rounded."""

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Final, NamedTuple

LONGEST: Final = 18  # digits before the point: larger numbers are larger than every limit
EXACT: Final = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)


class OnGrid(NamedTuple):
    """A positive number counted in steps of `10**-digits`."""

    steps: int  # cut
    exact: bool  # nothing was cut


def on_grid(value: Decimal, digits: int) -> OnGrid | None:
    """Return `value` in steps of `10**-digits`; None unless it is a finite number above 0.

    Numbers of more than 18 digits before the point come back as `10**(18 + digits)`, cut.
    """
    if not value.is_finite() or value.is_signed() or not value:
        return None
    size = value.adjusted()
    if size >= LONGEST:
        return OnGrid(10 ** (LONGEST + digits), False)
    if size < -digits:
        return OnGrid(0, False)
    scaled = value.scaleb(digits, EXACT) if digits else value
    steps = int(scaled)
    return tuple.__new__(OnGrid, (steps, steps == scaled))  # half the time of OnGrid(…)
