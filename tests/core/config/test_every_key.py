"""Every key changes something: for each there are two values and an outcome that differs between them.

The keys are enumerated from the settings themselves: a key that is added without a case here fails.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest

from src.core.config import load_config
from src.core.exceptions import ConfigError
from tests.core.config import outcomes
from tests.core.config.outcomes import Loaded, Outcome
from tests.core.config.written_settings import SHIPPED, leaves, write

DEFAULTS: Final = leaves(load_config(SHIPPED["backtest"], {}))
REFUSED: Final = "refused"
NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class Case(NamedTuple):
    """Another value of a key, and what shows the difference."""

    other: object
    outcome: Outcome
    beside: Mapping[str, object] = NOTHING  # what else is set, in both runs
    along: Mapping[str, object] = NOTHING  # what must change with the key
    first: object = None  # another first value than the default


STORED: Final = {"data.history": "candles", "data.series": "made"}
OWN_STORE: Final = {"data.trading": "own", "data.series": "made"}
WITH_MODEL: Final = {"model.used": True}
BY_VALUE: Final = {**WITH_MODEL, "model.rule": "value"}
HERE: Final = {**WITH_MODEL, "model.path": "model"}
OLD_MODEL: Final = {**HERE, "model.max_age_days": 3_650}
LARGE: Final = {  # so much risk that only the margin limits the size
    "sizing.risk_per_trade": 0.05,
    "sizing.max_risk_per_trade": 0.05,
    "sizing.target_volatility": 5.0,
    "sizing.max_leverage": 2.0,
    "sizing.losscut_distance": 5.0,
}
LEVERED: Final = {**LARGE, "sizing.losscut_distance": 1.0, "sizing.gap": 0.0}
ONE_TRY: Final = {"data.retries": 0, "data.request_interval_s": 0.1}
DARING: Final = {"sizing.risk_per_trade": 0.05, "sizing.max_risk_per_trade": 0.05}

CASES: Final = {
    "mode": Case("live", outcomes.is_accepted, {"costs.schedule": "dated"}),
    "language": Case("en", outcomes.report_text),
    "market.symbol": Case("ETH/JPY", outcomes.is_accepted),
    "data.history": Case("candles", outcomes.backtest, {"data.series": "made"}),
    "data.trading": Case("own", outcomes.trading_series),
    "data.series": Case("made", outcomes.backtest, {"data.history": "candles"}),
    "data.retention_days": Case(200, outcomes.bars_dropped, OWN_STORE),
    "data.segments_in_memory": Case(1, outcomes.survives_a_lost_file, OWN_STORE),
    "data.min_parts_4h": Case(9, outcomes.rows_around_gaps),
    "data.bars_after_gap": Case(5, outcomes.rows_around_gaps),
    "data.request_interval_s": Case(0.1, outcomes.takes_its_time, {"data.retries": 0}, first=2),
    "data.timeout_s": Case(1, outcomes.gives_up_soon, ONE_TRY, first=4),
    "data.retries": Case(0, outcomes.requests_sent, {"data.request_interval_s": 0.1}, first=1),
    "data.base_url": Case("http://127.0.0.1:2", outcomes.server_asked, ONE_TRY, first="http://127.0.0.1:1"),
    "exchange.private_url": Case("http://127.0.0.1:2", outcomes.exchange_reached),
    "exchange.public_url": Case("http://127.0.0.1:2", outcomes.exchange_reached),
    "exchange.private_stream": Case("http://127.0.0.1:2", outcomes.exchange_reached),
    "exchange.public_stream": Case("ws://127.0.0.1:2/socket.io/?EIO=4&transport=websocket", outcomes.exchange_reached),
    "exchange.time_window_ms": Case(2_000, outcomes.exchange_reached),
    "exchange.deadline_s": Case(2, outcomes.exchange_reached),
    "exchange.max_clock_skew_ms": Case(500, outcomes.exchange_reached),
    "vote.min_agreement": Case(1.0, outcomes.busy_run),
    "vote.min_confidence": Case(0.6, outcomes.busy_run),
    "model.used": Case(True, outcomes.busy_run),
    "model.hold_without": Case(False, outcomes.word_on_no_model, WITH_MODEL),
    "model.rule": Case("value", outcomes.busy_run, WITH_MODEL),
    "model.min_probability": Case(0.8, outcomes.busy_run, WITH_MODEL),
    "model.min_edge": Case(2.0, outcomes.busy_run, BY_VALUE),
    "model.open_gain": Case(0.5, outcomes.busy_run, BY_VALUE),
    "model.path": Case("elsewhere", outcomes.word_of_the_model, WITH_MODEL, first="model"),
    "model.cache": Case("answers", outcomes.predictions_kept, OLD_MODEL),
    "model.max_age_days": Case(3_650, outcomes.word_of_the_model, HERE, first=1),
    "model.max_far": Case(0.0, outcomes.word_of_the_model, OLD_MODEL),
    "model.constant_after": Case(2, outcomes.word_of_the_model, OLD_MODEL),
    "training.years": Case(0.5, outcomes.bars_to_train_on, first=1.0),
    "training.tests": Case(3, outcomes.tests_of_a_training),
    "training.output": Case("trained", outcomes.folder_of_a_training),
    "training.registry": Case("registered", outcomes.folder_of_the_registry),
    "training.canary_size": Case(0.5, outcomes.size_of_a_canary, WITH_MODEL),
    "anomaly.max_spread": Case(0.001, outcomes.normality),
    "anomaly.max_latency_ms": Case(1_000, outcomes.normality),
    "anomaly.max_move_atr": Case(2.0, outcomes.busy_run),
    "anomaly.max_volume_ratio": Case(5.0, outcomes.busy_run),
    "risk.max_drawdown": Case(0.01, outcomes.busy_run, DARING),
    "risk.max_losses": Case(2, outcomes.busy_run),
    "risk.streak_pause_hours": Case(48, outcomes.busy_run),
    "risk.cooldown_minutes": Case(0, outcomes.busy_run),
    "risk.memory_trades": Case(10, outcomes.busy_run),
    "sizing.method": Case("fixed_fraction", outcomes.share_at_risk),
    "sizing.risk_per_trade": Case(0.006, outcomes.size),
    "sizing.max_risk_per_trade": Case(0.02, outcomes.share_at_risk),
    "sizing.kelly_multiple": Case(0.01, outcomes.share_at_risk),
    "sizing.prior_trades": Case(10_000, outcomes.share_at_risk),
    "sizing.target_volatility": Case(0.05, outcomes.size),
    "sizing.max_leverage": Case(1.5, outcomes.size, {**LEVERED, "sizing.max_leverage": 1.0}),
    "sizing.gap": Case(0.2, outcomes.size, LARGE),
    "sizing.losscut_distance": Case(8.0, outcomes.size, LARGE),
    "sizing.max_cost_share": Case(0.1, outcomes.busy_run),
    "exits.when_reason_ends": Case(False, outcomes.busy_run),
    "exits.when_opposite": Case(False, outcomes.busy_run, {"exits.when_reason_ends": False}),
    "exits.when_halted": Case(False, outcomes.busy_run, {**DARING, "risk.max_drawdown": 0.01}),
    "costs.schedule": Case("dated", outcomes.backtest, STORED),
    "costs.slippage": Case(0.001, outcomes.busy_run),
    "costs.interest_per_day": Case(0.0005, outcomes.busy_run),
    "costs.interest_hour_jst": Case(12, outcomes.busy_run),
    "costs.first_day_charged": Case(False, outcomes.busy_run),
    "costs.margin_requirement": Case(0.4, outcomes.size, LARGE),
    "costs.losscut_level": Case(0.4, outcomes.size, LARGE),
    "execution.entry": Case("limit", outcomes.busy_run),
    "execution.entry_wait_minutes": Case(15, outcomes.busy_run, {"execution.entry": "limit"}),
    "execution.quotes": Case(2, outcomes.order_work),
    "execution.quote_seconds": Case(3, outcomes.order_work),
    "execution.max_naked_seconds": Case(3, outcomes.order_work),
    "execution.stale_seconds": Case(30, outcomes.order_work),
    "execution.settle_seconds": Case(3, outcomes.order_work),
    "execution.watch_seconds": Case(30, outcomes.order_work),
    "backtest.initial_balance_jpy": Case(2_000_000, outcomes.backtest, STORED),
    "backtest.spread": Case(0.004, outcomes.busy_run),
    "backtest.latency_ms": Case(5_000, outcomes.busy_run),
    "backtest.compile": Case("always", outcomes.compiles),
    "backtest.compile_from_bars": Case(10, outcomes.compiles),
    "backtest.output": Case("reports", outcomes.report_folder),
    "backtest.trials": Case("counted", outcomes.ledger_folder),
    "backtest.cache": Case("kept", outcomes.compiler_cache, {"backtest.compile": "always"}),
    "journal.folder": Case("kept", outcomes.journal_files),
    "journal.lease_s": Case(60, outcomes.taken_over_after_half_a_minute),
    "monitoring.least_tier": Case("critical", outcomes.tiers_sent),
    "monitoring.merge_s": Case(3_600, outcomes.notices_sent, first=1),
    "monitoring.host": Case("127.0.0.2", outcomes.health_page, {"monitoring.port": 0}),
    "monitoring.port": Case(0, outcomes.listens_on_the_port_by_default),
    "monitoring.stale_after_s": Case(10, outcomes.alive_after_a_minute),
    "logging.level": Case("debug", outcomes.log_lines),
    "strategies.atr_based.weight": Case(0.1, outcomes.busy_run, along={"strategies.multi_timeframe.weight": 0.45}),
    "strategies.mochipoy_alert.weight": Case(0.5, outcomes.busy_run, along={"strategies.multi_timeframe.weight": 0.05}),
    "strategies.multi_timeframe.weight": Case(0.5, outcomes.busy_run, along={"strategies.atr_based.weight": 0.05}),
    "strategies.fibonacci_retracement.weight": Case(
        0.4, outcomes.busy_run, along={"strategies.atr_based.weight": 0.05}
    ),
}
PARAMS: Final = {
    "atr_based": {
        "stretch": 2.0,
        "overbought": 60.0,
        "calm": 0.9,
        "wild": 1.2,
        "stop": 1.0,
        "target": 1.0,
        "days": 0.5,
    },
    "fibonacci_retracement": {
        "shallow": 0.25,
        "middle": 0.4,
        "deep": 0.7,
        "size": 2.0,
        "reach": 0.5,
        "stop": 1.0,
        "target": 1.0,
        "days": 1.0,
    },
    "mochipoy_alert": {"extreme": 50.0, "stop": 1.0, "target": 1.0, "days": 1.0},
    "multi_timeframe": {"trend": 0.5, "ended": 0.2, "stop": 1.0, "trail": 1.0},
}
ALL_CASES: Final = CASES | {
    f"strategies.{name}.params.{param}": Case(other, outcomes.signals)
    for name, params in PARAMS.items()
    for param, other in params.items()
}
MAY_BE_REFUSED: Final = {"mode", "market.symbol"}  # their other value is itself what the outcome is about


def outcome_of(folder: Path, outcome: Outcome, values: Mapping[str, object]) -> tuple[object, str]:
    """Load a file with `values` by dotted key over a backtest's defaults; return what it leads to, and its hash."""
    tree: dict[str, Any] = {"extends": "core.yaml"}
    for key, value in {"mode": "backtest", "model.used": False, **values}.items():
        section = tree
        *path, name = key.split(".")
        for part in path:
            section = section.setdefault(part, {})
        section[name] = value
    path = write(folder, json.dumps(tree))
    try:
        settings = load_config(path, {})
    except ConfigError:
        return REFUSED, ""
    return outcome(Loaded(settings, path, folder)), settings.hash()


@pytest.mark.parametrize("key", sorted(DEFAULTS))
@pytest.mark.no_cover
def test_the_key_changes_an_outcome(tmp_path, monkeypatch, key):
    assert key in ALL_CASES, f"{key} has no case: show what it changes, or remove it from the settings"
    case = ALL_CASES[key]
    seen = []
    changes = ({} if case.first is None else {key: case.first}, {key: case.other, **case.along})
    for name, change in zip(("before", "after"), changes, strict=True):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.delenv("TRADER__BACKTEST__TRIALS", raising=False)  # conftest.py sets it for everyone else
        seen.append(outcome_of(folder, case.outcome, {**case.beside, **change}))
    (before, hash_before), (after, hash_after) = seen
    assert before != REFUSED
    assert after != REFUSED or key in MAY_BE_REFUSED
    assert before != after
    assert hash_before != hash_after


def test_no_case_is_left_over_from_a_key_that_has_gone():
    assert ALL_CASES.keys() == DEFAULTS.keys()


@pytest.mark.parametrize("outcome", [outcomes.busy_run, outcomes.signals, outcomes.size, outcomes.backtest])
def test_the_same_settings_lead_to_the_same_outcome(tmp_path, monkeypatch, outcome):
    monkeypatch.chdir(tmp_path)
    assert outcome_of(tmp_path, outcome, STORED) == outcome_of(tmp_path, outcome, STORED)
