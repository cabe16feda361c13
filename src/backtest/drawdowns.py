"""Falls from a high: how deep, how long, when, and how they felt."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.daily import Daily
from src.backtest.ratios import DAYS_A_YEAR, deviation
from src.core.domain.time import Millis

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Drawdown(NamedTuple):
    """One fall from a high until the high was reached again."""

    depth: float  # fraction of the high
    peak_at: Millis
    trough_at: Millis
    recovered_at: Millis | None  # None: not by the end of the record
    duration_ms: int  # from the peak to the recovery, or to the end


class Drawdowns(NamedTuple):
    """All falls of a record, on every mark."""

    falls: int
    deepest: Drawdown | None  # None: no mark was below an earlier one
    longest: Drawdown | None
    average_depth: float | None
    average_duration_ms: float | None
    underwater_share: float  # of marks below an earlier one
    current_depth: float  # at the end
    ulcer_index: float | None
    serenity: float | None


def drawdowns(at: Ints, marks: Ints, days: Daily, yearly: float | None) -> Drawdowns:
    """Return what `marks` fell by.

    Parameters
    ----------
    at, marks
        Shape (n,), n at least 1: ms UTC, and marked equity, its start included and above 0.
    days
        The same record by days; the ulcer index and serenity are daily figures.
    yearly
        Yearly growth, for serenity.
    """
    falls = episodes(at, marks)
    ulcer = ulcer_index(days)
    peak = np.maximum.accumulate(marks)
    return Drawdowns(
        len(falls),
        max(falls, key=lambda d: d.depth, default=None),
        max(falls, key=lambda d: d.duration_ms, default=None),
        sum(d.depth for d in falls) / len(falls) if falls else None,
        sum(d.duration_ms for d in falls) / len(falls) if falls else None,
        float(np.mean(marks < peak)),
        float(1 - marks[-1] / peak[-1]),
        ulcer,
        serenity(days, yearly),
    )


def episodes(at: Ints, marks: Ints) -> list[Drawdown]:
    """Return each fall from a high, in order of time; the first mark is above 0."""
    peak = np.maximum.accumulate(marks)
    under = np.concatenate(([False], marks < peak, [False]))
    begins = np.flatnonzero(under[1:] & ~under[:-1])  # first mark under water
    ends = np.flatnonzero(~under[1:] & under[:-1])  # first mark after it; len(marks): never
    return [_episode(at, marks, int(a), int(b)) for a, b in zip(begins, ends, strict=True)]


def _episode(at: Ints, marks: Ints, begin: int, end: int) -> Drawdown:
    trough = begin + int(np.argmin(marks[begin:end]))
    over = end < len(marks)
    until = int(at[end] if over else at[-1])
    return Drawdown(
        float(1 - marks[trough] / marks[begin - 1]),
        Millis(int(at[begin - 1])),
        Millis(int(at[trough])),
        Millis(until) if over else None,
        until - int(at[begin - 1]),
    )


def _daily_falls(days: Daily) -> Floats:
    """Return how far each day's end is below the highest end before it, as a fraction."""
    ends = np.cumprod(days.growth)
    falls: Floats = 1 - ends / np.maximum(np.maximum.accumulate(ends), 1.0)
    return falls


def ulcer_index(days: Daily) -> float | None:
    """Return the root of the mean squared daily drawdown (Martin and McCann 1989), as a fraction."""
    return math.sqrt(float(np.mean(_daily_falls(days) ** 2))) if len(days.day) else None


def serenity(days: Daily, yearly: float | None) -> float | None:
    """Return yearly growth over the ulcer index times the pitfall indicator (KeyQuant 2015, the serenity ratio).

    The pitfall indicator is the mean of the worst 5 % of daily drawdowns (conditional drawdown at risk, Chekhlov,
    Uryasev and Zabarankin 2005) over the yearly volatility. None without a drawdown or without variation.
    """
    spread, ulcer = deviation(days.returns), ulcer_index(days)
    if yearly is None or spread is None or not ulcer:
        return None
    falls = _daily_falls(days)
    worst = float(np.mean(falls[falls >= np.quantile(falls, 0.95)]))
    return yearly / (ulcer * worst / (spread * math.sqrt(DAYS_A_YEAR)))
