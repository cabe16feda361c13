"""Marks by days, falls from a high, months: every figure as it can be counted by hand."""

import numpy as np
import pytest

from src.backtest.daily import daily, deepest_fall
from src.backtest.drawdowns import drawdowns, episodes
from src.backtest.evaluator import max_drawdown
from src.backtest.months import calendar, months
from src.core.domain.time import BAR_15M, DAY, HOUR
from tests.backtest.made_records import NEW_YEAR


def at(*hours: float) -> np.ndarray:
    return np.array([NEW_YEAR + round(h * HOUR) for h in hours], np.int64)


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_it_ends():
    days = daily(at(0.25, 24, 24.25, 48), [110, 120, 90, 60], 100)
    assert days.day.tolist() == [NEW_YEAR // DAY, NEW_YEAR // DAY + 1]
    assert days.growth == pytest.approx([1.2, 0.5])
    assert days.high == pytest.approx([1.2, 1.0])
    assert days.low == pytest.approx([1.0, 0.5])
    assert days.fall == pytest.approx([0.0, 0.5])
    assert days.bars.tolist() == [2, 2]


def test_a_day_without_a_bar_keeps_the_mark_of_the_day_before():
    days = daily(at(24, 96), [110, 121], 100)
    assert days.growth == pytest.approx([1.1, 1.0, 1.0, 1.1])
    assert days.bars.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("marks", [[100, 0], [100, -5], [0, 100]])
def test_there_is_no_return_on_nothing(marks):
    assert len(daily(at(24, 48), marks, 100).day) == 0


def test_no_bars_are_no_days():
    assert len(daily(at(), [], 100).day) == 0


def test_days_put_behind_one_another_fall_as_deep_as_their_bars():
    random = np.random.default_rng(3)
    for _ in range(50):
        closed_at = NEW_YEAR + BAR_15M * np.flatnonzero(random.random(3_000) < 0.7)
        marks = np.rint(1e10 * np.cumprod(random.normal(1, 0.004, len(closed_at)))).astype(np.int64)
        days = daily(closed_at, marks, 10**10)
        whole = deepest_fall(*(column[None, :] for column in (days.growth, days.high, days.low, days.fall)))
        assert float(whole[0]) == pytest.approx(max_drawdown(np.append(np.int64(10**10), marks)), rel=1e-9)


def test_each_fall_from_a_high_is_told_with_its_dates():
    times, marks = at(0, 1, 2, 3, 4, 5, 6, 7), np.array([100, 120, 90, 108, 120, 130, 117, 104])
    first, second = episodes(times, marks)
    assert first.depth == pytest.approx(0.25)
    assert (first.peak_at, first.trough_at, first.recovered_at) == (times[1], times[2], times[4])
    assert first.duration_ms == 3 * HOUR
    assert second.depth == pytest.approx(0.2)
    assert (second.peak_at, second.trough_at, second.recovered_at) == (times[5], times[7], None)
    assert second.duration_ms == 2 * HOUR
    found = drawdowns(times, marks, daily(times[1:], marks[1:], 100), None)
    assert found.falls == 2
    assert found.deepest == first
    assert found.longest == first
    assert found.average_depth == pytest.approx(0.225)
    assert found.average_duration_ms == 2.5 * HOUR
    assert found.underwater_share == 4 / 8
    assert found.current_depth == pytest.approx(0.2)
    assert found.serenity is None


def test_a_record_that_only_rises_has_no_drawdown_to_speak_of():
    times, marks = at(0, 24, 48), np.array([100, 110, 120])
    found = drawdowns(times, marks, daily(times[1:], marks[1:], 100), 0.5)
    assert (found.falls, found.deepest, found.longest, found.average_depth) == (0, None, None, None)
    assert found.underwater_share == 0
    assert found.current_depth == 0
    assert found.ulcer_index == 0
    assert found.serenity is None


def test_months_compound_their_days_and_the_table_has_every_month():
    closed_at = NEW_YEAR + DAY * np.arange(1, 91)
    days = daily(closed_at, 100 * np.cumprod(np.full(90, 1.001)), 100)
    table = months(days)
    assert [(m.year, m.month, m.days) for m in table] == [(2023, 1, 31), (2023, 2, 28), (2023, 3, 31)]
    assert [m.growth for m in table] == pytest.approx([1.001**31 - 1, 1.001**28 - 1, 1.001**31 - 1])


def test_the_best_and_worst_days_and_months_are_named():
    growth = np.ones(59)
    growth[[3, 40]] = 1.05, 0.9
    days = daily(NEW_YEAR + DAY * np.arange(1, 60), 100 * np.cumprod(growth), 100)
    found = calendar(days)
    assert (found.days_winning, found.days_losing, found.days_flat) == (1, 1, 57)
    assert (found.best_day.name, found.worst_day.name) == ("2023-01-04", "2023-02-10")
    assert found.best_day.growth == pytest.approx(0.05)
    assert (found.best_month.name, found.worst_month.name) == ("2023-01", "2023-02")
    assert found.worst_month.growth == pytest.approx(-0.1)
    assert (found.months_winning, found.months_losing) == (1, 1)
