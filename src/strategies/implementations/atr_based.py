"""ATR: fade a stretched move back toward its mean, in ordinary volatility.

The move is measured from EMA 50 of the 15-minute view in 4-hour ATRs, so that what is faded is large
against the cost of a round trip. It must be extreme in its own right (RSI) and the market must be
neither asleep nor breaking out (ATR against its own daily mean). Over when price is back at the mean.
"""

from typing import NamedTuple

from src.core.domain.market import Side
from src.features.row import Row
from src.strategies.utils.constants import BAR_MS, BARS_A_DAY, NO_SIGNAL, Signal
from src.strategies.utils.risk_manager import bracket
from src.strategies.utils.signal_builder import build_signal


class AtrBased(NamedTuple):
    """Parameters of the fade. RSI bounds: Wilder (1978); the rest are this project's own choices."""

    stretch: float = 1.0  # 4-hour ATRs between close and EMA 50
    overbought: float = 70.0  # RSI 14; the oversold bound is its mirror
    calm: float = 0.6  # least ATR 14 / its daily mean
    wild: float = 2.5  # most ATR 14 / its daily mean
    stop: float = 1.5  # 4-hour ATRs
    target: float = 2.0
    days: float = 1.0  # longest holding time

    def propose(self, row: Row) -> Signal:
        """Return the fade of a move of at least `stretch`, else no signal."""
        regime = row.atr_14 / row.atr_mean_96 if row.atr_mean_96 > 0.0 else 0.0
        distance = (row.close - row.ema_50) / row.atr_14_4h if row.atr_14_4h > 0.0 else 0.0
        if not self.calm <= regime <= self.wild or not abs(distance) >= self.stretch:
            return NO_SIGNAL
        side = Side.NONE
        if distance > 0.0 and row.rsi_14 >= self.overbought:
            side = Side.SELL
        elif distance < 0.0 and row.rsi_14 <= 100.0 - self.overbought:
            side = Side.BUY
        strength = 0.5 * abs(distance) / self.stretch
        exits = bracket(row.atr_14_4h, self.stop, self.target, 0.0)
        return build_signal(side, strength, exits, int(self.days * BARS_A_DAY) * BAR_MS)

    def holds(self, row: Row, side: Side) -> bool:
        """Return whether price has yet to come back to its mean."""
        return (row.ema_50 - row.close) * side > 0.0
