"""backtesting.py on the work of `work.py`; run by the driver in its own environment.

Its unit is one piece of whatever is traded, so prices are scaled to 0.01 BTC. Stop and target hang on the
signal's close, as is usual there: the entry price is not known when the order is placed.
"""

import importlib
import time
from typing import Any

import numpy as np

from benchmarks.measure import Job, Outcome, asked, report
from benchmarks.work import CASH, FEE, RSI_BOUNDS, SIZE, SLIPPAGE, WARM_UP, Floats, load_bars, parameter_sets

started = time.perf_counter()
pd = importlib.import_module("pandas")  # by name: the peers' packages are not in the project's environment
bt = importlib.import_module("backtesting")
import_s = time.perf_counter() - started

OVERSOLD, MIDDLE, OVERBOUGHT = RSI_BOUNDS


def smoothed(x: Floats, weight: float) -> Floats:
    """Return the exponential mean seeded with the first value."""
    mean: Floats = pd.Series(x).ewm(alpha=weight, adjust=False).mean().to_numpy()
    return mean


def wilder_rsi(close: Floats) -> Floats:
    """Return RSI 14."""
    change = np.diff(close, prepend=close[0])
    up, down = smoothed(np.maximum(change, 0), 1 / 14), smoothed(np.maximum(-change, 0), 1 / 14)
    rsi: Floats = 100 * up / (up + down + 1e-12)
    return rsi


def wilder_atr(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return ATR 14."""
    before = np.concatenate((close[:1], close[:-1]))
    return smoothed(np.maximum(high, before) - np.minimum(low, before), 1 / 14)


class EmaCross(bt.Strategy):  # type: ignore[misc, name-defined]  # a class that only its own environment knows
    """The rules, in the peer's idiom."""

    fast, slow, stop, target = 20, 50, 2.0, 3.0

    def init(self) -> None:
        """Declare the indicators."""
        high, low, close = (np.asarray(x, float) for x in (self.data.High, self.data.Low, self.data.Close))
        self.ema_fast = self.I(smoothed, close, 2 / (self.fast + 1), plot=False)
        self.ema_slow = self.I(smoothed, close, 2 / (self.slow + 1), plot=False)
        self.rsi = self.I(wilder_rsi, close, plot=False)
        self.atr = self.I(wilder_atr, high, low, close, plot=False)

    def next(self) -> None:
        """Look at one closed bar."""
        if self.position or len(self.data) <= WARM_UP:
            return
        above = self.ema_fast[-1] > self.ema_slow[-1]
        if above == (self.ema_fast[-2] > self.ema_slow[-2]):
            return
        close, rsi, atr = self.data.Close[-1], self.rsi[-1], self.atr[-1]
        if above and MIDDLE < rsi < OVERBOUGHT:
            self.buy(size=1, sl=close - self.stop * atr, tp=close + self.target * atr)
        elif not above and OVERSOLD < rsi < MIDDLE:
            self.sell(size=1, sl=close + self.stop * atr, tp=close - self.target * atr)


def main(job: Job) -> None:
    """Prepare the frame, then measure."""
    bars = load_bars(job.bars)
    prices = {name: column * SIZE for name, column in zip(("Open", "High", "Low", "Close"), bars[1:5], strict=True)}
    frame = pd.DataFrame({**prices, "Volume": bars.volume}, index=pd.to_datetime(bars.closed_at, unit="ms"))

    def test() -> Any:
        return bt.Backtest(frame, EmaCross, cash=CASH, commission=FEE, spread=SLIPPAGE, finalize_trades=False)

    def one() -> Outcome:
        trades = test().run()._trades
        return Outcome(len(trades), trades.EntryBar.to_numpy(), trades.ExitBar.to_numpy())

    def sweep() -> Outcome:
        ready = test()
        return Outcome(sum(len(ready.run(**chosen._asdict())._trades) for chosen in parameter_sets()))

    bt.backtesting._tqdm = lambda steps, **_: steps  # its progress bar is not part of the work
    report(job, bt.__version__, import_s, one if job.work == "one" else sweep)


if __name__ == "__main__":
    main(asked())
