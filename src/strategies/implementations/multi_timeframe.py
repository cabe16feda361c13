"""Multi-timeframe: follow the slow trend of the 4-hour view, timed on 15 minutes.

The trend is a blend of 5-, 20- and 60-day momentum, each in units of its own noise (time-series
momentum: Moskowitz, Ooi and Pedersen 2012). Entry waits for the 15-minute close to cross EMA 20 in the
trend's direction. There is no target and no time limit: the stop trails, and the trade ends with the trend.
"""

from typing import NamedTuple

from src.core.domain.market import Side
from src.features.row import Row
from src.strategies.utils.constants import NO_SIGNAL, Signal
from src.strategies.utils.risk_manager import bracket
from src.strategies.utils.signal_builder import build_signal


class MultiTimeframe(NamedTuple):
    """Parameters of the trend follower; this project's own choices."""

    trend: float = 0.25  # least momentum blend (-1..1) to enter
    ended: float = 0.0  # momentum at which the trend counts as over
    stop: float = 3.0  # 4-hour ATRs
    trail: float = 4.0

    def propose(self, row: Row) -> Signal:
        """Return a trade with the slow trend as the 15-minute close crosses EMA 20 its way, else no signal."""
        side = Side.NONE
        if row.slow_momentum_4h >= self.trend and row.close_before <= row.ema_20_before and row.close > row.ema_20:
            side = Side.BUY
        elif row.slow_momentum_4h <= -self.trend and row.close_before >= row.ema_20_before and row.close < row.ema_20:
            side = Side.SELL
        if side == Side.NONE:
            return NO_SIGNAL
        strength = 0.4 + 0.6 * abs(row.slow_momentum_4h)
        return build_signal(side, strength, bracket(row.atr_14_4h, self.stop, 0.0, self.trail), 0)

    def holds(self, row: Row, side: Side) -> bool:
        """Return whether the slow trend still points the trade's way."""
        return row.slow_momentum_4h * side > self.ended
