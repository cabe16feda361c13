"""The judge: the rules of `work.py` as one plain loop over Python floats, without any of the peers' machinery."""

from typing import NamedTuple

from benchmarks.work import CASH, FEE, RSI_BOUNDS, SIZE, SLIPPAGE, STANDARD, WARM_UP, ParameterSet, Sample


class Deal(NamedTuple):
    """One closed trade; bars count from the window's first."""

    entry_bar: int
    exit_bar: int
    side: int  # 1 long, -1 short
    entry: float  # JPY, slippage included
    exit: float
    net: float  # JPY


class Indicators:
    """EMAs, RSI and ATR, one bar at a time, seeded with the first bar."""

    def __init__(self, high: float, low: float, close: float, chosen: ParameterSet) -> None:
        self._weights = 2.0 / (chosen.fast + 1), 2.0 / (chosen.slow + 1)
        self._close = close
        self._up = self._down = 0.0
        self.fast = self.slow = close
        self.atr = high - low

    def update(self, high: float, low: float, close: float) -> None:
        """Take the next bar."""
        change, before = close - self._close, self._close
        self._up += (max(change, 0.0) - self._up) / 14
        self._down += (max(-change, 0.0) - self._down) / 14
        self.atr += (max(high, before) - min(low, before) - self.atr) / 14
        self.fast += self._weights[0] * (close - self.fast)
        self.slow += self._weights[1] * (close - self.slow)
        self._close = close

    @property
    def rsi(self) -> float:
        """Wilder's index, 0..100; 50 before the price ever moved."""
        moved = self._up + self._down
        return 100.0 * self._up / moved if moved > 0 else 50.0


def simulate(bars: Sample, chosen: ParameterSet = STANDARD) -> tuple[list[Deal], list[float]]:
    """Return the trades closed inside `bars`, and equity at each close."""
    rows = zip(*(column.astype(float).tolist() for column in bars[1:5]), strict=True)
    _, high, low, close = next(rows)
    seen, above = Indicators(high, low, close, chosen), False
    cash, equity, deals = float(CASH), [float(CASH)], []
    pending, side, entered = 0, 0, 0
    entry = stop = target = atr = 0.0
    for i, (open_, high, low, close) in enumerate(rows, start=1):
        if pending:
            side, pending, entered = pending, 0, i
            entry = open_ * (1 + SLIPPAGE * side)
            stop, target = entry - side * chosen.stop * atr, entry + side * chosen.target * atr
        left = exit_price(side, stop, target, open_, high, low) if side else 0.0
        if left:
            net = side * (left - entry) * SIZE - (left + entry) * SIZE * FEE
            deals.append(Deal(entered, i, side, entry, left, net))
            cash, side = cash + net, 0
        equity.append(cash + (side * (close - entry) * SIZE - entry * SIZE * FEE if side else 0.0))
        seen.update(high, low, close)
        crossed, above = (seen.fast > seen.slow) != above, seen.fast > seen.slow
        if crossed and i >= WARM_UP and not side:
            pending, atr = signal(above, seen.rsi), seen.atr
    return deals, equity


def signal(above: bool, rsi: float) -> int:
    """Return the side of a cross that ended with the fast average `above` the slow one, or 0."""
    oversold, middle, overbought = RSI_BOUNDS
    if above:
        return 1 if middle < rsi < overbought else 0
    return -1 if oversold < rsi < middle else 0


def exit_price(side: int, stop: float, target: float, open_: float, high: float, low: float) -> float:
    """Return the price at which a bar closes the position, or 0."""
    against, toward = (low, high) if side > 0 else (high, low)
    if side * (against - stop) <= 0:
        reached = open_ if side * (open_ - stop) <= 0 else stop
        return reached * (1 - SLIPPAGE * side)
    if side * (toward - target) >= 0:
        return open_ if side * (open_ - target) >= 0 else target
    return 0.0
