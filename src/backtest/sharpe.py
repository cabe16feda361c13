"""What a Sharpe ratio is worth: its error, and what remains of it after all that was tried.

Everything here is **per observation** (a daily Sharpe for daily returns), never annualised: the formulas need the
number of observations and their unit to agree. The risk-free rate is 0.

Sources: Mertens (2002) and Opdyke (2007) for the standard error; Bailey and Lopez de Prado (2012), "The Sharpe ratio
efficient frontier", for the probabilistic Sharpe ratio and the minimum track-record length; Bailey and Lopez de Prado
(2014), "The deflated Sharpe ratio", for the expected maximum and the deflation.
"""

import math
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CONVINCING: Final = 0.95
"""Probability that a deflated or probabilistic Sharpe ratio must reach."""

EULER_MASCHERONI: Final = 0.5772156649015329
_ROUNDING: Final = 1e-6  # of a sum of shares of a try
_NORMAL: Final = NormalDist()


class Moments(NamedTuple):
    """What the formulas need to know of a series of returns."""

    observations: int
    sharpe: float  # mean over deviation (n - 1), per observation
    skew: float  # third standardised moment, of the population
    kurtosis: float  # fourth standardised moment; 3 for the normal distribution


class Trials(NamedTuple):
    """How much was tried before this result was looked at."""

    tried: int  # different runs, this one included
    variance: float | None  # of their per-observation Sharpe ratios; None with fewer than two
    independent: float | None = None  # how many tries that do not resemble one another they amount to; None: all

    @property
    def deflating(self) -> int:
        """How many independent tries to deflate by, rounded up: at least 1, at most all."""
        if self.independent is None:
            return self.tried
        return max(1, math.ceil(min(self.independent - _ROUNDING, self.tried)))


def moments(returns: Floats) -> Moments | None:
    """Return the moments of `returns`, shape (n,), finite; None for fewer than 3 or no variation."""
    n = len(returns)
    if n < 3:
        return None
    mean = float(np.mean(returns))
    centred = returns - mean
    variance = float(np.mean(centred**2))
    if not variance > (1e-12 * (1 + abs(mean))) ** 2:  # what rounding leaves of a constant is no variation
        return None
    scaled = centred / math.sqrt(variance)
    sharpe = mean / math.sqrt(variance * n / (n - 1))
    return Moments(n, sharpe, float(np.mean(scaled**3)), float(np.mean(scaled**4)))


def standard_error(found: Moments, sharpe: float | None = None) -> float:
    """Return the standard error of the Sharpe ratio, for independent returns of any shape (Mertens 2002).

    sqrt((1 - skew S + (kurtosis - 1)/4 S^2) / (n - 1)), at the measured S or at `sharpe`.
    """
    s = found.sharpe if sharpe is None else sharpe
    spread = 1 - found.skew * s + (found.kurtosis - 1) / 4 * s**2
    return math.sqrt(max(spread, 0.0) / (found.observations - 1))


def analytic_interval(found: Moments, level: float) -> tuple[float, float]:
    """Return the interval of the per-observation Sharpe ratio at `level`, for independent returns."""
    reach = _NORMAL.inv_cdf((1 + level) / 2) * standard_error(found)
    return found.sharpe - reach, found.sharpe + reach


def probabilistic_sharpe(found: Moments, benchmark: float = 0.0) -> float | None:
    """Return the probability that the true Sharpe ratio is above `benchmark` (Bailey and Lopez de Prado 2012, eq. 9).

    None when the error is 0: returns of two values only.
    """
    error = standard_error(found)
    return _NORMAL.cdf((found.sharpe - benchmark) / error) if error > 0 else None


def minimum_track_record(found: Moments, benchmark: float = 0.0, confidence: float = CONVINCING) -> float | None:
    """Return the observations needed to tell the measured Sharpe ratio from `benchmark` (2012, eq. 11).

    None when it is not above the benchmark: no length of such a record would do.
    """
    if not found.sharpe > benchmark:
        return None
    spread = 1 - found.skew * found.sharpe + (found.kurtosis - 1) / 4 * found.sharpe**2
    return 1 + spread * (_NORMAL.inv_cdf(confidence) / (found.sharpe - benchmark)) ** 2


def expected_maximum(trials: int, variance: float) -> float:
    """Return the best Sharpe ratio to expect from `trials` tries without any skill (2014, eq. 1).

    0 for a single try: nothing was chosen.

    Raises
    ------
    ValueError
        If there is no trial, or the variance is negative or not finite.
    """
    if trials < 1 or not 0 <= variance < math.inf:
        raise ValueError(f"{trials} trials with variance {variance} was not a record of trials")
    if trials == 1:
        return 0.0
    first = _NORMAL.inv_cdf(1 - 1 / trials)
    second = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second)


def trial_variance(trials: Trials, observations: int) -> float:
    """Return the variance of trial Sharpe ratios to deflate by.

    The measured one, but at least 1/(n - 1), what independent tries without skill show on `observations` returns.
    Less says that few tries were made, or that they resemble one another: the variance is hardly known then, and
    the number of independent tries accounts for it.
    """
    chance = 1 / (observations - 1)
    return chance if trials.variance is None else max(trials.variance, chance)


def deflated_sharpe(found: Moments, trials: Trials) -> float | None:
    """Return the probability that the true Sharpe ratio is above 0, given that it is the best of `trials`.

    The probabilistic Sharpe ratio against the expected maximum of that many independent tries without skill (2014,
    eq. 2).
    """
    return probabilistic_sharpe(found, expected_maximum(trials.deflating, trial_variance(trials, found.observations)))
