"""What bitbank's client makes of both streams, against a twin: events, breaks, and messages that nobody expects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from src.core.domain.events import (
    ExchangeEvent,
    FillSeen,
    ModeSeen,
    OrderSeen,
    PositionSeen,
    StreamDown,
    StreamUp,
    TradeSeen,
)
from src.core.domain.exchange import OrderStatus, PositionSide
from src.core.domain.market import Side
from tests.contracts.bitbank_world import UNHURRIED, TwinWorld, opened
from tests.contracts.exchange_contract import ASK, BID, LOTS, PRICE, closing, entry_of, quoted
from tests.twin_process import TwinMaker

__all__ = ["quoted"]

PATIENCE_S = 15.0


class Reader:
    """Reads a port's events for a test."""

    def __init__(self, world: TwinWorld) -> None:
        self.world = world
        self.seen: list[ExchangeEvent] = []

    async def until(self, wanted: Callable[[ExchangeEvent], bool]) -> ExchangeEvent:
        """Read up to the first event that is wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.world.port.next_event()
                self.seen.append(event)
                if wanted(event):
                    return event

    async def until_all(self, *wanted: Callable[[ExchangeEvent], bool]) -> None:
        """Read until each kind that is wanted has come, in whatever order."""
        left = list(wanted)
        while left:
            event = await self.until(lambda _: True)
            left = [want for want in left if not want(event)]

    async def connected(self) -> "Reader":
        await self.until_all(is_up(private=True), is_up(private=False))
        return self


def is_up(*, private: bool) -> Callable[[ExchangeEvent], bool]:
    return lambda event: isinstance(event, StreamUp) and event.private is private


def is_down(*, private: bool) -> Callable[[ExchangeEvent], bool]:
    return lambda event: isinstance(event, StreamDown) and event.private is private


def of_kind(kind: type) -> Callable[[ExchangeEvent], bool]:
    return lambda event: isinstance(event, kind)


@pytest.fixture
async def world(shared_twin: TwinMaker) -> AsyncIterator[TwinWorld]:
    async with opened(shared_twin(**UNHURRIED), limits={"silence_s": 2.0, "poll_s": 2.0}) as world:
        yield world


@pytest.fixture
async def reader(quoted: TwinWorld) -> Reader:
    return await Reader(quoted).connected()


async def test_a_round_trip_is_told_by_orders_fills_positions_and_public_trades(reader: Reader):
    port = reader.world.port
    opened_order = await port.submit(entry_of(Side.BUY, LOTS))
    await reader.until_all(of_kind(OrderSeen), of_kind(FillSeen), of_kind(PositionSeen), of_kind(TradeSeen))
    order = next(event.order for event in reader.seen if isinstance(event, OrderSeen))
    assert order == await port.order(opened_order.order_id)
    fill = next(event.fill for event in reader.seen if isinstance(event, FillSeen))
    assert (fill,) == await port.fills(0, fill.executed_at)
    trade = next(event for event in reader.seen if isinstance(event, TradeSeen) and event.lots == LOTS)
    assert (trade.trade_id, trade.side, trade.price) == (fill.trade_id, Side.BUY, ASK)
    await port.submit(closing(PositionSide.LONG, LOTS))
    closed = await reader.until(of_kind(FillSeen))
    assert isinstance(closed, FillSeen)
    assert closed.fill == (await port.fills(fill.trade_id, fill.executed_at))[0]


async def test_a_cancel_is_told(reader: Reader):
    resting = await reader.world.port.submit(entry_of(Side.BUY, LOTS, BID))
    await reader.world.port.cancel(resting.order_id)
    cancelled = OrderStatus.CANCELED_UNFILLED
    await reader.until(lambda event: isinstance(event, OrderSeen) and event.order.status is cancelled)


async def test_the_circuit_breakers_word_is_told(reader: Reader):
    await reader.until(of_kind(ModeSeen))
    reader.world.twin.act("mode", mode="CIRCUIT_BREAK", fee_type="SELL_MAKER", reopen_in=10_000)
    await reader.until(lambda event: isinstance(event, ModeSeen) and event.text == "CIRCUIT_BREAK")


async def test_an_expired_token_is_replaced_and_what_was_said_meanwhile_is_read(reader: Reader):
    reader.world.arm(36, "expired")
    resting = await reader.world.port.submit(entry_of(Side.BUY, LOTS, BID))
    await reader.until_all(
        is_down(private=True),
        is_up(private=True),
        lambda event: isinstance(event, OrderSeen) and event.order.order_id == resting.order_id,
    )


async def test_a_server_fault_on_a_poll_is_told_and_nothing_is_lost(reader: Reader):
    reader.world.arm(36, "5xx")
    resting = await reader.world.port.submit(entry_of(Side.BUY, LOTS, BID))
    await reader.until(lambda event: isinstance(event, OrderSeen) and event.order.order_id == resting.order_id)
    await reader.world.port.cancel(resting.order_id)
    await reader.until_all(is_down(private=True), is_up(private=True))


@pytest.mark.parametrize(("variant", "copies"), [("duplicated", 2), ("empty", 1), ("lost", 0)])
async def test_messages_come_as_often_as_the_stream_says_them(reader: Reader, variant: str, copies: int):
    reader.world.arm(36, variant)
    first = await reader.world.port.submit(entry_of(Side.BUY, LOTS, BID))
    last = await reader.world.port.submit(entry_of(Side.BUY, LOTS, BID - 1))
    await reader.until(lambda event: isinstance(event, OrderSeen) and event.order.order_id == last.order_id)
    told = [e for e in reader.seen if isinstance(e, OrderSeen) and e.order.order_id == first.order_id]
    assert len(told) == copies


@pytest.mark.parametrize("variant", ["disconnect", "half_open"])
async def test_a_public_connection_that_ends_or_dies_is_made_anew(reader: Reader, variant: str):
    reader.world.arm(33, variant)
    reader.world.trade(PRICE)
    await reader.until(is_down(private=False))
    await reader.until(is_up(private=False))
    reader.world.trade(PRICE + 1)
    await reader.until(lambda event: isinstance(event, TradeSeen) and event.price == PRICE + 1)


async def test_a_burst_after_a_pause_is_read_whole(reader: Reader):
    reader.world.twin.arm({"where": "room", "match": "transactions_*", "action": {"do": "pause", "ms": 500}})
    for step in range(20):
        reader.world.trade(PRICE + step)
    await reader.until(lambda event: isinstance(event, TradeSeen) and event.price == PRICE + 19)
    prices = [event.price for event in reader.seen if isinstance(event, TradeSeen)]
    assert set(range(PRICE, PRICE + 20)) <= set(prices)


async def test_the_documents_names_are_read_as_well(reader: Reader):
    reader.world.arm(37, "docs")
    try:
        order = await reader.world.port.submit(entry_of(Side.BUY, LOTS))
        await reader.until_all(
            lambda event: isinstance(event, OrderSeen) and event.order.order_id == order.order_id,
            of_kind(FillSeen),
            lambda event: event == PositionSeen("margin_position_update"),
        )
    finally:
        reader.world.twin.act("switches", switches={"key_style": "live"})


async def test_an_unknown_method_is_a_hint_to_look(reader: Reader):
    reader.world.arm(39, "method")
    await reader.until(lambda event: event == PositionSeen("brand_new"))


@pytest.mark.parametrize(
    "message",
    [
        {"method": "spot_order", "params": [{"pair": "btc_jpy"}]},
        {"method": "spot_trade", "params": {"pair": "btc_jpy"}},
        {"method": "spot_order_new", "params": [None]},
        {"method": 7},
        {"other": []},
        {"method": "<script>", "params": []},
    ],
)
async def test_a_message_that_cannot_be_read_is_a_hint_to_look(reader: Reader, message: dict[str, Any]):
    reader.world.twin.act("publish", user=reader.world.account.user, message=message)
    hint = await reader.until(of_kind(PositionSeen))
    assert "script" not in repr(hint)


async def test_an_invalidated_order_is_told(reader: Reader):
    await reader.world.port.submit(entry_of(Side.BUY, LOTS, BID))
    reader.world.arm(38, "invalidate")
    await reader.until(lambda event: event == PositionSeen("spot_order_invalidation"))


async def test_what_happens_to_other_pairs_is_not_told(reader: Reader):
    other = {"method": "spot_order", "params": [{"pair": "eth_jpy"}]}
    reader.world.twin.act("publish", user=reader.world.account.user, message=other)
    reader.world.arm(39, "method")
    await reader.until(lambda event: event == PositionSeen("brand_new"))
    assert PositionSeen("spot_order that cannot be read") not in reader.seen


async def test_a_client_is_idle_when_its_reader_waits_for_more(reader: Reader):
    port = reader.world.port
    waiting = asyncio.create_task(port.next_event())
    await asyncio.sleep(0)
    while not port.idle:
        await waiting
        waiting = asyncio.create_task(port.next_event())
        await asyncio.sleep(0)
    assert not port.busy
    waiting.cancel()
