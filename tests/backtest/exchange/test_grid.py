from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.backtest.exchange.grid import LONGEST, on_grid


@given(st.integers(1, 10**60), st.integers(-80, 5), st.sampled_from([0, 3, 4, 8]))
@example(10**40 + 1, -40, 4)  # more figures than the usual context keeps
@example(5, -5, 4)
def test_a_number_is_counted_in_whole_steps_and_what_is_cut_is_said(figures, exponent, digits):
    value = Decimal(f"{figures}E{exponent}")
    steps = Fraction(value) * 10**digits
    if value.adjusted() >= LONGEST:
        assert on_grid(value, digits) == (10 ** (LONGEST + digits), False)
    else:
        assert on_grid(value, digits) == (int(steps), steps == int(steps))


@pytest.mark.parametrize("text", ["0", "-0", "0E-999999", "-1", "NaN", "sNaN", "-NaN", "Infinity", "-Infinity"])
def test_what_is_no_positive_number_is_none(text):
    assert on_grid(Decimal(text), 4) is None


@pytest.mark.parametrize("text", ["1E-999999999999", "0.00009", "1.0E-5"])
def test_less_than_a_step_is_none_of_them(text):
    assert on_grid(Decimal(text), 4) == (0, False)


def test_a_number_larger_than_any_is_not_written_out():
    assert on_grid(Decimal("9.9E+999999999999"), 4) == (10**22, False)
