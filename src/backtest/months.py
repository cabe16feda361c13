"""Days and months (UTC): the best, the worst, how many won, and the table people look for first."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from src.backtest.daily import Daily


class Month(NamedTuple):
    """One calendar month, UTC; the first and last of a record may be parts."""

    year: int
    month: int
    days: int
    growth: float  # return of the month, a fraction


class Stretch(NamedTuple):
    """A named piece of the record and its return."""

    name: str  # 2023-07-01 or 2023-07
    growth: float


class Calendar(NamedTuple):
    """Days and months of a record. A day or month of exactly 0 neither wins nor loses."""

    days_winning: int
    days_losing: int
    days_flat: int
    best_day: Stretch | None
    worst_day: Stretch | None
    months_winning: int
    months_losing: int
    best_month: Stretch | None
    worst_month: Stretch | None
    months: list[Month]


def calendar(days: Daily) -> Calendar:
    """Return the days and months of `days`."""
    table = months(days)
    named = [Stretch(f"{m.year}-{m.month:02d}", m.growth) for m in table]
    returns = days.returns
    return Calendar(
        int(np.count_nonzero(returns > 0)),
        int(np.count_nonzero(returns < 0)),
        int(np.count_nonzero(returns == 0)),
        _day(days, int(np.argmax(returns))) if len(returns) else None,
        _day(days, int(np.argmin(returns))) if len(returns) else None,
        sum(m.growth > 0 for m in table),
        sum(m.growth < 0 for m in table),
        max(named, key=lambda m: m.growth, default=None),
        min(named, key=lambda m: m.growth, default=None),
        table,
    )


def months(days: Daily) -> list[Month]:
    """Return the return of each month, compounded from its days."""
    month = days.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)  # since 1970-01
    first = np.flatnonzero(np.append(True, np.diff(month) > 0)) if len(month) else np.empty(0, np.int64)
    lengths = np.diff(np.append(first, len(month)))
    growth = np.multiply.reduceat(days.growth, first) if len(first) else np.empty(0)
    return [
        Month(1970 + int(month[i]) // 12, int(month[i]) % 12 + 1, int(n), float(g) - 1)
        for i, n, g in zip(first, lengths, growth, strict=True)
    ]


def _day(days: Daily, i: int) -> Stretch:
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(days.day[i]))
    return Stretch(date.strftime("%Y-%m-%d"), float(days.growth[i]) - 1)
