"""Ratios of daily returns: an established library says the same, and what is undefined is None."""

import math

import numpy as np
import pytest

from src.backtest import benchmark, ratios
from src.backtest.daily import Daily, deepest_fall
from src.backtest.drawdowns import serenity, ulcer_index

empyrical = pytest.importorskip("empyrical", reason="the oracle (empyrical-reloaded) is not installed")

WORLDS = [
    pytest.param(np.random.default_rng(seed).standard_t(4, n) * 0.01 + drift, id=f"{n} days, seed {seed}")
    for seed, n, drift in ((1, 40, 0.0), (2, 365, 0.001), (3, 1_000, -0.002), (4, 100, 0.02))
]


@pytest.mark.parametrize("returns", WORLDS)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ratios.sharpe, lambda r: empyrical.sharpe_ratio(r, annualization=365)),
        (ratios.sortino, lambda r: empyrical.sortino_ratio(r, annualization=365)),
        (ratios.volatility, lambda r: empyrical.annual_volatility(r, annualization=365)),
        (ratios.omega, lambda r: empyrical.omega_ratio(r, annualization=1)),
        (ratios.tail_ratio, empyrical.tail_ratio),
        (lambda r: -ratios.value_at_risk(r), empyrical.value_at_risk),
        (lambda r: -ratios.expected_shortfall(r), empyrical.conditional_value_at_risk),
        (
            lambda r: ratios.cagr(float(np.prod(1 + r)), len(r)),
            lambda r: empyrical.annual_return(r, annualization=365),
        ),
    ],
    ids=["sharpe", "sortino", "volatility", "omega", "tail ratio", "VaR", "CVaR", "CAGR"],
)
def test_an_established_library_gives_the_same_figure(returns, ours, theirs):
    assert ours(returns) == pytest.approx(theirs(returns), rel=1e-9)


@pytest.mark.parametrize("returns", WORLDS)
def test_an_established_library_sees_the_same_market_exposure(returns):
    market = np.random.default_rng(9).normal(0.0005, 0.03, len(returns)) + 0.4 * returns
    slope = empyrical.beta(returns, market)
    assert benchmark.beta(returns, market) == pytest.approx(slope, rel=1e-9)
    daily_alpha = empyrical.alpha(returns, market, annualization=1)  # of one day
    arithmetic = float(np.mean(returns) - slope * np.mean(market)) * 365
    assert benchmark.alpha(returns, market) == pytest.approx(arithmetic, rel=1e-9)
    assert math.copysign(1, benchmark.alpha(returns, market)) == math.copysign(1, daily_alpha)
    assert benchmark.information_ratio(returns, market) == pytest.approx(
        empyrical.excess_sharpe(returns, market) * math.sqrt(365), rel=1e-9
    )


@pytest.mark.parametrize("returns", WORLDS)
def test_an_established_library_sees_the_same_drawdown(returns):
    flat = np.ones((1, len(returns)))
    growth = (1 + returns)[None, :]
    deepest = deepest_fall(growth, np.maximum(growth, flat), np.minimum(growth, flat), flat - np.minimum(growth, flat))
    assert float(deepest[0]) == pytest.approx(-empyrical.max_drawdown(returns), rel=1e-9)


@pytest.mark.parametrize("returns", WORLDS)
def test_skew_and_kurtosis_are_those_of_the_textbook(returns):
    stats = pytest.importorskip("scipy.stats")  # comes with the oracle
    assert ratios.standardised_moment(returns, 3) == pytest.approx(stats.skew(returns), rel=1e-9)
    assert ratios.standardised_moment(returns, 4) == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-9)


def test_smart_sharpe_and_serenity_are_what_a_hand_calculation_gives():
    returns = np.array([0.02, 0.01, -0.01, -0.02, 0.01, 0.02, 0.0])
    r = abs(np.corrcoef(returns[:-1], returns[1:])[0, 1])
    penalty = math.sqrt(1 + 2 * sum((7 - k) / 7 * r**k for k in range(1, 7)))
    assert ratios.smart_sharpe(returns) == pytest.approx(ratios.sharpe(returns) / penalty)
    days = Daily(np.arange(7), 1 + returns, *(np.ones(7) for _ in range(4)))
    ends = np.cumprod(1 + returns)
    falls = 1 - ends / np.maximum.accumulate(ends)
    assert ulcer_index(days) == pytest.approx(math.sqrt(np.mean(falls**2)))
    spread = np.std(returns, ddof=1) * math.sqrt(365)
    assert serenity(days, 0.5) == pytest.approx(0.5 / (ulcer_index(days) * falls.max() / spread))


@pytest.mark.parametrize("returns", [np.empty(0), np.array([0.01]), np.zeros(50), np.full(50, 0.01)])
def test_without_variation_or_days_ratios_are_undefined_and_never_zero_or_infinite(returns):
    found = ratios.ratios(returns)
    undefined = (found.sharpe, found.smart_sharpe, found.sortino, found.omega, found.gain_to_pain, found.skew)
    assert undefined == (None,) * 6
    assert found.kurtosis is None
    assert found.autocorrelation is None
    assert all(value is None or math.isfinite(value) for value in found)


def test_short_records_are_not_extrapolated_to_a_year():
    month = np.random.default_rng(0).normal(0.01, 0.01, 29)
    assert ratios.annual_return(month) is None
    assert ratios.volatility(month) is None
    assert ratios.cagr(1.5, 29) is None
    assert ratios.cagr(1.5, 30) == pytest.approx(1.5 ** (365 / 30) - 1)
    assert ratios.cagr(0.0, 400) is None


def test_a_market_that_stands_still_has_no_beta_and_a_run_that_does_has_no_correlation():
    moving, still = np.random.default_rng(0).normal(0, 0.01, 50), np.zeros(50)
    assert benchmark.beta(moving, still) is None
    assert benchmark.alpha(moving, still) is None
    assert benchmark.treynor(moving, still) is None
    assert benchmark.correlation(still, moving) is None
    assert benchmark.beta(still, moving) == 0.0
    assert benchmark.treynor(still, moving) is None
    assert benchmark.tracking_error(moving, moving) is None
