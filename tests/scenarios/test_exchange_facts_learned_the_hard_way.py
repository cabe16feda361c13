"""What the exchange does that its users did not expect: lags, races, words that change, lists that leave things out."""

import re
from types import SimpleNamespace

import pytest

from src.core.domain.exchange import CircuitMode, MarginState, OrderStatus, OrderType, PositionSide
from src.core.domain.journal import Kind
from src.core.domain.market import BTC_JPY, Lots, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import HOUR, SECOND
from src.core.orchestration.drill.lives import LOTS, TARGET
from src.core.orchestration.drill.venue import PRICE
from src.data.bitbank_margin import BitbankMargin
from src.trading.executor import Outcome
from src.trading.outgoing import Purpose, close, protective_stop
from tests.scenarios.made_trader import Trader

BUSY_COUNT = 30  # orders the exchange allows


async def holding(tmp_path, **more):
    trader = await Trader(tmp_path, **more).start()
    await trader.enter()
    await trader.live(4)
    return trader


@pytest.mark.parametrize(
    "order",
    [
        protective_stop(PositionSide.LONG, Lots(123), Ticks(9_876_543)),
        close(PositionSide.SHORT, Lots(1), Ticks(10_000_000)),
    ],
)
def test_numbers_are_sent_as_the_wrong_json_type(order):
    body = BitbankMargin._body(SimpleNamespace(_instrument=BTC_JPY), order)
    numbers = {name: body[name] for name in ("amount", "price", "trigger_price") if name in body}
    assert len(numbers) == 2
    assert all(isinstance(value, str) for value in numbers.values())
    assert all(value.isdigit() for name, value in numbers.items() if name != "amount")
    assert re.fullmatch(r"\d+\.\d{1,4}", numbers["amount"])


async def test_a_position_query_that_fails_means_flat(tmp_path):
    trader = await Trader(tmp_path, fault="entry: exchange down 30 s").start()
    await trader.enter()
    assert trader.engine.facts is None
    assert not trader.engine.account(PRICE, trader.venue.now()).known
    assert await trader.enter() in {Outcome.UNKNOWN_ACCOUNT, Outcome.QUARANTINED}


@pytest.mark.parametrize(("position", "side"), [(PositionSide.LONG, Side.SELL), (PositionSide.SHORT, Side.BUY)])
def test_a_close_with_the_wrong_side_opens_the_opposite_position(position, side):
    for order in (close(position, Lots(1), None), protective_stop(position, Lots(1), Ticks(5))):
        assert (order.position, order.side) == (position, side)
    with pytest.raises(AttributeError):
        order.side = Side(-side)


def test_a_stop_is_sent_as_a_plain_limit():
    order = protective_stop(PositionSide.LONG, Lots(1), Ticks(5))
    assert (order.type, order.price, order.trigger, order.post_only) == (OrderType.STOP, None, 5, False)


async def test_stale_stops_and_targets_pile_up_to_the_limit_of_orders(tmp_path):
    trader = await holding(tmp_path, reserve=False)
    most = 0
    for _ in range(BUSY_COUNT):
        state = trader.engine.book.state
        plan = state.plan._replace(stop=Ticks(state.plan.stop + 100), moved=True)
        await trader.engine.record(state=state._replace(plan=plan))
        await trader.live()
        most = max(most, len(trader.resting()))
    assert most <= 2
    await trader.engine.leave(ExitReason.MAX_HOLD)
    await trader.live(2)
    assert trader.resting() == ()


async def test_a_waiting_stop_is_not_in_the_list_and_is_placed_again(tmp_path):
    trader = await Trader(tmp_path, fault="stop: active orders lag", reserve=False).start()
    await trader.enter()
    await trader.live(6)
    assert sum(order.purpose is Purpose.STOP for order in trader.port.sent) == 1


async def test_an_order_has_filled_nothing_when_it_is_accepted(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.MAKER).start()
    await trader.enter()
    assert trader.engine.book.holding.lots == 0
    trader.venue.fill(int(LOTS))
    await trader.live()
    assert trader.engine.book.holding.lots == LOTS
    assert len(trader.stops()) == 1


@pytest.mark.parametrize("fault", ["fills: position ledger lags", "stop: 50062 three times", "entry: positions lag"])
async def test_a_stop_right_after_the_fill_is_refused_because_the_position_is_not_there_yet(fault, tmp_path):
    trader = await Trader(tmp_path, fault=fault).start()
    await trader.enter()
    await trader.live(8)
    assert trader.held() == LOTS
    assert [lots for lots, _ in trader.stops()] == [LOTS]


async def test_a_resting_stop_locks_the_lots_that_are_to_be_closed(tmp_path):
    trader = await holding(tmp_path)
    await trader.engine.leave(ExitReason.REASON_ENDED)
    assert trader.held() == 0
    assert all(entry.get("code") != 50062 for entry in await trader.entries(Kind.OUTCOME))


@pytest.mark.parametrize(
    "fault", ["cancel: the fill wins", "cancel: a partial fill wins", "cancel: 50026", "cancel: reply lost"]
)
async def test_a_cancel_is_overtaken(fault, tmp_path):
    trader = await holding(tmp_path, fault=fault)
    await trader.engine.leave(ExitReason.REASON_ENDED)
    await trader.live(8)
    assert (trader.held(), trader.resting()) == (0, ())
    assert len(await trader.entries(Kind.TRADE)) == 1
    assert trader.engine.book.cash == trader.venue.cash()


async def test_a_cancel_is_refused_for_hours_and_the_stop_stays_as_an_orphan(tmp_path):
    trader = await holding(tmp_path, fault="cancel: 70004 three times")
    await trader.engine.leave(ExitReason.REASON_ENDED)
    assert "exchange" in trader.listener.topics()
    assert trader.venue.watch.bare == 0  # the stop that could not be cancelled protects
    await trader.live(10)
    assert (trader.held(), trader.resting()) == (0, ())


async def test_a_stop_that_fires_passes_through_a_word_that_looks_like_its_end(tmp_path):
    trader = await holding(tmp_path)
    (stop,) = trader.resting()
    shown = await trader.port.order(stop.order_id)
    order = trader.engine.book.find(stop.order_id)
    odd = shown._replace(status=OrderStatus.CANCELED_UNFILLED)
    assert not await trader.engine._is_gone(order, odd)
    assert trader.engine.book.find(stop.order_id) is not None


async def test_ids_made_here_are_sent_to_the_exchange(tmp_path):
    trader = await holding(tmp_path)
    assert {order.order_id for order in trader.engine.book.orders} <= set(trader.port.created)


async def test_a_post_only_order_is_cancelled_and_quoted_again_a_few_times(tmp_path):
    trader = await Trader(tmp_path, fault="entry: post-only cancelled", kind=EntryKind.MAKER).start()
    await trader.enter()
    await trader.live(2)
    quotes = [order for order in trader.port.sent if order.purpose is Purpose.ENTRY]
    assert 1 < len(quotes) <= 3
    assert all(order.post_only for order in quotes)


async def test_a_maker_is_believed_to_be_one_without_reading_the_bill(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.MAKER).start()
    await trader.enter()
    trader.venue.fill(int(LOTS))
    await trader.live(2)
    await trader.engine.leave(ExitReason.REASON_ENDED)
    await trader.live(2)
    (trade,) = await trader.entries(Kind.TRADE)
    assert trade["maker_lots"] == LOTS  # of entry and exit together: the exit took liquidity
    assert trade["fee"] > 0


@pytest.mark.parametrize("mode", [CircuitMode.CIRCUIT_BREAK, CircuitMode.RESUMPTION])
async def test_orders_are_sent_into_a_circuit_break(mode, tmp_path):
    trader = await holding(tmp_path)
    sent = len(trader.port.sent)
    trader.venue.exchange.set_mode("btc_jpy", mode)
    await trader.engine.leave(ExitReason.REASON_ENDED)
    await trader.live(5)
    assert len(trader.port.sent) == sent
    assert trader.venue.watch.bare == 0
    trader.venue.exchange.set_mode("btc_jpy", CircuitMode.NONE)
    trader.venue.quote(PRICE)
    await trader.live(3)
    assert trader.held() == 0


async def test_an_entry_rests_through_a_circuit_break(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.MAKER).start()
    await trader.enter()
    trader.venue.exchange.set_mode("btc_jpy", CircuitMode.CIRCUIT_BREAK)
    await trader.live(2)
    assert trader.resting() == ()
    assert await trader.enter() is Outcome.CIRCUIT


async def test_the_bots_own_books_say_profit_and_the_exchange_says_loss(tmp_path):
    trader = await holding(tmp_path)
    await trader.venue.sleep_until(trader.venue.now() + 30 * HOUR)  # interest of two nights
    trader.venue.trade(Ticks(PRICE + TARGET + 5_000))
    await trader.engine.on_price(trader.venue.last())
    await trader.live(3)
    (trade,) = await trader.entries(Kind.TRADE)
    truth = trader.venue.exchange.trade_history(trader.venue.user)
    assert trade["net"] == sum(t.profit_loss or 0 for t in truth)
    assert trade["interest"] == sum(t.interest or 0 for t in truth) > 0
    assert trade["fee"] == sum(t.fee_quote for t in truth)
    assert trader.engine.book.cash == trader.venue.cash()
    assert trade["gross"] - trade["fee"] - trade["interest"] - trade["net"] == trade["rounding"]


async def test_a_margin_level_that_is_null_is_read_as_plenty(tmp_path):
    trader = await Trader(tmp_path).start()
    report = trader.engine.facts.account
    assert report.level_bps is None
    trader.engine.facts = trader.engine.facts._replace(account=report._replace(margin=MarginState.CALL))
    assert await trader.enter() is Outcome.MARGIN
    trader.engine.facts = trader.engine.facts._replace(account=report._replace(margin=None))
    assert await trader.enter() is Outcome.MARGIN


async def test_half_of_a_position_is_closed_by_hand_and_the_stop_is_for_all_of_it(tmp_path):
    trader = await holding(tmp_path, reserve=False)
    from_outside = Lots(8)
    await trader.port._inner.submit(close(PositionSide.LONG, from_outside, None))
    await trader.live(4)
    assert trader.held() == LOTS - from_outside
    assert [lots for lots, _ in trader.stops()] == [LOTS - from_outside]
    assert trader.venue.watch.longest < 3 * SECOND
