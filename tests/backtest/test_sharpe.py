"""What a Sharpe ratio is worth: the papers' own numbers, and what must not be claimed."""

import math

import numpy as np
import pytest

from src.backtest.sharpe import (
    Moments,
    Trials,
    analytic_interval,
    deflated_sharpe,
    expected_maximum,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    standard_error,
    trial_variance,
)

FUND = Moments(1250, 2.5 / math.sqrt(250), -3.0, 10.0)  # Bailey and Lopez de Prado (2014), the numerical example
CHOICE = 0.5 / 250  # variance of the trials' Sharpe ratios: 1/2 a year


@pytest.mark.parametrize(("trials", "maximum", "deflated"), [(100, 0.1132, 0.9004), (46, 0.1004, 0.9505)])
def test_the_deflated_sharpe_ratio_is_that_of_the_papers_example(trials, maximum, deflated):
    assert expected_maximum(trials, CHOICE) == pytest.approx(maximum, abs=5e-5)
    assert deflated_sharpe(FUND, Trials(trials, CHOICE)) == pytest.approx(deflated, abs=5e-5)


def test_with_normal_returns_the_papers_fund_may_be_chosen_from_88():
    normal = FUND._replace(skew=0.0, kurtosis=3.0)
    assert deflated_sharpe(normal, Trials(88, CHOICE)) == pytest.approx(0.9505, abs=5e-5)


def test_the_probabilistic_sharpe_ratio_is_that_of_the_papers_hedge_fund():
    monthly = 1.585 / math.sqrt(12)  # 24 months, Bailey and Lopez de Prado (2012)
    assert probabilistic_sharpe(Moments(24, monthly, 0.0, 3.0)) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(Moments(24, monthly, -2.448, 10.164)) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(
    ("a_year", "skew", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_minimum_track_record_is_that_of_the_paper(a_year, skew, kurtosis, years):
    found = Moments(1_000, 2 / math.sqrt(a_year), skew, kurtosis)
    needed = minimum_track_record(found, 1 / math.sqrt(a_year), 0.95)
    assert needed == pytest.approx(years * a_year, abs=0.005 * a_year)


def test_a_record_of_the_minimum_length_has_just_the_confidence_asked_for():
    found = Moments(500, 0.08, -0.5, 6.0)
    needed = minimum_track_record(found, 0.0, 0.95)
    assert probabilistic_sharpe(found._replace(observations=needed)) == pytest.approx(0.95)


def test_no_length_of_a_losing_record_proves_skill():
    assert minimum_track_record(Moments(500, -0.01, 0.0, 3.0)) is None
    assert minimum_track_record(Moments(500, 0.05, 0.0, 3.0), benchmark=0.05) is None


def test_for_normal_returns_the_error_is_the_one_of_lo():
    assert standard_error(Moments(366, 0.1, 0.0, 3.0)) == pytest.approx(math.sqrt((1 + 0.1**2 / 2) / 365))


def test_the_analytic_interval_is_symmetric_about_the_measured_ratio():
    found = Moments(365, 0.05, -1.0, 8.0)
    low, high = analytic_interval(found, 0.90)
    assert (low + high) / 2 == pytest.approx(0.05)
    assert high - low == pytest.approx(2 * 1.6448536 * standard_error(found))


@pytest.mark.parametrize("skew", [-2.0, 0.0, 2.0])
def test_more_trials_never_make_a_result_more_convincing(skew):
    found = Moments(365, 0.12, skew, 9.0)
    deflated = [deflated_sharpe(found, Trials(n, 0.003)) for n in (1, 10, 100, 1_000, 100_000)]
    assert deflated == sorted(deflated, reverse=True)
    assert deflated[0] == probabilistic_sharpe(found)


def test_the_expected_maximum_is_what_simulation_finds():
    random = np.random.default_rng(0)
    for trials in (10, 100, 1_000):
        best = random.normal(0, 0.05, (4_000, trials)).max(axis=1).mean()
        assert expected_maximum(trials, 0.05**2) == pytest.approx(best, rel=0.03)


def test_a_single_try_was_not_chosen():
    assert expected_maximum(1, 0.5) == 0.0


@pytest.mark.parametrize(("trials", "variance"), [(0, 0.1), (-3, 0.1), (5, -0.1), (5, math.inf), (5, math.nan)])
def test_what_is_no_record_of_trials_is_refused(trials, variance):
    with pytest.raises(ValueError, match="was not a record of trials"):
        expected_maximum(trials, variance)


def test_trials_that_are_alike_do_not_pretend_that_nothing_was_chosen():
    assert trial_variance(Trials(2, 0.0), 366) == pytest.approx(1 / 365)
    assert trial_variance(Trials(5, None), 366) == pytest.approx(1 / 365)
    assert trial_variance(Trials(5, 0.5), 366) == 0.5
    assert trial_variance(Trials(1_000, 1e-5), 366) == pytest.approx(1 / 365)


def test_a_result_is_deflated_by_independent_tries_rounded_up():
    assert [Trials(100, None, n).deflating for n in (None, 0.3, 1.0, 2.0 + 1e-9, 2.1, 1e9)] == [100, 1, 1, 2, 3, 100]
    found = Moments(365, 0.15, 0.0, 3.0)
    alike, strangers = (deflated_sharpe(found, Trials(100, 1 / 364, n)) for n in (1.0, 100.0))
    assert alike == probabilistic_sharpe(found)
    assert strangers == deflated_sharpe(found, Trials(100, 1 / 364)) < 0.8 < alike


def test_moments_need_three_returns_that_differ():
    assert moments(np.array([0.01, 0.02])) is None
    assert moments(np.full(100, 0.1) * (1 + 1e-16)) is None
    assert moments(np.zeros(100)) is None
    found = moments(np.array([0.01, 0.02, 0.03]))
    assert found == pytest.approx(Moments(3, 2.0, 0.0, 1.5))


def test_returns_of_two_values_have_no_error_to_judge_by_when_the_formula_vanishes():
    certain = Moments(100, 1.0, 2.0, 5.0)  # 1 - 2 + 1 = 0
    assert standard_error(certain) == 0.0
    assert probabilistic_sharpe(certain) is None
