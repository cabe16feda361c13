"""Twins for the contract suite: one whose market stands still at a price, and others with switches set."""

import itertools
import os
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest

from src.backtest.simulated_exchange import Switches
from src.twin.process import RunningTwin
from src.twin.switches import TwinSwitches
from tests.contracts.bitbank.clients import Loop, awaited_ccxt, sync_ccxt
from tests.contracts.bitbank.desk import PAIR, PRICE, Desk
from tests.twin_process import TwinMaker

UNHURRIED = {"queries_per_second": 0, "updates_per_second": 0, "public_lag": 0}
SEED_VARIABLE = "TWIN_TEST_SEED"

_numbers = itertools.count(1)
DeskMaker = Callable[..., Desk]


DEFAULTS = {**Switches._field_defaults, **{name: f.default for name, f in TwinSwitches.model_fields.items()}}
OTHERWISE: dict[str, Any] = {
    "amount_may_be_absent": False,
    "bad_signature": 20005,
    "bounds_inclusive": False,
    "cancel_batch_atomic": True,
    "key_style": "docs",
    "margin_orders_lock_cash": True,
    "null_amount": False,
    "price_digits_code": 60020,
    "stop_types_open": True,
    "waiting_stops_reserve": False,
}
"""The other positions of switches that do not touch one another's rows: one twin has them all."""


@pytest.fixture
def twin_with(shared_twin: TwinMaker) -> TwinMaker:
    """Give a twin with switches set; the same switches give the same twin, and so do all that stand by default."""

    def give(**options: Any) -> RunningTwin:
        if len(options) == 1:
            if options.items() <= DEFAULTS.items() and "public_lag" not in options:
                options = {}
            elif options.items() <= OTHERWISE.items():
                options = OTHERWISE
        return shared_twin(**{**UNHURRIED, **options})

    return give


@pytest.fixture
def own_twin_with(start_twin: TwinMaker) -> TwinMaker:
    """Start a twin for one test: moved prices and times would disturb others."""
    return lambda **options: start_twin(**{**UNHURRIED, **options})


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Random amounts; a failure shows the seed, which the environment can give again."""
    seed = os.environ.get(SEED_VARIABLE) or secrets.token_hex(4)
    request.node.add_report_section("setup", "seed", f"{SEED_VARIABLE}={seed}")
    return random.Random(seed)


@pytest.fixture
def amount(dice: random.Random) -> Callable[[], Decimal]:
    """Draws amounts of 0.0020 to 0.0500 BTC."""
    return lambda: Decimal(dice.randint(20, 500)).scaleb(-4)


@pytest.fixture
def open_desk(twin: RunningTwin) -> Iterator[DeskMaker]:
    """Opens accounts on a twin; their orders are gone after the test."""
    opened: list[Desk] = []

    def open_(on: RunningTwin = twin, *, spaced: bool = False, margin_enabled: bool = True, **assets: str) -> Desk:
        holds = assets or {"jpy": "10000000", "btc": "10"}
        account = on.open_account(f"user{next(_numbers)}", margin_enabled=margin_enabled, **holds)
        opened.append(Desk(on, account, spaced=spaced))
        return opened[-1]

    yield open_
    for desk in opened:
        if desk.twin.process.poll() is None:
            for pair in (PAIR, "mona_jpy"):
                desk.twin.act("cancel", user=desk.account.user, pair=pair)
        desk.session.close()


@pytest.fixture
def twin(twin_with: TwinMaker) -> RunningTwin:
    """The common twin, back at its price and without restrictions."""
    return quiet(twin_with())


def quiet(twin: RunningTwin, price: int = PRICE) -> RunningTwin:
    """Bring a twin's pair to a price and lift what a test may have set."""
    twin.control("DELETE", "/faults")
    twin.act("mode", mode="NONE")
    twin.act("status", status="NORMAL")
    twin.act("flags", flags=dict.fromkeys(FLAGS, False))
    twin.act("trade", price=str(price))
    return twin


FLAGS = (
    "stop_order",
    "stop_order_and_cancel",
    "stop_market_order",
    "stop_stop_order",
    "stop_stop_limit_order",
    "stop_margin_long_order",
    "stop_margin_short_order",
    "stop_buy_order",
    "stop_sell_order",
    "margin_open_closed",
    "margin_close_closed",
)


@pytest.fixture(params=[False, True], ids=["compact", "spaced"])
def spaced(request: pytest.FixtureRequest) -> bool:
    """How JSON is sent; together with it the tests go through ccxt's sync class, and through its class for asyncio."""
    return bool(request.param)


@pytest.fixture
def desk(spaced: bool, open_desk: DeskMaker) -> Desk:
    """A user who sends JSON as ccxt does, and as the official Python client does."""
    return open_desk(spaced=spaced)


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """Where ccxt's class for asyncio lives."""
    loop = Loop()
    yield loop
    loop.end()


@pytest.fixture
def ccxt_of(spaced: bool, loop: Loop) -> Iterator[Callable[..., Any]]:
    """Makes a ccxt client for a desk: sync, and in a second run of the test asyncio."""
    with ExitStack() as stack:

        def make(desk: Desk, **options: Any) -> Any:
            if spaced:
                return stack.enter_context(awaited_ccxt(desk, loop, **options))
            return sync_ccxt(desk, **options)

        yield make


@pytest.fixture
def rival(open_desk: DeskMaker) -> Desk:
    """Someone rich to trade with."""
    return open_desk(jpy="10000000000", btc="1000")
