"""Tries that resemble one another count for fewer than they are, and never for fewer than one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.backtest.independent_trials import average_correlation, independent_trials


def noise(seed: int, days: int = 400, trials: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((days, trials)) / 100


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 30), st.floats(0.0, 5.0))
def test_the_average_is_that_of_all_pairs(seed, trials, common):
    returns = noise(seed, 50, trials) + common * noise(seed + 1, 50, 1)
    table = np.corrcoef(returns.T)
    pairs = table[np.triu_indices(trials, 1)]
    assert average_correlation(returns) == pytest.approx(float(pairs.mean()), abs=1e-9)


def test_copies_are_one_try_and_strangers_are_all():
    assert independent_trials(np.repeat(noise(1, trials=1), 100, axis=1)) == pytest.approx(1.0)
    assert independent_trials(noise(1, 4_000, 50)) == pytest.approx(50, rel=0.05)


def test_a_hundred_copies_beside_five_strangers_are_more_than_six_and_far_fewer_than_all():
    returns = np.hstack([np.repeat(noise(1, trials=1), 100, axis=1), noise(2, trials=5)])
    assert 6 < independent_trials(returns) < 20


def test_opposites_are_no_copies():
    one = noise(4, trials=1)
    assert independent_trials(np.hstack([one, -one])) == 2.0


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 30), st.floats(-3.0, 3.0))
def test_the_number_lies_between_one_and_all(seed, trials, common):
    assert 1.0 <= independent_trials(noise(seed, 30, trials) + common * noise(seed + 1, 30, 1)) <= trials + 1e-9


def test_what_cannot_be_compared_counts_in_full():
    returns = np.repeat(noise(1, trials=1), 10, axis=1)
    returns[:, 3] = np.nan
    returns[:, 5] = 0.001
    assert independent_trials(returns) == pytest.approx(1.0 + 2)
    assert independent_trials(returns[:, 3:4]) == 1.0
    assert independent_trials(returns[:0]) == 10.0
    assert independent_trials(returns[:, :0]) == 0.0
    assert average_correlation(returns[:, :1]) is None
