"""The 4-hour view: bars built from the 15-minute bars, so that there is one truth about the market.

A 4-hour bar covers sixteen 15-minute bars of a UTC-aligned bucket and is stamped with the bucket's
end. It exists from the first 15-minute bar that closes at or after that end, never from a bucket that
is still forming; a bucket with too few of its parts is a gap and leaves no bar.
"""

from typing import NamedTuple

import numpy as np

from src.core.domain.market import Bar, Lots, Ticks
from src.core.domain.time import BAR_4H, Millis
from src.features.bars import BarColumns, IntArray


class FourHourView(NamedTuple):
    """4-hour bars, and from which 15-minute bar on each exists."""

    bars: BarColumns  # stamped with the ends of their buckets
    since: IntArray  # number of the 15-minute bar at whose close each is there first


def four_hour_bars(bars: BarColumns, min_parts: int) -> BarColumns:
    """Return the 4-hour bars that exist at the close of the last of `bars`; see `four_hour_view`."""
    return four_hour_view(bars, min_parts).bars


def four_hour_view(bars: BarColumns, min_parts: int) -> FourHourView:
    """Return the 4-hour bars that exist at the close of the last of `bars`.

    Parameters
    ----------
    bars
        15-minute bars, checked.
    min_parts
        Least number of the 16 parts for a bucket to count, 1..16.

    Returns
    -------
    FourHourView
        One row per bucket that is over and has at least `min_parts` parts, stamped with its end.
    """
    if bars.closed_at.size == 0:
        return FourHourView(bars, bars.closed_at)
    bucket = -bars.closed_at
    bucket //= BAR_4H  # counted backwards, so that a bar on the edge belongs to the bucket that ends there
    first = np.concatenate(([0], np.flatnonzero(bucket[1:] != bucket[:-1]) + 1))
    after = np.append(first[1:], bucket.size)
    built = BarColumns(
        bucket[first] * -BAR_4H,
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[after - 1],
        np.add.reduceat(bars.volume, first),
    )
    keep = (after - first >= min_parts) & (built.closed_at <= bars.closed_at[-1])
    since = after - (bars.closed_at[after - 1] == built.closed_at)  # its last part ends it, or else the next bar does
    return FourHourView(BarColumns(*(column[keep] for column in built)), since[keep])


def bucket_ends(closed_at: IntArray) -> IntArray:
    """Return for each 15-minute bar the time at which its 4-hour bucket ends, ms UTC."""
    return -(-closed_at // BAR_4H) * BAR_4H


class ViewBuilder:
    """The same 4-hour bars, one 15-minute bar at a time."""

    def __init__(self, min_parts: int) -> None:
        self._min_parts = min_parts
        self._forming: Bar | None = None  # stamped with its bucket's end, which is still ahead
        self._parts = 0

    def push(self, bar: Bar) -> list[Bar]:
        """Take one 15-minute bar; return the 4-hour bars that exist since its close, oldest first.

        Usually none or one. When the last part of the previous bucket is missing, that bucket's bar
        is seen first now.
        """
        end = Millis(-(-bar.closed_at // BAR_4H) * BAR_4H)
        built = self._take() if self._forming is not None and self._forming.closed_at < end else []
        self._forming = _joined(self._forming, bar, end)
        self._parts += 1
        return built + self._take() if bar.closed_at == end else built

    def _take(self) -> list[Bar]:
        done, parts = self._forming, self._parts
        self._forming, self._parts = None, 0
        return [done] if done is not None and parts >= self._min_parts else []


def _joined(forming: Bar | None, bar: Bar, end: Millis) -> Bar:
    if forming is None:
        return bar._replace(closed_at=end)
    high = Ticks(max(forming.high, bar.high))
    low = Ticks(min(forming.low, bar.low))
    return Bar(end, forming.open, high, low, bar.close, Lots(forming.volume + bar.volume))
