"""Margin calls, forced closes, debts."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import CircuitMode, MarginState, SimulatedExchange
from src.core.domain.time import DAY, HOUR, Millis
from src.trading.ledger import FLAT, CostParams, Ledger, losscut_price, open_position
from tests.backtest.exchange.made_exchange import (
    NOON,
    PAIR,
    PRICE,
    ask,
    balance,
    busy,
    payloads,
    position,
    refused,
    requote,
    user,
)


def trade_at(exchange, maker, price, spread=1_000, amount=10):
    """Move the whole market: quotes around `price`, last trade at it."""
    requote(exchange, maker, price, price + spread, amount)
    exchange.submit(user(exchange, 0, 1), ask("sell", "0.0001"))


def long_of(jpy="1000000", amount="0.15", **switches):
    """A long on borrowed money: 1.5 million JPY of it on a million, unless said otherwise."""
    exchange, tested, maker = busy(jpy=jpy, btc=0, **switches)
    exchange.submit(tested, ask("buy", amount, position="long"))
    return exchange, tested, maker


CALLED = 8_300_000  # a loss of 255,000 and costs leave less than the 750,000 that are required
CLOSED = 5_800_000  # and here less than half of that


def test_a_level_below_the_requirement_is_a_call_and_above_it_again_a_cure():
    exchange, tested, maker = long_of()
    exchange.drain()
    trade_at(exchange, maker, CALLED)
    status = exchange.margin_status(tested)
    assert status.status is MarginState.CALL
    (notice,) = payloads(exchange.drain(), "margin_notice_update", tested)
    missing = status.total_position_maintenance_margin - status.total_margin_balance
    assert notice == ("margin_call", exchange.now, missing, exchange.now + 2 * DAY)
    assert exchange.margin_positions(tested).notice == notice
    with refused(50061):
        exchange.submit(tested, ask("buy", "0.0001", position="long"))
    trade_at(exchange, maker, PRICE)
    assert exchange.margin_status(tested).status is MarginState.NORMAL
    assert payloads(exchange.drain(), "margin_notice_update", tested) == [(None,) * 4]


def test_a_call_is_cured_by_a_deposit_or_by_reducing():
    exchange, tested, maker = long_of()
    trade_at(exchange, maker, CALLED)
    exchange.deposit(tested, "jpy", Decimal(50_000))
    assert exchange.margin_status(tested).status is MarginState.NORMAL
    exchange, tested, maker = long_of()
    trade_at(exchange, maker, CALLED)
    exchange.submit(tested, ask("sell", "0.05", position="long"))
    assert exchange.margin_status(tested).status is MarginState.NORMAL


def test_a_call_that_is_not_met_in_time_becomes_a_forced_close():
    exchange, tested, maker = long_of(call_grace=HOUR)
    trade_at(exchange, maker, CALLED)
    exchange.advance(exchange.now + HOUR - 1)
    assert position(exchange, tested).lots == 1_500
    exchange.advance(exchange.now + 1)
    assert position(exchange, tested).lots == 0
    assert exchange.trade_history(tested)[0].type == "losscut"
    assert exchange.margin_status(tested).status is MarginState.NORMAL


@pytest.mark.parametrize(("hour", "at_once"), [(-1, True), (15, False)])
def test_when_calls_are_made_is_a_switch(hour, at_once):
    exchange, tested, maker = long_of(call_hour=hour)
    trade_at(exchange, maker, CALLED)
    assert (exchange.margin_status(tested).status is MarginState.CALL) is at_once
    exchange.advance(Millis(NOON + 3 * HOUR))
    assert exchange.margin_status(tested).status is MarginState.CALL


def test_a_level_below_the_losscut_line_closes_everything_with_losscut_orders():
    exchange, tested, maker = long_of()
    resting = exchange.submit(tested, ask("sell", "0.1", PRICE * 2, position="long"))
    waiting = exchange.submit(tested, ask("sell", "0.05", kind="stop", trigger=100, position="long"))
    spot = exchange.submit(tested, ask("buy", "0.0001", 100))
    exchange.drain()
    trade_at(exchange, maker, CLOSED)
    assert position(exchange, tested).lots == 0
    (news,) = payloads(exchange.drain(), "spot_order_new", tested)
    assert (news.type, news.side, news.user_cancelable, news.status) == ("losscut", -1, False, "FULLY_FILLED")
    for order in (resting, waiting):
        assert exchange.order(tested, PAIR, order.order_id).status == "CANCELED_UNFILLED"
    assert exchange.order(tested, PAIR, spot.order_id).status == "UNFILLED"
    with refused(50010):
        exchange.cancel(tested, PAIR, news.order_id)


def test_a_short_is_closed_when_the_price_rises():
    exchange, tested, maker = busy(jpy=1_000_000, btc=0)
    exchange.submit(tested, ask("sell", "0.15", position="short"))
    trade_at(exchange, maker, 14_300_000)
    assert position(exchange, tested, "short").lots == 0
    assert exchange.trade_history(tested)[0].type == "losscut"


@pytest.mark.parametrize("side", ["long", "short"])
def test_the_forced_close_comes_at_the_price_the_backtests_ledger_says(side):
    exchange, tested, maker = busy(jpy=1_000_000, btc=0)
    exchange.submit(tested, ask("buy" if side == "long" else "sell", "0.15", position=side))
    held, sign = position(exchange, tested, side), 1 if side == "long" else -1
    costs, paid = CostParams(), held.average_price
    book = open_position(Ledger(10**10, FLAT), sign, 1_500, paid, paid, 0, NOON, costs)
    book = book._replace(position=book.position._replace(fee_due=held.unrealized_fee))
    line = losscut_price(book, NOON, costs)
    trade_at(exchange, maker, line + sign)
    assert position(exchange, tested, side).lots == 1_500
    trade_at(exchange, maker, line)
    assert position(exchange, tested, side).lots == 0


def test_a_loss_beyond_the_cash_is_a_debt_that_a_deposit_settles():
    exchange, tested, maker = long_of(amount="0.19")
    exchange.drain()
    trade_at(exchange, maker, 3_000_000)
    assert balance(exchange, tested, "jpy").onhand == 0
    owed = exchange.margin_positions(tested).payables.amount
    profit_loss = exchange.trade_history(tested)[0].profit_loss
    assert owed == -profit_loss - 10**10
    assert exchange.margin_status(tested).status is MarginState.DEBT
    events = exchange.drain()
    assert payloads(events, "margin_payable_update", tested)[-1].amount == owed
    assert payloads(events, "margin_notice_update", tested)[-1].what == "debt"
    with refused(50078):
        exchange.submit(tested, ask("buy", "0.0001", position="long"))
    exchange.deposit(tested, "jpy", Decimal(owed) / 10_000 - 1)
    assert exchange.margin_positions(tested).payables.amount == 10_000
    exchange.deposit(tested, "jpy", Decimal(2))
    assert exchange.margin_status(tested).status is MarginState.SETTLED
    assert balance(exchange, tested, "jpy").onhand == 10_000
    exchange.advance(exchange.now + DAY)
    assert exchange.margin_status(tested).status is MarginState.NORMAL
    assert exchange.balance_sheet().balanced


def test_a_loss_that_eats_the_cash_of_a_resting_buy_drops_that_order():
    exchange, tested, maker = long_of(amount="0.15")
    order = exchange.submit(tested, ask("buy", "0.9", 800_000))
    requote(exchange, maker, 6_500_000, 9_000_000)
    exchange.drain()
    exchange.submit(tested, ask("sell", "0.15", position="long"))
    (dropped,) = payloads(exchange.drain(), "spot_order_invalidation", tested)
    assert (dropped.order_id, dropped.status) == (order.order_id, "CANCELED_UNFILLED")
    assert balance(exchange, tested, "jpy").locked == 0


def test_a_forced_close_in_a_thin_book_goes_on_when_somebody_comes():
    exchange, tested, maker = long_of()
    trade_at(exchange, maker, CLOSED, amount="0.1001")
    assert position(exchange, tested).lots == 500
    assert exchange.margin_status(tested).status is MarginState.LOSSCUT
    assert [t.type for t in exchange.trade_history(tested)][:1] == ["losscut"]
    exchange.advance(exchange.now + 100 * DAY)
    assert position(exchange, tested).lots == 500
    exchange.submit(maker, ask("buy", 1, CLOSED - 50_000))
    assert position(exchange, tested).lots == 0


def test_a_forced_close_waits_for_the_end_of_an_auction():
    exchange, tested, maker = long_of()
    exchange.set_mode(PAIR, CircuitMode.CIRCUIT_BREAK)
    trade_at_auction = [ask("buy", 1, 5_700_000), ask("sell", "0.5", 5_600_000)]
    for order in exchange.active_orders(maker):
        exchange.cancel(maker, PAIR, order.order_id)
    for request_ in trade_at_auction:
        exchange.submit(maker, request_)
    assert position(exchange, tested).lots == 1_500
    exchange.set_mode(PAIR, CircuitMode.NONE)
    assert position(exchange, tested).lots == 0


@pytest.mark.parametrize("delay", [0, 5_000])
def test_a_forced_close_takes_as_long_as_the_switch_says(delay):
    exchange, tested, maker = long_of(losscut_delay=delay)
    trade_at(exchange, maker, CLOSED)
    if delay:
        assert exchange.margin_status(tested).status is MarginState.LOSSCUT
        exchange.advance(exchange.now + delay)
    assert position(exchange, tested).lots == 0


@pytest.mark.parametrize(("basis", "state"), [("entry", MarginState.NORMAL), ("value", MarginState.CALL)])
def test_what_the_requirement_is_a_share_of_is_a_switch(basis, state):
    exchange, tested, maker = busy(jpy=1_000_000, btc=0, requirement_basis=basis)
    exchange.submit(tested, ask("sell", "0.15", position="short"))
    trade_at(exchange, maker, 11_500_000)
    assert exchange.margin_status(tested).status is state


@pytest.mark.parametrize(("valuation", "state"), [("last", MarginState.NORMAL), ("mid", MarginState.CALL)])
def test_which_price_values_positions_is_a_switch(valuation, state):
    exchange, tested, maker = long_of(valuation=valuation)
    requote(exchange, maker, CALLED, CALLED + 100)
    assert exchange.margin_status(tested).status is state


@pytest.mark.parametrize(("share", "closed"), [(500_000, False), (900_000, True)])
def test_the_losscut_line_is_a_switch(share, closed):
    exchange, tested, maker = long_of(losscut_ppm=share)
    trade_at(exchange, maker, 7_800_000)
    assert (position(exchange, tested).lots == 0) is closed


@pytest.mark.parametrize(("jpy", "btc", "state"), [(1_000_000, 0, MarginState.NORMAL), (0, "0.2", MarginState.CALL)])
def test_coins_that_fall_back_a_position_less_than_cash(jpy, btc, state):
    exchange, tested, maker = busy(jpy=jpy, btc=btc)
    exchange.submit(tested, ask("buy", "0.15", position="long"))
    trade_at(exchange, maker, 8_900_000)
    assert exchange.margin_status(tested).status is state


def test_the_band_of_quiet_prices_hides_no_call():
    """Walk the price down tick by tick: the state is what the arithmetic says at every single price."""
    exchange, tested, maker = long_of()
    for price in range(8_420_000, 8_300_000, -7_000):
        trade_at(exchange, maker, price)
        status = exchange.margin_status(tested)
        short_of = status.total_margin_balance < status.total_position_maintenance_margin
        assert (status.status is MarginState.CALL) is short_of
    assert short_of


def test_a_forced_close_survives_a_restart():
    exchange, tested, maker = long_of(losscut_delay=5_000)
    trade_at(exchange, maker, CLOSED)
    again = SimulatedExchange.restore(exchange.snapshot())
    for one in (exchange, again):
        one.advance(one.now + 5_000)
    assert position(again, tested).lots == 0
    assert again.snapshot() == exchange.snapshot()
