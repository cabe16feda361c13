"""Puts a running trader together from its settings: clock, exchange, bars, journal, model."""

import os
import platform
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import aiohttp

from src.core.clock import SystemClock
from src.core.config import Settings
from src.core.domain.health import Health
from src.core.domain.journal import Json
from src.core.domain.market import Money
from src.core.domain.time import BAR_15M, SECOND, Millis
from src.core.exceptions import ConfigError
from src.core.lock_step_clock import LockStepClock
from src.core.orchestration.bar_costs import bar_costs
from src.core.orchestration.cycle import TradingCycle
from src.core.orchestration.measured_journal import MeasuredJournal
from src.core.orchestration.ml_adapter import ModelAdapter
from src.core.orchestration.model_stage import live_params, shadow_adapter
from src.core.orchestration.operations import journal_url, lease_terms, notifier, open_health_page
from src.core.orchestration.paper_market import PaperAccount, paper_clock
from src.core.orchestration.parts import Parts
from src.core.orchestration.patient_journal import PatientJournal
from src.core.orchestration.wiring import (
    bitbank_client,
    bitbank_margin,
    core_params,
    executor_params,
    facts,
    feature_settings,
    instrument,
    model_adapter,
    trading_store,
)
from src.core.protocols import BarSource, Clock, ExchangePort
from src.data.api_keys import keys_from_environment
from src.data.bitbank_margin import BitbankMargin
from src.data.live_bars import LiveBars
from src.features.feature_stream import FeatureStream
from src.monitoring.metrics import Metrics
from src.trading.columns_read import columns_of
from src.trading.decision import Params
from src.trading.journal import open_journal

CONTROL_VARIABLE: Final = "TWIN_CONTROL_URL"
TOKEN_VARIABLE: Final = "TWIN_CONTROL_TOKEN"  # noqa: S105 - a name, not a secret
PAPER_FILE: Final = "paper_exchange.json"  # beside the journal


async def live_parts(settings: Settings, environment: Mapping[str, str] | None = None) -> Parts:
    """Return what a paper or live trader is made of.

    Parameters
    ----------
    environment
        Holds keys, DATABASE_URL and, to drive a simulated exchange in lock-step, its control address and token.

    Raises
    ------
    ConfigError
        If the settings are not for a running trader, something is missing from the environment, or a webhook's
        variable holds no address.
    JournalFailed
        If the journal cannot be opened.
    """
    env = os.environ if environment is None else environment
    params = live_params(settings, core_params(settings))
    driven = await driven_clock(env) if settings.mode == "live" else None
    machine: Clock = SystemClock() if driven is None else driven
    client = bitbank_client(settings, machine, attempts=1, pace_s=None if driven is None else 0.0)
    real = LiveBars(client, trading_store(settings), machine, instrument(settings))
    clock, exchange, bars = _market(settings, machine, real, env)
    if driven is not None and isinstance(exchange, BitbankMargin):
        driven.watch(exchange)
        driven.watch_work(lambda: client.busy)
    page = _Page(settings, env, machine)
    plain = await open_journal(journal_url(settings, env), machine, terms=lease_terms(settings))
    people = notifier(settings, env)
    await people.start()
    lease_ms = settings.journal.lease_s * SECOND
    journal = PatientJournal(MeasuredJournal(plain, page.metrics), machine, lease_ms, people)
    model = model_adapter(settings, params) if params.model.used else None
    shadow = shadow_adapter(settings, params) if params.model.used else None
    return Parts(
        clock=clock,
        exchange=exchange,
        bars=bars,
        journal=journal,
        notifier=people,
        cycle=TradingCycle(FeatureStream(feature_settings(settings), columns_of(params)), model, params, shadow),
        params=params,
        execution=executor_params(settings),
        watch_ms=settings.execution.watch_seconds * SECOND,
        lease_ms=lease_ms,
        drive=None if driven is None else driven.run,
        open_page=page.open,
        close=client.close,
        identity=identity(settings, model, params),
        facts=facts(settings),
        clock_skew=_clock_skew(exchange),
        most_skew_ms=settings.exchange.max_clock_skew_ms,
    )


def _clock_skew(exchange: ExchangePort) -> Callable[[], int]:
    """Return what tells how far the exchange's clock is ahead; a simulated exchange has ours."""
    if isinstance(exchange, BitbankMargin):
        return lambda: exchange.clock_skew_ms
    return lambda: 0


def identity(settings: Settings, model: ModelAdapter | None, params: Params) -> dict[str, Json]:
    """Return what the journal says of a process that starts; its model's hash is "" where there is none.

    The share of the usual size is in no setting: it follows the stage of the model, and a replay has to know it.
    """
    return {
        "mode": settings.mode,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "model": "" if model is None else model.model_hash,
        "model_state": "not used" if model is None else model.text,
        "share_bps": params.size.share_bps,
    }


class _Page:
    """The health page and its figures, which need a trader that is not there yet when they are made."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], clock: Clock) -> None:
        self._settings = settings
        self._environment = environment
        self._clock = clock
        self._health: Callable[[], Health] = lambda: Health(settings.mode)
        self.metrics = Metrics(instrument(settings), self._ask, clock.now)

    async def open(self, health: Callable[[], Health]) -> Callable[[], Awaitable[None]]:
        """Begin to answer, and return what ends it."""
        self._health = health
        server = await open_health_page(self._settings, self._environment, self._clock, health, self.metrics)
        return server.close

    def _ask(self) -> Health:
        return self._health()


async def driven_clock(environment: Mapping[str, str]) -> LockStepClock | None:
    """Return the clock that drives the simulated exchange named in the environment, or None."""
    url = environment.get(CONTROL_VARIABLE, "")
    if not url:
        return None
    token = environment.get(TOKEN_VARIABLE, "")
    async with aiohttp.ClientSession(headers={"X-Twin-Token": token}) as session:
        try:
            async with session.get(f"{url.rstrip('/')}/state") as reply:
                state = await reply.json(content_type=None)
            start = Millis(int(state["market"]))
        except (aiohttp.ClientError, ValueError, KeyError, TypeError) as e:
            raise ConfigError(
                f"{CONTROL_VARIABLE} names no simulated exchange that can be driven: {type(e).__name__}",
                remedy=f"start `python main.py twin --lock-step` and export the control address and {TOKEN_VARIABLE}",
            ) from e
    return LockStepClock(start, url, token)


def _market(
    settings: Settings, machine: Clock, real: LiveBars, env: Mapping[str, str]
) -> tuple[Clock, ExchangePort, BarSource]:
    if settings.mode == "paper":
        clock = paper_clock(machine, BAR_15M)
        account = _paper_account(settings, clock)
        return clock, account.port(settings.backtest.latency_ms), account.bars(real, clock)
    if settings.mode == "live":
        heartbeat = not isinstance(machine, LockStepClock)
        return machine, bitbank_margin(settings, machine, keys_from_environment(env), heartbeat=heartbeat), real
    raise ConfigError(f"mode {settings.mode} does not run a trader", remedy="choose paper or live")


def _paper_account(settings: Settings, clock: Clock) -> PaperAccount:
    pair = instrument(settings)
    cash = Money(int(settings.backtest.initial_balance_jpy / pair.money_unit))
    path = Path(settings.journal.folder) / PAPER_FILE
    return PaperAccount(path, bar_costs(settings), pair, cash=cash, start=clock.now())
