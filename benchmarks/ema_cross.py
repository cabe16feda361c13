"""The benchmark's strategy, written and registered as a user's own would be."""

from typing import NamedTuple

from src.core.domain.market import Side
from src.features.row import Row
from src.strategies.utils.constants import NO_SIGNAL, Signal
from src.strategies.utils.risk_manager import bracket
from src.strategies.utils.signal_builder import build_signal


class EmaCross(NamedTuple):
    """Parameters of the work in `work.py`."""

    slow: float = 50.0  # bars of the slow average
    stop: float = 2.0  # ATRs
    target: float = 3.0
    oversold: float = 30.0
    middle: float = 50.0
    overbought: float = 70.0

    def propose(self, row: Row) -> Signal:
        """Return a trade with the cross of the two averages that this bar completed, else no signal."""
        # a row has no slow average of the bar before: ema_50 = weight * close + (1 - weight) * that average
        weight = 2.0 / (self.slow + 1.0)
        above = row.ema_20 > row.ema_50
        if above == ((1.0 - weight) * row.ema_20_before > row.ema_50 - weight * row.close):
            return NO_SIGNAL
        side = Side.NONE
        if above and self.middle < row.rsi_14 < self.overbought:
            side = Side.BUY
        elif not above and self.oversold < row.rsi_14 < self.middle:
            side = Side.SELL
        return build_signal(side, 1.0, bracket(row.atr_14, self.stop, self.target, 0.0), 0)

    def holds(self, row: Row, side: Side) -> bool:
        """Return True: stop and target alone end the trade."""
        return True
