"""What every `ExchangePort` promises, as tests: one suite for bitbank's client and for the simulated exchange.

A test file gives a fixture `world` and a class that inherits `ExchangeContract`.
"""

import asyncio
from typing import Protocol

import pytest

from src.core.domain.exchange import LIVING, CircuitMode, MarginState, OrderStatus, OrderType, PairStatus, PositionSide
from src.core.domain.market import BTC_JPY, Lots, Money, Side, Ticks
from src.core.domain.orders import Reason
from src.core.domain.time import Millis
from src.core.exceptions import OrderRefused
from src.core.protocols import ExchangePort
from src.trading.outgoing import OutgoingOrder, close, entry, protective_stop
from src.trading.risk import approve, refusal

PRICE = 10_000_000  # where the market stands at the beginning of each test
BID, ASK = PRICE - 100, PRICE + 100
LOTS = 100
CASH = Money(100_000_000_000)  # 10 million JPY
TAKER_PPM = 1_000
EVER = Millis(0)


class World(Protocol):
    """An account at a port, and a market around it that does what a test says."""

    port: ExchangePort

    def rest(self, side: Side, price: int, lots: int) -> None:
        """Let somebody else's limit order come to the book."""
        ...

    def trade(self, price: int) -> None:
        """Let others trade one lot at a price, and everything that rests on the way."""
        ...

    def stop_flag(self, name: str, raised: bool) -> None:
        """Raise or lower one of the pair's `stop_…` flags."""
        ...


def entry_of(side: Side, lots: int, price: int | None = None, *, post_only: bool = False) -> OutgoingOrder:
    """An approved entry."""
    verdict = refusal(Reason.ENTER, side)._replace(lots=Lots(lots), stop=Ticks(1))
    approved = approve(verdict, Ticks(0), Millis(0))
    assert approved is not None
    return entry(approved, Lots(lots), None if price is None else Ticks(price), post_only)


def closing(position: PositionSide, lots: int, price: int | None = None) -> OutgoingOrder:
    return close(position, Lots(lots), None if price is None else Ticks(price))


def stop_of(position: PositionSide, lots: int, trigger: int) -> OutgoingOrder:
    return protective_stop(position, Lots(lots), Ticks(trigger))


def taken(price: int, lots: int = LOTS) -> int:
    """The taker's fee."""
    return price * lots * TAKER_PPM // 1_000_000


@pytest.fixture
def quoted(world: World) -> World:
    """A world where others quote both sides."""
    world.rest(Side.SELL, ASK, 10_000)
    world.rest(Side.BUY, BID, 10_000)
    return world


class ExchangeContract:
    async def test_a_fresh_account_is_flat_and_says_so_in_full(self, world: World):
        account = await world.port.account()
        assert account.cash == CASH
        assert [side.position for side in (account.long, account.short)] == [PositionSide.LONG, PositionSide.SHORT]
        for side in (account.long, account.short):
            assert (side.lots, side.product, side.average, side.fee_due, side.interest_due) == (0, 0, 0, 0, 0)
        assert account.margin is MarginState.NORMAL
        assert (account.requirement, account.payable, account.notice) == (0, 0, None)
        assert (account.level_bps, account.call_bps, account.losscut_bps) == (None, None, None)
        assert account.margin_balance == CASH
        assert account.capacity_long == account.capacity_short == 2 * CASH
        assert account.latency_ms >= 0
        assert await world.port.active_orders() == ()
        assert await world.port.fills(0, EVER) == ()

    async def test_the_market_shows_best_prices_and_mode(self, quoted: World):
        market = await quoted.port.market()
        assert (market.bid, market.ask, market.last, market.mode) == (BID, ASK, PRICE, CircuitMode.NONE)

    async def test_the_pair_shows_rules_fees_and_raised_flags(self, world: World):
        pair = await world.port.pair()
        assert pair.instrument == BTC_JPY
        assert (pair.min_lots, pair.status, pair.enabled, pair.flags) == (1, PairStatus.NORMAL, True, frozenset())
        rates = (pair.open_maker_ppm, pair.open_taker_ppm, pair.close_maker_ppm, pair.close_taker_ppm)
        assert rates == (0, TAKER_PPM, 0, TAKER_PPM)
        assert (pair.long_interest_ppm, pair.short_interest_ppm, pair.requirement_bps) == (400, 400, 5_000)
        world.stop_flag("stop_stop_order", True)
        assert (await world.port.pair()).flags == {"stop_stop_order"}

    @pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
    async def test_a_position_opened_and_closed_at_the_market_is_billed_to_the_last_unit(
        self, quoted: World, side: Side
    ):
        port, position = quoted.port, PositionSide.LONG if side is Side.BUY else PositionSide.SHORT
        opened_at, closed_at = (ASK, BID) if side is Side.BUY else (BID, ASK)
        opened = await port.submit(entry_of(side, LOTS))
        assert (opened.side, opened.position, opened.type, opened.start) == (side, position, OrderType.MARKET, LOTS)
        held = await port.account()
        ours = held.long if side is Side.BUY else held.short
        other = held.short if side is Side.BUY else held.long
        assert (ours.lots, ours.product, ours.average) == (LOTS, LOTS * opened_at, opened_at)
        assert (ours.fee_due, other.lots) == (taken(opened_at), 0)
        assert held.requirement == LOTS * opened_at // 2
        levels = [held.losscut_bps or 0, held.call_bps or 0, held.level_bps or 0]
        assert levels == sorted(levels)
        assert min(levels) > 0

        await port.submit(closing(position, LOTS))
        first, second = await port.fills(0, EVER)
        fees = taken(opened_at) + taken(closed_at)
        profit = -200 * LOTS - fees - second.interest
        assert (first.order_id, first.price, first.lots, first.maker) == (opened.order_id, opened_at, LOTS, False)
        assert (first.side, first.position, first.type) == (side, position, OrderType.MARKET)
        assert (first.fee, first.fee_occurred, first.interest, first.profit) == (0, taken(opened_at), 0, 0)
        assert (second.fee, second.fee_occurred, second.profit) == (fees, taken(closed_at), profit)
        after = await port.account()
        assert after.cash == CASH + profit
        assert (after.long.lots, after.short.lots, after.level_bps) == (0, 0, None)

    async def test_both_sides_can_be_held_and_are_closed_apart(self, quoted: World):
        port = quoted.port
        await port.submit(entry_of(Side.BUY, 30))
        await port.submit(entry_of(Side.SELL, 20))
        held = await port.account()
        assert (held.long.lots, held.short.lots) == (30, 20)
        await port.submit(closing(PositionSide.LONG, 10))
        held = await port.account()
        assert (held.long.lots, held.short.lots) == (20, 20)
        await port.submit(closing(PositionSide.SHORT, 20))
        held = await port.account()
        assert (held.long.lots, held.short.lots) == (20, 0)

    async def test_a_resting_entry_is_listed_and_ends_when_cancelled(self, quoted: World):
        port = quoted.port
        resting = await port.submit(entry_of(Side.BUY, LOTS, BID, post_only=True))
        assert (resting.price, resting.post_only, resting.executed, resting.remaining) == (BID, True, 0, LOTS)
        assert resting.status is OrderStatus.UNFILLED
        assert await port.active_orders() == (await port.order(resting.order_id),)
        ended = await port.cancel(resting.order_id)
        assert (ended.order_id, ended.executed) == (resting.order_id, 0)
        assert ended.status is OrderStatus.CANCELED_UNFILLED
        assert await port.active_orders() == ()
        assert (await port.order(resting.order_id)).status is OrderStatus.CANCELED_UNFILLED

    async def test_a_maker_pays_the_makers_fee(self, quoted: World):
        port = quoted.port
        resting = await port.submit(entry_of(Side.BUY, LOTS, BID + 1, post_only=True))
        quoted.rest(Side.SELL, BID + 1, LOTS)
        (fill,) = await port.fills(0, EVER)
        assert (fill.order_id, fill.maker, fill.price, fill.fee_occurred) == (resting.order_id, True, BID + 1, 0)
        assert (await port.order(resting.order_id)).status is OrderStatus.FULLY_FILLED

    async def test_a_post_only_entry_that_would_take_is_accepted_and_ends_unfilled(self, quoted: World):
        sent = await quoted.port.submit(entry_of(Side.BUY, LOTS, ASK, post_only=True))
        ended = await quoted.port.order(sent.order_id)
        assert (ended.status, ended.executed) == (OrderStatus.CANCELED_UNFILLED, 0)
        assert await quoted.port.fills(0, EVER) == ()

    async def test_a_partial_fill_shows_what_is_left_and_survives_a_cancel(self, quoted: World):
        port = quoted.port
        resting = await port.submit(entry_of(Side.SELL, LOTS, ASK - 1))
        quoted.rest(Side.BUY, ASK - 1, 40)
        partly = await port.order(resting.order_id)
        assert (partly.status, partly.executed, partly.remaining) == (OrderStatus.PARTIALLY_FILLED, 40, 60)
        ended = await port.cancel(resting.order_id)
        assert (ended.status, ended.executed) == (OrderStatus.CANCELED_PARTIALLY_FILLED, 40)
        assert (await port.account()).short.lots == 40

    @pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
    async def test_a_stop_waits_is_listed_and_closes_once_its_trigger_trades(self, quoted: World, side: Side):
        port, position = quoted.port, PositionSide.LONG if side is Side.BUY else PositionSide.SHORT
        trigger = PRICE - side * 50_000
        await port.submit(entry_of(side, LOTS))
        stop = await port.submit(stop_of(position, LOTS, trigger))
        assert (stop.status, stop.type, stop.trigger, stop.price) == (
            OrderStatus.INACTIVE,
            OrderType.STOP,
            trigger,
            None,
        )
        assert (stop.side, stop.position) == (-side, position)
        assert [row.order_id for row in await port.active_orders()] == [stop.order_id]
        quoted.rest(side, trigger - side * 10_000, 1_000)
        quoted.trade(trigger)
        ended = await port.order(stop.order_id)
        assert (ended.status, ended.executed) == (OrderStatus.FULLY_FILLED, LOTS)
        held = await port.account()
        assert (held.long.lots, held.short.lots) == (0, 0)
        assert (await port.fills(0, EVER))[-1].order_id == stop.order_id

    async def test_a_cancelled_stop_is_gone(self, quoted: World):
        port = quoted.port
        await port.submit(entry_of(Side.BUY, LOTS))
        stop = await port.submit(stop_of(PositionSide.LONG, LOTS, PRICE - 50_000))
        assert (await port.cancel(stop.order_id)).status is OrderStatus.CANCELED_UNFILLED
        assert await port.active_orders() == ()

    async def test_what_is_refused_has_a_code_and_changes_nothing(self, quoted: World):
        port = quoted.port
        await port.submit(entry_of(Side.BUY, LOTS))
        before = await port.account()
        refused = {
            50061: entry_of(Side.BUY, 90_000, BID),
            50062: closing(PositionSide.LONG, LOTS + 1),
            60018: stop_of(PositionSide.LONG, LOTS, PRICE + 50_000),
        }
        for code, order in refused.items():
            with pytest.raises(OrderRefused, match=str(code)) as caught:
                await port.submit(order)
            assert caught.value.code == code
        quoted.stop_flag("stop_margin_short_order", True)
        with pytest.raises(OrderRefused) as caught:
            await port.submit(entry_of(Side.SELL, 1))
        assert caught.value.code == 70025
        after = await port.account()
        assert after._replace(read_at=before.read_at, latency_ms=before.latency_ms) == before
        assert await port.active_orders() == ()
        assert len(await port.fills(0, EVER)) == 1

    async def test_a_close_cannot_turn_a_position_around(self, quoted: World):
        port = quoted.port
        await port.submit(entry_of(Side.BUY, LOTS))
        await port.submit(closing(PositionSide.LONG, LOTS))
        with pytest.raises(OrderRefused) as caught:
            await port.submit(closing(PositionSide.LONG, LOTS))
        assert caught.value.code == 50062
        held = await port.account()
        assert (held.long.lots, held.short.lots) == (0, 0)

    async def test_cancelling_what_has_ended_says_how_it_ended(self, quoted: World):
        port = quoted.port
        resting = await port.submit(entry_of(Side.BUY, LOTS, BID))
        await port.cancel(resting.order_id)
        done = await port.submit(entry_of(Side.BUY, LOTS))
        codes = []
        for order_id in (resting.order_id, done.order_id, done.order_id + 1_000):
            with pytest.raises(OrderRefused) as caught:
                await port.cancel(order_id)
            codes.append(caught.value.code)
        assert codes == [50026, 50027, 50009]

    async def test_an_unknown_order_is_refused_with_its_code(self, world: World):
        with pytest.raises(OrderRefused) as caught:
            await world.port.order(123_456)
        assert caught.value.code == 50009

    async def test_fills_come_oldest_first_and_only_those_asked_for(self, quoted: World):
        port = quoted.port
        for _ in range(5):
            await port.submit(entry_of(Side.BUY, 1))
        fills = await port.fills(0, EVER)
        ids = [fill.trade_id for fill in fills]
        assert len(ids) == 5
        assert ids == sorted(set(ids))
        assert await port.fills(ids[2], EVER) == fills[3:]
        assert await port.fills(ids[-1], EVER) == ()
        assert await port.fills(0, fills[0].executed_at) == fills
        assert await port.fills(0, Millis(fills[-1].executed_at + 1)) == ()

    async def test_active_orders_come_oldest_first(self, quoted: World):
        port = quoted.port
        sent = [await port.submit(entry_of(Side.BUY, 1, BID - i)) for i in range(4)]
        listed = await port.active_orders()
        assert [row.order_id for row in listed] == sorted(order.order_id for order in sent)
        assert all(row.status in LIVING for row in listed)

    async def test_many_calls_at_once_are_all_answered(self, quoted: World):
        port = quoted.port
        sent = await asyncio.gather(*(port.submit(entry_of(Side.BUY, 1, BID - i)) for i in range(8)))
        assert len({order.order_id for order in sent}) == 8
        read = await asyncio.gather(*(port.order(order.order_id) for order in sent))
        assert [row.order_id for row in read] == [order.order_id for order in sent]
        await asyncio.gather(*(port.cancel(order.order_id) for order in sent))
        assert await port.active_orders() == ()
