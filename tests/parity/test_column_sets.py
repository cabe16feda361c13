"""Rows of some columns: the same bits in batch and live, the rest unknown, and a quality that speaks for them alone."""

import numpy as np
import pytest

from src.backtest.fold import MarketParams, Output, Tape, empty_output
from src.backtest.playback import interpreted_player
from src.backtest.tape import build_tape, growing_tape
from src.core.domain.candles import Candles
from src.core.domain.market import Money
from src.core.domain.time import DAY
from src.features.feature_generator import (
    COLUMNS,
    ColumnSet,
    FeatureMatrix,
    FeatureSettings,
    FeatureStream,
    Quality,
    column_set,
    feature_matrix,
)
from src.features.feature_matrix import feature_columns
from src.trading.columns_read import MODEL_COLUMNS, columns_of
from tests.backtest.made_worlds import default_params
from tests.features.made_bars import DAY_BARS, NEW_YEAR, as_bars, at, random_bars, without

FAST = column_set({"high", "low", "close", "rsi_14", "ema_20", "ema_20_before"})
SLOW = column_set({"volatility_4h", "slow_momentum_4h"})
BOTH = column_set({"close", "atr_mean_96", "zscore", "macd_signal_4h", "zscore_4h", "close_4h"})
MODEL = column_set(MODEL_COLUMNS)
NONE = column_set(())
SETS = [FAST, SLOW, BOTH, MODEL, NONE]


def known(matrix: FeatureMatrix, columns: ColumnSet) -> np.ndarray:
    return matrix.values[:, [COLUMNS.index(name) for name in columns.names]]


@pytest.fixture(scope="module")
def bars():
    """A market over turns of the month with gaps, quiet bars, a flat stretch and one without trades."""
    made = random_bars(165 * DAY_BARS, 3, NEW_YEAR - 5 * DAY, gaps=0.003, quiet=0.05, longest_gap=40)
    flat = int(np.searchsorted(made.closed_at, at(2023, 5, 10)))
    for prices in (made.open, made.high, made.low, made.close):
        prices[flat : flat + 80] = prices[flat - 1]
    made.volume[flat + 200 : flat + 240] = 0
    lost = np.flatnonzero((made.closed_at > at(2023, 5, 20)) & (made.closed_at < at(2023, 5, 20, 9)))
    return without(made, *lost)


@pytest.fixture(scope="module")
def whole(bars):
    return feature_matrix(bars)


@pytest.mark.parametrize("together", [1, 2, 5])
def test_months_have_the_same_rows_however_many_are_worked_out_together(bars, whole, together, monkeypatch):
    monkeypatch.setattr("src.features.feature_matrix.MONTHS_AT_ONCE", together)
    made = feature_matrix(bars)
    assert made.values.tobytes() == whole.values.tobytes()
    assert made.quality.tobytes() == whole.quality.tobytes()


def test_a_growing_tape_is_finished_as_far_as_it_says(bars, monkeypatch):
    monkeypatch.setattr("src.features.feature_matrix.MONTHS_AT_ONCE", 1)
    rates, first = np.zeros(len(bars.closed_at), np.int64), 3_000
    given = (Candles(*bars), first, rates, rates, FeatureSettings())
    finished = build_tape(*given)
    tape, steps = growing_tape(*given)
    reached = 0
    for done in steps:
        reached = done
        assert tape.rows[:done].tobytes() == finished.rows[:done].tobytes()
        assert tape.quality[:done].tobytes() == finished.quality[:done].tobytes()
        tape.rows.base[:-1, done:] = -1.0  # what no step has reached yet may be anything
    assert reached == len(tape.closed_at)


@pytest.mark.parametrize("columns", SETS)
def test_columns_have_the_bits_they_have_in_a_whole_row_and_the_others_are_unknown(bars, whole, columns):
    some = feature_matrix(bars, columns=columns)
    assert known(some, columns).tobytes() == known(whole, columns).tobytes()
    others = [k for k, name in enumerate(COLUMNS) if name not in columns.names]
    assert np.isnan(some.values[:, others]).all()


@pytest.mark.parametrize("columns", SETS)
def test_live_rows_have_the_bits_of_the_batch_for_every_set(bars, columns):
    batch = feature_matrix(bars, columns=columns)
    first = int(np.searchsorted(bars.closed_at, at(2023, 5, 8)))
    stream = FeatureStream(columns=columns)
    stream.open(bars.between(0, first))
    for i, bar in enumerate(as_bars(bars.between(first, bars.closed_at.size)), first):
        row = stream.update(bar)
        assert (row.closed_at, row.quality) == (batch.closed_at[i], batch.quality[i])
        assert np.array(row[2:]).tobytes() == batch.values[i].tobytes()


def test_quality_speaks_for_the_columns_that_are_read(bars, whole):
    fast, slow, both = (feature_matrix(bars, columns=columns).quality for columns in (FAST, SLOW, BOTH))
    warm = whole.quality != Quality.COLD
    undefined = {
        "zscore": ~np.isfinite(whole.values[:, COLUMNS.index("zscore")]),
        "volume_ratio": ~np.isfinite(whole.values[:, COLUMNS.index("volume_ratio")]),
    }
    assert (undefined["zscore"] & warm).any()
    assert (undefined["volume_ratio"] & warm).any()
    assert (both[undefined["zscore"] & warm] == Quality.NOT_FINITE).all()
    assert (both[undefined["volume_ratio"] & ~undefined["zscore"] & warm] != Quality.NOT_FINITE).all()
    assert Quality.NOT_FINITE not in fast[warm]
    assert Quality.STALE_VIEW not in fast
    assert Quality.STALE_VIEW in slow[warm]


def test_without_the_slow_view_its_anchor_does_not_matter(bars):
    fast, slow = (feature_matrix(bars, columns=columns).quality for columns in (FAST, SLOW))
    assert bars.closed_at[fast != Quality.COLD][0] < at(2023, 2, 2)
    assert bars.closed_at[slow != Quality.COLD][0] >= at(2023, 5, 1)


def test_one_piece_holds_the_asked_columns_and_one_of_nan_for_all_others(bars, whole):
    made = feature_columns(bars, FeatureSettings(), 5_000, BOTH)
    assert made.values.shape == (len(BOTH.names) + 1, bars.closed_at.size - 5_000)
    for k, name in enumerate(COLUMNS):
        line = made.values[BOTH.places[k]]
        assert line.tobytes() == whole.values[5_000:, k].tobytes() if name in BOTH.names else np.isnan(line).all()


def played(tape: Tape) -> Output:
    params, market = default_params(), MarketParams()
    output = empty_output(len(tape.closed_at), len(params.strategies))
    interpreted_player(tape).play(Money(10**10), params, market, output)
    return output


def test_decisions_are_those_on_whole_rows_when_the_quality_is_the_same(bars):
    params = default_params()
    rates = np.full(bars.closed_at.size, 1_000)
    first = int(np.searchsorted(bars.closed_at, at(2023, 5, 1)))
    whole, read = (
        build_tape(Candles(*bars), first, rates, rates, FeatureSettings(), *columns)
        for columns in ((), (columns_of(params),))
    )
    assert read.rows.shape[1] < whole.rows.shape[1]
    for one, other in zip(played(whole._replace(quality=read.quality)), played(read), strict=True):
        assert one.tobytes() == other.tobytes()
    assert np.count_nonzero(played(read).votes) > 0


def test_a_name_that_is_no_column_is_refused():
    with pytest.raises(KeyError, match="rsi_15"):
        column_set({"close", "rsi_15"})
