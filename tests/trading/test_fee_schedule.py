"""Fees are dated facts: what was paid on a day, and what is paid today."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.time import BAR_15M, Millis, parse_time
from src.trading.fee_schedule import FEE_SCHEDULE, Fees, fee_columns, fees_at, todays_fees

CHANGE = parse_time("2026-02-02T00:00")  # JST


def test_until_the_first_of_february_2026_makers_were_paid_and_takers_paid_twelve_basis_points():
    assert fees_at(Millis(CHANGE - 1)) == Fees(-200, 1_200)
    assert fees_at(parse_time("2017-02-14")) == Fees(-200, 1_200)


def test_from_the_second_of_february_2026_japan_time_makers_pay_nothing_and_takers_ten_basis_points():
    assert fees_at(CHANGE) == Fees(0, 1_000)
    assert parse_time("2026-02-01T15:00+00:00") == CHANGE


def test_todays_fees_are_the_newest():
    assert todays_fees() == Fees(0, 1_000) == fees_at(Millis(2**53))


def test_the_schedule_is_in_order_of_time_and_says_where_it_comes_from():
    starts = [entry.starts_at for entry in FEE_SCHEDULE]
    assert starts == sorted(set(starts))
    assert all(len(entry.source) > 20 for entry in FEE_SCHEDULE)


def test_the_bar_that_closes_at_the_change_was_traded_at_the_old_fees():
    maker, taker = fee_columns(np.array([CHANGE, CHANGE + BAR_15M], np.int64))
    assert (maker.tolist(), taker.tolist()) == ([-200, 0], [1_200, 1_000])


@given(st.lists(st.integers(1, 2**53)))
def test_a_column_holds_what_held_just_before_each_close(times):
    maker, taker = fee_columns(np.array(times, np.int64))
    assert maker.dtype == taker.dtype == np.int64
    assert list(zip(maker.tolist(), taker.tolist(), strict=True)) == [tuple(fees_at(Millis(t - 1))) for t in times]
