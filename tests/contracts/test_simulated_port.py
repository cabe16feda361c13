"""The simulated exchange keeps the port's promises; what it refuses is read as bitbank's client does."""

import asyncio
from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import (
    DEFAULT_PAIRS,
    Flags,
    OrderRequest,
    SimulatedExchange,
    Switches,
)
from src.backtest.simulated_port import EventRelay, SimulatedPort
from src.core.domain.events import FillSeen, ModeSeen, OrderSeen, PositionSeen, StreamUp, TradeSeen
from src.core.domain.market import BTC_JPY, Side
from src.core.domain.time import Millis
from src.core.exceptions import HaltTrading, OutcomeUnknown
from tests.contracts.exchange_contract import CASH, LOTS, PRICE, ExchangeContract, entry_of, quoted

__all__ = ["quoted"]
SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
START = Millis(1_700_000_000_000)


class BookWorld:
    """See `World`."""

    def __init__(self, **switches) -> None:
        self.exchange = SimulatedExchange(DEFAULT_PAIRS, Switches(**switches), start=START, seed=0)
        user = self.exchange.add_user("ours", {"jpy": BTC_JPY.jpy(CASH)})
        self.rivals = [
            self.exchange.add_user(name, {"jpy": Decimal(10**11), "btc": Decimal(10**4)}) for name in ("one", "two")
        ]
        self.relay = EventRelay(self.exchange)
        self.user = user
        self.trade(PRICE)
        self.port = SimulatedPort(self.relay, user)

    def rest(self, side: Side, price: int, lots: int, who: int = 0) -> None:
        request = OrderRequest(BTC_JPY.pair, SIDES[side], "limit", BTC_JPY.amount(lots), Decimal(price))
        self.exchange.submit(self.rivals[who], request)
        self.relay.tell()

    def trade(self, price: int) -> None:
        book = self.exchange.depth(BTC_JPY.pair)
        falling = bool(book.bids) and book.bids[0][0] >= price
        levels = book.bids if falling else book.asks
        ahead = sum(lots for at, lots in levels if (at >= price if falling else at <= price))
        self.rest(Side.SELL if falling else Side.BUY, price, 1 + ahead)
        self.rest(Side.BUY if falling else Side.SELL, price, 1, who=1)

    def stop_flag(self, name: str, raised: bool) -> None:
        self.exchange.set_flags(BTC_JPY.pair, Flags(**{name: raised}))
        self.relay.tell()


@pytest.fixture
def world() -> BookWorld:
    return BookWorld()


class TestSimulatedPort(ExchangeContract):
    pass


async def test_events_tell_what_happened_in_the_order_in_which_it_did(quoted):
    port = quoted.port
    await port.submit(entry_of(Side.BUY, LOTS))
    quoted.stop_flag("stop_order", True)
    events = []
    while not port.empty():
        events.append(await port.next_event())
    assert [type(e) for e in events[:2]] == [StreamUp, StreamUp]
    assert [e.private for e in events[:2]] == [False, True]
    assert [type(e) for e in events[2:]] == [OrderSeen, TradeSeen, FillSeen, PositionSeen, ModeSeen]
    (fill,) = await port.fills(0, Millis(0))
    assert events[4].fill == fill
    assert events[3].trade_id == fill.trade_id
    assert events[2].order == await port.order(fill.order_id)


async def test_a_port_hears_nothing_of_other_accounts_orders_but_every_trade():
    world = BookWorld()
    other = SimulatedPort(world.relay, world.rivals[0])
    for _ in range(2):
        await other.next_event()
    world.rest(Side.SELL, PRICE, 500)
    await world.port.submit(entry_of(Side.BUY, LOTS))
    kinds = set()
    while not other.empty():
        event = await other.next_event()
        kinds.add(type(event))
        if isinstance(event, OrderSeen | FillSeen):
            assert (event.order if isinstance(event, OrderSeen) else event.fill).position is None
    assert kinds == {OrderSeen, TradeSeen, FillSeen}


async def test_the_relay_waits_until_every_reader_has_come_back_for_more(quoted):
    port, relay, done = quoted.port, quoted.relay, []

    async def read() -> None:
        while True:
            event = await port.next_event()
            for _ in range(5):
                await asyncio.sleep(0)
            if isinstance(event, FillSeen) and not done:
                await port.submit(entry_of(Side.BUY, 1))  # what follows is waited for, too
            done.append(event)

    reader = asyncio.create_task(read())
    await port.submit(entry_of(Side.BUY, LOTS))
    await relay.settled()
    assert port.idle
    assert sum(isinstance(event, FillSeen) for event in done) == (await port.account()).long.lots - LOTS + 1
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_a_closed_port_is_not_waited_for_and_sends_nothing(quoted):
    port = quoted.port
    waiting = asyncio.create_task(quoted.relay.settled())
    await asyncio.sleep(0)
    assert not waiting.done()
    await port.close()
    await port.close()
    await waiting
    with pytest.raises(HaltTrading):
        await port.submit(entry_of(Side.BUY, LOTS))


async def test_only_changes_of_accounts_are_kept():
    kept = []
    world = BookWorld()
    world.relay = EventRelay(world.exchange, lambda: kept.append(world.exchange.snapshot()))
    port = SimulatedPort(world.relay, world.user)
    world.exchange.set_flags(BTC_JPY.pair, Flags())
    world.relay.tell()
    assert kept == []
    sent = await port.submit(entry_of(Side.BUY, LOTS, PRICE - 500))
    again = SimulatedExchange.restore(kept[-1])
    assert again.order(world.user, BTC_JPY.pair, sent.order_id).status is sent.status


async def test_an_account_that_may_not_trade_needs_a_person(quoted):
    quoted.exchange.set_margin_enabled(quoted.user, False)
    with pytest.raises(HaltTrading):
        await quoted.port.submit(entry_of(Side.BUY, LOTS))


async def test_a_cancel_that_is_under_way_leaves_its_end_unknown():
    world = BookWorld(cancel_delay=1_000)
    sent = await world.port.submit(entry_of(Side.BUY, LOTS, PRICE - 500))
    await world.port.cancel(sent.order_id)
    with pytest.raises(OutcomeUnknown):
        await world.port.cancel(sent.order_id)


async def test_more_fills_than_one_page_holds_are_all_read():
    world = BookWorld()
    world.rest(Side.SELL, PRICE, 1_200)
    for _ in range(1_100):
        await world.port.submit(entry_of(Side.BUY, 1))
    fills = await world.port.fills(0, Millis(0))
    assert len(fills) == 1_100
    assert len(await world.port.fills(fills[49].trade_id, START)) == 1_050
