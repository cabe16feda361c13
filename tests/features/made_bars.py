"""Made markets for tests: reproducible, with gaps, quiet bars and flat stretches where asked for."""

from datetime import UTC, datetime

import numpy as np

from src.core.domain.market import Bar
from src.core.domain.time import BAR_15M, Millis, to_millis
from src.features.bars import BarColumns

DAY_BARS = 96
NEW_YEAR = to_millis(datetime(2023, 1, 1, tzinfo=UTC))


def random_bars(
    n: int, seed: int, opened_at: int = NEW_YEAR, gaps: float = 0.0, quiet: float = 0.0, longest_gap: int = 30
) -> BarColumns:
    """Return a random walk of `n` grid places, less the bars that fell into gaps."""
    rng = np.random.default_rng(seed)
    close = np.maximum(1_000, 5_000_000 + np.cumsum(rng.normal(0.0, 12_000.0, n))).astype(np.int64)
    open_ = np.concatenate((close[:1], close[:-1]))
    high = np.maximum(open_, close) + rng.integers(0, 9_000, n)
    low = np.maximum(1, np.minimum(open_, close) - rng.integers(0, 9_000, n))
    volume = np.where(rng.random(n) < quiet, 0, rng.integers(1, 400_000, n))
    closed_at = opened_at + BAR_15M * np.arange(1, n + 1, dtype=np.int64)
    keep = np.ones(n, dtype=bool)
    for at in np.flatnonzero(rng.random(n) < gaps):
        keep[at : at + int(rng.integers(1, longest_gap + 1))] = False
    columns = (closed_at, open_, high, low, close, volume)
    return BarColumns(*(np.ascontiguousarray(c[keep], dtype=np.int64) for c in columns))


def flat_bars(n: int, price: int = 5_000_000, lots: int = 10, opened_at: int = NEW_YEAR) -> BarColumns:
    """Return `n` bars without a move."""
    closed_at = opened_at + BAR_15M * np.arange(1, n + 1, dtype=np.int64)
    same = np.full(n, price, dtype=np.int64)
    return BarColumns(closed_at, same, same.copy(), same.copy(), same.copy(), np.full(n, lots, dtype=np.int64))


def without(bars: BarColumns, *places: int) -> BarColumns:
    """Return the bars less those at `places`."""
    keep = np.ones(bars.closed_at.size, dtype=bool)
    keep[list(places)] = False
    return BarColumns(*(column[keep] for column in bars))


def as_bars(columns: BarColumns) -> list[Bar]:
    """Return the columns as a list of bars."""
    return [Bar(*bar) for bar in zip(*(column.tolist() for column in columns), strict=True)]


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> Millis:
    """Return a UTC time in ms."""
    return to_millis(datetime(year, month, day, hour, minute, tzinfo=UTC))
