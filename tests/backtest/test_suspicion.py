"""The checks that look for look-ahead and for a memory of the history's beginning: they find what was planted."""

from collections.abc import Callable

import numpy as np
import pytest

from src.backtest.preparation import chosen_params
from src.backtest.suspicion import (
    DECISION,
    ROW,
    Decider,
    beginning_places,
    cut_places,
    examine,
    find_lookahead,
    find_warmup,
    poisoned,
)
from src.core.config import load_config
from src.core.domain.time import BAR_15M, DAY, Millis
from src.core.exceptions import NoCandles
from src.features.anchors import SPAN_4H, anchor
from src.features.bars import BarColumns, check_columns
from src.features.feature_generator import COLUMNS, FeatureMatrix, Quality, feature_matrix
from src.trading.columns_read import columns_of
from tests.compiled_code import COMPILED
from tests.features.made_bars import at, flat_bars, random_bars, without

SETTINGS = load_config("config/backtest/base.yaml", {"TRADER__BACKTEST__COMPILE": "never"})
COMPILING = load_config(
    "config/backtest/base.yaml",
    {"TRADER__BACKTEST__COMPILE": "always", "TRADER__BACKTEST__CACHE": str(COMPILED)},
)
NAMES = tuple(SETTINGS.strategies)
BARS = random_bars(166 * 96, 5, opened_at=at(2022, 12, 25), gaps=0.001, quiet=0.01)  # warm from May on
CUTS = [500, 6_000, 12_001, 14_500]
LATER = [1, 96 * 3, 96 * 20]  # the last one is warm from June on

Plant = Callable[[BarColumns, np.ndarray], None]


def planted(plant: Plant) -> Callable[[BarColumns], FeatureMatrix]:
    """Return a generator of rows with something wrong in it."""

    def rows_of(bars: BarColumns) -> FeatureMatrix:
        rows = feature_matrix(bars)
        plant(bars, rows.values)
        return rows

    return rows_of


def column(name: str) -> int:
    return COLUMNS.index(name)


def centred_mean(bars: BarColumns, values: np.ndarray) -> None:
    kernel = np.ones(7) / 7
    values[:, column("ema_20")] = np.convolve(bars.close.astype(float), kernel, mode="same")


def back_fill(bars: BarColumns, values: np.ndarray) -> None:
    for k in range(values.shape[1]):
        known = np.flatnonzero(np.isfinite(values[:, k]))
        if len(known):
            after = known[np.minimum(np.searchsorted(known, np.arange(len(values))), len(known) - 1)]
            values[:, k] = np.where(np.isnan(values[:, k]), values[after, k], values[:, k])


def next_close(bars: BarColumns, values: np.ndarray) -> None:
    values[:-1, column("close_before")] = values[1:, column("close")]


def whole_sample_score(bars: BarColumns, values: np.ndarray) -> None:
    close = bars.close.astype(float)
    values[:, column("zscore")] = (close - close.mean()) / close.std()


def mean_since_the_beginning(bars: BarColumns, values: np.ndarray) -> None:
    values[:, column("atr_mean_96")] = np.cumsum(bars.close.astype(float)) / np.arange(1, len(bars.close) + 1)


@pytest.mark.no_cover
def test_the_programs_own_rows_and_decisions_know_no_future():
    decider = Decider(SETTINGS, NAMES, 0)
    found = find_lookahead(BARS, feature_matrix, decider, CUTS)
    assert found.differences == ()
    assert (found.bars, found.columns, found.places) == (len(BARS.closed_at), len(COLUMNS) + 1, len(CUTS))
    assert found.fields == 11 + len(NAMES)
    assert found.compared == 2 * sum(cut + 1 for cut in CUTS) * (len(COLUMNS) + 2 + found.fields)
    assert found.warm_from == at(2023, 5, 1)


def test_the_programs_own_warm_rows_and_decisions_know_no_beginning():
    found = find_warmup(BARS, feature_matrix, Decider(SETTINGS, NAMES, 0), LATER)
    assert found.differences == ()
    assert found.places == len(LATER)
    assert found.warm_from == at(2023, 5, 1)
    assert found.cold == np.count_nonzero(BARS.closed_at < at(2023, 5, 1))


def test_a_centred_mean_is_found_by_column_and_bar():
    found = find_lookahead(BARS, planted(centred_mean), None, CUTS)
    (one,) = found.differences
    assert (one.kind, one.name) == (ROW, "ema_20")
    assert one.first == BARS.closed_at[CUTS[0] - 2]  # half of seven bars is three; the cut itself is the third
    assert one.place == BARS.closed_at[CUTS[0]]
    assert (one.reach, one.places) == (3, len(CUTS))


def test_the_columns_that_a_run_reads_are_those_that_are_examined():
    found = examine("lookahead", SETTINGS, "sample", bars=1, strategies=("atr_based",), places=1)
    wanted = columns_of(chosen_params(SETTINGS, ("atr_based",))).names
    assert found.columns == len(wanted) + 1 < len(COLUMNS)


def test_a_back_fill_is_found_by_its_columns():
    found = find_lookahead(BARS, planted(back_fill), None, cut_places(BARS, 24, 0))
    names = {one.name for one in found.differences}
    assert {"slow_momentum_4h", "volatility_4h", "ema_50_4h", "atr_mean_96", "rsi_14"} <= names
    momentum = next(one for one in found.differences if one.name == "slow_momentum_4h")
    assert momentum.first == BARS.closed_at[0]
    assert momentum.reach > 1_000


def test_the_close_of_the_next_bar_is_found():
    (one,) = find_lookahead(BARS, planted(next_close), None, CUTS).differences
    assert (one.name, one.first, one.reach) == ("close_before", BARS.closed_at[CUTS[0]], 1)


def test_a_score_over_the_whole_sample_is_found_from_the_first_bar_on():
    (one,) = find_lookahead(BARS, planted(whole_sample_score), None, CUTS).differences
    assert (one.name, one.first, one.reach) == ("zscore", BARS.closed_at[0], CUTS[-1] + 1)


@pytest.mark.no_cover
def test_decisions_made_on_a_look_ahead_are_found_too():
    def peek(bars: BarColumns, values: np.ndarray) -> None:
        rising = np.append(np.diff(bars.close) > 0, False)
        values[:, column("rci_9")] = np.where(rising, 100.0, -100.0)
        values[:, column("rci_9_before")] = np.where(rising, -100.0, 100.0)

    cuts = list(range(12_500, 15_000, 500))
    found = find_lookahead(BARS, planted(peek), Decider(COMPILING, NAMES, 0), cuts)
    assert {one.name for one in found.differences if one.kind == ROW} == {"rci_9", "rci_9_before"}
    assert "vote_mochipoy_alert" in {one.name for one in found.differences if one.kind == DECISION}


def test_a_decision_that_sees_the_next_bar_is_found_though_every_row_is_right():
    def buys_before_it_rises(bars: BarColumns, rows: FeatureMatrix, first: int, stop: int) -> dict[str, np.ndarray]:
        rises = np.append(np.diff(bars.close) > 0, False)
        return {"side": rises[first:stop].astype(np.int64)}

    (one,) = find_lookahead(BARS, feature_matrix, buys_before_it_rises, list(range(100, 120))).differences
    assert (one.kind, one.name, one.reach) == (DECISION, "side", 1)


def test_a_mean_since_the_beginning_is_found_in_the_warm_months():
    (one,) = find_warmup(BARS, planted(mean_since_the_beginning), None, LATER).differences
    assert (one.kind, one.name, one.places) == (ROW, "atr_mean_96", len(LATER))
    assert one.first == BARS.closed_at[np.searchsorted(BARS.closed_at, at(2023, 5, 1))]


def test_rows_that_call_themselves_warm_too_early_are_found():
    def warm_at_once(bars: BarColumns) -> FeatureMatrix:
        rows = feature_matrix(bars)
        return rows._replace(quality=np.where(rows.quality == Quality.COLD, Quality.GOOD, rows.quality))

    found = find_warmup(BARS, warm_at_once, None, LATER)
    assert {"ema_50_4h", "slow_momentum_4h", "volatility_4h"} <= {one.name for one in found.differences}


def test_decisions_that_remember_the_beginning_are_found():
    def counting(bars: BarColumns, rows: FeatureMatrix, first: int, stop: int) -> dict[str, np.ndarray]:
        return {"side": np.arange(first, stop) % 2}

    (one,) = find_warmup(BARS, feature_matrix, counting, [1]).differences
    assert (one.kind, one.name) == (DECISION, "side")


def test_unknown_is_unknown_whatever_its_bits():
    def other_nan(bars: BarColumns, values: np.ndarray) -> None:
        odd = np.array([0x7FF8000000000001], np.int64).view(np.float64)[0]
        values[:, column("macd")] = odd if len(bars.closed_at) % 2 else np.nan

    assert find_lookahead(BARS, planted(other_nan), None, [500, 501]).differences == ()


def test_a_zero_of_the_other_sign_is_a_difference():
    def signed(bars: BarColumns, values: np.ndarray) -> None:
        values[:, column("macd")] = -0.0 if len(bars.closed_at) == len(BARS.closed_at) else 0.0

    (one,) = find_lookahead(BARS, planted(signed), None, [500]).differences
    assert one.name == "macd"


def test_the_absurd_future_still_is_candles_and_the_past_is_untouched():
    other = poisoned(BARS, 1_000)
    check_columns(other)
    for was, now in zip(BARS.between(0, 1_001), other.between(0, 1_001), strict=True):
        assert was.tobytes() == now.tobytes()
    assert np.array_equal(other.closed_at, BARS.closed_at)
    assert np.all(other.high[1_001:] > 100 * BARS.high.max())
    assert np.all(other.low[1_001:] == 1)


def test_cuts_lie_early_at_odd_places_and_anywhere_and_are_the_same_for_the_same_seed():
    bars = without(flat_bars(5_000, lots=10), *range(3_000, 3_030))._replace()
    moving = random_bars(5_000, 1)
    cuts = cut_places(moving, 40, 3)
    assert cuts == cut_places(moving, 40, 3) == sorted(set(cuts))
    assert cuts != cut_places(moving, 40, 4)
    assert min(cuts) < 100
    assert max(cuts) <= 4_998
    gap = without(moving, *range(3_000, 3_030))
    assert {2_999, 3_000} <= {cut for seed in range(20) for cut in cut_places(gap, 40, seed)}
    assert cut_places(bars, 8, 0)


def test_beginnings_stand_at_the_anchors_and_next_to_them():
    opened_at = BARS.closed_at - BAR_15M
    found = {begin for seed in range(8) for begin in beginning_places(BARS, 24, seed)}
    first = int(np.searchsorted(opened_at, anchor(Millis(at(2023, 6, 1)), SPAN_4H)))
    assert {first - 1, first, first + 1} <= found
    assert min(found) > 0


def test_a_history_that_begins_one_bar_after_the_anchor_is_cold_for_that_month():
    begin = int(np.searchsorted(BARS.closed_at - BAR_15M, anchor(Millis(at(2023, 5, 1)), SPAN_4H)))
    for later, month in ((0, at(2023, 5, 1)), (1, at(2023, 6, 1))):
        part = BARS.between(begin + later, len(BARS.closed_at))
        assert find_lookahead(part, feature_matrix, None, [10]).warm_from == month


@pytest.mark.parametrize("find", [find_lookahead, find_warmup])
def test_a_history_that_allows_no_comparison_is_refused(find):
    with pytest.raises(NoCandles, match="nothing could be compared"):
        find(random_bars(96, 1), feature_matrix, None, [])


def test_a_history_without_a_warm_month_cannot_prove_warmth():
    with pytest.raises(NoCandles, match="nothing could be compared"):
        find_warmup(random_bars(96 * 20, 1), feature_matrix, None, [5, 50])


@pytest.mark.parametrize("check", ["lookahead", "warmup"])
@pytest.mark.no_cover
def test_the_real_market_shows_no_difference(check: str, market_data_dir):
    file = str(market_data_dir / "btcjpy_gmo_spot_15m.parquet")
    found = examine(check, COMPILING, file, bars=90 * 96, places=6, seed=1)
    assert found.differences == ()
    assert found.warm_from is not None
    assert found.bars == (90 + 160) * 96
    assert found.compared > 1_000_000


def test_days_are_enough_to_say_how_many_bars_are_cold():
    found = find_lookahead(random_bars(96 * 10, 2, opened_at=at(2023, 1, 1) + 3 * DAY), feature_matrix, None, [50])
    assert (found.cold, found.warm_from) == (960, None)
