"""The largest fall from a high: the same number as by its definition, however long the record."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.evaluator import max_drawdown


def by_definition(marks: np.ndarray) -> float:
    peak = np.maximum.accumulate(marks)
    return float(np.max((peak - marks) / peak))


@given(st.integers(1, 700), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 1_000, 10**9]))
def test_the_largest_fall_is_found_wherever_its_high_and_its_low_lie(length, seed, scale):
    steps = np.random.default_rng(seed).integers(-scale, scale + 1, length)
    marks = 10**13 + np.cumsum(steps)
    assert max_drawdown(marks) == by_definition(marks)
    assert max_drawdown(marks[::-1].copy()) == by_definition(marks[::-1])


def test_a_record_that_never_falls_has_none_and_an_empty_one_neither():
    assert max_drawdown(np.arange(1, 1_000)) == 0.0
    assert max_drawdown(np.empty(0, np.int64)) == 0.0


def test_what_was_lost_may_be_more_than_there_was():
    assert max_drawdown(np.array([100] * 200 + [-20] + [50] * 100)) == 1.2
