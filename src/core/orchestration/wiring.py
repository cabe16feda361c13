"""Turns settings into the core's values and into adapters: the one module that knows both.

Floors 0 and 1 take values and never see settings. People write fractions, hours and minutes; the core
counts in parts per million, basis points and milliseconds, and a fraction that is not a whole number of
them is refused.
"""

from pathlib import Path
from typing import Final

from src.backtest.fold import MarketParams
from src.core.config import Settings
from src.core.config.feature_manager import feature_hash
from src.core.config.settings import ModelSettings
from src.core.config.units import BPS_FRACTION, MULTIPLE, PPM_FRACTION, in_parts
from src.core.domain.journal import Json
from src.core.domain.market import INSTRUMENTS, PPM, SAFE, Instrument
from src.core.domain.orders import EntryKind
from src.core.domain.time import DAY, HOUR, MINUTE, SECOND
from src.core.exceptions import ConfigError
from src.core.orchestration.ml_adapter import ModelAdapter
from src.core.orchestration.ml_loader import load_model
from src.core.protocols import Clock
from src.data.api_keys import ApiKeys
from src.data.bitbank_client import PUBLIC_URL, BitbankClient
from src.data.bitbank_margin import BitbankMargin, Terms
from src.data.data_cache import DataCache
from src.features.feature_generator import FeatureSettings
from src.ml.artefact import Running
from src.ml.barriers import barrier_terms
from src.ml.judging import JudgeParams
from src.ml.model_folder import versions
from src.ml.transform import Costs, transform_hash
from src.strategies.base.strategy_base import Strategy, strategy_class
from src.strategies.base.strategy_manager import VoteParams
from src.trading.anomaly_detector import GateParams
from src.trading.decision import ExitParams, Params
from src.trading.drawdown_manager import RiskParams
from src.trading.executor import ExecutorParams
from src.trading.fact_table import Facts
from src.trading.fee_schedule import FEE_SCHEDULE, Fees, todays_fees
from src.trading.intents import Patience
from src.trading.ledger import BPS, CostParams
from src.trading.position_sizing import MAX_EQUITY, MAX_LOTS, MAX_PRICE, SizeParams
from src.trading.reconcile import Limits
from src.trading.risk import ModelParams

_IN_BAR_MODE: Final = {  # a bar does not tell where the touch was: a quote is taken for one at the close, or as a taker
    EntryKind.MARKET: EntryKind.MARKET,
    EntryKind.LIMIT: EntryKind.LIMIT,
    EntryKind.MAKER: EntryKind.LIMIT,
    EntryKind.MAKER_THEN_TAKER: EntryKind.MARKET,
}
_LONGEST_DAYS: Final = 36_500  # for which one position may owe interest


def instrument(settings: Settings) -> Instrument:
    """Return the traded pair's grids as they are known; live trading reads them anew from the exchange."""
    return INSTRUMENTS[settings.market.symbol]


def core_params(settings: Settings) -> Params:
    """Return everything a decision depends on beside the market and the account.

    Strategies and weights stand in the order of `settings.strategies`.

    Raises
    ------
    ConfigError
        If a number is finer than the core counts, or so large that a product could wrap.
    """
    pair = instrument(settings)
    params = Params(
        strategies=tuple(_strategy(name, dict(own.params)) for name, own in settings.strategies.items()),
        weights=tuple(own.weight for own in settings.strategies.values()),
        vote=VoteParams(settings.vote.min_agreement, settings.vote.min_confidence),
        model=model_params(settings.model),
        gates=_gate_params(settings),
        risk=_risk_params(settings),
        size=_size_params(settings, pair),
        exits=ExitParams(settings.exits.when_reason_ends, settings.exits.when_opposite, settings.exits.when_halted),
        costs=_cost_params(settings),
        tick=float(pair.tick_size),
    )
    check_magnitudes(params, pair)
    return params


def market_params(settings: Settings) -> MarketParams:
    """Return what bar mode cannot know and the settings state."""
    return MarketParams(
        spread_ppm=in_parts(settings.backtest.spread, PPM_FRACTION),
        latency_ms=settings.backtest.latency_ms,
        entry=int(_IN_BAR_MODE[EntryKind[settings.execution.entry.upper()]]),
        wait_ms=settings.execution.entry_wait_minutes * MINUTE,
    )


def executor_params(settings: Settings) -> ExecutorParams:
    """Return how orders are worked on a live exchange."""
    execution = settings.execution
    return ExecutorParams(
        kind=EntryKind[execution.entry.upper()],
        wait_ms=execution.entry_wait_minutes * MINUTE,
        stale_ms=execution.stale_seconds * SECOND,
        naked_ms=execution.max_naked_seconds * SECOND,
        settle_ms=execution.settle_seconds * SECOND,
        slippage_ppm=in_parts(settings.costs.slippage, PPM_FRACTION),
        limits=Limits(quotes=execution.quotes, quote_ms=execution.quote_seconds * SECOND),
        patience=Patience(),
    )


def feature_settings(settings: Settings) -> FeatureSettings:
    """Return the pair's grids and the limits that decide what counts as missing."""
    return FeatureSettings.of(instrument(settings), settings.data.min_parts_4h, settings.data.bars_after_gap)


def judge_params(settings: Settings) -> JudgeParams:
    """Return when a model is doubted."""
    model = settings.model
    return JudgeParams(model.max_age_days * DAY, model.max_far, model.constant_after)


def model_params(model: ModelSettings) -> ModelParams:
    """Return what the model may decide."""
    by_value = model.rule == "value"
    return ModelParams(model.used, model.hold_without, model.min_probability, by_value, model.min_edge, model.open_gain)


def label_terms(params: Params, market: MarketParams, fees: Fees | None = None) -> dict[str, Json]:
    """Return the terms of the trade a model is asked about, at today's fees unless others are given."""
    fees = fees or todays_fees()
    return barrier_terms(params, market, fees.maker_ppm, fees.taker_ppm)


def model_adapter(settings: Settings, params: Params | None = None, fees: Fees | None = None) -> ModelAdapter:
    """Return the model the settings name, or the adapter that says of every bar why there is none.

    Parameters
    ----------
    params
        Of the decisions that will ask it; None takes those of the settings.
    fees
        If others than today's are paid.
    """
    params, fees = params or core_params(settings), fees or todays_fees()
    terms = label_terms(params, market_params(settings), fees)
    running = Running(feature_hash(), transform_hash(), terms, versions())
    loaded = load_model(Path(settings.model.path), running)
    costs = Costs(fees.taker_ppm, params.costs.slippage_ppm, params.tick)
    return ModelAdapter(loaded, judge_params(settings), params, costs)


def trading_store(settings: Settings) -> DataCache:
    """Return the running trader's own store of candles."""
    return DataCache(settings.data.trading, segments_in_memory=settings.data.segments_in_memory)


def trim_trading_store(settings: Settings) -> int:
    """Drop candles older than the settings keep from the trader's own store; return how many bars went."""
    return trading_store(settings).apply_retention(settings.data.series, settings.data.retention_days)


def facts(settings: Settings) -> Facts:
    """Return what is taken for granted about the pair: today's fees of the dated table, and the settings' costs."""
    costs = _cost_params(settings)
    return Facts(instrument(settings), todays_fees(), costs.interest_ppm_per_day, costs.requirement_bps)


def exchange_terms(settings: Settings, *, heartbeat: bool = True) -> Terms:
    """Return how the exchange is reached.

    Parameters
    ----------
    heartbeat
        Whether the ticker is followed as a sign of life; not in lock-step, where each of its messages is a halt.
    """
    exchange = settings.exchange
    return Terms(
        private_url=exchange.private_url,
        public_url=exchange.public_url,
        private_stream=exchange.private_stream,
        public_stream=exchange.public_stream,
        time_window_ms=exchange.time_window_ms,
        deadline_s=exchange.deadline_s,
        max_clock_skew_ms=exchange.max_clock_skew_ms,
        heartbeat=heartbeat,
    )


def bitbank_margin(settings: Settings, clock: Clock, keys: ApiKeys, *, heartbeat: bool = True) -> BitbankMargin:
    """Return the margin account at the exchange; see `exchange_terms`."""
    return BitbankMargin(clock, keys, instrument(settings), exchange_terms(settings, heartbeat=heartbeat))


def bitbank_client(
    settings: Settings,
    clock: Clock,
    base_url: str | None = None,
    pace_s: float | None = None,
    attempts: int | None = None,
) -> BitbankClient:
    """Return the client of the public server, as patient as the settings say; what is given overrides them."""
    return BitbankClient(
        clock,
        base_url=base_url or settings.data.base_url or PUBLIC_URL,
        pace_s=settings.data.request_interval_s if pace_s is None else pace_s,
        deadline_s=settings.data.timeout_s,
        attempts=settings.data.retries + 1 if attempts is None else attempts,
    )


def check_magnitudes(params: Params, pair: Instrument) -> None:
    """Refuse parameters under which a product of the money code could leave the 62 bits it is computed in.

    The products are taken at the caps (`MAX_PRICE`, `MAX_LOTS`, `MAX_EQUITY`), whatever the market does now:
    whole numbers of compiled code wrap silently.

    Raises
    ------
    ConfigError
        It names the first product that is too large.
    """
    if not 0 < pair.min_lots <= pair.max_lots <= MAX_LOTS:
        raise ConfigError(
            f"{pair.symbol}: orders of {pair.min_lots} to {pair.max_lots} lots are outside 1 to {MAX_LOTS}",
            remedy="check the pair's lot size, smallest and largest order",
        )
    for name, product in _products(params).items():
        if abs(product) >= SAFE:
            raise ConfigError(
                f"{name} could reach {product:.3g}; whole numbers are safe up to {SAFE:.3g}",
                remedy="lower the rate it is made of; docs/configuration.md lists the bounds",
            )


def _products(params: Params) -> dict[str, int]:
    """Return, by what they are for, the largest products of rates, prices, sizes and sums."""
    size, costs = params.size, params.costs
    notional = MAX_PRICE * MAX_LOTS
    fee = max(abs(rate) for entry in FEE_SCHEDULE for rate in entry.fees)
    round_trip = MAX_PRICE * 2 * (fee + costs.slippage_ppm)
    level = costs.losscut_bps * size.losscut_distance_bps
    return {
        "the risk budget": MAX_EQUITY * max(size.risk_ppm, size.max_risk_ppm),
        "the leverage cap": MAX_EQUITY * size.max_leverage_bps,
        "the gap": MAX_PRICE * size.gap_ppm,
        "the margin after stop and gap": max(level, MAX_PRICE * costs.requirement_bps * (level // BPS)),
        "the cost of a round trip": max(round_trip, round_trip // PPM * BPS),
        "the limit of costs": MAX_PRICE * size.max_cost_bps,
        "the fee": notional * fee,
        "the slippage": MAX_PRICE * costs.slippage_ppm,
        "the interest": max(
            notional * costs.interest_ppm_per_day, _LONGEST_DAYS * (notional * costs.interest_ppm_per_day // PPM)
        ),
        "the margin requirement": notional * costs.requirement_bps,
        "the forced close": notional * costs.requirement_bps // BPS * costs.losscut_bps,
        "the margin level": (MAX_EQUITY + notional) * BPS,
        "the drawdown": (MAX_EQUITY + notional) * max(params.risk.max_drawdown_bps, BPS),
    }


def _strategy(name: str, values: dict[str, bool | int | float]) -> Strategy:
    return strategy_class(name)(**values)


def _gate_params(settings: Settings) -> GateParams:
    anomaly = settings.anomaly
    return GateParams(
        max_spread_ppm=in_parts(anomaly.max_spread, PPM_FRACTION),
        max_latency_ms=anomaly.max_latency_ms,
        max_move_atr=anomaly.max_move_atr,
        max_volume_ratio=anomaly.max_volume_ratio,
    )


def _risk_params(settings: Settings) -> RiskParams:
    risk = settings.risk
    return RiskParams(
        max_drawdown_bps=in_parts(risk.max_drawdown, BPS_FRACTION),
        max_losses=risk.max_losses,
        streak_pause_ms=risk.streak_pause_hours * HOUR,
        cooldown_ms=risk.cooldown_minutes * MINUTE,
        memory_trades=risk.memory_trades,
    )


def _size_params(settings: Settings, pair: Instrument) -> SizeParams:
    sizing = settings.sizing
    return SizeParams(
        kelly=sizing.method == "kelly",
        risk_ppm=in_parts(sizing.risk_per_trade, PPM_FRACTION),
        max_risk_ppm=in_parts(sizing.max_risk_per_trade, PPM_FRACTION),
        kelly_multiple=sizing.kelly_multiple,
        prior_trades=sizing.prior_trades,
        target_volatility=sizing.target_volatility,
        max_leverage_bps=in_parts(sizing.max_leverage, MULTIPLE),
        gap_ppm=in_parts(sizing.gap, PPM_FRACTION),
        losscut_distance_bps=in_parts(sizing.losscut_distance, MULTIPLE),
        max_cost_bps=in_parts(sizing.max_cost_share, BPS_FRACTION),
        min_lots=pair.min_lots,
        max_lots=pair.max_lots,
    )


def _cost_params(settings: Settings) -> CostParams:
    costs = settings.costs
    return CostParams(
        slippage_ppm=in_parts(costs.slippage, PPM_FRACTION),
        interest_ppm_per_day=in_parts(costs.interest_per_day, PPM_FRACTION),
        interest_hour=costs.interest_hour_jst,
        first_day_charged=costs.first_day_charged,
        requirement_bps=in_parts(costs.margin_requirement, BPS_FRACTION),
        losscut_bps=in_parts(costs.losscut_level, BPS_FRACTION),
    )
