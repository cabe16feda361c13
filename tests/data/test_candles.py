import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.candles import COLUMNS, Candles
from src.core.domain.time import BAR_15M, Millis
from src.core.exceptions import BadCandles
from tests.data.bars import START, bar, quarter_hours, some_bars


def test_columns_cannot_be_written_to_nor_changed_from_outside():
    columns = [np.arange(1, 4, dtype=np.int64) for _ in COLUMNS]
    candles = Candles(*columns)
    columns[4][0] = 99
    assert candles.close[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        candles.close[0] = 5
    assert columns[4].flags.writeable  # the caller's own array stays the caller's


def test_slices_share_memory_with_the_whole():
    candles = quarter_hours(0, 100)
    assert np.shares_memory(candles.between(bar(9).closed_at, bar(19).closed_at).close, candles.close)


def test_a_range_holds_what_closed_after_its_start_up_to_its_end():
    candles = quarter_hours(0, 10)
    part = candles.between(bar(2).closed_at, bar(5).closed_at)
    assert [b.closed_at for b in part] == [bar(i).closed_at for i in (3, 4, 5)]
    assert len(candles.between(bar(5).closed_at, bar(2).closed_at)) == 0


@given(some_bars(), st.integers(0, 9_001))
def test_two_halves_make_the_whole(candles: Candles, at: int):
    middle = Millis(START + at * BAR_15M)
    whole = candles.between(Millis(0), middle).concat(candles.between(middle, Millis(2**62)))
    assert whole == candles
    assert whole.sha256() == candles.sha256()


@given(some_bars())
def test_bars_go_in_and_come_out_as_they_were(candles: Candles):
    assert Candles.of(candles) == candles
    assert [type(value) for b in candles for value in b] == [int] * 6 * len(candles)


def test_the_hash_is_the_same_on_every_machine_and_differs_with_any_value():
    assert Candles.empty().sha256() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    base = quarter_hours(0, 5)
    bars = list(base)
    for field in COLUMNS[1:]:
        changed = [*bars[:4], bars[4]._replace(**{field: getattr(bars[4], field) + 1})]
        assert Candles.of(changed).sha256() != base.sha256()


@pytest.mark.parametrize("order", [(1, 0), (0, 0)], ids=["backwards", "twice"])
def test_times_that_do_not_increase_are_refused(order: tuple[int, int]):
    with pytest.raises(BadCandles, match="bar 2 closed"):
        Candles.of(bar(i) for i in order)


def test_bars_that_do_not_follow_cannot_be_put_behind():
    with pytest.raises(BadCandles):
        quarter_hours(5, 5).concat(quarter_hours(0, 5))


def test_columns_of_another_type_or_length_are_refused():
    whole = [np.arange(3, dtype=np.int64) for _ in COLUMNS]
    with pytest.raises(TypeError, match="volume"):
        Candles(*whole[:5], np.arange(3.0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="volume had 2 values for 3"):
        Candles(*whole[:5], np.arange(2, dtype=np.int64))
