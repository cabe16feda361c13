"""The scores are scikit-learn's, the baselines know only what was known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, log_loss

from src.ml.scores import (
    at_threshold,
    calibration_error,
    last_outcome_probability,
    last_outcomes,
    log_losses,
    reliability,
    scores,
    share_at_least,
    share_at_most,
    squared_errors,
    wilson,
)

rows = st.lists(st.tuples(st.integers(0, 1), st.floats(0.001, 0.999)), min_size=2, max_size=60)


def columns(pairs):
    return np.array([o for o, _ in pairs], np.int64), np.array([p for _, p in pairs])


@given(rows)
def test_log_loss_and_brier_are_those_of_scikit_learn(pairs):
    outcome, probability = columns(pairs)
    assert np.mean(log_losses(outcome, probability)) == pytest.approx(log_loss(outcome, probability, labels=[0, 1]))
    assert np.mean(squared_errors(outcome, probability)) == pytest.approx(
        brier_score_loss(outcome, probability, pos_label=1)
    )


def test_a_certain_error_costs_much_and_stays_finite():
    assert np.isfinite(log_losses(np.array([0]), np.array([1.0]))).all()
    assert log_losses(np.array([0]), np.array([1.0]))[0] > 25


@given(st.integers(0, 2**32 - 1))
def test_outcomes_drawn_from_their_probabilities_are_calibrated_and_shifted_ones_are_not(seed):
    random = np.random.default_rng(seed)
    probability = random.uniform(0.1, 0.9, 5_000)
    outcome = (random.random(5_000) < probability).astype(np.int64)
    assert calibration_error(outcome, probability) < 0.04
    assert calibration_error(outcome, np.clip(probability + 0.2, 0, 1)) > 0.1


@given(rows)
def test_the_reliability_curve_counts_every_row_once_in_order(pairs):
    outcome, probability = columns(pairs)
    found = reliability(outcome, probability, 5)
    assert sum(b.rows for b in found) == len(outcome)
    assert [b.predicted for b in found] == sorted(b.predicted for b in found)
    assert sum(round(b.observed * b.rows) for b in found) == outcome.sum()
    assert all(b.low <= b.observed + 1e-12 and b.observed <= b.high + 1e-12 for b in found)


@given(n=st.integers(1, 300), data=st.data())
def test_the_interval_of_a_share_is_wilsons(n, data):
    k = data.draw(st.integers(0, n))
    expected = binomtest(k, n).proportion_ci(0.90, "wilson")
    assert wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_threshold_says_how_much_it_lets_through_and_how_right_that_was():
    outcome, probability = np.array([1, 0, 1, 1]), np.array([0.7, 0.65, 0.2, 0.9])
    found = at_threshold(outcome, probability, 0.65)
    assert (found.chosen, found.coverage, found.precision) == (3, 0.75, pytest.approx(2 / 3))
    assert at_threshold(outcome, probability, 0.95).precision is None


def test_the_last_outcome_is_the_one_that_had_ended_by_the_decision():
    decided = np.array([0, 10, 20, 30, 40])
    ended = np.array([25, 15, 60, 35, 50])
    assert last_outcomes(decided, ended, np.array([1, 0, 1, 1, 0])).tolist() == [-1, -1, 0, 1, 1]


def test_the_last_outcomes_probability_is_how_often_a_gain_followed():
    before, outcome = np.array([1, 1, 1, 0, 0, -1]), np.array([1, 1, 0, 0, 0, 1])
    found = last_outcome_probability((before, outcome), np.array([1, 0, -1]))
    assert found.tolist() == pytest.approx([3 / 5, 1 / 4, 2 / 3])


def test_what_is_no_probability_or_no_outcome_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        scores(np.array([1]), np.array([np.nan]))
    with pytest.raises(ValueError, match="is 0 or 1"):
        scores(np.array([2]), np.array([0.5]))
    with pytest.raises(ValueError, match="one outcome and one"):
        scores(np.array([1, 0]), np.array([0.5]))
    assert scores(np.empty(0, np.int64), np.empty(0)) is None


def test_scores_say_what_the_probabilities_look_like():
    found = scores(np.array([1, 0, 1, 0]), np.array([0.5, 0.5, 0.5, 0.5]))
    assert found is not None
    assert found.deviation == 0
    assert (found.rows, found.base_rate, found.mean_probability) == (4, 0.5, 0.5)
    assert found.brier == 0.25


@given(n=st.integers(1, 300), data=st.data())
def test_the_bounds_of_a_share_are_clopper_and_pearsons(n, data):
    k = data.draw(st.integers(0, n))
    assert share_at_most(k, n) == pytest.approx(binomtest(k, n).proportion_ci(0.90, "exact").high, abs=1e-9)
    assert share_at_least(k, n) == pytest.approx(binomtest(k, n).proportion_ci(0.90, "exact").low, abs=1e-9)


def test_four_promotions_of_two_hundred_keep_the_bound_below_five_percent_and_five_do_not():
    assert share_at_most(4, 200) <= 0.05 < share_at_most(5, 200)
