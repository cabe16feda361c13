"""The 4-hour view: bars built from the 15-minute bars, so that there is one truth about the market.

A 4-hour bar covers sixteen 15-minute bars of a UTC-aligned bucket and is stamped with the bucket's
end. It exists from the first 15-minute bar that closes at or after that end, never from a bucket that
is still forming; a bucket with too few of its parts is a gap and leaves no bar.
"""

from functools import cached_property

import numpy as np

from src.core.domain.market import Bar, Lots, Ticks
from src.core.domain.time import BAR_4H, Millis
from src.features.bars import BarColumns, IntArray


class FourHourView:
    """4-hour bars, and from which 15-minute bar on each exists; a column is built when it is first asked for.

    Parameters
    ----------
    bars
        15-minute bars, checked.
    min_parts
        Least number of the 16 parts for a bucket to count, 1..16.

    Attributes
    ----------
    closed_at
        Ends of the buckets that are over at the close of the last of `bars` and have `min_parts` parts, ms UTC.
    since
        Number of the 15-minute bar at whose close each is there first.
    """

    def __init__(self, bars: BarColumns, min_parts: int) -> None:
        self._bars = bars
        if bars.closed_at.size == 0:
            self.closed_at = self.since = self._first = self._after = bars.closed_at
            self._keep = np.empty(0, dtype=np.bool_)
            return
        bucket = -bars.closed_at
        bucket //= BAR_4H  # counted backwards, so that a bar on the edge belongs to the bucket that ends there
        self._first = np.concatenate(([0], np.flatnonzero(bucket[1:] != bucket[:-1]) + 1))
        self._after = np.append(self._first[1:], bucket.size)
        ends = bucket[self._first] * -BAR_4H
        self._keep = (self._after - self._first >= min_parts) & (ends <= bars.closed_at[-1])
        last = bars.closed_at[self._after - 1]
        self.closed_at = ends[self._keep]
        self.since = (self._after - (last == ends))[self._keep]  # its last part ends it, or else the next bar does

    @cached_property
    def open(self) -> IntArray:
        """First prices, ticks."""
        return self._bars.open[self._first[self._keep]]

    @cached_property
    def high(self) -> IntArray:
        """Highest prices, ticks."""
        return self._over_parts(np.maximum, self._bars.high)

    @cached_property
    def low(self) -> IntArray:
        """Lowest prices, ticks."""
        return self._over_parts(np.minimum, self._bars.low)

    @cached_property
    def close(self) -> IntArray:
        """Last prices, ticks."""
        return self._bars.close[self._after[self._keep] - 1]

    @cached_property
    def volume(self) -> IntArray:
        """What was traded, lots."""
        return self._over_parts(np.add, self._bars.volume)

    def _over_parts(self, operation: np.ufunc, column: IntArray) -> IntArray:
        """Return what `operation` makes of each bucket's parts."""
        if not self._first.size:
            return column
        made: IntArray = operation.reduceat(column, self._first)
        return made[self._keep]


def four_hour_bars(bars: BarColumns, min_parts: int) -> BarColumns:
    """Return the 4-hour bars that exist at the close of the last of `bars`; see `FourHourView`."""
    view = FourHourView(bars, min_parts)
    return BarColumns(view.closed_at, view.open, view.high, view.low, view.close, view.volume)


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
