import numpy as np
import pytest

from src.core.domain.time import BAR_15M, Millis
from src.core.exceptions import BadCandles
from src.features.bars import BarColumns
from src.features.feature_generator import FeatureStream, Quality, Row
from tests.features.made_bars import DAY_BARS, as_bars, at, random_bars


def bits(row: Row) -> tuple[int, int, bytes]:
    return row.closed_at, row.quality, np.array(row[2:]).tobytes()


@pytest.fixture(scope="module")
def bars() -> BarColumns:
    return random_bars(130 * DAY_BARS, seed=21, gaps=0.001)


def test_a_stream_opened_anywhere_goes_on_like_one_that_never_stopped(bars):
    listed = as_bars(bars)
    first, last = 118 * DAY_BARS, 119 * DAY_BARS
    running = FeatureStream()
    running.open(bars.between(0, first))
    for i in range(first, last):
        row = running.update(listed[i])
        if i % 7 == 0:
            fresh = FeatureStream()
            fresh.open(bars.between(0, i))
            assert bits(fresh.update(listed[i])) == bits(row)


@pytest.mark.parametrize("late", [0, BAR_15M, 20 * BAR_15M])
def test_a_bar_that_is_not_newer_is_refused_and_the_stream_goes_on(bars, late):
    listed = as_bars(bars)
    stream, untouched = FeatureStream(), FeatureStream()
    for s in (stream, untouched):
        s.open(bars.between(0, 5_000))
    old = listed[5_000]._replace(closed_at=Millis(listed[4_999].closed_at - late))
    with pytest.raises(BadCandles, match="not a candle") as refused:
        stream.update(old)
    assert "JST" in str(refused.value)
    assert stream.last_closed_at == listed[4_999].closed_at
    assert bits(stream.update(listed[5_000])) == bits(untouched.update(listed[5_000]))


def test_a_refused_history_leaves_the_stream_as_it_was(bars):
    stream = FeatureStream()
    stream.open(bars.between(0, 500))
    with pytest.raises(BadCandles):
        stream.open(BarColumns(*(column[::-1].copy() for column in bars)))
    assert stream.last_closed_at == bars.closed_at[499]
    stream.update(as_bars(bars)[500])


def test_a_stream_without_history_begins_cold_and_unknown(bars):
    stream = FeatureStream()
    assert stream.last_closed_at is None
    stream.open(BarColumns.of([]))
    assert stream.last_closed_at is None
    first = as_bars(bars)[0]
    row = stream.update(first)
    assert row.quality == Quality.COLD
    assert (row.close, row.volume) == (float(first.close), first.volume / 10_000)
    assert np.isnan(row.ema_20)
    assert np.isnan(row.close_4h)
    assert stream.last_closed_at == first.closed_at


def test_a_row_holds_plain_numbers(bars):
    stream = FeatureStream()
    stream.open(bars.between(0, 3_000))
    row = stream.update(as_bars(bars)[3_000])
    assert {type(x) for x in row[:2]} == {int}
    assert {type(x) for x in row[2:]} == {float}


def test_opening_again_on_a_repaired_store_forgets_the_gap():
    full = random_bars(2_000, seed=22)
    stream, repaired = FeatureStream(), FeatureStream()
    stream.open(full.between(0, 1_000))
    stream.update(as_bars(full)[1_005])
    stream.open(full.between(0, 1_500))
    repaired.open(full.between(0, 1_500))
    assert bits(stream.update(as_bars(full)[1_500])) == bits(repaired.update(as_bars(full)[1_500]))


def test_a_long_silence_over_a_turn_of_the_month_leaves_a_cold_or_marked_row():
    full = random_bars(220 * DAY_BARS, seed=23)
    late = int(np.flatnonzero(full.closed_at == at(2023, 8, 1, 1))[0])
    stream = FeatureStream()
    stream.open(full.between(0, 150 * DAY_BARS))
    row = stream.update(as_bars(full)[late])
    assert row.quality == Quality.NOT_FINITE  # warm by the calendar, but its fold has no bars before it
    assert np.isnan(row.ema_20)
    assert row.close_4h == full.close[150 * DAY_BARS - 1]
