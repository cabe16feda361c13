from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.ratios import sharpe
from src.backtest.report.curves import days_of, histogram, months, rolling_sharpe, round_up, weeks
from src.core.domain.market import Money
from src.core.domain.time import BAR_15M, DAY, JST, JST_OFFSET, to_millis


def jst(*moment: int) -> int:
    return to_millis(datetime(*moment, tzinfo=JST))


def test_months_compound_to_the_whole_return(run):
    found = months(run.candles.closed_at, run.decisions.equity, run.initial, run.final)
    assert [(m.year, m.month) for m in found] == [(2023, 1), (2023, 2), (2023, 3)]
    growth = np.prod([1 + m.return_pct / 100 for m in found])
    assert growth == pytest.approx(run.final / run.initial)


def test_the_bar_that_closes_at_the_first_instant_of_a_month_belongs_to_the_month_before():
    closed_at = np.array([jst(2023, 1, 31, 23, 45), jst(2023, 2, 1), jst(2023, 2, 1, 0, 15)])
    found = months(closed_at, np.array([100, 110, 99]), Money(100), Money(99))
    assert [round(m.return_pct, 6) for m in found] == [10.0, -10.0]


def test_a_month_without_candles_stands_still():
    closed_at = np.array([jst(2022, 12, 5), jst(2023, 2, 5)])
    found = months(closed_at, np.array([120, 60]), Money(100), Money(60))
    assert [(m.year, m.month, m.return_pct) for m in found] == [(2022, 12, 20.0), (2023, 1, 0.0), (2023, 2, -50.0)]


def test_the_last_day_ends_with_what_is_left_after_everything_was_closed(run):
    days = days_of(run.candles.closed_at, run.decisions.equity, run.initial, run.final)
    assert np.prod(days.growth) == pytest.approx(run.final / run.initial)


def test_each_rolling_ratio_is_the_ratio_of_its_window(run):
    returns = days_of(run.candles.closed_at, run.decisions.equity, run.initial, run.final).returns
    rolling = rolling_sharpe(returns, 60)
    assert len(rolling) == len(returns) - 59
    for k in (0, len(rolling) // 2, len(rolling) - 1):
        assert rolling[k] == pytest.approx(sharpe(returns[k : k + 60]))


def test_too_few_days_have_no_rolling_ratio_and_days_that_do_not_vary_an_unknown_one():
    assert len(rolling_sharpe(np.ones(59))) == 0
    assert np.isnan(rolling_sharpe(np.zeros(60))).all()


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False) | st.just(float("nan")), max_size=60))
def test_a_histogram_counts_every_known_value_in_the_bin_it_belongs_to(values):
    given_values = np.array(values)
    known = given_values[np.isfinite(given_values)]
    found = histogram(given_values)
    assert int(found.counts.sum()) == len(known)
    if len(known):
        assert 0.0 in found.edges
        assert found.edges[0] <= known.min()
        assert known.max() <= found.edges[-1]
        assert len(found.counts) <= 42
        below = int(found.counts[found.edges[:-1] < 0].sum())
        assert below == int((known < 0).sum())


def test_noise_of_the_arithmetic_is_one_bin_and_not_forty():
    assert len(histogram(np.array([0.0, 5e-324, 1e-17])).counts) == 1


@given(st.floats(1e-6, 1e9))
def test_a_rounded_width_is_not_below_what_was_asked_and_less_than_three_times_it(value):
    assert value * (1 - 1e-6) <= round_up(value) <= 2.5 * value


def test_weeks_begin_on_monday_in_japan_and_count_every_bar(run):
    found = weeks(run.candles.closed_at, run.decisions.reason, len(run.decisions.reasons))
    assert int(found.counts.sum()) == len(run.candles)
    assert ((found.starts + JST_OFFSET) % DAY == 0).all()
    assert datetime.fromtimestamp(int(found.starts[0]) / 1000, JST).weekday() == 0
    assert found.starts[0] < run.candles.closed_at[0] <= found.starts[1] + BAR_15M
    assert found.counts.sum(axis=0).tolist() == [run.summary["reasons"][name] for name in run.decisions.reasons]


def test_the_bar_that_closes_as_monday_begins_belongs_to_the_week_before():
    closed_at = np.array([jst(2023, 1, 2), jst(2023, 1, 2, 0, 15)])  # a Monday
    found = weeks(closed_at, np.array([0, 0]), 1)
    assert found.starts.tolist() == [jst(2022, 12, 26), jst(2023, 1, 2)]
    assert found.counts.tolist() == [[1], [1]]
