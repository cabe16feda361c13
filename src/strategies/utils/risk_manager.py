"""Geometry of exits: distances of stop, target and trail as multiples of the average true range.

The unit is the 4-hour ATR. A 15-minute ATR of BTC/JPY is near the cost of one round trip, so a stop
measured in it pays most of its risk in fees.
"""

from typing import NamedTuple


class Bracket(NamedTuple):
    """Exit distances from the fill, in JPY; 0 means none, NaN that the ATR is unknown."""

    stop: float
    target: float
    trail: float


def bracket(atr: float, stop: float, target: float, trail: float) -> Bracket:
    """Return the distances for multiples of `atr`; all NaN unless `atr` is a positive finite number."""
    if not 0.0 < atr < 1e300:  # written so that NaN fails
        return Bracket(float("nan"), float("nan"), float("nan"))
    return Bracket(stop * atr, target * atr, trail * atr)
