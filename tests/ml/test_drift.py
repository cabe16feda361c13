"""Drift alarms at the stated rate on autocorrelated worlds that do not change, and does find a change."""

import numpy as np
import pytest
from scipy.stats import beta, ks_2samp

from src.core.domain.time import DAY, HOUR
from src.ml.drift import LEVEL, calibration_drift, window_drift

WINDOW = 28 * DAY
NAMES = [f"input {k}" for k in range(6)]


def slow(seed, rows=4_320, persistence=0.98, columns=6):
    """Return autocorrelated columns with clustered volatility, one row each six hours: three years."""
    random = np.random.default_rng(seed)
    fresh = random.standard_normal((rows, columns))
    size, values = np.ones(columns), np.zeros((rows, columns))
    for k in range(1, rows):
        size = np.sqrt(0.05 + 0.1 * (fresh[k - 1] * size) ** 2 + 0.85 * size**2)
        values[k] = persistence * values[k - 1] + size * fresh[k]
    return values, np.arange(rows, dtype=np.int64) * 6 * HOUR


def share_is_at_most(hits, tries, limit):
    """Whether `hits` of `tries` are compatible with a rate of at most `limit` (Clopper-Pearson, 99.9 %)."""
    return hits == 0 or beta.ppf(0.001, hits, tries - hits + 1) <= limit


@pytest.mark.no_cover
def test_autocorrelated_bars_that_do_not_change_alarm_no_more_often_than_stated():
    alarms = sum(window_drift(*slow(seed), NAMES, WINDOW).alarm for seed in range(120))
    assert share_is_at_most(alarms, 120, LEVEL)


def test_a_test_that_takes_bars_for_independent_alarms_on_most_of_the_same_worlds():
    alarms = 0
    for seed in range(30):
        values, at = slow(seed)
        recent = at > at[-1] - WINDOW
        alarms += any(ks_2samp(values[recent, k], values[~recent, k]).pvalue < LEVEL / 6 for k in range(6))
    assert alarms > 15


@pytest.mark.parametrize("change", ["level", "spread"])
def test_a_change_of_one_input_is_found_and_named(change):
    found = 0
    for seed in range(20):
        values, at = slow(seed, persistence=0.8)
        recent = at > at[-1] - WINDOW
        values[recent, 2] = values[recent, 2] * 4 if change == "spread" else values[recent, 2] + 8
        drift = window_drift(values, at, NAMES, WINDOW)
        found += drift.alarm and drift.furthest[0].name == "input 2"
    assert found >= 18


def test_too_little_history_is_no_answer():
    values, at = slow(1, rows=19 * 28 * 4)
    drift = window_drift(values, at, NAMES, WINDOW)
    assert drift.p_value is None
    assert not drift.alarm
    assert window_drift(values[:0], at[:0], NAMES, WINDOW).windows == 0


def test_columns_that_never_vary_are_no_drift():
    values, at = slow(1)
    values[:, 3] = 1.0
    assert "input 3" not in [m.name for m in window_drift(values, at, NAMES, WINDOW).furthest[:4]]


def bets(seed, shift=0.0, rows=400):
    random = np.random.default_rng(seed)
    said = random.uniform(0.2, 0.8, rows)
    outcome = (random.random(rows) < said + shift).astype(np.int64)
    decided = np.arange(rows, dtype=np.int64) * DAY
    return outcome, said, decided, decided + DAY


def test_true_probabilities_are_hardly_ever_called_wrong_however_often_one_looks():
    alarms = sum(calibration_drift(*bets(seed)).alarm for seed in range(300))
    assert share_is_at_most(alarms, 300, LEVEL)


@pytest.mark.parametrize("shift", [-0.2, 0.2])
def test_probabilities_that_are_wrong_by_a_fifth_are_found(shift):
    assert sum(calibration_drift(*bets(seed, shift)).alarm for seed in range(50)) >= 48


def test_labels_that_overlap_are_bet_on_once():
    outcome, said, decided, _ = bets(3)
    drift = calibration_drift(outcome, said, decided, decided + 10 * DAY)
    assert drift.bets == 40
    copies = [np.repeat(column, 5) for column in (outcome, said, decided, decided + 10 * DAY)]
    assert calibration_drift(*copies) == drift


def test_no_label_is_no_bet():
    none = np.empty(0, np.int64)
    assert calibration_drift(none, np.empty(0), none, none) == (0, 1.0, 1.0, False, 0.0, 0)


def test_what_is_not_finite_or_no_probability_is_refused():
    values, at = slow(1, rows=50)
    values[3, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        window_drift(values, at, NAMES, WINDOW)
    outcome, said, decided, ended = bets(1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration_drift(outcome, said + 1, decided, ended)
    with pytest.raises(ValueError, match="one column a name"):
        window_drift(values, at, ["one"], WINDOW)
