"""What settings lead to: small deterministic runs, each through loader and wiring, into something to compare."""

import asyncio
import io
import json
import logging
import re
import socket
import time
import warnings
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import aiohttp
import numba
import numpy as np
import pytest
from typer.testing import CliRunner

from src.backtest import BacktestEngine
from src.cli import app
from src.core.clock import ManualClock
from src.core.config import Settings
from src.core.domain.account import NO_PREDICTION, PredictionStatus
from src.core.domain.candles import SeriesInfo
from src.core.domain.health import Health, Phase
from src.core.domain.market import Money, Side, Ticks
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.orders import Reason
from src.core.domain.time import BAR_15M, DAY, Millis, parse_time
from src.core.exceptions import NoCandles, Retryable, StoreDamaged
from src.core.logger import configure_logging, get_logger
from src.core.orchestration.labelling import vote_all
from src.core.orchestration.model_service import registry_of, training_folder
from src.core.orchestration.model_stage import live_params, models_folder
from src.core.orchestration.model_training import Wanted, training_split, training_stretch
from src.core.orchestration.operations import journal_url, lease_terms, notifier, open_health_page
from src.core.orchestration.wiring import (
    bitbank_client,
    core_params,
    exchange_terms,
    executor_params,
    feature_settings,
    instrument,
    model_adapter,
    trading_store,
    trim_trading_store,
)
from src.data.data_cache import DataCache
from src.data.exchange_files import day_file
from src.data.sample_market import sample_candles
from src.features.feature_generator import BarColumns, feature_matrix
from src.ml.model_folder import write_artefact
from src.ml.model_manager import ModelManager
from src.ml.noise_world import WorldShape, noise_world
from src.ml.stage import Served
from src.ml.votes import Votes
from src.monitoring.metrics import Metrics
from src.trading.anomaly_detector import find_anomaly
from src.trading.drawdown_manager import RiskState, fresh_risk
from src.trading.journal import open_journal
from src.trading.position_sizing import risk_fraction_ppm, size_position
from src.trading.risk import model_gate
from tests.core.config.busy_market import busy_rows, busy_tape, run
from tests.ml.made_model import busy_artefact
from tests.monitoring.fake_discord import FakeDiscord

MADE = SeriesInfo("made", "BTC/JPY", BAR_15M, True, "test")


class Loaded(NamedTuple):
    """Settings, the file they came from, and an empty folder that is the current one."""

    settings: Settings
    path: Path
    folder: Path


Outcome = Callable[[Loaded], object]


def is_accepted(loaded: Loaded) -> str:
    """That the settings can be loaded at all."""
    return f"accepted for {instrument(loaded.settings).symbol}"


def busy_run(loaded: Loaded) -> bytes:
    """Every decision, equity and trade of the busy market."""
    return b"".join(np.ascontiguousarray(column).tobytes() for column in run(loaded.settings))


def signals(loaded: Loaded) -> list[object]:
    """What the strategies propose, and whether their reasons hold, on every row of the busy market."""
    strategies, rows = core_params(loaded.settings).strategies, busy_rows()
    return [(s.propose(row), s.holds(row, Side.BUY), s.holds(row, Side.SELL)) for s in strategies for row in rows]


def normality(loaded: Loaded) -> Reason:
    """The anomaly gate's word on a spread of 0.2 % and a latency of two seconds."""
    return find_anomaly(2_000, 2_000, 101.0, 99.0, 100.0, 1.0, 1.0, core_params(loaded.settings).gates)


def share_at_risk(loaded: Loaded) -> int:
    """The share of equity put at risk after a good record."""
    zero = Millis(0)
    record = RiskState(Money(1), False, 0, zero, zero, trades=40.0, wins=24.0, gained=30.0, lost=16.0)
    return risk_fraction_ppm(record, core_params(loaded.settings).size)


def size(loaded: Loaded) -> object:
    """The size of the first position of an account of ten million JPY."""
    params, cash = core_params(loaded.settings), Money(10**11)
    return size_position(cash, Ticks(10**7), Ticks(200_000), 0.01, 1_000, fresh_risk(cash), params.size, params.costs)


def word_on_no_model(loaded: Loaded) -> Reason:
    """The model gate's word when there is no model."""
    return model_gate(NO_PREDICTION, core_params(loaded.settings).model, 0.65)


def word_of_the_model(loaded: Loaded) -> list[int]:
    """How often a small model that lies in the folder "model" gives each kind of answer on the busy market."""
    write_artefact(loaded.folder / "model", busy_artefact())
    status, _ = model_adapter(loaded.settings).predictions(busy_tape(), busy_votes_of(loaded), None)
    return np.bincount(status, minlength=len(PredictionStatus)).tolist()


def predictions_kept(loaded: Loaded) -> list[str]:
    """The folders in which a backtest of two days keeps the answers of a model."""
    write_artefact(loaded.folder / "model", busy_artefact())
    engine = BacktestEngine(config=loaded.settings, data="sample", allow_in_sample=True)
    asyncio.run(engine.run_backtest(datetime(2023, 6, 8), datetime(2023, 6, 10)))
    return sorted(path.parent.name for path in loaded.folder.rglob("*.answers"))


def bars_to_train_on(loaded: Loaded) -> int:
    """How many bars of the sample market a training reads."""
    until = parse_time("2021-09-01")
    return len(training_stretch(loaded.settings, Wanted("sample", until=until)).candles)


def tests_of_a_training(loaded: Loaded) -> int:
    """In how many tests a training walks forward over a small world."""
    world = noise_world(WorldShape(days=200), 1)
    return training_split(world.dataset, world.asked, loaded.settings.training.tests).get_n_splits()


def folder_of_a_training(loaded: Loaded) -> str:
    """Where a finished training lies."""
    return str(training_folder(loaded.settings, "abc"))


def folder_of_the_registry(loaded: Loaded) -> list[str]:
    """The folders in which the registry, once opened, keeps its database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own use of its libraries
        registry_of(loaded.settings).all()
    return sorted(path.parent.name for path in loaded.folder.rglob("mlflow.db"))


def size_of_a_canary(loaded: Loaded) -> int:
    """The share of the usual size that a model on trial has, in basis points."""
    manager = ModelManager(models_folder(loaded.settings), ManualClock(Millis(0)))
    version = manager.register(busy_artefact(), True, "made").version
    manager.promote(version, Served(400 * DAY, 500, 0.1, 1.0, 0, 0.0))
    return live_params(loaded.settings, core_params(loaded.settings)).size.share_bps


def busy_votes_of(loaded: Loaded) -> Callable[[], Votes]:
    """What the strategies say on the busy market, when asked."""
    return lambda: vote_all(busy_tape(), core_params(loaded.settings))


def rows_around_gaps(loaded: Loaded) -> list[float]:
    """The quality and the sums of the columns of rows around two gaps: the first six parts of two 4-hour bars."""
    candles = sample_candles(parse_time("2023-01-01"), parse_time("2023-05-20T00:00+00:00"))
    keep = np.ones(len(candles), bool)
    keep[-160:-154] = False
    keep[-1_504:-1_498] = False
    bars = BarColumns(*(column[keep] for column in candles.columns))
    matrix = feature_matrix(bars, feature_settings(loaded.settings))
    return [*matrix.quality[-1_700:].tolist(), *np.nan_to_num(matrix.values[-1_700:]).sum(axis=0).tolist()]


def backtest(loaded: Loaded) -> str:
    """The summary of a week of the stored sample market, without the hash of the settings."""
    store = DataCache(loaded.folder / "candles")
    if "made" not in store.names():
        store.append("made", sample_candles(parse_time("2023-01-20"), parse_time("2023-06-10")), MADE)
    engine = BacktestEngine(config=loaded.settings)
    try:
        result = asyncio.run(engine.run_backtest(datetime(2023, 6, 3), datetime(2023, 6, 10)))
    except NoCandles as e:
        return e.what
    return json.dumps({name: value for name, value in result.summary.items() if name != "config_hash"}, default=str)


class _Compiling(Exception):
    """The engine is about to compile."""


def compiles(loaded: Loaded) -> bool:
    """Whether the engine compiles for two days of the sample market."""

    def stop(what: str, done: int, of: int) -> None:
        if what == "compiling":
            raise _Compiling

    engine = BacktestEngine(config=loaded.settings, data="sample", progress=stop)
    try:
        asyncio.run(engine.run_backtest(datetime(2023, 6, 8), datetime(2023, 6, 10)))
    except _Compiling:
        return True
    return False


def compiler_cache(loaded: Loaded) -> str:
    """The folder in which the compiler keeps its code; its functions are left in Python here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", True)
        patch.setattr(numba.config, "CACHE_DIR", "")
        engine = BacktestEngine(config=loaded.settings, data="sample")
        asyncio.run(engine.run_backtest(datetime(2023, 6, 9), datetime(2023, 6, 10)))
        return str(Path(numba.config.CACHE_DIR).parent)


def _command(loaded: Loaded) -> list[str]:
    arguments = ["backtest", "--data", "sample", "--start", "2023-06-09", "--end", "2023-06-10"]
    done = CliRunner().invoke(app, [*arguments, "--config", str(loaded.path)])
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def report_text(loaded: Loaded) -> str:
    """What the backtest command prints, without the folder and the hashes."""
    return re.sub(r"[0-9a-f]{8,}", "", "\n".join(_command(loaded)[:-1]))


def report_folder(loaded: Loaded) -> str:
    """Where the backtest command says that it wrote, which is where it wrote."""
    folder = Path(_command(loaded)[-1])
    assert any(folder.iterdir())
    return str(folder.parent)


def ledger_folder(loaded: Loaded) -> list[str]:
    """Where the run was counted."""
    _command(loaded)
    return sorted(str(path.parent) for path in Path().rglob("*.jsonl"))


def log_lines(loaded: Loaded) -> list[str]:
    """The events that reach the log."""
    root, stream = logging.getLogger(), io.StringIO()
    before, handlers = root.level, root.handlers[:]
    try:
        configure_logging(loaded.settings.logging.level, ManualClock(Millis(0)), stream)
        log = get_logger("outcomes")
        for speak in (log.debug, log.info, log.warning, log.error, log.critical):
            speak("said")
        return [json.loads(line)["level"] for line in stream.getvalue().splitlines()]
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)


def journal_files(loaded: Loaded) -> list[str]:
    """Where the journal is after it was opened."""

    async def make() -> None:
        await (await open_journal(journal_url(loaded.settings, {}), ManualClock(Millis(0)))).close()

    asyncio.run(make())
    return sorted(str(path) for path in Path().rglob("*.db"))


def taken_over_after_half_a_minute(loaded: Loaded) -> bool:
    """Whether another process may write 30 seconds after the one that wrote last renewed its lease."""

    async def compete() -> bool:
        clock, url, terms = ManualClock(Millis(0)), journal_url(loaded.settings, {}), lease_terms(loaded.settings)
        first, second = [await open_journal(url, clock, terms=terms) for _ in range(2)]
        assert await first.acquire()
        clock.advance_to(Millis(30_000))
        taken = await second.acquire()
        await first.close()
        await second.close()
        return taken

    return asyncio.run(compete())


async def _told(settings: Settings, notices: list[Notice], seconds: float) -> FakeDiscord:
    """Tell notices, wait a little after each, and return the server that was given as the webhook of every tier."""
    async with FakeDiscord() as discord:
        teller = notifier(settings, {"DISCORD_WEBHOOK_URL": discord.url("all")})
        await teller.start()
        for notice in notices:
            teller.tell(notice)
            await asyncio.sleep(seconds)
        delivered = list(discord.delivered["all"])
        await teller.close()
        discord.delivered["all"] = delivered
        return discord


def tiers_sent(loaded: Loaded) -> set[str]:
    """Which of three notices of three tiers are sent."""
    notices = [Notice(tier, Topic.DATA, Millis(0), {"what": tier.name}) for tier in Tier]
    discord = asyncio.run(_told(loaded.settings, notices, 0.2))
    return {f["value"] for m in discord.delivered["all"] for e in m["embeds"] for f in e["fields"]}


def notices_sent(loaded: Loaded) -> int:
    """How many of three like notices within a little more than two seconds are sent one by one."""
    discord = asyncio.run(_told(loaded.settings, [Notice(Tier.WARNING, Topic.DATA, Millis(0))] * 3, 1.2))
    return len(discord.delivered["all"])


async def _page(settings: Settings, now: int) -> tuple[str, int, int]:
    """Listen as the settings say; return address, port and what /healthz answers `now` ms after the last turn."""
    clock = ManualClock(Millis(now))

    def health() -> Health:
        return Health(settings.mode, Phase.TRADING, last_beat=Millis(0))

    metrics = Metrics(instrument(settings), health, clock.now)
    page = await open_health_page(settings, {}, clock, health, metrics)
    host, port = page.address
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/healthz") as reply:
        status = reply.status
    await page.close()
    return host, port, status


def health_page(loaded: Loaded) -> str:
    """The address at which the health page answers."""
    return asyncio.run(_page(loaded.settings, 0))[0]


def listens_on_the_port_by_default(loaded: Loaded) -> bool:
    """Whether the health page answers on port 8420."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((loaded.settings.monitoring.host, 8420))  # nothing else listens there
    return asyncio.run(_page(loaded.settings, 0))[1] == 8420


def alive_after_a_minute(loaded: Loaded) -> int:
    """What the health page answers a minute after the loop's last turn."""
    monitoring = loaded.settings.monitoring.model_copy(update={"port": 0})
    return asyncio.run(_page(loaded.settings.model_copy(update={"monitoring": monitoring}), 60_000))[2]


def trading_series(loaded: Loaded) -> list[str]:
    """What is found in the trader's own store, when there is a series in the folder `own`."""
    start = parse_time("2023-06-01")
    DataCache(loaded.folder / "own").append("made", sample_candles(start, parse_time("2023-06-02")), MADE)
    return trading_store(loaded.settings).names()


def bars_dropped(loaded: Loaded) -> int:
    """How many of 300 days of candles the trader's own store lets go."""
    candles = sample_candles(parse_time("2023-01-01"), parse_time("2023-10-28"))
    trading_store(loaded.settings).append("made", candles, MADE)
    return trim_trading_store(loaded.settings)


def survives_a_lost_file(loaded: Loaded) -> bool:
    """Whether two months that were read can be read again after their files have gone."""
    start, end = parse_time("2023-05-10"), parse_time("2023-06-20")
    store = trading_store(loaded.settings)
    store.append("made", sample_candles(start, end), MADE)
    store.read("made", start, end)
    for file in (store.root / "made").glob("*.parquet"):
        file.unlink()
    try:
        store.read("made", start, end)
    except StoreDamaged:
        return False
    return True


class _Server:
    """A server that answers every request with an error, or never."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self.asked_at: list[float] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked_at.append(time.monotonic())
        if self._silent:
            await reader.read()  # until the client gives up
        writer.write(b"HTTP/1.1 500 Sorry\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()


async def _fetch(settings: Settings, times: int, silent: bool = False) -> tuple[_Server, float]:
    """Ask a server of this machine for a day of candles; return what it saw and the seconds that took."""
    server = _Server(silent)
    async with await asyncio.start_server(server.answer, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        data = settings.data.model_copy(update={"base_url": f"http://127.0.0.1:{port}"})
        begun = time.monotonic()
        async with bitbank_client(settings.model_copy(update={"data": data}), ManualClock(Millis(0))) as client:
            for _ in range(times):
                with pytest.raises(Retryable):
                    await client.fetch(day_file(instrument(settings), BAR_15M, date(2023, 6, 1)))
        return server, time.monotonic() - begun


def order_work(loaded: Loaded) -> object:
    """How orders are worked on a live exchange, and how often the trader looks around."""
    return executor_params(loaded.settings), loaded.settings.execution.watch_seconds


def exchange_reached(loaded: Loaded) -> object:
    """How the account at the exchange is reached; tests/contracts show what each of these terms does."""
    return exchange_terms(loaded.settings)


def requests_sent(loaded: Loaded) -> int:
    """How often a server that fails is asked for one file."""
    return len(asyncio.run(_fetch(loaded.settings, times=1))[0].asked_at)


def takes_its_time(loaded: Loaded) -> bool:
    """Whether three requests are spread over more than two and a half seconds."""
    first, *_, last = asyncio.run(_fetch(loaded.settings, times=3))[0].asked_at
    return last - first > 2.5


def gives_up_soon(loaded: Loaded) -> bool:
    """Whether a server that never answers is given up within three seconds."""
    return asyncio.run(_fetch(loaded.settings, times=1, silent=True))[1] < 3.0


def server_asked(loaded: Loaded) -> str:
    """Which server a request was meant for, by the error of one at which nobody listens."""

    async def ask() -> str:
        async with bitbank_client(loaded.settings, ManualClock(Millis(0))) as client:
            with pytest.raises(Retryable) as caught:
                await client.fetch(day_file(instrument(loaded.settings), BAR_15M, date(2023, 6, 1)))
        return caught.value.what

    return asyncio.run(ask())
