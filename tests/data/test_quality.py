import math

import numpy as np
import pytest

from src.core.domain.candles import Candles
from src.core.domain.market import Lots, Ticks
from src.core.domain.time import BAR_15M, MINUTE, Millis
from src.core.exceptions import BadCandles
from src.data.quality import FLAT_RUN, Intake, assess, describe, require_sound
from tests.data.bars import START, bar, plain, quarter_hours


def without(candles: Candles, *gone: int) -> Candles:
    keep = np.ones(len(candles), np.bool_)
    keep[list(gone)] = False
    return candles.rows(keep)


def test_whole_candles_have_nothing_to_report():
    report = assess(quarter_hours(0, 200), BAR_15M)
    assert (report.bars, report.expected, report.missing, report.gaps, report.coverage) == (200, 200, 0, 0, 1.0)
    assert (report.impossible, report.off_grid_times, report.flat_runs, report.extremes) == (0, 0, 0, 0)
    assert len(describe(report)) == 2


def test_gaps_are_counted_and_the_longest_named_in_japanese_time():
    report = assess(without(quarter_hours(0, 100), 10, 50, 51, 52, 80), BAR_15M)
    assert (report.gaps, report.missing, report.longest_gap) == (3, 5, 3)
    assert report.coverage == 0.95
    longest = report.longest_gaps[0]
    assert (longest.after, longest.before) == (bar(49).closed_at, bar(53).closed_at)
    assert "  3 bars between 2024-01-01 21:30 JST and 2024-01-01 22:30 JST" in describe(report)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("high", 5_999_000),
        ("low", 6_000_005),
        ("low", 0),
        ("low", -1),
        ("volume", -1),
        ("high", 2**31),
        ("volume", 2**31),
    ],
)
def test_a_bar_no_market_can_have_made_is_counted_and_never_stored(field: str, value: int):
    wrong = Candles.of([bar(0), bar(1)._replace(**{field: value}), bar(2)])
    assert assess(wrong, BAR_15M).impossible == 1
    with pytest.raises(BadCandles, match="2024-01-01 09:30 JST cannot be"):
        require_sound(wrong, BAR_15M, "a test")


def test_a_bar_between_two_grid_times_is_counted_and_never_stored():
    wrong = plain(START + MINUTE, 3, BAR_15M)
    assert assess(wrong, BAR_15M).off_grid_times == 3
    with pytest.raises(BadCandles, match="does not close on the 15m grid"):
        require_sound(wrong, BAR_15M, "a test")


def test_stretches_without_trades_are_told_from_single_quiet_bars():
    def quiet(i: int) -> bool:
        return i in {3} or 20 <= i < 20 + FLAT_RUN or i >= 90

    bars = [
        bar(i)._replace(open=Ticks(5), high=Ticks(5), low=Ticks(5), close=Ticks(5), volume=Lots(0))
        if quiet(i)
        else bar(i)
        for i in range(100)
    ]
    report = assess(Candles.of(bars), BAR_15M)
    assert (report.flat_runs, report.flat_bars, report.longest_flat) == (2, FLAT_RUN + 10, 10)


def test_one_wild_bar_is_an_extreme_move_and_the_way_back_too():
    rng = np.random.default_rng(1)
    prices = (6_000_000 * np.exp(np.cumsum(rng.normal(0, 0.001, 500)))).astype(int)
    bars = [bar(i, int(price)) for i, price in enumerate(prices)]
    crash = round(bars[250].close * 0.8)
    bars[250] = bars[250]._replace(low=Ticks(crash), close=Ticks(crash))
    report = assess(Candles.of(bars), BAR_15M)
    assert report.extremes == 2
    assert {move.closed_at for move in report.largest_moves} == {bar(250).closed_at, bar(251).closed_at}
    assert report.largest_moves[1].change == pytest.approx(-0.2, abs=0.005)
    assert math.isfinite(report.largest_moves[0].deviations)


def test_a_price_that_moved_during_a_gap_is_no_extreme_bar():
    far = Candles.of([*quarter_hours(0, 100), *quarter_hours(200, 100, price=9_000_000)])
    assert assess(far, BAR_15M).extremes == 0


def test_what_was_left_out_or_rounded_on_the_way_in_is_said():
    lines = describe(assess(quarter_hours(0, 9), BAR_15M, Intake(1, 22, 333, 4_444, 5)))
    for text in ("1 prices rounded", "22 volumes rounded", "333 rows left out: a price of zero", "4,444 rows left out"):
        assert any(text in line for line in lines)


def test_no_bars_are_no_bars():
    report = assess(Candles.empty(), BAR_15M)
    assert (report.bars, report.expected, report.coverage, report.first) == (0, 0, 0.0, None)
    assert describe(report) == ["no bars"]


def test_one_bar_is_whole():
    report = assess(Candles.of([bar(0)]), BAR_15M)
    assert (report.expected, report.coverage, report.last) == (1, 1.0, Millis(START + BAR_15M))
