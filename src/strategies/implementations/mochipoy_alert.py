"""Mochipoy alert: join the 4-hour trend when a 15-minute pullback ends (EMA, MACD and RCI).

The three indicators have three jobs instead of one vote each: the EMAs of the 4-hour view say which way
to trade, RCI says that a pullback against that way went to its extreme and has turned, and MACD of the
4-hour view says that the trend still has momentum. Over when the 4-hour EMAs cross.
"""

from typing import NamedTuple

from src.core.domain.market import Side
from src.features.row import Row
from src.strategies.utils.constants import BAR_MS, BARS_A_DAY, NO_SIGNAL, Signal
from src.strategies.utils.risk_manager import bracket
from src.strategies.utils.signal_builder import build_signal


class MochipoyAlert(NamedTuple):
    """Parameters of the alert. The RCI bound of 80 is the method's customary one; the rest are our choices."""

    extreme: float = 80.0  # RCI 9 beyond which a pullback counts as complete
    stop: float = 1.5  # 4-hour ATRs
    target: float = 3.0
    days: float = 3.0  # longest holding time

    def propose(self, row: Row) -> Signal:
        """Return a trade with the 4-hour trend at the end of a pullback, else no signal."""
        rising = row.ema_20_4h > row.ema_50_4h and row.macd_4h > row.macd_signal_4h
        falling = row.ema_20_4h < row.ema_50_4h and row.macd_4h < row.macd_signal_4h
        side = Side.NONE
        if rising and row.rci_9_before <= -self.extreme < row.rci_9:
            side = Side.BUY
        elif falling and row.rci_9_before >= self.extreme > row.rci_9:
            side = Side.SELL
        if side == Side.NONE:
            return NO_SIGNAL
        gap = abs(row.ema_20_4h - row.ema_50_4h) / row.atr_14_4h if row.atr_14_4h > 0.0 else 0.0
        strength = 0.5 + 0.5 * min(gap / 2.0, 1.0)  # a well-separated pair of averages is a clearer trend
        exits = bracket(row.atr_14_4h, self.stop, self.target, 0.0)
        return build_signal(side, strength, exits, int(self.days * BARS_A_DAY) * BAR_MS)

    def holds(self, row: Row, side: Side) -> bool:
        """Return whether the 4-hour averages still lie in the trade's order."""
        return (row.ema_20_4h - row.ema_50_4h) * side > 0.0
