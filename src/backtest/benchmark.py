"""The run beside simply holding the coin: same days, no cost, always invested."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.ratios import DAYS_A_YEAR, deviation

Floats = npt.NDArray[np.float64]


class Benchmark(NamedTuple):
    """Against buying at the first open and holding, before any cost. The risk-free rate is 0."""

    total_return: float  # of buying and holding, a fraction
    sharpe: float | None
    max_drawdown: float | None
    beta: float | None
    alpha: float | None  # yearly, arithmetic
    correlation: float | None
    tracking_error: float | None  # yearly
    information_ratio: float | None
    treynor: float | None


def beta(returns: Floats, market: Floats) -> float | None:
    """Return the covariance with the market over the market's variance (Sharpe 1964)."""
    if len(returns) < 2 or deviation(market) is None:
        return None
    centred = market - np.mean(market)
    return float(centred @ (returns - np.mean(returns)) / (centred @ centred))


def alpha(returns: Floats, market: Floats) -> float | None:
    """Return the mean daily return beyond beta times the market's, times 365 (Jensen 1968)."""
    slope = beta(returns, market)
    return None if slope is None else (float(np.mean(returns)) - slope * float(np.mean(market))) * DAYS_A_YEAR


def correlation(returns: Floats, market: Floats) -> float | None:
    """Return the correlation of the daily returns; None if either does not vary."""
    if deviation(returns) is None or deviation(market) is None:
        return None
    return float(np.corrcoef(returns, market)[0, 1])


def tracking_error(returns: Floats, market: Floats) -> float | None:
    """Return the deviation of the daily difference to the market, times the root of 365."""
    spread = deviation(returns - market)
    return None if spread is None else spread * math.sqrt(DAYS_A_YEAR)


def information_ratio(returns: Floats, market: Floats) -> float | None:
    """Return the mean daily difference to the market over its deviation, times the root of 365 (Goodwin 1998)."""
    spread = deviation(returns - market)
    return None if spread is None else float(np.mean(returns - market)) / spread * math.sqrt(DAYS_A_YEAR)


def treynor(returns: Floats, market: Floats) -> float | None:
    """Return the mean daily return times 365 over beta (Treynor 1965); None without a beta or at 0."""
    slope = beta(returns, market)
    return float(np.mean(returns)) * DAYS_A_YEAR / slope if slope else None
