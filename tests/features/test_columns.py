from math import sqrt

import numpy as np
import pytest

from src.features.bars import ArrayInputs, BarColumns, FeatureSettings
from src.features.columns import ALL_COLUMNS
from src.features.engine import ArrayEngine
from src.features.row import COLUMNS, MANAGED_FEATURES, STRATEGY_INPUTS
from tests.features.made_bars import flat_bars, random_bars

SETTINGS = FeatureSettings()
OWN = (*COLUMNS[:15], *STRATEGY_INPUTS[:5])
SLOW = (*MANAGED_FEATURES, *STRATEGY_INPUTS[5:])


def columns(bars: BarColumns) -> dict[str, np.ndarray]:
    return dict(zip(OWN, ALL_COLUMNS.own(ArrayEngine(), ArrayInputs(bars, SETTINGS)), strict=True))


def slow_columns(bars: BarColumns) -> dict[str, np.ndarray]:
    return dict(zip(SLOW, ALL_COLUMNS.slow(ArrayEngine(), ArrayInputs(bars, SETTINGS)), strict=True))


@pytest.fixture(scope="module")
def bars() -> BarColumns:
    return random_bars(1_500, seed=11)


@pytest.fixture(scope="module")
def own(bars):
    return columns(bars)


@pytest.fixture(scope="module")
def slow(bars):
    return slow_columns(bars)


def smoothed(values: list[float], weight: float) -> list[float]:
    """Return the recursion of every exponential mean, begun at the first value."""
    out = [values[0]]
    for x in values[1:]:
        out.append(out[-1] + weight * (x - out[-1]))
    return out


def close_to(want, rel=1e-9):
    return pytest.approx(want, rel=rel, abs=1e-9)


WARM = 700


def test_the_averages_are_the_textbook_recursions_once_their_seed_has_faded(bars, own):
    close = bars.close.tolist()
    fast, slow_, macd20, macd50 = (smoothed(close, 2 / (n + 1)) for n in (12, 26, 20, 50))
    macd = [a - b for a, b in zip(fast, slow_, strict=True)]
    assert own["ema_20"][WARM:].tolist() == close_to(macd20[WARM:])
    assert own["ema_50"][WARM:].tolist() == close_to(macd50[WARM:])
    assert own["macd"][WARM:].tolist() == pytest.approx(macd[WARM:], rel=1e-9, abs=1e-6)
    assert own["macd_signal"][WARM:].tolist() == pytest.approx(smoothed(macd, 0.2)[WARM:], rel=1e-9, abs=1e-6)


def test_rsi_is_wilders_and_not_a_mean_of_fourteen(bars, own):
    change = np.diff(bars.close).tolist()
    gain = smoothed([max(x, 0.0) for x in change], 1 / 14)
    loss = smoothed([max(-x, 0.0) for x in change], 1 / 14)
    want = [100 * g / (g + b) for g, b in zip(gain, loss, strict=True)]
    assert own["rsi_14"][WARM:].tolist() == close_to(want[WARM - 1 :])


def test_atr_is_wilders_in_yen(bars, own):
    high, low, close = bars.high.tolist(), bars.low.tolist(), bars.close.tolist()
    spans = [max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(1, len(close))]
    want = smoothed([float(x) for x in spans], 1 / 14)
    assert own["atr_14"][WARM:].tolist() == close_to(want[WARM - 1 :])


def test_band_position_and_zscore_use_population_deviations_of_20_and_50(bars, own):
    for i in range(60, 1_500, 97):
        w20, w50 = bars.close[i - 19 : i + 1], bars.close[i - 49 : i + 1]
        lower = w20.mean() - 2 * w20.std()
        assert own["bb_position"][i] == close_to((w20[-1] - lower) / (4 * w20.std()))
        assert own["zscore"][i] == close_to((w50[-1] - w50.mean()) / w50.std())


def test_volume_ratio_is_against_the_mean_of_twenty_bars(bars, own):
    for i in range(19, 1_500, 97):
        assert own["volume_ratio"][i] == close_to(bars.volume[i] / bars.volume[i - 19 : i + 1].mean())


def test_a_daily_mean_of_atr_needs_a_day_of_atr(own):
    assert np.isnan(own["atr_mean_96"][: 14 + 95]).all()
    assert own["atr_mean_96"][14 + 95] == close_to(own["atr_14"][14:110].mean())


def test_columns_named_before_are_the_bar_earlier(own):
    for name, source in (("close_before", "close"), ("ema_20_before", "ema_20"), ("rci_9_before", "rci_9")):
        assert np.isnan(own[name][0])
        assert own[name][1:].tobytes() == own[source][:-1].tobytes()


def test_returns_are_of_one_bar(bars, own):
    assert own["returns_1"][1:].tolist() == close_to((bars.close[1:] / bars.close[:-1] - 1).tolist())


def test_swings_are_the_extremes_of_the_same_42_bars_and_the_turn_says_which_is_newer(bars, slow):
    for i in range(41, 1_500, 13):
        high, low = bars.high[i - 41 : i + 1], bars.low[i - 41 : i + 1]
        newest_high = np.flatnonzero(high == high.max())[-1]
        newest_low = np.flatnonzero(low == low.min())[-1]
        assert slow["swing_high_4h"][i] == high.max()
        assert slow["swing_low_4h"][i] == low.min()
        assert np.sign(slow["swing_turn_4h"][i]) == np.sign(newest_high - newest_low)
    assert np.isnan(slow["swing_turn_4h"][:41]).all()
    assert np.isfinite(slow["swing_high_4h"][41])
    assert np.isfinite(slow["swing_turn_4h"][41])


def test_slow_momentum_blends_three_horizons_in_units_of_their_own_noise(bars, slow):
    close = bars.close.astype(float)
    returns = close[1:] / close[:-1] - 1
    for i in range(360, 1_500, 57):
        noise = returns[i - 180 : i].std()
        parts = [(close[i] / close[i - h] - 1) / (noise * sqrt(h)) / 2 for h in (30, 120, 360)]
        want = sum(min(1.0, max(-1.0, part)) for part in parts) / 3
        assert slow["volatility_4h"][i] == pytest.approx(noise, rel=1e-9)
        assert slow["slow_momentum_4h"][i] == pytest.approx(want, rel=1e-9)
    assert np.isnan(slow["slow_momentum_4h"][:360]).all()
    assert np.nanmin(slow["slow_momentum_4h"]) >= -1.0
    assert np.nanmax(slow["slow_momentum_4h"]) <= 1.0


def test_a_flat_window_has_no_band_position_and_no_zscore():
    bars = random_bars(200, seed=2)
    for column in (bars.open, bars.high, bars.low, bars.close):
        column[100:] = 5_000_000
    got = columns(bars)
    assert np.isfinite(got["bb_position"][19:119]).all()
    assert np.isnan(got["bb_position"][119:]).all()
    assert np.isfinite(got["zscore"][49:149]).all()
    assert np.isnan(got["zscore"][149:]).all()


def test_one_tick_in_an_otherwise_flat_window_is_measured_not_noise():
    bars = flat_bars(120, price=15_000_000)
    bars.close[100] = bars.high[100] = 15_000_001
    got = columns(bars)
    window = np.array([15_000_000] * 19 + [15_000_001])
    assert got["bb_position"][100] == pytest.approx((window[-1] - window.mean()) / (4 * window.std()) + 0.5, rel=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_a_window_without_a_trade_has_no_volume_ratio_even_where_the_mean_of_zeros_is_not_zero(seed):
    bars = random_bars(100, seed)
    bars.volume[40:80] = 0
    got = columns(bars)["volume_ratio"]
    assert np.isfinite(got[19:59]).all()
    assert got[40:59].tolist() == [0.0] * 19
    assert np.isnan(got[59:80]).all()
    assert got[80] == close_to(20.0)


def test_a_flat_market_has_no_volatility_and_so_no_momentum():
    got = slow_columns(flat_bars(400))
    assert got["volatility_4h"][-1] == 0.0
    assert np.isnan(got["slow_momentum_4h"]).all()


def test_the_columns_of_both_views_come_out_in_the_order_of_a_row():
    assert [ALL_COLUMNS.names[place] for place in ALL_COLUMNS.places] == list(COLUMNS)


def test_prices_and_sizes_are_converted_by_the_pairs_grids(bars):
    coarse = ALL_COLUMNS.own(ArrayEngine(), ArrayInputs(bars, FeatureSettings(tick_size=0.5, lots_per_unit=1_000.0)))
    assert coarse[3].tolist() == (bars.close * 0.5).tolist()
    assert coarse[4].tolist() == (bars.volume / 1_000).tolist()
