"""The work every peer is given: deterministic bars, the rules, the parameter sets.

The rules, in the order of a bar (also the head of `reference.py`, which is the judge):

- indicators: EMA 20 and EMA 50 (weight 2 / (n + 1)), RSI 14 and ATR 14 with Wilder's smoothing (weight 1/14);
- signal at the close of bar i, from bar 200 on, when nothing is open or pending: EMA 20 crosses EMA 50 upward
  and 50 < RSI < 70: long; downward and 30 < RSI < 50: short;
- entry at the next open, slippage 0.05 % against us, fee 0.12 % of the notional, always 0.01 BTC;
- stop 2 ATR and target 3 ATR of the signal's bar away from the fill, tested on high and low from the entry bar
  on; both in one bar: the stop; a gap fills at the open; the stop pays slippage, the target does not; both pay
  the fee;
- result: every trade, and equity marked at every close.

Prices are whole yen. `history` bars lie before the window: this project's features want 120 days before the
first month, and their cost is counted; the peers start at the window's first bar, as the reference does.
"""

import os
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FEE: Final = 0.0012
SLIPPAGE: Final = 0.0005
SIZE: Final = 0.01  # BTC
CASH: Final = 100_000_000  # JPY
WARM_UP: Final = 200  # bars of the window without a signal
RSI_BOUNDS: Final = (30.0, 50.0, 70.0)

HISTORY: Final = 120 * 96  # bars before the window
SIZES: Final = (35_040, 175_200, 1_000_000)  # one year, five years, and a million
FIRST_OPEN: Final = 1_577_836_800_000  # 2020-01-01 00:00 UTC, ms: the window's first bar opens
BAR_MS: Final = 900_000


class Sample(NamedTuple):
    """Bars as whole numbers: JPY, and 0.0001 BTC of volume."""

    closed_at: Ints  # ms UTC
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints


class ParameterSet(NamedTuple):
    """One member of the sweep."""

    fast: int  # bars of the fast EMA
    slow: int
    stop: float  # ATRs
    target: float


STANDARD: Final = ParameterSet(20, 50, 2.0, 3.0)


def parameter_sets() -> list[ParameterSet]:
    """Return the sweep's 100 sets."""
    lengths, exits = product((8, 12, 16, 20, 24), (40, 50, 60, 80, 100)), tuple(product((1.5, 2.0), (3.0, 4.0)))
    return [ParameterSet(fast, slow, stop, target) for fast, slow in lengths for stop, target in exits]


def make_bars(history: int = HISTORY, bars: int = SIZES[-1], seed: int = 7) -> Sample:
    """Return a market near 15 million JPY with trends, quiet and restless times; the same on every machine.

    The log of the price takes normal steps with a little persistence and a weak pull back; the size of the
    steps follows the mean of 200 noises. Opens lie near the last close, wicks are half-normal.
    """
    n = history + bars
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((5, n))
    calm = np.convolve(rng.standard_normal(n + WARM_UP - 1), np.full(WARM_UP, 1 / WARM_UP), "valid")
    size = 0.0022 * np.exp(6.0 * calm)
    close = 15e6 * np.exp(_walk(noise[0] * size))
    open_ = np.concatenate(([15e6], close[:-1] * np.exp(0.05 * noise[1, 1:] * size[1:])))
    high = np.maximum(open_, close) * np.exp(0.5 * np.abs(noise[2]) * size)
    low = np.minimum(open_, close) * np.exp(-0.5 * np.abs(noise[3]) * size)
    volume = 120_000.0 * np.exp(0.7 * noise[4]) * (1.0 + np.abs(noise[0]))
    closed_at = FIRST_OPEN + BAR_MS * np.arange(1 - history, bars + 1, dtype=np.int64)
    return Sample(closed_at, *(np.rint(x).astype(np.int64) for x in (open_, high, low, close, volume)))


def _walk(steps: Floats) -> Floats:
    """Return the log of the price over its centre: persistent steps with a pull of 1/10,000 a bar."""
    at, drift, path = 0.0, 0.0, []
    for step in steps.tolist():
        drift = 0.9 * drift + 0.1 * step
        at = 0.9999 * at + step + 0.6 * drift
        path.append(at)
    return np.array(path)


def data_folder() -> Path:
    """Return the folder of the bars and of the reference's trades, which the driver fills."""
    return Path(os.environ["BENCH_DATA"])


def load_bars(bars: int, history: int = 0) -> Sample:
    """Return the first `bars` bars of the window, with `history` bars before it."""
    table = np.load(data_folder() / "bars.npy", mmap_mode="r")
    return Sample(*(np.array(column[HISTORY - history : HISTORY + bars]) for column in table))


def reference_path(bars: int) -> Path:
    """Return where the reference's entry and exit bars for the window's first `bars` bars are kept."""
    return data_folder() / f"reference-{bars}.npy"
