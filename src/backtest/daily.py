"""Marked equity, day by day (UTC): what every ratio is made of."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.time import DAY

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Daily(NamedTuple):
    """One entry a UTC day, from the first with a bar to the last, without a hole."""

    day: Ints  # since 1970-01-01
    growth: Floats  # the day's last mark over the last mark before the day
    high: Floats  # the day's highest mark over the same; at least 1
    low: Floats  # its lowest; at most 1
    fall: Floats  # the largest fall inside the day from a high inside it, its start included; a fraction
    bars: Ints  # 0: no bar closed; the mark is that of the day before

    @property
    def returns(self) -> Floats:
        """Simple returns."""
        return self.growth - 1


def daily(closed_at: Ints, marks: npt.ArrayLike, initial: float) -> Daily:
    """Return the days of a series of marks.

    Parameters
    ----------
    closed_at
        Shape (n,), ms UTC, increasing. A bar that closes at midnight belongs to the day that ends then.
    marks
        Shape (n,): marked equity, or a price.
    initial
        The mark before the first bar.

    Returns
    -------
    Daily
        Empty if a mark is not above 0: there is no return on nothing. The first and last day may be part days.
    """
    path = np.asarray(marks, np.float64)
    if not len(path) or initial <= 0 or np.any(path <= 0):
        return Daily(*(np.empty(0, kind) for kind in (np.int64, *4 * [np.float64], np.int64)))
    of_bar = (closed_at - 1) // DAY
    first = np.flatnonzero(np.append(True, np.diff(of_bar) > 0))  # bar number each day begins with
    last = np.append(first[1:], len(path)) - 1
    before = np.append(initial, path[last[:-1]])
    day = np.arange(of_bar[0], of_bar[-1] + 1)
    at = of_bar[first] - of_bar[0]

    def spread(values: Floats, empty: float) -> Floats:
        column = np.full(len(day), empty)
        column[at] = values
        return column

    falls = [_fall(path[a : b + 1] / start) for a, b, start in zip(first, last, before, strict=True)]
    return Daily(
        day,
        spread(path[last] / before, 1.0),
        spread(np.maximum(np.maximum.reduceat(path, first) / before, 1.0), 1.0),
        spread(np.minimum(np.minimum.reduceat(path, first) / before, 1.0), 1.0),
        spread(np.array(falls), 0.0),
        spread((last - first + 1).astype(np.float64), 0.0).astype(np.int64),
    )


def _fall(path: Floats) -> float:
    """Return the largest fall of a path that starts from 1, as a fraction of the high before it."""
    peak = np.maximum(np.maximum.accumulate(path), 1.0)
    return float(np.max(1 - path / peak))


def deepest_fall(growth: Floats, high: Floats, low: Floats, fall: Floats) -> Floats:
    """Return the largest drawdown of days put behind one another, on all marks and not only the last of each day.

    Parameters
    ----------
    growth, high, low, fall
        As in `Daily`, shape (worlds, days).

    Returns
    -------
    Floats
        Shape (worlds,), fractions. Exactly what the marks themselves would give.
    """
    ends = np.cumprod(growth, axis=1)
    starts = np.empty_like(ends)
    starts[:, 0], starts[:, 1:] = 1.0, ends[:, :-1]
    peaks = np.maximum.accumulate(starts * high, axis=1)
    before = np.ones_like(peaks)
    before[:, 1:] = peaks[:, :-1]
    from_before = 1 - starts * low / before
    deepest: Floats = np.maximum(np.max(from_before, axis=1), np.max(fall, axis=1))
    return deepest
