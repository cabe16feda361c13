"""Each limit on the market is tested alone; a number that is no measurement counts as broken."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.orders import Reason
from src.trading.anomaly_detector import GateParams, find_anomaly

CALM = {
    "spread_ppm": 100,
    "latency_ms": 200,
    "high": 1_010.0,
    "low": 1_000.0,
    "close_before": 1_005.0,
    "atr": 10.0,
    "volume_ratio": 1.0,
}
NAN = float("nan")


def found(**changed):
    return find_anomaly(**{**CALM, **changed}, params=GateParams())


def test_a_calm_market_is_let_through():
    assert found() == Reason.ENTER


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"spread_ppm": 3_000}, Reason.ENTER),
        ({"spread_ppm": 3_001}, Reason.SPREAD),
        ({"spread_ppm": 0}, Reason.ENTER),
        ({"spread_ppm": -1}, Reason.SPREAD),
        ({"latency_ms": 3_000}, Reason.ENTER),
        ({"latency_ms": 3_001}, Reason.LATENCY),
        ({"latency_ms": 0}, Reason.ENTER),
        ({"latency_ms": -1}, Reason.LATENCY),
        ({"high": 1_060.0}, Reason.ENTER),
        ({"high": 1_061.0}, Reason.PRICE_SPIKE),
        ({"low": 949.0}, Reason.PRICE_SPIKE),
        ({"close_before": 950.0}, Reason.ENTER),
        ({"close_before": 949.0}, Reason.PRICE_SPIKE),
        ({"close_before": 1_060.0}, Reason.ENTER),
        ({"close_before": 1_061.0}, Reason.PRICE_SPIKE),
        ({"atr": 1.0}, Reason.PRICE_SPIKE),
        ({"atr": -1.0}, Reason.PRICE_SPIKE),
        ({"volume_ratio": 20.0}, Reason.ENTER),
        ({"volume_ratio": 20.1}, Reason.VOLUME_SPIKE),
        ({"volume_ratio": -0.0}, Reason.ENTER),
        ({"volume_ratio": -0.1}, Reason.VOLUME_SPIKE),
    ],
)
def test_each_limit_alone(changed, reason):
    assert found(**changed) == reason


@pytest.mark.parametrize("name", ["high", "low", "close_before", "atr"])
def test_a_price_that_is_not_a_number_is_a_spike(name):
    assert found(**{name: NAN}) == Reason.PRICE_SPIKE


def test_a_volume_that_is_not_a_number_is_a_spike():
    assert found(volume_ratio=NAN) == Reason.VOLUME_SPIKE


def test_the_first_broken_limit_is_named():
    assert found(spread_ppm=-1, latency_ms=-1, atr=NAN, volume_ratio=NAN) == Reason.SPREAD
    assert found(latency_ms=-1, atr=NAN, volume_ratio=NAN) == Reason.LATENCY
    assert found(atr=NAN, volume_ratio=NAN) == Reason.PRICE_SPIKE


prices = st.integers(1, 10**9).map(float)


@given(prices, prices, prices, st.floats(0.1, 1e6))
def test_the_move_is_the_true_range(one, other, before, atr):
    high, low = max(one, other), min(one, other)
    true_range = max(high, before) - min(low, before)
    spiked = found(high=high, low=low, close_before=before, atr=atr) == Reason.PRICE_SPIKE
    assert spiked == (true_range > 6.0 * atr)
    assert not math.isnan(true_range)
