import numpy as np
import pytest

from src.core.domain.time import DAY
from src.features.bars import BarColumns
from src.features.feature_generator import FeatureMatrix, FeatureSettings, FeatureStream, Quality, feature_matrix
from tests.features.made_bars import DAY_BARS, NEW_YEAR, as_bars, at, random_bars, without
from tests.features.real_bars import real_bars


def differences(bars: BarColumns, matrix: FeatureMatrix, opened_on: int, settings: FeatureSettings) -> list[int]:
    """Return the places of rows that a stream opened on the first `opened_on` bars gives in other bits."""
    stream = FeatureStream(settings)
    stream.open(bars.between(0, opened_on))
    wrong = []
    for i, bar in enumerate(as_bars(bars.between(opened_on, bars.closed_at.size)), opened_on):
        row = stream.update(bar)
        same = np.array(row[2:]).tobytes() == matrix.values[i].tobytes()
        if not same or (row.closed_at, row.quality) != (matrix.closed_at[i], matrix.quality[i]):
            wrong.append(i)
    return wrong


def test_a_real_year_bar_by_bar_gives_the_bits_of_the_batch_over_every_turn_of_the_month():
    bars = real_bars(at(2021, 8, 15), at(2023, 1, 1))
    matrix = feature_matrix(bars)
    opened_on = int(np.searchsorted(bars.closed_at, at(2022, 1, 1)))
    assert bars.closed_at.size - opened_on > 30_000
    assert differences(bars, matrix, opened_on, FeatureSettings()) == []
    year = matrix.quality[opened_on:]
    assert Quality.COLD not in year
    assert (year == Quality.GOOD).mean() > 0.9


def test_fifty_real_histories_that_begin_elsewhere_give_the_same_bits_in_every_warm_month():
    bars = real_bars(at(2021, 4, 16), at(2022, 3, 1))
    whole = feature_matrix(bars)
    seen = 0
    for offset in range(0, 50 * 211, 211):
        late = feature_matrix(bars.between(offset, bars.closed_at.size))
        warm = late.quality != Quality.COLD
        seen += int(warm.sum())
        assert late.values[warm].tobytes() == whole.values[offset:][warm].tobytes()
        assert late.quality[warm].tolist() == whole.quality[offset:][warm].tolist()
    assert seen > 100_000


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("opened_on", [0, 1, 15, 700, 4_000])
def test_made_markets_with_gaps_and_quiet_bars_give_the_same_bits_from_any_opening(seed, opened_on):
    bars = random_bars(6_000, seed, gaps=0.004, quiet=0.3, longest_gap=60)
    settings = FeatureSettings(min_parts=(1, 8, 16)[seed % 3], bars_after_gap=1 + seed)
    assert differences(bars, feature_matrix(bars, settings), opened_on, settings) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_warm_made_market_gives_the_same_bits_over_turns_of_the_month_within_gaps(seed):
    bars = random_bars(165 * DAY_BARS, seed, NEW_YEAR - 5 * DAY, gaps=0.003, quiet=0.05, longest_gap=40)
    settings = FeatureSettings(min_parts=(1, 12, 16)[seed])  # with 1, a stray part before the anchor would show
    turn = at(2023, 5, 1)
    lost = np.flatnonzero((bars.closed_at > turn - 6 * 900_000) & (bars.closed_at < turn + seed * 900_000))
    bars = without(bars, *lost)
    matrix = feature_matrix(bars, settings)
    opened_on = int(np.searchsorted(bars.closed_at, turn - 2 * DAY))
    assert differences(bars, matrix, opened_on, settings) == []
    assert {Quality.GOOD, Quality.AFTER_GAP, Quality.QUIET} <= set(matrix.quality[opened_on:])


def test_flat_and_dead_stretches_give_the_same_bits():
    bars = random_bars(3_000, seed=31)
    for prices in (bars.open, bars.high, bars.low, bars.close):
        prices[1_000:1_800] = prices[999]
    bars.volume[1_200:1_700] = 0
    matrix = feature_matrix(bars)
    assert differences(bars, matrix, 900, FeatureSettings()) == []
    assert differences(bars, matrix, 1_500, FeatureSettings()) == []
