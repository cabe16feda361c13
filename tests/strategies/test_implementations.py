"""Each strategy fires on the row it is for, alike upside down, and on nothing it does not know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market import Side
from src.core.domain.time import BAR_15M, DAY
from src.features.row import COLUMNS
from src.strategies.implementations.atr_based import AtrBased
from src.strategies.implementations.fibonacci_retracement import FibonacciRetracement
from src.strategies.implementations.mochipoy_alert import MochipoyAlert
from src.strategies.implementations.multi_timeframe import MultiTimeframe
from src.strategies.utils.constants import NO_SIGNAL, Signal
from tests.strategies.made_rows import PRICE, mirrored, row

NAN = float("nan")
FALLEN = row(ema_50=PRICE + 150_000, rsi_14=25.0)
SUPPORTED = row(
    swing_high_4h=PRICE + 300_000,
    swing_low_4h=PRICE - 300_000,
    swing_turn_4h=1.0,
    low=PRICE - 3_000,
    open=PRICE - 2_000,
    close=PRICE + 2_000,
)
PULLED_BACK = row(ema_20_4h=PRICE + 100_000, macd_4h=20.0, macd_signal_4h=10.0, rci_9_before=-90.0, rci_9=-70.0)
CROSSED = row(slow_momentum_4h=0.5, close_before=PRICE - 1_000, ema_20_before=PRICE - 500, ema_20=PRICE - 100)

CASES = [
    (AtrBased(), FALLEN, Signal(Side.BUY, 0.75, 150_000.0, 200_000.0, 0.0, DAY)),
    (FibonacciRetracement(), SUPPORTED, Signal(Side.BUY, 0.65, 150_000.0, 250_000.0, 0.0, 2 * DAY)),
    (MochipoyAlert(), PULLED_BACK, Signal(Side.BUY, 0.75, 150_000.0, 300_000.0, 0.0, 3 * DAY)),
    (MultiTimeframe(), CROSSED, Signal(Side.BUY, 0.7, 300_000.0, 0.0, 400_000.0, 0)),
]
READ = {
    AtrBased: ("close", "ema_50", "rsi_14", "atr_14", "atr_mean_96", "atr_14_4h"),
    FibonacciRetracement: ("open", "low", "close", "swing_high_4h", "swing_low_4h", "swing_turn_4h", "atr_14_4h"),
    MochipoyAlert: ("ema_20_4h", "ema_50_4h", "macd_4h", "macd_signal_4h", "rci_9", "rci_9_before", "atr_14_4h"),
    MultiTimeframe: ("close", "ema_20", "slow_momentum_4h", "close_before", "ema_20_before", "atr_14_4h"),
}
BLIND = [(strategy, fires, name) for strategy, fires, _ in CASES for name in READ[type(strategy)]]


@pytest.mark.parametrize(("strategy", "fires", "signal"), CASES)
def test_a_strategy_fires_on_the_row_it_is_for(strategy, fires, signal):
    got = strategy.propose(fires)
    assert got == Signal(*(pytest.approx(value) for value in signal))
    assert strategy.holds(fires, Side.BUY)


@pytest.mark.parametrize(("strategy", "fires", "signal"), CASES)
def test_the_mirrored_row_gives_the_mirrored_signal(strategy, fires, signal):
    got = strategy.propose(mirrored(fires))
    assert got.side == Side.SELL
    assert got[1:] == pytest.approx(strategy.propose(fires)[1:])
    assert strategy.holds(mirrored(fires), Side.SELL)


@pytest.mark.parametrize("strategy", [case[0] for case in CASES])
def test_an_ordinary_row_is_no_signal(strategy):
    assert strategy.propose(row()) == NO_SIGNAL


@pytest.mark.parametrize(("strategy", "fires", "name"), BLIND)
def test_a_column_that_is_not_known_gives_no_signal(strategy, fires, name):
    assert strategy.propose(fires._replace(**{name: NAN})) == NO_SIGNAL
    assert strategy.propose(mirrored(fires._replace(**{name: NAN}))) == NO_SIGNAL


@pytest.mark.parametrize("strategy", [case[0] for case in CASES])
def test_of_a_row_that_is_not_known_at_all_nothing_follows_and_no_reason_holds(strategy):
    blank = row(**dict.fromkeys(COLUMNS, NAN))
    assert strategy.propose(blank) == NO_SIGNAL
    assert not strategy.holds(blank, Side.BUY)
    assert not strategy.holds(blank, Side.SELL)


@pytest.mark.parametrize("strategy", [case[0] for case in CASES])
@pytest.mark.parametrize("atr", [0.0, -1.0])
def test_without_a_4_hour_range_there_is_no_distance_and_no_signal(strategy, atr):
    for _, fires, _ in CASES:
        assert strategy.propose(fires._replace(atr_14_4h=atr)) == NO_SIGNAL


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=len(COLUMNS), max_size=len(COLUMNS)))
def test_any_row_at_all_gives_a_signal_one_can_act_on_or_none(values):
    wild = row(**dict(zip(COLUMNS, values, strict=True)))
    for strategy, _, _ in CASES:
        got = strategy.propose(wild)
        if got != NO_SIGNAL:
            assert got.side in {Side.BUY, Side.SELL}
            assert 0.0 < got.strength <= 1.0
            assert 0.0 < got.stop < float("inf")
            assert 0.0 <= got.target < float("inf")
            assert 0.0 <= got.trail < float("inf")
            assert got.hold % BAR_15M == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"rsi_14": 31.0},
        {"ema_50": PRICE + 99_000},
        {"atr_mean_96": 40_000.0},
        {"atr_mean_96": 7_000.0},
        {"atr_mean_96": 0.0},
    ],
)
def test_the_fade_needs_an_extreme_in_ordinary_volatility(changed):
    assert AtrBased().propose(FALLEN._replace(**changed)) == NO_SIGNAL


def test_the_fade_is_over_when_price_is_back_at_its_mean():
    back = FALLEN._replace(close=FALLEN.ema_50)
    assert not AtrBased().holds(back, Side.BUY)
    assert not AtrBased().holds(FALLEN, Side.SELL)


@pytest.mark.parametrize(
    ("low", "strength"),
    [(PRICE + 70_000, 0.5), (PRICE, 0.65), (PRICE - 71_000, 0.8), (PRICE + 90_000, None)],
)
def test_the_deepest_level_that_held_says_how_strong_the_signal_is(low, strength):
    close = PRICE + 75_000
    got = FibonacciRetracement().propose(SUPPORTED._replace(low=low, close=close, open=close - 5_000))
    assert got == NO_SIGNAL if strength is None else got.strength == strength


@pytest.mark.parametrize(
    "changed",
    [
        {"swing_turn_4h": 0.0},
        {"swing_turn_4h": -1.0},
        {"open": PRICE + 2_000},
        {"close": PRICE - 500, "open": PRICE - 1_000, "low": PRICE - 2_000},
        {"swing_low_4h": PRICE - 99_999},
    ],
)
def test_a_retracement_needs_a_swing_and_a_level_that_held(changed):
    got = FibonacciRetracement().propose(SUPPORTED._replace(**changed))
    assert got == NO_SIGNAL or got.strength == 0.5  # below the middle level only the shallow one can have held
    if "close" not in changed:
        assert got == NO_SIGNAL


def test_a_retracement_is_over_when_price_leaves_the_swing():
    below = SUPPORTED._replace(close=SUPPORTED.swing_low_4h)
    above = SUPPORTED._replace(close=SUPPORTED.swing_high_4h)
    assert not FibonacciRetracement().holds(below, Side.BUY)
    assert FibonacciRetracement().holds(above, Side.BUY)
    assert not FibonacciRetracement().holds(above, Side.SELL)


@pytest.mark.parametrize(
    "changed", [{"rci_9_before": -79.0}, {"rci_9": -80.0}, {"macd_4h": 10.0}, {"ema_20_4h": PRICE}]
)
def test_the_alert_needs_trend_momentum_and_a_turn(changed):
    assert MochipoyAlert().propose(PULLED_BACK._replace(**changed)) == NO_SIGNAL


def test_the_alert_is_over_when_the_averages_cross():
    assert not MochipoyAlert().holds(row(), Side.BUY)
    assert not MochipoyAlert().holds(PULLED_BACK, Side.SELL)


@pytest.mark.parametrize("changed", [{"slow_momentum_4h": 0.24}, {"close_before": PRICE - 499}, {"ema_20": PRICE}])
def test_the_follower_needs_a_trend_and_a_cross(changed):
    assert MultiTimeframe().propose(CROSSED._replace(**changed)) == NO_SIGNAL


def test_the_follower_is_over_with_the_trend():
    assert not MultiTimeframe().holds(row(slow_momentum_4h=0.0), Side.BUY)
    assert not MultiTimeframe().holds(row(slow_momentum_4h=-0.1), Side.BUY)
    assert MultiTimeframe().holds(row(slow_momentum_4h=-0.1), Side.SELL)
