"""The probability of backtest overfitting, against its definition, by hand, and on worlds whose answer is known."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.backtest.overfitting import FEWEST_DAYS, FEWEST_TRIALS, probability_of_overfitting


def by_definition(returns: np.ndarray, blocks: int) -> tuple[float, float]:
    """The paper's procedure word for word, one halving after the other."""
    pieces = np.array_split(returns, blocks)
    low, lost, count = 0, 0, 0
    for inside in combinations(range(blocks), blocks // 2):
        seen = np.concatenate([pieces[k] for k in inside])
        unseen = np.concatenate([pieces[k] for k in range(blocks) if k not in inside])
        best = int(np.argmax(seen.mean(axis=0) / seen.std(axis=0)))
        outside = unseen.mean(axis=0) / unseen.std(axis=0)
        rank = 1 + sum(other < outside[best] for k, other in enumerate(outside) if k != best)
        omega = rank / (returns.shape[1] + 1)
        low += np.log(omega / (1 - omega)) <= 0
        lost += outside[best] < 0
        count += 1
    return low / count, lost / count


def noise(seed: int, days: int = 240, trials: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((days, trials)) / 100


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 10_000), st.integers(FEWEST_DAYS, 130), st.integers(FEWEST_TRIALS, 17), st.sampled_from([2, 4, 6])
)
def test_it_is_what_the_definition_says(seed, days, trials, blocks):
    returns = noise(seed, days, trials)
    found = probability_of_overfitting(returns, blocks)
    assert (found.probability, found.loss) == pytest.approx(by_definition(returns, blocks))
    assert (found.trials, found.halvings) == (trials, len(list(combinations(range(blocks), blocks // 2))))


def test_by_hand_the_best_of_each_half_is_the_worst_of_the_other():
    returns = np.tile(np.array([[0.01], [-0.01]]), (50, 10))
    returns[:50, 0] += 0.02
    returns[50:, 0] -= 0.02
    returns[:50, 1] -= 0.02
    returns[50:, 1] += 0.02
    found = probability_of_overfitting(returns, 2)
    assert found == (1.0, 1.0, 10, 2)


def test_one_try_with_an_edge_among_noise_is_chosen_and_stays_best():
    returns = noise(3)
    returns[:, 7] += 0.01
    found = probability_of_overfitting(returns)
    assert (found.probability, found.loss) == (0.0, 0.0)
    assert found.halvings == 12_870


def test_choosing_among_noise_lands_in_the_lower_half_about_half_of_the_time():
    found = [probability_of_overfitting(noise(seed), 8).probability for seed in range(60)]
    assert 0.4 < np.mean(found) < 0.6


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.floats(0.1, 50.0))
def test_neither_the_order_of_tries_nor_their_size_changes_it(seed, size):
    returns = noise(seed)
    again = returns[:, np.random.default_rng(seed).permutation(12)] * size
    assert probability_of_overfitting(again, 6) == probability_of_overfitting(returns, 6)


def test_tries_that_are_all_the_same_rank_in_the_middle_which_is_no_evidence_for_the_choice():
    returns = np.repeat(noise(1, trials=1), 12, axis=1)
    assert probability_of_overfitting(returns, 4).probability == 1.0


def test_tries_that_never_traded_have_a_ratio_of_zero():
    returns = np.zeros((100, 12))
    returns[:, 0] = noise(2, 100, 1)[:, 0] + 0.02
    found = probability_of_overfitting(returns, 4)
    assert (found.probability, found.loss) == (0.0, 0.0)


def test_so_many_tries_that_they_are_compared_in_pieces_are_all_compared():
    returns = noise(5, trials=400)
    returns[:, 399] += 0.01
    found = probability_of_overfitting(returns)
    assert found == (0.0, 0.0, 400, 12_870)


def test_nothing_is_estimated_from_too_little():
    assert probability_of_overfitting(noise(1, trials=FEWEST_TRIALS - 1)) is None
    assert probability_of_overfitting(noise(1, days=FEWEST_DAYS - 1)) is None
    assert probability_of_overfitting(noise(1, days=FEWEST_DAYS), 62) is None
    assert probability_of_overfitting(noise(1, days=FEWEST_DAYS, trials=FEWEST_TRIALS)) is not None


def test_what_is_no_table_of_returns_is_refused():
    broken = noise(1)
    broken[3, 3] = np.nan
    for returns, blocks in ((broken, 4), (noise(1)[:, 0], 4), (noise(1), 5), (noise(1), 0)):
        with pytest.raises(ValueError, match=r"finite|halved"):
            probability_of_overfitting(returns, blocks)
