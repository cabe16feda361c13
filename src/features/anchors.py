"""The calendar fixes the first bar of every fold, so that every fold gives the same bits.

Running sums and recursions remember where they began. Rows whose bar closes in a UTC month are folded
from that month's anchors: the first bar opened at or after the month's start less the view's span.
A history that does not reach back to the anchors leaves the whole month cold, however many bars it has.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from src.core.domain.time import DAY, Millis, month_start, next_month_start
from src.features.bars import IntArray

SPAN_15M: Final = 8 * DAY
SPAN_4H: Final = 120 * DAY
"""Wall-clock time in which the seed of EMA 50 (567 bars to 1e-9) is forgotten, with a margin for gaps."""


class Block(NamedTuple):
    """The rows of one UTC month: `first` up to but without `end`."""

    month: Millis  # the month's first instant
    first: int
    end: int


def month_blocks(closed_at: IntArray, first: int = 0) -> Iterator[Block]:
    """Yield the months of the bars from number `first` on, in order; a bar closed at the turn is the new month's."""
    if first >= closed_at.size:
        return
    months, last = [month_start(Millis(int(closed_at[first])))], int(closed_at[-1])
    while (turn := next_month_start(months[-1])) <= last:
        months.append(turn)
    ends = [*closed_at.searchsorted(months[1:], side="left").tolist(), closed_at.size]
    for month, end in zip(months, ends, strict=True):
        if end > first:  # not one in which no bar was seen
            yield Block(month, first, end)
            first = end


def anchor(month: Millis, span: int) -> Millis:
    """Return the time at or after which the first bar of a month's fold was opened."""
    return Millis(month - span)


def is_warm(first_opened_at: Millis, month: Millis, span: int = max(SPAN_15M, SPAN_4H)) -> bool:
    """Return whether a history that begins with a bar opened at `first_opened_at` reaches the anchor of `month`."""
    return first_opened_at <= anchor(month, span)
