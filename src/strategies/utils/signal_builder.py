"""Builds a signal from a side and a bracket; whatever is not finite becomes no signal."""

from src.core.domain.market import Side
from src.strategies.utils.constants import NO_SIGNAL, Signal
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
        A stop that is not a positive finite distance gives no signal.
    hold
        Longest holding time, milliseconds; 0 for no limit.
    """
    if side == Side.NONE or not strength > 0.0 or not 0.0 < exits.stop < 1e300:
        return NO_SIGNAL
    return Signal(side, min(strength, 1.0), exits.stop, exits.target, exits.trail, hold)
