"""Small sets of bars for the tests of this folder."""

import numpy as np
from hypothesis import strategies as st

from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.market import Bar, Lots, Ticks
from src.core.domain.time import BAR_15M, Millis

START = Millis(1_704_067_200_000)  # 2024-01-01 00:00 UTC
INFO = SeriesInfo("tested", "BTC/JPY", BAR_15M, False, "a test")


def bar(i: int, price: int = 6_000_000, volume: int = 10_000) -> Bar:
    """Return the bar that closes `i` + 1 quarter hours after `START`."""
    at = Millis(START + (i + 1) * BAR_15M)
    return Bar(at, Ticks(price), Ticks(price + 50), Ticks(price - 50), Ticks(price + 10), Lots(volume))


def quarter_hours(first: int, count: int, price: int = 6_000_000) -> Candles:
    """Return `count` bars in a row; the price tells them apart."""
    return Candles.of(bar(i, price + i) for i in range(first, first + count))


def plain(opened: int, count: int, step: int, volume: int = 10_000) -> Candles:
    """Return a rising market of any timeframe."""
    opened_at = opened + step * np.arange(count, dtype=np.int64)
    price = 6_000_000 + np.arange(count, dtype=np.int64)
    return Candles(opened_at + step, price, price + 50, price - 50, price + 1, np.full(count, volume, np.int64))


positions = st.sets(st.integers(0, 9_000), max_size=60)  # some three months of quarter hours


@st.composite
def some_bars(draw: st.DrawFn) -> Candles:
    """Draw bars with gaps; the same time always has the same bar."""
    return Candles.of(bar(i, 6_000_000 + i % 977) for i in sorted(draw(positions)))
