from decimal import Decimal

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.domain.market import BTC_JPY
from src.core.domain.time import BAR_4H, BAR_15M, HOUR
from src.core.exceptions import BadCandles, ConfigError
from src.features.bars import BarColumns, check_bar
from src.features.feature_generator import (
    COLUMNS,
    FeatureMatrix,
    FeatureSettings,
    FeatureStream,
    Quality,
    Row,
    feature_matrix,
    row_at,
)
from tests.features.made_bars import DAY_BARS, NEW_YEAR, as_bars, at, flat_bars, random_bars, without

WARM_FROM = at(2023, 5, 1)  # the first month whose anchor, 120 days earlier, is not before NEW_YEAR
IN_ORDER = tuple(range(len(COLUMNS)))
LONG = 155 * DAY_BARS  # to the 5th of June


def place(bars: BarColumns, closed_at: int) -> int:
    return int(np.flatnonzero(bars.closed_at == closed_at)[0])


def column(matrix: FeatureMatrix, name: str) -> np.ndarray:
    return matrix.values[:, COLUMNS.index(name)]


@pytest.fixture(scope="module")
def bars() -> BarColumns:
    return random_bars(LONG, seed=5)


@pytest.fixture(scope="module")
def matrix(bars) -> FeatureMatrix:
    return feature_matrix(bars)


def test_a_matrix_has_one_row_per_bar_in_one_block_of_memory(bars, matrix):
    assert matrix.values.shape == (LONG, len(COLUMNS))
    assert matrix.values.flags.c_contiguous
    assert (matrix.values.dtype, matrix.quality.dtype, matrix.closed_at.dtype) == (np.float64, np.int64, np.int64)
    assert matrix.closed_at.tolist() == bars.closed_at.tolist()


def test_a_month_whose_anchor_precedes_the_first_bar_is_cold_as_a_whole(matrix):
    cold = matrix.closed_at < WARM_FROM
    assert set(matrix.quality[cold]) == {Quality.COLD}
    assert set(matrix.quality[~cold]) == {Quality.GOOD}
    assert np.isfinite(matrix.values[~cold]).all()


def test_one_bar_too_few_leaves_the_next_month_cold_too():
    late = random_bars(LONG - 1, seed=5, opened_at=NEW_YEAR + BAR_15M)
    got = feature_matrix(late)
    assert set(got.quality[got.closed_at < at(2023, 6, 1)]) == {Quality.COLD}
    assert Quality.COLD not in got.quality[got.closed_at >= at(2023, 6, 1)]


@settings(deadline=None, max_examples=12)
@given(end=st.integers(1, LONG - 1), seed=st.integers(0, 3))
def test_the_future_cannot_change_the_past(end, seed):
    bars = random_bars(LONG, seed, gaps=0.002, quiet=0.02)
    end = min(end, bars.closed_at.size)
    whole, part = feature_matrix(bars), feature_matrix(bars.between(0, end))
    assert part.values.tobytes() == whole.values[:end].tobytes()
    assert part.quality.tolist() == whole.quality[:end].tolist()


@settings(deadline=None, max_examples=12)
@given(offset=st.integers(0, 30 * DAY_BARS), seed=st.integers(0, 3))
def test_a_warm_month_does_not_depend_on_where_the_history_began(offset, seed):
    bars = random_bars(LONG + 26 * DAY_BARS, seed, NEW_YEAR - 26 * 24 * HOUR, gaps=0.002)
    whole, late = feature_matrix(bars), feature_matrix(bars.between(offset, bars.closed_at.size))
    warm = late.quality != Quality.COLD
    assert warm.any()
    assert late.values[warm].tobytes() == whole.values[offset:][warm].tobytes()
    assert late.quality[warm].tolist() == whole.quality[offset:][warm].tolist()


def test_the_newest_four_hour_bar_is_joined_by_time_and_never_a_forming_one(bars, matrix):
    closes = dict(zip(bars.closed_at.tolist(), bars.close.tolist(), strict=True))
    for i in range(16, LONG, 331):
        end = bars.closed_at[i] // BAR_4H * BAR_4H
        assert column(matrix, "close_4h")[i] == closes[int(end)]


def test_a_bucket_whose_last_part_is_missing_is_joined_from_the_next_bar_on():
    full = random_bars(LONG, seed=6)
    end = at(2023, 5, 10, 8)
    bars = without(full, place(full, end))
    got = feature_matrix(bars)
    seen = place(bars, end + BAR_15M)
    assert column(got, "close_4h")[seen] == bars.close[seen - 1]  # the bucket's last stored part
    assert column(got, "close_4h")[seen - 1] == full.close[place(full, end - BAR_4H)]
    assert got.quality[seen] == Quality.AFTER_GAP


def test_bars_after_a_gap_carry_it_for_the_stated_number_of_bars():
    full = random_bars(LONG, seed=7)
    gone = place(full, at(2023, 5, 10, 9))
    bars = without(full, gone, gone + 1)
    for limit in (1, 4, 7):
        got = feature_matrix(bars, FeatureSettings(bars_after_gap=limit))
        assert np.flatnonzero(got.quality == Quality.AFTER_GAP).tolist() == list(range(gone, gone + limit))


def test_rows_are_stale_while_the_newest_four_hour_bar_is_missing():
    full = random_bars(LONG, seed=8)
    end = at(2023, 5, 10, 12)
    gone = place(full, end)
    bars = without(full, *range(gone - 8, gone - 3))  # 5 of the 16 parts
    got = feature_matrix(bars)
    stale = got.closed_at[got.quality == Quality.STALE_VIEW]
    assert stale.tolist() == list(range(end, end + BAR_4H, BAR_15M))
    lenient = feature_matrix(bars, FeatureSettings(max_view_age=2 * BAR_4H))
    assert Quality.STALE_VIEW not in lenient.quality
    assert Quality.STALE_VIEW not in feature_matrix(bars, FeatureSettings(min_parts=11)).quality


def test_a_quiet_bar_is_quiet_and_a_flat_market_is_not_finite():
    bars = random_bars(LONG, seed=9)
    quiet, flat = place(bars, at(2023, 5, 10)), place(bars, at(2023, 5, 20))
    bars.volume[quiet] = 0
    for prices in (bars.open, bars.high, bars.low, bars.close):
        prices[flat - 60 : flat + 1] = prices[flat - 61]
    got = feature_matrix(bars)
    assert np.flatnonzero(got.quality == Quality.QUIET).tolist() == [quiet]
    assert got.quality[flat] == Quality.NOT_FINITE
    assert np.isnan(column(got, "zscore")[flat])


def test_a_non_finite_row_near_a_gap_with_a_missing_view_says_the_worst_first():
    bars = random_bars(LONG, seed=10)
    i = place(bars, at(2023, 5, 10, 12))
    for prices in (bars.open, bars.high, bars.low, bars.close):
        prices[i - 90 : i + 1] = prices[i - 91]
    bars.volume[i] = 0
    assert feature_matrix(without(bars, *range(i - 7, i - 1))).quality[i - 6] == Quality.NOT_FINITE
    assert feature_matrix(without(bars, *range(i - 7, i - 1)).between(200, LONG - 6)).quality[i - 206] == Quality.COLD


def test_an_empty_history_has_an_empty_matrix():
    got = feature_matrix(BarColumns.of([]))
    assert got.values.shape == (0, len(COLUMNS))
    assert got.quality.size == 0


def test_row_at_names_every_column_and_reads_lists_and_matrices_alike(matrix):
    i = LONG - 1
    from_matrix = row_at(matrix.closed_at[i], matrix.quality[i], matrix.values, IN_ORDER, i)
    from_lists = row_at(int(matrix.closed_at[i]), int(matrix.quality[i]), matrix.values.tolist(), IN_ORDER, i)
    assert from_matrix == from_lists
    assert isinstance(from_lists, Row)
    assert [getattr(from_lists, name) for name in COLUMNS] == matrix.values[i].tolist()
    assert Row._fields == ("closed_at", "quality", *COLUMNS)


def test_row_at_compiles_as_it_stands(matrix):
    compiled = numba.njit(row_at)
    i = LONG - 7
    closed_at, quality = int(matrix.closed_at[i]), int(matrix.quality[i])
    assert compiled(closed_at, quality, matrix.values, IN_ORDER, i) == row_at(
        closed_at, quality, matrix.values, IN_ORDER, i
    )


def broken(name: str, value: int) -> BarColumns:
    bars = flat_bars(20)
    getattr(bars, name)[10] = value
    return bars


BROKEN = [
    ("closed_at", NEW_YEAR),
    ("closed_at", NEW_YEAR + 11 * BAR_15M + 1),
    ("open", 5_000_001),
    ("open", 4_999_999),
    ("close", 5_000_001),
    ("close", 4_999_999),
    ("high", 4_999_999),
    ("low", 5_000_001),
    ("low", 0),
    ("low", -5),
    ("high", 2**53),
    ("volume", -1),
    ("volume", 2**53),
]


@pytest.mark.parametrize("piece", [1, 3, 10, 11, 16_384])
@pytest.mark.parametrize(("name", "value"), BROKEN)
def test_bars_that_cannot_be_candles_are_refused_all_at_once_and_one_by_one(name, value, piece, monkeypatch):
    monkeypatch.setattr("src.features.bars._PIECE", piece)
    feature_matrix(flat_bars(20))
    bars = broken(name, value)
    with pytest.raises(BadCandles, match="not a candle") as refused:
        feature_matrix(bars)
    assert refused.value.remedy
    tenth, eleventh = as_bars(bars)[9:11]
    with pytest.raises(BadCandles, match="not a candle") as one:
        check_bar(eleventh, tenth.closed_at)
    assert str(one.value) == str(refused.value)


def test_columns_of_different_length_or_type_are_refused():
    bars = flat_bars(20)
    for wrong in (bars._replace(volume=bars.volume[:-1]), bars._replace(close=bars.close.astype(float))):
        with pytest.raises(BadCandles, match="columns differ"):
            feature_matrix(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tick_size": 0.0},
        {"tick_size": float("nan")},
        {"lots_per_unit": -1.0},
        {"min_parts": 0},
        {"min_parts": 17},
        {"bars_after_gap": 0},
        {"max_view_age": BAR_4H - 1},
    ],
)
def test_settings_without_a_meaning_are_refused_with_the_range(wrong):
    name = next(iter(wrong))
    for make in (lambda s: feature_matrix(flat_bars(3), s), FeatureStream):
        with pytest.raises(ConfigError, match=name) as refused:
            make(FeatureSettings(**wrong))
        assert name in refused.value.remedy


def test_settings_take_their_grids_from_the_instrument():
    assert FeatureSettings.of(BTC_JPY) == FeatureSettings()
    other = FeatureSettings.of(BTC_JPY._replace(tick_size=Decimal("0.5"), lot_size=Decimal("0.001")), 10, 2)
    assert other == FeatureSettings(0.5, 1_000.0, 10, 2)
