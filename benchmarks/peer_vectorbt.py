"""vectorbt with its Rust engine on the work of `work.py`; run by the driver in its own environment.

Its EMA of span 27 is Wilder's smoothing over 14. One `stop_exit_price` holds for stop and target alike, so
its targets pay slippage; stops are not tested in the entry bar. The sweep is one call with 100 columns.
"""

import importlib
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measure import Job, Outcome, asked, report
from benchmarks.work import CASH, FEE, RSI_BOUNDS, SIZE, SLIPPAGE, STANDARD, WARM_UP, Floats, load_bars, parameter_sets

started = time.perf_counter()
pd = importlib.import_module("pandas")  # by name: the peers' packages are not in the project's environment
vbt = importlib.import_module("vectorbt")
import_s = time.perf_counter() - started

Bools = npt.NDArray[np.bool_]
OVERSOLD, MIDDLE, OVERBOUGHT = RSI_BOUNDS
WILDER_SPAN = 27


class Market:
    """The bars as series, and the work on them."""

    def __init__(self, bars: int) -> None:
        sample = load_bars(bars)
        index = pd.to_datetime(sample.closed_at, unit="ms")
        series = [pd.Series(column.astype(float), index=index) for column in sample[1:5]]
        self.open, self.high, self.low, self.close = series
        self._warm = np.arange(bars) >= WARM_UP

    def shared(self) -> tuple[Floats, Floats]:
        """Return RSI, and the signal bar's ATR as a fraction of the entry price."""
        rsi = vbt.RSI.run(self.close, WILDER_SPAN, ewm=True).rsi.to_numpy()
        atr = vbt.ATR.run(self.high, self.low, self.close, WILDER_SPAN, ewm=True).atr.to_numpy()
        return rsi, np.concatenate(([np.nan], atr[:-1])) / self.open.to_numpy()

    def entries(self, fast: int, slow: int, rsi: Floats) -> tuple[Bools, Bools]:
        """Return the bars at whose open a long and a short is entered."""
        quick, calm = (vbt.MA.run(self.close, span, ewm=True).ma for span in (fast, slow))
        above = (quick > calm).to_numpy()
        was = np.concatenate((above[:1], above[:-1]))
        long_ = above & ~was & self._warm & (rsi > MIDDLE) & (rsi < OVERBOUGHT)
        short = ~above & was & self._warm & (rsi > OVERSOLD) & (rsi < MIDDLE)
        return np.concatenate(([False], long_[:-1])), np.concatenate(([False], short[:-1]))

    def portfolio(self, long_: Bools, short: Bools, stop: Floats, target: Floats) -> Any:
        """Return the simulated portfolio."""
        never = np.zeros_like(long_)
        return vbt.Portfolio.from_signals(
            self.close, entries=long_, exits=never, short_entries=short, short_exits=never,
            price=self.open, open=self.open, high=self.high, low=self.low, size=SIZE, fees=FEE, slippage=SLIPPAGE,
            init_cash=CASH, sl_stop=stop, tp_stop=target, stop_entry_price="fillprice", stop_exit_price="stopmarket",
            upon_opposite_entry="ignore", accumulate=False, freq="15min",
        )  # fmt: skip


def one(market: Market) -> Outcome:
    """Run the standard set, with its trades and its equity."""
    rsi, atr = market.shared()
    long_, short = market.entries(STANDARD.fast, STANDARD.slow, rsi)
    portfolio = market.portfolio(long_, short, STANDARD.stop * atr, STANDARD.target * atr)
    records = portfolio.trades.records
    portfolio.value()
    closed = records[records["status"] == 1]
    return Outcome(len(closed), closed["entry_idx"].to_numpy(), closed["exit_idx"].to_numpy())


def sweep(market: Market) -> Outcome:
    """Run the 100 sets as columns, with each set's trades, result and largest drawdown."""
    rsi, atr = market.shared()
    chosen = parameter_sets()
    signals = {pair: market.entries(*pair, rsi) for pair in {(c.fast, c.slow) for c in chosen}}
    long_ = np.column_stack([signals[c.fast, c.slow][0] for c in chosen])
    short = np.column_stack([signals[c.fast, c.slow][1] for c in chosen])
    stop, target = (atr[:, None] * np.array(multiples) for multiples in zip(*(c[2:] for c in chosen), strict=True))
    portfolio = market.portfolio(long_, short, stop, target)
    portfolio.max_drawdown()
    portfolio.total_return()
    return Outcome(int(portfolio.trades.count().sum()))


def main(job: Job) -> None:
    """Prepare the series, then measure."""
    market = Market(job.bars)
    work = one if job.work == "one" else sweep
    report(job, vbt.__version__, import_s, lambda: work(market))


if __name__ == "__main__":
    main(asked())
