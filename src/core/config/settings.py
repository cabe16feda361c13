"""What can be set: typed, frozen, without defaults. Defaults live in config/core/base.yaml alone.

Rates are fractions of 1 (0.05 % is 0.0005). The bounds are those within which the program was thought
through, not recommendations; docs/configuration.md says what each key does and where its default comes from.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from src.core.config.units import BPS_FRACTION, FRACTION, MULTIPLE, PPM_FRACTION


class Section(BaseModel):
    """A group of settings; a field's description is the reason for its bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class MarketSettings(Section):
    """What is traded."""

    symbol: str


class DataSettings(Section):
    """Where candles are stored, how long, and how they are fetched."""

    history: Annotated[str, Field(min_length=1)]  # folder; read only, except by `data` commands
    trading: Annotated[str, Field(min_length=1)]  # folder of the running trader
    series: Annotated[str, Field(min_length=1)]
    retention_days: Annotated[
        int, Field(ge=200, le=36_500, description="the slowest 4-hour feature needs 200 days of candles")
    ]
    segments_in_memory: Annotated[int, Field(ge=1, le=1_000)]  # months
    min_parts_4h: Annotated[int, Field(ge=1, le=16, description="a 4-hour bar has 16 parts")]
    bars_after_gap: Annotated[int, Field(ge=1, le=672)]
    request_interval_s: Annotated[float, Field(ge=0.1, le=60, description="bitbank allows 10 reads a second")]
    timeout_s: Annotated[float, Field(ge=1, le=120)]
    retries: Annotated[int, Field(ge=0, le=10)]
    base_url: str | None  # null: bitbank's own


class ExchangeSettings(Section):
    """Where the exchange is reached with the account's key, and how long its answers are waited for."""

    private_url: Annotated[str, Field(min_length=1)]
    public_url: Annotated[str, Field(min_length=1)]
    private_stream: Annotated[str, Field(min_length=1)]
    public_stream: Annotated[str, Field(min_length=1)]
    time_window_ms: Annotated[
        int, Field(ge=500, le=60_000, description="bitbank takes at most 60000; shorter settles lost orders sooner")
    ]
    deadline_s: Annotated[float, Field(ge=1, le=60)]
    max_clock_skew_ms: Annotated[
        int, Field(ge=1, le=60_000, description="bitbank refuses requests from 1000 ms ahead of its clock")
    ]


class StrategySettings(Section):
    """One strategy: its file's name is the key above."""

    weight: Annotated[float, Field(gt=0, le=1, description="leave a strategy out with `name: null`"), FRACTION]
    params: Mapping[str, bool | int | float]  # all of them once loaded: the class's own, overridden here


class VoteSettings(Section):
    """Conditions on the combined vote."""

    min_agreement: Annotated[float, Field(ge=0.5, le=1, description="below 0.5 the loser would win"), FRACTION]
    min_confidence: Annotated[float, Field(ge=0, le=1), FRACTION]


class ModelSettings(Section):
    """What the model may decide."""

    used: bool
    hold_without: bool
    rule: Literal["probability", "value"]
    min_probability: Annotated[float, Field(ge=0, le=1), FRACTION]
    min_edge: Annotated[float, Field(ge=0, le=10)]  # stop distances
    open_gain: Annotated[float, Field(ge=0.1, le=100)]  # stop distances
    path: Annotated[str, Field(min_length=1)]  # folder of the model in use
    cache: Annotated[str, Field(min_length=1)]  # folder of a backtest's predictions
    max_age_days: Annotated[int, Field(ge=1, le=3_650)]
    max_far: Annotated[float, Field(ge=0, le=1), FRACTION]
    constant_after: Annotated[
        int, Field(ge=2, le=10_000, description="two answers are the least that can be the same")
    ]  # proposals


class TrainingSettings(Section):
    """How a model is made, judged and let in."""

    years: Annotated[float, Field(ge=0.5, le=30)]
    tests: Annotated[int, Field(ge=1, le=100)]
    output: Annotated[str, Field(min_length=1)]  # folder
    registry: Annotated[str, Field(min_length=1)]  # folder
    canary_size: Annotated[float, Field(ge=0.01, le=1, description="a trial with no size shows nothing"), BPS_FRACTION]


class AnomalySettings(Section):
    """Limits beyond which no new position is opened."""

    max_spread: Annotated[float, Field(ge=0, le=0.05), PPM_FRACTION]
    max_latency_ms: Annotated[int, Field(ge=1, le=60_000)]
    max_move_atr: Annotated[float, Field(ge=0.5, le=100)]
    max_volume_ratio: Annotated[float, Field(ge=1, le=1_000)]


class RiskSettings(Section):
    """When to stop taking risk, and for how long."""

    max_drawdown: Annotated[float, Field(ge=0.01, le=0.5), BPS_FRACTION]
    max_losses: Annotated[int, Field(ge=1, le=100)]
    streak_pause_hours: Annotated[int, Field(ge=0, le=8_760)]
    cooldown_minutes: Annotated[int, Field(ge=0, le=10_080)]
    memory_trades: Annotated[int, Field(ge=10, le=10_000)]


class SizingSettings(Section):
    """Limits on size."""

    method: Literal["kelly", "fixed_fraction"]
    risk_per_trade: Annotated[float, Field(ge=0.0001, le=0.05), PPM_FRACTION]
    max_risk_per_trade: Annotated[float, Field(ge=0.0001, le=0.05), PPM_FRACTION]
    kelly_multiple: Annotated[
        float, Field(gt=0, le=1, description="more than the whole Kelly fraction risks more to grow less"), FRACTION
    ]
    prior_trades: Annotated[float, Field(ge=1, le=10_000)]
    target_volatility: Annotated[float, Field(ge=0.01, le=5), FRACTION]
    max_leverage: Annotated[
        float,
        Field(
            ge=1,
            le=2,
            description="bitbank lends individuals at most 2, where a position sits on the margin-call line; "
            "for less exposure lower risk_per_trade or target_volatility",
        ),
        MULTIPLE,
    ]
    gap: Annotated[float, Field(ge=0, le=0.5), PPM_FRACTION]
    losscut_distance: Annotated[
        float, Field(ge=1, le=10, description="below 1 the planned stop would lie beyond the forced close"), MULTIPLE
    ]
    max_cost_share: Annotated[float, Field(ge=0.01, le=1), BPS_FRACTION]


class ExitSettings(Section):
    """Which exits beside stop, trail, target and holding time are taken."""

    when_reason_ends: bool
    when_opposite: bool
    when_halted: bool


class CostSettings(Section):
    """What holding and moving a position costs."""

    schedule: Literal["today", "dated"]
    slippage: Annotated[float, Field(ge=0, le=0.01), PPM_FRACTION]
    interest_per_day: Annotated[float, Field(ge=0, le=0.01), PPM_FRACTION]
    interest_hour_jst: Annotated[int, Field(ge=0, le=23)]
    first_day_charged: bool
    margin_requirement: Annotated[float, Field(ge=0.01, le=1), BPS_FRACTION]
    losscut_level: Annotated[float, Field(ge=0.01, le=1), BPS_FRACTION]


class ExecutionSettings(Section):
    """How entries are sent and positions watched."""

    entry: Literal["market", "limit", "maker", "maker_then_taker"]
    entry_wait_minutes: Annotated[
        int, Field(ge=15, le=1_440, description="one bar is the least a resting order can wait")
    ]
    quotes: Annotated[int, Field(ge=1, le=50)]
    quote_seconds: Annotated[int, Field(ge=1, le=600)]
    max_naked_seconds: Annotated[
        int, Field(ge=2, le=60, description="a stop needs a second or two; without one a position may not stay")
    ]
    stale_seconds: Annotated[int, Field(ge=5, le=900, description="a bar is over after 900 seconds")]
    settle_seconds: Annotated[
        int, Field(ge=1, le=60, description="bitbank's position ledger may lag its trades by some seconds")
    ]
    watch_seconds: Annotated[int, Field(ge=1, le=900)]


class BacktestSettings(Section):
    """What a backtest states because candles do not say it, and where it writes."""

    initial_balance_jpy: Annotated[
        int, Field(ge=1_000, le=1_000_000_000, description="the core's whole numbers hold up to a billion JPY")
    ]
    spread: Annotated[float, Field(ge=0, le=0.05), PPM_FRACTION]
    latency_ms: Annotated[int, Field(ge=0, le=60_000)]
    compile: Literal["auto", "always", "never"]
    compile_from_bars: Annotated[int, Field(ge=1, le=10_000_000)]
    output: Annotated[str, Field(min_length=1)]  # folder
    trials: Annotated[str, Field(min_length=1)]  # folder
    cache: Annotated[str, Field(min_length=1)]  # folder


class JournalSettings(Section):
    """Where is written down what happens, and for how long one process may write."""

    folder: Annotated[str, Field(min_length=1)]
    lease_s: Annotated[
        int, Field(ge=10, le=300, description="it is renewed four times in its length, over a network too")
    ]


class MonitoringSettings(Section):
    """What people and machines are told while the trader runs."""

    least_tier: Literal["info", "warning", "critical"]
    merge_s: Annotated[int, Field(ge=1, le=3_600)]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=0, le=65_535)]
    stale_after_s: Annotated[int, Field(ge=10, le=3_600)]


class LoggingSettings(Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error", "critical"]


class Settings(Section):
    """Everything that is set, in one value."""

    mode: Literal["backtest", "paper", "live"]  # read above floor 4 only
    language: Literal["ja", "en"]
    market: MarketSettings
    data: DataSettings
    exchange: ExchangeSettings
    strategies: Annotated[Mapping[str, StrategySettings], Field(min_length=1)]  # in the order of their names
    vote: VoteSettings
    model: ModelSettings
    training: TrainingSettings
    anomaly: AnomalySettings
    risk: RiskSettings
    sizing: SizingSettings
    exits: ExitSettings
    costs: CostSettings
    execution: ExecutionSettings
    backtest: BacktestSettings
    journal: JournalSettings
    monitoring: MonitoringSettings
    logging: LoggingSettings

    def hash(self) -> str:
        """Return the SHA-256 of these settings as canonical JSON, 64 hexadecimal digits.

        It covers every key, a strategy's own parameters included. It does not depend on how the files are
        called, layered, ordered or commented.
        """
        text = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
        )
        return hashlib.sha256(text.encode("ascii")).hexdigest()
