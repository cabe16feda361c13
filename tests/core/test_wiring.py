"""From settings to the core's values: exact, complete, and within the numbers the core can hold."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.fold import MarketParams
from src.core.config import load_config
from src.core.config.units import BPS_FRACTION, FRACTION, MULTIPLE, PPM_FRACTION, in_parts, written
from src.core.domain.market import BTC_JPY, SAFE, Lots
from src.core.domain.orders import EntryKind
from src.core.exceptions import ConfigError
from src.core.orchestration.wiring import (
    check_magnitudes,
    core_params,
    feature_settings,
    instrument,
    market_params,
)
from src.features.bars import FeatureSettings, check_settings
from src.strategies.base.strategy_base import strategy_class
from src.strategies.base.strategy_manager import VoteParams
from src.trading.anomaly_detector import GateParams
from src.trading.decision import ExitParams, Params
from src.trading.drawdown_manager import RiskParams
from src.trading.ledger import CostParams
from src.trading.position_sizing import MAX_EQUITY, MAX_LOTS, MAX_PRICE, SizeParams
from src.trading.risk import ModelParams

ROOT = Path(__file__).resolve().parents[2]
BACKTEST = ROOT / "config/backtest/base.yaml"
NAMES = ("atr_based", "fibonacci_retracement", "mochipoy_alert", "multi_timeframe")


def params(**environ: str) -> Params:
    return core_params(load_config(BACKTEST, {f"TRADER__{name}": value for name, value in environ.items()}))


def test_the_defaults_in_the_files_are_the_defaults_in_the_code():
    assert params() == Params(
        strategies=tuple(strategy_class(name)() for name in NAMES),
        weights=(0.3, 0.15, 0.3, 0.25),
        vote=VoteParams(),
        model=ModelParams(),
        gates=GateParams(),
        risk=RiskParams(),
        size=SizeParams(),
        exits=ExitParams(),
        costs=CostParams(),
        tick=1.0,
    )
    settings = load_config(BACKTEST, {})
    assert market_params(settings) == MarketParams()
    assert feature_settings(settings) == FeatureSettings()
    assert instrument(settings) == BTC_JPY


def test_every_number_has_the_type_of_its_default_so_that_the_core_compiles_once_for_all_settings():
    changed = params(VOTE__MIN_AGREEMENT="1", SIZING__PRIOR_TRADES="50", ANOMALY__MAX_MOVE_ATR="8")
    assert types_in(changed) == types_in(params())


def types_in(value: object) -> object:
    return [types_in(part) for part in value] if isinstance(value, tuple) else type(value)


def test_a_strategys_parameters_reach_the_strategy():
    changed = params(STRATEGIES__ATR_BASED__PARAMS__STRETCH="2", STRATEGIES__MOCHIPOY_ALERT__PARAMS__DAYS="1.5")
    assert changed.strategies[0] == strategy_class("atr_based")(stretch=2.0)
    assert changed.strategies[2] == strategy_class("mochipoy_alert")(days=1.5)
    assert isinstance(changed.strategies[0][0], float)


def test_hours_and_minutes_become_milliseconds():
    changed = params(RISK__STREAK_PAUSE_HOURS="36", RISK__COOLDOWN_MINUTES="90")
    assert (changed.risk.streak_pause_ms, changed.risk.cooldown_ms) == (36 * 3_600_000, 90 * 60_000)


def test_an_entry_may_rest_on_the_book():
    environ = {"TRADER__EXECUTION__ENTRY": "limit", "TRADER__EXECUTION__ENTRY_WAIT_MINUTES": "30"}
    market = market_params(load_config(BACKTEST, environ))
    assert (market.entry, market.wait_ms) == (EntryKind.LIMIT, 1_800_000)


@given(st.integers(0, 1_000_000))
def test_a_whole_number_of_ppm_survives_being_written_as_a_fraction(ppm):
    text = written(Decimal(ppm) / 1_000_000)
    assert in_parts(float(text), PPM_FRACTION) == ppm


@given(st.integers(0, 100_000), st.sampled_from([BPS_FRACTION, MULTIPLE]))
def test_a_whole_number_of_basis_points_survives_being_written_as_a_fraction(bps, unit):
    assert in_parts(float(written(Decimal(bps) / 10_000)), unit) == bps


@given(st.floats(-1_000, 1_000))
def test_a_fraction_is_exact_or_refused_with_neighbours_that_are(value):
    try:
        assert Decimal(in_parts(value, PPM_FRACTION)) == Decimal(str(value)) * 1_000_000
    except ConfigError as e:
        below, above = (float(word) for word in e.remedy.removeprefix("write ").split(" or "))
        assert below < value < above
        assert in_parts(above, PPM_FRACTION) == in_parts(below, PPM_FRACTION) + 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(ConfigError, match="not a number"):
        in_parts(value, PPM_FRACTION)


def test_a_unit_that_is_not_counted_has_no_parts():
    with pytest.raises(ConfigError, match="not counted in parts"):
        in_parts(0.5, FRACTION)


def test_the_defaults_stay_far_below_the_numbers_that_wrap():
    check_magnitudes(params(), BTC_JPY)


def test_the_largest_settings_that_can_be_loaded_stay_below_the_numbers_that_wrap():
    params(
        SIZING__RISK_PER_TRADE="0.05",
        SIZING__MAX_RISK_PER_TRADE="0.05",
        SIZING__MAX_LEVERAGE="1",
        SIZING__GAP="0.5",
        SIZING__LOSSCUT_DISTANCE="10",
        SIZING__MAX_COST_SHARE="1",
        COSTS__SLIPPAGE="0.01",
        COSTS__INTEREST_PER_DAY="0.01",
        COSTS__MARGIN_REQUIREMENT="1",
        COSTS__LOSSCUT_LEVEL="0.99",
        RISK__MAX_DRAWDOWN="0.5",
    )


LEAST = SAFE // (MAX_PRICE * MAX_LOTS) + 1  # the smallest rate whose product with the largest notional wraps


@pytest.mark.parametrize(
    ("part", "field", "value", "what"),
    [
        ("size", "risk_ppm", SAFE // MAX_EQUITY + 1, "the risk budget"),
        ("size", "max_risk_ppm", SAFE // MAX_EQUITY + 1, "the risk budget"),
        ("size", "max_leverage_bps", SAFE // MAX_EQUITY + 1, "the leverage cap"),
        ("size", "gap_ppm", SAFE // MAX_PRICE + 1, "the gap"),
        ("size", "max_cost_bps", SAFE // MAX_PRICE + 1, "the limit of costs"),
        ("size", "losscut_distance_bps", 10**10, "the margin after stop and gap"),
        ("costs", "interest_ppm_per_day", LEAST, "the interest"),
        ("costs", "requirement_bps", LEAST, "the margin requirement"),
        ("costs", "losscut_bps", LEAST * 2, "the forced close"),
        ("costs", "slippage_ppm", SAFE // MAX_PRICE + 1, "the cost of a round trip"),
        ("risk", "max_drawdown_bps", SAFE // MAX_EQUITY, "the drawdown"),
    ],
)
def test_a_rate_whose_product_could_wrap_is_refused_by_name(part, field, value, what):
    plain = params()
    changed = plain._replace(**{part: getattr(plain, part)._replace(**{field: value})})
    with pytest.raises(ConfigError, match=f"^{what} could reach"):
        check_magnitudes(changed, BTC_JPY)


@pytest.mark.parametrize("bounds", [{"max_lots": Lots(MAX_LOTS + 1)}, {"min_lots": Lots(0)}, {"max_lots": Lots(0)}])
def test_a_pair_whose_orders_the_core_cannot_hold_is_refused(bounds):
    with pytest.raises(ConfigError, match="lots are outside"):
        check_magnitudes(params(), BTC_JPY._replace(**bounds))


@pytest.mark.parametrize(("parts", "gap"), [("1", "1"), ("16", "672")])
def test_the_bounds_of_the_settings_are_within_those_of_the_features(parts, gap):
    environ = {"TRADER__DATA__MIN_PARTS_4H": parts, "TRADER__DATA__BARS_AFTER_GAP": gap}
    check_settings(feature_settings(load_config(BACKTEST, environ)))
