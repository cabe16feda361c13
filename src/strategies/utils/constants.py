"""A strategy's proposal, and its absence."""

from typing import Final, NamedTuple

from src.core.domain.market import Side
from src.core.domain.time import BAR_15M


class Signal(NamedTuple):
    """A proposed trade: a side, how strongly, and the geometry of its exits.

    Distances are in JPY from the fill; 0 means "none" for target, trail and hold.
    """

    side: Side
    strength: float  # 0..1: how far the condition is met, not a probability
    stop: float  # distance of the first stop; positive
    target: float  # distance of the profit target
    trail: float  # distance at which the stop follows the best price
    hold: int  # longest holding time, milliseconds


NO_SIGNAL: Final = Signal(Side.NONE, 0.0, 0.0, 0.0, 0.0, 0)
"""Nothing is proposed. A hold is this absence, never a vote."""

FARTHEST: Final = 1e10
"""JPY: no distance is as long; what is longer, or NaN, is not a distance."""

BARS_A_DAY: Final = 96
BAR_MS: Final = BAR_15M
