import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from talib import InsufficientHistory

from src.features.rank_correlation import RankCorrelation, rank_correlation


def textbook(window: list[float]) -> float:
    """Return 100 (1 - 6 sum d^2 / (n (n^2 - 1))) of untied values."""
    n = len(window)
    rank = {x: i for i, x in enumerate(sorted(window))}
    return 100 * (1 - 6 * sum((rank[x] - i) ** 2 for i, x in enumerate(window)) / (n * (n * n - 1)))


def covariance_form(window: list[float]) -> float:
    """Return 100 times the covariance of mean ranks with time over the untied variance."""
    n = len(window)
    ranks = [sum(y < x for y in window) + (sum(y == x for y in window) - 1) / 2 for x in window]
    middle = (n - 1) / 2
    return 100 * sum((i - middle) * (r - middle) for i, r in enumerate(ranks)) / (n * (n * n - 1) / 12)


def live(x: list[float], n: int) -> list[float]:
    handle = RankCorrelation(np.array(x[:n]), n)
    return [handle.update(value) for value in x[n:]]


@given(st.permutations(range(40)), st.integers(2, 12))
def test_without_ties_it_is_the_textbook_formula(values, n):
    got = rank_correlation(np.array(values, dtype=float), n)
    want = [textbook(values[i - n + 1 : i + 1]) for i in range(n - 1, len(values))]
    assert got[n - 1 :] == pytest.approx(want, abs=1e-11)
    assert np.isnan(got[: n - 1]).all()


@given(st.lists(st.integers(0, 4).map(float), min_size=9, max_size=60))
def test_with_ties_it_is_the_covariance_of_mean_ranks_with_time(values):
    got = rank_correlation(np.array(values), 9)
    want = [covariance_form(values[i - 8 : i + 1]) for i in range(8, len(values))]
    assert got[8:] == pytest.approx(want, abs=1e-11)


@given(st.lists(st.integers(0, 12).map(float), min_size=12, max_size=80), st.integers(2, 12))
def test_bar_by_bar_it_gives_the_same_bits(values, n):
    batch = rank_correlation(np.array(values), n)
    assert np.array(live(values, n)).tobytes() == batch[n:].tobytes()


def test_a_flat_window_has_no_direction():
    assert rank_correlation(np.ones(9), 9)[-1] == 0.0


def test_a_steady_climb_is_a_hundred_and_a_steady_fall_minus_a_hundred():
    climb = np.arange(9.0)
    assert rank_correlation(climb, 9)[-1] == 100.0
    assert rank_correlation(-climb, 9)[-1] == -100.0


def test_a_short_history_is_unknown_and_opens_nothing():
    assert np.isnan(rank_correlation(np.arange(8.0), 9)).all()
    with pytest.raises(InsufficientHistory):
        RankCorrelation(np.arange(8.0), 9)
