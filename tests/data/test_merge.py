import pytest
from hypothesis import given

from src.core.domain.candles import Candles
from src.core.domain.market import Ticks
from src.core.domain.time import BAR_15M, DAY, Millis, format_jst, month_start, to_datetime
from src.core.exceptions import BadCandles
from src.data.merge import by_month, day_of, merge
from tests.data.bars import START, bar, quarter_hours, some_bars


@given(some_bars(), some_bars())
def test_a_merge_has_every_bar_of_both_once_in_order(a: Candles, b: Candles):
    both = merge(a, b)
    assert list(both) == sorted(set(a) | set(b))
    assert both == merge(b, a)
    assert merge(both, a) == both


@given(some_bars(), some_bars())
def test_with_replace_the_new_bars_win_and_no_other_changes(a: Candles, b: Candles):
    newer = Candles.of(x._replace(close=Ticks(x.close + 1)) for x in b)
    both = merge(a, newer, replace=True)
    assert set(newer) <= set(both)
    given_times = {x.closed_at for x in newer}
    assert [x for x in both if x.closed_at not in given_times] == [x for x in a if x.closed_at not in given_times]


def test_the_first_conflict_is_named_with_both_values():
    given_bars = Candles.of([bar(3, 6_000_003), bar(4, 1_234), bar(5, 5_678)])
    with pytest.raises(BadCandles, match="2 of 3 shared bars") as caught:
        merge(quarter_hours(0, 10), given_bars)
    assert format_jst(bar(4).closed_at) in str(caught.value)
    assert "6000004" in caught.value.what
    assert "1234" in caught.value.what


@given(some_bars())
def test_months_put_together_again_are_the_whole(candles: Candles):
    pieces = by_month(candles)
    assert Candles.joined(piece for _, piece in pieces) == candles
    assert [month for month, _ in pieces] == sorted({month for month, _ in pieces})
    for month, piece in pieces:
        assert len(piece) > 0
        assert {month_start(Millis(b.closed_at - BAR_15M)) for b in piece} == {month}


def test_the_bar_that_closes_at_midnight_belongs_to_the_day_it_lies_in():
    last_of_january = Millis(START + 31 * DAY)
    candles = Candles.of([bar(31 * 96 - 1), bar(31 * 96)])
    assert candles.bar(0).closed_at == last_of_january
    assert [to_datetime(month).month for month, _ in by_month(candles)] == [1, 2]
    assert day_of(last_of_january) == day_of(Millis(last_of_january - BAR_15M)) == day_of(bar(31 * 96).closed_at) - 1
