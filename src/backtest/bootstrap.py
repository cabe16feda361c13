"""The stationary bootstrap: how far a figure could have come out otherwise, had the same market dealt again.

Days (and trades) are not independent, so blocks of neighbours are drawn, of random length around a mean that the
series itself chooses (Politis and Romano 1994; Politis and White 2004 with the correction of Patton, Politis and
White 2009). Same seed, same bits.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

LEVEL: Final = 0.90
"""Of every interval: one that lies above 0 is a one-sided test at 5 %."""

RESAMPLES: Final = 2_000
MIN_DAYS: Final = 60
"""Daily returns an interval needs: with fewer, blocks cannot show how days hang together."""

MIN_TRADES: Final = 30
"""Trades an interval needs: with fewer, the tails of the record are not in it yet."""

_ROWS: Final = 128  # resamples worked on at a time: they stay in the processor's cache
_MOST_UNDEFINED: Final = 0.01  # share of resamples in which a figure may not exist

Statistics = Callable[[Indices], Mapping[str, Floats]]
"""From positions (resamples, observations) to one value a resample, for each figure."""


class Interval(NamedTuple):
    """Where a figure lies, as far as the record can tell."""

    low: float
    high: float | None  # None: no upper bound; too many resamples had nothing to divide by
    level: float
    observations: int
    block: float  # mean length of the blocks drawn
    resamples: int

    def above(self, value: float) -> bool:
        """Return whether the whole interval lies above `value`."""
        return self.low > value

    def below(self, value: float) -> bool:
        """Return whether the whole interval lies below `value`."""
        return self.high is not None and self.high < value


def block_length(series: Floats) -> float:
    """Return the mean block length for the stationary bootstrap of `series`: at least 1, at most a third of it.

    Parameters
    ----------
    series
        Shape (n,), finite.

    Notes
    -----
    Politis and White (2004), section 3, with D = 2 g(0)^2 from Patton, Politis and White (2009): the flat-top lag
    window of Politis and Romano (1995) reaches twice as far as the lag at which five insignificant ones begin.
    """
    n = len(series)
    lags = math.ceil(math.sqrt(n)) + _quiet_lags(n)
    centred = series - np.mean(series) if n else series
    size = np.max(np.abs(centred), initial=0.0)
    if n < 9 or lags >= n or not size > 1e-12 * np.max(np.abs(series)):  # what rounding leaves of a constant
        return 1.0
    centred = centred / size
    covariance = np.array([centred[: n - k] @ centred[k:] for k in range(lags + 1)]) / n
    reach = min(2 * _last_lag(covariance, n), lags)
    lag = np.arange(1, reach + 1)
    window = np.minimum(1.0, 2 * (1 - lag / reach)) * covariance[1 : reach + 1]
    spectrum = covariance[0] + 2 * np.sum(window)
    slope = 2 * np.sum(lag * window)
    if not spectrum > 0:
        return 1.0
    best = float(np.cbrt(slope**2 / spectrum**2 * n))  # (2 G^2 / D)^(1/3) n^(1/3)
    return float(min(max(best, 1.0), math.ceil(min(3 * math.sqrt(n), n / 3))))


def mean_block(*series: Floats) -> float:
    """Return the mean block length to draw with: the longest that any of `series` (one length) asks for.

    Never below the fourth root of their length: on short series the choice often misses a weak dependence, and
    blocks a little too long cost far less than blocks too short (tests/backtest/test_bootstrap.py measures it).
    """
    return max(*(block_length(values) for values in series), math.sqrt(math.sqrt(len(series[0]))))


def _quiet_lags(n: int) -> int:
    """Return how many neighbouring lags must be insignificant for all later ones to count as such."""
    return max(5, math.ceil(math.sqrt(math.log10(n)))) if n > 1 else 5


def _last_lag(covariance: Floats, n: int) -> int:
    """Return the lag from which on the correlogram is quiet, as in the authors' own program; at least 1."""
    quiet = _quiet_lags(n)
    loud = np.abs(covariance[1:] / covariance[0]) >= 2 * math.sqrt(math.log10(n) / n)
    for lag in range(len(loud) - quiet + 1):
        if not loud[lag : lag + quiet].any():
            return lag + 1
    return int(np.flatnonzero(loud)[-1]) + 1


def positions(n: int, block: float, count: int, random: np.random.Generator) -> Indices:
    """Return `count` resamples of `n` positions, shape (count, n): blocks of geometric length, wrapped at the end."""
    step = np.arange(n)
    starts = random.random((count, n)) < 1 / block
    began = np.maximum.accumulate(np.where(starts, step, 0), axis=1)  # where the block of each entry began
    origin = np.take_along_axis(random.integers(0, n, (count, n)), began, axis=1)
    found: Indices = (origin + step - began) % n
    return found


def draw(n: int, block: float, seed: int, resamples: int = RESAMPLES) -> Iterator[Indices]:
    """Yield resamples in pieces that together have `resamples` rows; the same for the same arguments."""
    random = np.random.default_rng(seed)
    for done in range(0, resamples, _ROWS):
        yield positions(n, block, min(_ROWS, resamples - done), random)


def bootstrap(
    statistics: Statistics, n: int, block: float, seed: int, resamples: int = RESAMPLES
) -> dict[str, Interval | None]:
    """Return the percentile interval of each figure that `statistics` computes.

    Parameters
    ----------
    statistics
        Called with positions of shape (some, n); returns some values a figure. NaN: undefined there.
    n
        Observations.
    block
        Mean block length.

    Returns
    -------
    dict
        None for a figure that over 1 % of the resamples leave undefined.

    Notes
    -----
    Percentile intervals are too short for short series, for a resample varies less than the world does. They are
    widened as Student's quantile is against the normal one, counting each block as one observation (Hesterberg
    2015, "expanded percentiles").
    """
    pieces = [statistics(where) for where in draw(n, block, seed, resamples)]
    found = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return {name: _interval(values, n, block) for name, values in found.items()}


def _interval(values: Floats, n: int, block: float) -> Interval | None:
    known = values[~np.isnan(values)]
    if len(known) < (1 - _MOST_UNDEFINED) * len(values):
        return None
    tail = expanded_tail((1 - LEVEL) / 2, n, n / block)
    low, high = np.quantile(known, [tail, 1 - tail], method="inverted_cdf")
    if not np.isfinite(low):
        return None
    return Interval(float(low), float(high) if np.isfinite(high) else None, LEVEL, n, block, len(values))


def expanded_tail(tail: float, n: int, blocks: float) -> float:
    """Return the share to cut off each end so that about `tail` is cut off in truth."""
    freedom = max(blocks - 1, 3.0)
    z = -NormalDist().inv_cdf(tail)
    # Student's quantile from the normal one, to the third order (Abramowitz and Stegun 26.7.5)
    student = (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
    return NormalDist().cdf(-student * math.sqrt(n / (n - 1)))
