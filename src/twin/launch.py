"""Starting a twin and stopping it: the one place where its parts are put together."""

import asyncio
import gc
import json
import secrets
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import web
from pydantic import ValidationError

from src.backtest.simulated_exchange import PairRules, SimulatedExchange, Switches
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError
from src.core.protocols import Clock
from src.twin.fault_plan import FIRST_USER, Plan
from src.twin.keeper import Keeper, saved_exchange, take_over
from src.twin.listing import LISTED
from src.twin.private_stream import SUBSCRIBE_KEY
from src.twin.server import WARNING, Server
from src.twin.service import Service
from src.twin.state_file import read_state
from src.twin.switches import TwinSwitches
from src.twin.twin_clock import FreeClock, LockStepClock, TwinClock
from src.twin.venue import Driver, Venue

LOOPBACK: Final = "127.0.0.1"
STARTING_ASSETS: Final = {"jpy": Decimal(10_000_000), "btc": Decimal(1)}
BACKLOG: Final = 1_024
GC_EVERY: Final = 100_000  # new objects between two rounds of the garbage collector; Python's own 700 cost a quarter
NO_PLAN: Final = Plan(0, ())
ENGINE_SWITCHES: Final = tuple(name for name in Switches._fields if name != "events")  # which the streams live on

DriverMaker = Callable[[SimulatedExchange, str | None], Driver | None]
"""Makes the market for an exchange: (exchange, saved state of the market or None)."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a twin is started."""

    start: Millis  # the market's first instant
    host: str = LOOPBACK
    port: int = 0  # 0: any free one
    speed: float = 60.0  # of the market's time; 0 stands still
    lock_step: bool = False
    accounts: int = 1
    plan: Plan = NO_PLAN
    state: Path | None = None
    save_every: int = 1_000  # milliseconds
    seed: int = 0
    pairs: Mapping[str, PairRules] = field(default_factory=lambda: LISTED)
    switches: Mapping[str, Any] = field(default_factory=dict)  # of the protocol and of the exchange, by name


def read_switches(settings: Sequence[str]) -> dict[str, Any]:
    """Return `NAME=VALUE` texts as a mapping; values are written as in YAML.

    Raises
    ------
    ConfigError
        If a text has another form.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting} is not NAME=VALUE", remedy="write --set position_delay=2000")
        found[name.strip()] = yaml.safe_load(value)
    return found


async def run_twin(
    options: Options, clock: Clock, make_driver: DriverMaker, announce: Callable[[dict[str, Any]], None]
) -> None:
    """Run a twin until SIGINT or SIGTERM; `announce` is told its addresses and keys once it listens.

    Raises
    ------
    ConfigError
        If an option is wrong or the port is taken.
    StoreDamaged
        If the state file is not one.
    """
    saved = None if options.state is None else read_state(options.state)
    service = _service(options, clock, make_driver, saved)
    if saved is None:
        _open_accounts(service, options.accounts)
    service.faults.arm(options.plan.rules, service.now)
    keeper = Keeper(service, options.state, options.save_every)
    token = secrets.token_urlsafe(24)
    server = Server(service, keeper, token)
    # Bodies stay as they were sent: what is signed are their bytes, and an encoding may lie.
    runner = web.ServerRunner(web.Server(server.answer, access_log=None, auto_decompress=False), shutdown_timeout=1.0)
    await runner.setup()
    listener = _listener(options.host, options.port)
    await web.SockSite(runner, listener, backlog=BACKLOG).start()
    keeper.save()
    gc.collect()
    gc.freeze()  # what there is by now stays: it need not be looked through again and again
    gc.set_threshold(GC_EVERY)
    announce(_announcement(service, options, listener.getsockname()[1], token))
    tasks = [asyncio.create_task(server.run_time()), asyncio.create_task(keeper.run())]
    try:
        await _until_stopped(tasks)
    finally:
        service.public.close()
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        await runner.cleanup()
        keeper.save()


def _service(options: Options, clock: Clock, make_driver: DriverMaker, saved: dict[str, Any] | None) -> Service:
    ours, engine = _split(options.switches)
    if saved is None:
        exchange = SimulatedExchange(options.pairs, engine, start=options.start, seed=options.seed)
    else:
        exchange = saved_exchange(saved)
    moment: TwinClock = (
        LockStepClock(exchange.now) if options.lock_step else FreeClock(clock, exchange.now, options.speed)
    )
    driver = make_driver(exchange, None if saved is None else saved.get("market"))
    service = Service(Venue(exchange, moment, driver), ours, options.plan.seed)
    if saved is not None:
        take_over(service, saved)
    return service


def _split(switches: Mapping[str, Any]) -> tuple[TwinSwitches, Switches]:
    """Return the protocol's switches and the exchange's, each from its own names."""
    own = {name: value for name, value in switches.items() if name in TwinSwitches.model_fields}
    engine = {name: value for name, value in switches.items() if name in ENGINE_SWITCHES}
    unknown = sorted(set(switches) - set(own) - set(engine))
    if unknown:
        names = ", ".join([*TwinSwitches.model_fields, *ENGINE_SWITCHES])
        raise ConfigError(f"there is no switch {', '.join(unknown)}", remedy=f"there are {names}")
    try:
        return TwinSwitches.model_validate(own), Switches(**engine_values(engine))
    except (ValidationError, ValueError, TypeError) as e:
        raise ConfigError(f"a switch is wrong: {e}", remedy="docs/twin.md lists the switches") from e


def engine_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the exchange's switches with values of the types their defaults have.

    Raises
    ------
    TypeError
        If a value is of another kind.
    """
    result: dict[str, Any] = {}
    for name, value in given.items():
        default = Switches._field_defaults[name]
        kind = type(default)
        wrong = not isinstance(value, str if issubclass(kind, str) else kind)
        if wrong or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"{name} is {value!r}, not like {default!r}")
        result[name] = kind(value)
    return result


def _open_accounts(service: Service, number: int) -> None:
    for i in range(number):
        name = FIRST_USER if i == 0 else f"{FIRST_USER}{i + 1}"
        service.accounts.open(name, STARTING_ASSETS)
        service.accounts.add_key(name)
    service.tell()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as e:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {e.strerror}", remedy="choose another --port or --host"
        ) from e
    return listener


def _announcement(service: Service, options: Options, port: int, token: str) -> dict[str, Any]:
    base = f"http://{options.host}:{port}"
    keys = [service.accounts.first_key(name) for name in service.accounts.names() if not name.startswith("twin-")]
    return {
        "warning": WARNING,
        "rest": base,
        "private_rest": f"{base}/v1",
        "public_stream": f"ws://{options.host}:{port}/socket.io/?EIO=4&transport=websocket",
        "private_stream": base,
        "subscribe_key": SUBSCRIBE_KEY,
        "control": f"{base}/twin",
        "control_token": token,
        "clock": "lock-step" if options.lock_step else f"free-running, {options.speed:g} times as fast",
        "market_time": service.venue.exchange.now,
        "accounts": [
            {"user": name, "key": key.key, "secret": key.secret}
            for name, key in zip([n for n in service.accounts.names() if not n.startswith("twin-")], keys, strict=True)
        ],
    }


async def _until_stopped(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Return at SIGINT or SIGTERM; raise what ended one of the tasks."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    waiting = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        task.result()


def announcement_lines(announced: Mapping[str, Any]) -> list[str]:
    """Return what was announced as lines for people, the warning first and last."""
    banner = f"*** NOT BITBANK: {announced['warning']} ***"
    shown = {name: value for name, value in announced.items() if name not in {"warning", "accounts"}}
    lines = [banner, *(f"{name:<15} {value}" for name, value in shown.items())]
    for account in announced["accounts"]:
        lines += [f"{account['user']:<15} key {account['key']}", f"{'':<15} secret {account['secret']}"]
    return [*lines, banner]


def announcement_json(announced: Mapping[str, Any]) -> str:
    """Return what was announced as one line of JSON, for programs that start a twin."""
    return json.dumps(announced, separators=(",", ":"))
