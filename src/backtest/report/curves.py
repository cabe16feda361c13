"""The run through time: days, months, rolling ratios, histograms, weeks of reasons. Pure."""

import math
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.daily import Daily, daily
from src.backtest.ratios import DAYS_A_YEAR
from src.core.domain.market import Money
from src.core.domain.time import DAY, JST, JST_OFFSET, Millis, to_datetime

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ROLLING_DAYS: Final = 60
_WEEK: Final = 7 * DAY
_MONDAY: Final = 3 * DAY  # 1970-01-01 was a Thursday
_MOST_BINS: Final = 40
_LEAST_WIDTH: Final = 1e-9  # of a bin: smaller differences are noise of the arithmetic


class Month(NamedTuple):
    """Return of one month of Japan's calendar."""

    year: int
    month: int
    return_pct: float


class Histogram(NamedTuple):
    """Counts between edges; zero is an edge."""

    edges: Floats  # one more than counts
    counts: Ints


class Weeks(NamedTuple):
    """How often each reason ended a bar, by week (Monday, Japan's time)."""

    starts: Ints  # ms UTC
    counts: Ints  # (weeks, reasons)


def days_of(closed_at: Ints, equity: Ints, initial: Money, final: Money) -> Daily:
    """Return the run by UTC days, the days its Sharpe ratio is made of; the last mark is the final balance."""
    marks = np.append(equity[:-1], np.int64(final))
    return daily(closed_at, marks, float(initial))


def months(closed_at: Ints, equity: Ints, initial: Money, final: Money) -> list[Month]:
    """Return the return of each month; a bar that closes at a month's first instant belongs to the one before it."""
    local = [to_datetime(Millis(int(t) - 1)).astimezone(JST) for t in closed_at[:: max(len(closed_at) - 1, 1)]]
    first, end = local[0], local[-1]
    count = (end.year - first.year) * 12 + end.month - first.month
    found: list[Month] = []
    before = int(initial)
    for k in range(count + 1):
        year, month = first.year + (first.month - 1 + k) // 12, (first.month - 1 + k) % 12 + 1
        last = int(np.searchsorted(closed_at, _month_end(year, month), side="right")) - 1
        mark = int(final) if k == count else int(equity[last])
        found.append(Month(year, month, 100 * (mark - before) / before if before > 0 else math.nan))
        before = mark
    return found


def _month_end(year: int, month: int) -> int:
    """Return the first instant after a month of Japan's calendar, ms UTC."""
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return int(after.timestamp() * 1_000) - JST_OFFSET


def rolling_sharpe(returns: Floats, window: int = ROLLING_DAYS) -> Floats:
    """Return the yearly Sharpe ratio of each `window` daily returns; NaN where they do not vary.

    Empty when there are fewer than `window` returns.
    """
    if len(returns) < window:
        return np.empty(0)
    views = np.lib.stride_tricks.sliding_window_view(returns, window)
    spread = views.std(axis=1, ddof=1)
    ratio = np.full(len(spread), np.nan)
    np.divide(views.mean(axis=1), spread, out=ratio, where=spread > 0)
    yearly: Floats = ratio * math.sqrt(DAYS_A_YEAR)
    return yearly


def histogram(values: Floats, bins: int = _MOST_BINS) -> Histogram:
    """Return counts in equal bins of a round width, at most about `bins` of them, with an edge at zero."""
    values = values[np.isfinite(values)]
    if not len(values):
        return Histogram(np.empty(0), np.empty(0, np.int64))
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    width = round_up(max((high - low) / bins, _LEAST_WIDTH)) if high > low else 1.0
    first, last = math.floor(low / width), math.floor(high / width) + 1
    edges: Floats = np.arange(first, last + 1) * np.float64(width)
    places = np.clip(np.floor(values / width).astype(np.int64) - first, 0, last - first - 1)
    return Histogram(edges, np.bincount(places, minlength=last - first))


def round_up(value: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `value` (above 0)."""
    scale = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * scale >= value * (1 - 1e-9))


def weeks(closed_at: Ints, reason: Ints, reasons: int) -> Weeks:
    """Return how often each of the `reasons` codes occurred in each week that has bars."""
    number = (closed_at - 1 + JST_OFFSET + _MONDAY) // _WEEK
    found, place = np.unique(number, return_inverse=True)
    counts = np.bincount(place * reasons + reason, minlength=len(found) * reasons).reshape(len(found), reasons)
    return Weeks(found * _WEEK - _MONDAY - JST_OFFSET, counts.astype(np.int64))
