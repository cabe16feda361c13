"""Fibonacci: enter at a retracement level of the week's swing that has held as support or resistance.

The swing is the highest high and lowest low of 42 four-hour bars; whichever is newer gives its direction.
In an up-swing the levels lie below the high and are support; in a down-swing above the low, resistance.
A level has held when the 15-minute bar reached it and closed back on the trend's side, strongly enough
to lie above (below) its own open. Over when price leaves the swing at its far end.
"""

from typing import NamedTuple

from src.core.domain.market import Side
from src.features.row import Row
from src.strategies.utils.constants import BAR_MS, BARS_A_DAY, NO_SIGNAL, Signal
from src.strategies.utils.risk_manager import bracket
from src.strategies.utils.signal_builder import build_signal


class FibonacciRetracement(NamedTuple):
    """Parameters of the retracement. Levels are the customary ratios; the rest are our choices."""

    shallow: float = 0.382
    middle: float = 0.5
    deep: float = 0.618
    size: float = 4.0  # least height of the swing, 4-hour ATRs
    reach: float = 0.15  # how near the bar's extreme must come to the level, 4-hour ATRs
    stop: float = 1.5  # 4-hour ATRs
    target: float = 2.5
    days: float = 2.0  # longest holding time

    def propose(self, row: Row) -> Signal:
        """Return a trade off a level that held, in the direction of the swing, else no signal."""
        height = row.swing_high_4h - row.swing_low_4h
        if not row.atr_14_4h > 0.0 or not height >= self.size * row.atr_14_4h:
            return NO_SIGNAL
        side, origin, extreme = Side.NONE, 0.0, 0.0
        if row.swing_turn_4h > 0.0 and row.close > row.open:
            side, origin, extreme = Side.BUY, row.swing_high_4h, row.low
        elif row.swing_turn_4h < 0.0 and row.close < row.open:
            side, origin, extreme = Side.SELL, row.swing_low_4h, row.high
        reach = self.reach * row.atr_14_4h
        strength = 0.0
        if _held(origin - side * self.shallow * height, extreme, row.close, reach, side):
            strength = 0.5
        if _held(origin - side * self.middle * height, extreme, row.close, reach, side):
            strength = 0.65
        if _held(origin - side * self.deep * height, extreme, row.close, reach, side):
            strength = 0.8
        exits = bracket(row.atr_14_4h, self.stop, self.target, 0.0)
        return build_signal(side, strength, exits, int(self.days * BARS_A_DAY) * BAR_MS)

    def holds(self, row: Row, side: Side) -> bool:
        """Return whether price is still inside the swing on the side the trade needs."""
        if side == Side.BUY:
            return row.close > row.swing_low_4h
        return row.close < row.swing_high_4h


def _held(level: float, extreme: float, close: float, reach: float, side: Side) -> bool:
    """Return whether a bar came within `reach` of `level`, or through it, and closed back on the trade's side."""
    return (extreme - level) * side <= reach and (close - level) * side > 0.0
