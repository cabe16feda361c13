"""Longer bars from shorter ones."""

from typing import Final, NamedTuple

import numpy as np

from src.core.domain.candles import Candles, Int64s

EMPTY: Final = np.empty(0, np.int64)


class Aggregate(NamedTuple):
    """Longer bars, and of how many shorter ones each is made."""

    candles: Candles
    parts: Int64s  # one count per bar


def aggregate(candles: Candles, timeframe: int) -> Aggregate:
    """Return bars of `timeframe` made of the shorter `candles`.

    A longer bar exists where at least one of its parts does; whether that is enough is for the caller to
    say (`parts`). The first and the last may be incomplete.

    Parameters
    ----------
    candles
        Bars whose own timeframe divides `timeframe`, on its grid.
    timeframe
        Length of the bars to make, milliseconds; they close at its whole multiples (UTC).
    """
    if not len(candles):
        return Aggregate(candles, EMPTY)
    closed_at = -(-candles.closed_at // timeframe) * timeframe  # the end of the interval (…, …] a part lies in
    first = np.flatnonzero(np.diff(closed_at, prepend=closed_at[0] - 1))
    last = np.append(first[1:], len(candles)) - 1
    bars = Candles(
        closed_at[first],
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        np.add.reduceat(candles.volume, first),
    )
    return Aggregate(bars, (last - first + 1).astype(np.int64))
