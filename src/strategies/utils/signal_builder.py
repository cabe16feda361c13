"""Builds a signal from a side and a bracket; whatever is not finite becomes no signal."""

from src.core.domain.market import Side
from src.strategies.utils.constants import FARTHEST, NO_SIGNAL, Signal
from src.strategies.utils.risk_manager import Bracket


def build_signal(side: Side, strength: float, exits: Bracket, hold: int) -> Signal:
    """Return the signal for `side`, or none.

    Parameters
    ----------
    side
        NONE gives no signal.
    strength
        Clipped at 1; 0, less, or NaN gives no signal.
    exits
        A stop that is not a positive finite distance, or a target or trail that is negative or not finite,
        gives no signal.
    hold
        Longest holding time, milliseconds; 0 for no limit, less gives no signal.
    """
    signal = Signal(side, min(strength, 1.0), exits.stop, exits.target, exits.trail, hold)
    return signal if is_proposal(signal) else NO_SIGNAL


def is_proposal(signal: Signal) -> bool:
    """Return whether `signal` asks for a trade in numbers one can act on; what does not is no signal."""
    return (
        signal.side != Side.NONE
        and 0.0 < signal.strength <= 1.0
        and 0.0 < signal.stop < FARTHEST
        and 0.0 <= signal.target < FARTHEST
        and 0.0 <= signal.trail < FARTHEST
        and signal.hold >= 0
    )
