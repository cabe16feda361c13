"""Ratios of daily returns. The market does not close: a year has 365 of them. The risk-free rate is 0.

Every function takes simple returns, shape (n,), finite, and answers None where the figure is not defined. Results are
fractions (0.1 is 10 %) unless they are ratios.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DAYS_A_YEAR: Final = 365
SHORTEST_YEAR: Final = 30
"""Days below which nothing is extrapolated to a year."""

_TAIL: Final = 0.05


class Ratios(NamedTuple):
    """What the daily returns amount to; fractions and ratios, yearly where the name says annual."""

    annual_return: float | None
    annual_volatility: float | None
    sharpe: float | None
    smart_sharpe: float | None
    sortino: float | None
    omega: float | None
    gain_to_pain: float | None
    value_at_risk_95: float | None  # a loss is positive
    expected_shortfall_95: float | None  # CVaR; a loss is positive
    skew: float | None
    kurtosis: float | None  # 3 for the normal distribution
    tail_ratio: float | None
    autocorrelation: float | None  # of one day with the next


def ratios(returns: Floats) -> Ratios:
    """Return all ratios of `returns`."""
    return Ratios(
        annual_return(returns),
        volatility(returns),
        sharpe(returns),
        smart_sharpe(returns),
        sortino(returns),
        omega(returns),
        gain_to_pain(returns),
        value_at_risk(returns),
        expected_shortfall(returns),
        standardised_moment(returns, 3),
        standardised_moment(returns, 4),
        tail_ratio(returns),
        autocorrelation(returns),
    )


def annual_return(returns: Floats) -> float | None:
    """Return the mean daily return times 365 (arithmetic, the numerator of the Sharpe ratio)."""
    return float(np.mean(returns)) * DAYS_A_YEAR if len(returns) >= SHORTEST_YEAR else None


def cagr(growth: float, days: float) -> float | None:
    """Return the constant yearly growth that turns 1 into `growth` in `days`; None below 30 days or at a total loss."""
    if days < SHORTEST_YEAR or growth <= 0:
        return None
    return float(growth ** (DAYS_A_YEAR / days)) - 1


def deviation(returns: Floats) -> float | None:
    """Return the sample deviation (n - 1); None for fewer than 2 returns or when all are equal."""
    if len(returns) < 2 or not np.ptp(returns) > 0:
        return None
    return float(np.std(returns, ddof=1))


def volatility(returns: Floats) -> float | None:
    """Return the sample deviation of daily returns times the root of 365."""
    spread = deviation(returns)
    return None if spread is None or len(returns) < SHORTEST_YEAR else spread * math.sqrt(DAYS_A_YEAR)


def sharpe(returns: Floats) -> float | None:
    """Return mean over sample deviation times the root of 365 (Sharpe 1994)."""
    spread = deviation(returns)
    return None if spread is None else float(np.mean(returns)) / spread * math.sqrt(DAYS_A_YEAR)


def smart_sharpe(returns: Floats) -> float | None:
    """Return the Sharpe ratio divided by what neighbouring days that move alike pretend.

    The divisor is the root of 1 + 2 sum of (n - k)/n |r|^k over k = 1 … n - 1, r the correlation of a day with the
    next: Lo (2002), "The statistics of Sharpe ratios", for returns of first-order autocorrelation, with the absolute
    value that the quantstats package popularised as "smart": the ratio is only ever made smaller.
    """
    plain, r = sharpe(returns), autocorrelation(returns)
    if plain is None or r is None:
        return None
    n = len(returns)
    k = np.arange(1, n)
    return plain / math.sqrt(1 + 2 * float(np.sum((n - k) / n * abs(r) ** k)))


def autocorrelation(returns: Floats) -> float | None:
    """Return the correlation of returns with the ones before them; None without variation in either."""
    early, late = returns[:-1], returns[1:]
    if deviation(early) is None or deviation(late) is None:
        return None
    return float(np.corrcoef(early, late)[0, 1])


def sortino(returns: Floats) -> float | None:
    """Return mean over downside deviation times the root of 365; None if no day lost.

    The downside deviation is the root of the mean of squared losses over **all** days (Sortino and Price 1994).
    """
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0) ** 2))) if len(returns) > 1 else 0.0
    return float(np.mean(returns)) / downside * math.sqrt(DAYS_A_YEAR) if downside > 0 else None


def omega(returns: Floats) -> float | None:
    """Return gains over losses around 0 (Keating and Shadwick 2002); None if no day lost."""
    lost = -float(np.sum(np.minimum(returns, 0)))
    return float(np.sum(np.maximum(returns, 0))) / lost if lost > 0 else None


def gain_to_pain(returns: Floats) -> float | None:
    """Return the sum of returns over the sum of losses (Schwager 2012), of days; None if no day lost."""
    lost = -float(np.sum(np.minimum(returns, 0)))
    return float(np.sum(returns)) / lost if lost > 0 else None


def value_at_risk(returns: Floats) -> float | None:
    """Return the loss that one day in 20 reaches: minus the 5 % quantile of the record (historical simulation)."""
    return -float(np.quantile(returns, _TAIL)) if len(returns) >= 1 / _TAIL else None


def expected_shortfall(returns: Floats) -> float | None:
    """Return the mean loss of the days at or beyond the value at risk (Rockafellar and Uryasev 2002)."""
    limit = value_at_risk(returns)
    return None if limit is None else -float(np.mean(returns[returns <= -limit]))


def standardised_moment(returns: Floats, order: int) -> float | None:
    """Return the population moment about the mean over that power of the population deviation (Pearson)."""
    if deviation(returns) is None:
        return None
    centred = returns - np.mean(returns)
    return float(np.mean(centred**order) / np.mean(centred**2) ** (order / 2))


def tail_ratio(returns: Floats) -> float | None:
    """Return the size of the 95 % quantile over that of the 5 % quantile, as in empyrical; None if that is 0."""
    if len(returns) < 1 / _TAIL:
        return None
    low, high = (float(q) for q in np.quantile(returns, [_TAIL, 1 - _TAIL]))
    return abs(high) / abs(low) if low != 0 else None
