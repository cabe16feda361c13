"""Orders that wait for a price."""

import pytest

from src.backtest.simulated_exchange import CircuitMode
from tests.backtest.exchange.made_exchange import (
    PAIR,
    PRICE,
    ask,
    balance,
    busy,
    move_last,
    payloads,
    position,
    requote,
    user,
)


def hold(exchange, tested, side="long", amount="0.1"):
    exchange.submit(tested, ask("buy" if side == "long" else "sell", amount, position=side))
    exchange.drain()


@pytest.mark.parametrize(
    ("side", "kind", "closes", "away", "spares"),
    [
        ("long", "stop", "sell", -100_000, -99_999),
        ("long", "stop_loss", "sell", -100_000, -99_999),
        ("long", "take_profit", "sell", 100_000, 99_999),
        ("short", "stop", "buy", 100_000, 99_999),
        ("short", "stop_loss", "buy", 100_000, 99_999),
        ("short", "take_profit", "buy", -100_000, -99_999),
    ],
)
def test_a_waiting_close_fires_at_its_trigger_and_not_before(side, kind, closes, away, spares):
    exchange, tested, maker = busy()
    hold(exchange, tested, side)
    order = exchange.submit(tested, ask(closes, "0.1", kind=kind, trigger=PRICE + away, position=side))
    assert [o.status for o in exchange.active_orders(tested)] == ["INACTIVE"]
    move_last(exchange, maker, PRICE + spares)
    assert exchange.order(tested, PAIR, order.order_id).status == "INACTIVE"
    other = user(exchange, 10**10, 100)
    exchange.submit(maker, ask("buy" if closes == "sell" else "sell", 1, PRICE + away))
    exchange.drain()
    exchange.submit(other, ask("sell" if closes == "sell" else "buy", "0.0001"))
    done = exchange.order(tested, PAIR, order.order_id)
    assert (done.status, done.triggered_at, done.average_price) == ("FULLY_FILLED", exchange.now, PRICE + away)
    updates = payloads(exchange.drain(), "spot_order", tested)
    assert [u.just_triggered for u in updates] == [True]
    assert position(exchange, tested, side).lots == 0


def test_a_stop_slips_to_what_the_book_has():
    exchange, tested, maker = busy()
    hold(exchange, tested)
    order = exchange.submit(tested, ask("sell", "0.1", kind="stop", trigger=PRICE - 500, position="long"))
    requote(exchange, maker, PRICE - 90_000, PRICE - 80_000)
    other = user(exchange, 10**10, 100)
    exchange.submit(other, ask("buy", "0.0001"))
    assert exchange.order(tested, PAIR, order.order_id).average_price == PRICE - 90_000


def test_a_stop_that_finds_no_book_is_rejected_and_gives_the_position_free():
    exchange, tested, maker = busy()
    hold(exchange, tested)
    order = exchange.submit(tested, ask("sell", "0.1", kind="stop", trigger=PRICE - 500, position="long"))
    move_last(exchange, maker, PRICE - 600)
    assert exchange.order(tested, PAIR, order.order_id).status == "REJECTED"
    assert position(exchange, tested).locked == 0


def test_a_stop_limit_rests_at_its_price_once_triggered():
    exchange, tested, maker = busy()
    hold(exchange, tested)
    order = exchange.submit(
        tested, ask("sell", "0.1", PRICE - 400, kind="stop_limit", trigger=PRICE - 500, position="long")
    )
    move_last(exchange, maker, PRICE - 500)
    seen = exchange.order(tested, PAIR, order.order_id)
    assert (seen.status, seen.triggered_at, seen.price) == ("UNFILLED", exchange.now, PRICE - 400)
    assert exchange.depth(PAIR).asks[0] == (PRICE - 400, 1_000)


def test_a_protection_without_amount_closes_what_the_position_is_when_it_fires():
    exchange, tested, maker = busy(waiting_stops_reserve=False)
    hold(exchange, tested, amount="0.1")
    order = exchange.submit(tested, ask("sell", None, kind="stop_loss", trigger=PRICE - 500, position="long"))
    hold(exchange, tested, amount="0.2")
    requote(exchange, maker, PRICE - 600, PRICE + 600)
    exchange.submit(user(exchange), ask("sell", "0.0001"))
    done = exchange.order(tested, PAIR, order.order_id)
    assert (done.status, done.start_lots, done.executed_lots) == ("FULLY_FILLED", 3_000, 3_000)


def test_a_stop_whose_position_was_closed_meanwhile_is_rejected():
    exchange, tested, maker = busy(waiting_stops_reserve=False)
    hold(exchange, tested)
    order = exchange.submit(tested, ask("sell", "0.1", kind="stop", trigger=PRICE - 2_000, position="long"))
    exchange.submit(tested, ask("sell", "0.1", position="long"))
    requote(exchange, maker, PRICE - 3_000, PRICE)
    exchange.submit(user(exchange), ask("sell", "0.0001"))
    assert exchange.order(tested, PAIR, order.order_id).status == "REJECTED"
    assert position(exchange, tested).lots == 0


def test_a_spot_stop_buy_locks_at_its_trigger_and_is_rejected_if_the_fill_would_cost_more_than_there_is():
    exchange, tested, maker = busy(jpy=1_010_000)
    order = exchange.submit(tested, ask("buy", "0.1", kind="stop", trigger=PRICE + 5_000))
    assert balance(exchange, tested, "jpy").locked == 10_015_005_000
    requote(exchange, maker, PRICE + 100_000, PRICE + 101_000)
    exchange.submit(user(exchange, 10**8), ask("buy", "0.0001"))
    assert exchange.order(tested, PAIR, order.order_id).status == "REJECTED"
    assert balance(exchange, tested, "jpy").locked == 0


def test_stops_of_others_fire_in_a_cascade():
    exchange, first, maker = busy()
    second = user(exchange)
    for who in (first, second):
        hold(exchange, who)
    ids = [
        exchange.submit(who, ask("sell", "0.1", kind="stop", trigger=trigger, position="long")).order_id
        for who, trigger in ((first, PRICE - 1_000), (second, PRICE - 2_000))
    ]
    requote(exchange, maker, PRICE - 1_000, PRICE + 1_000, amount="0.0001")
    exchange.submit(maker, ask("buy", 1, PRICE - 2_000))
    exchange.submit(user(exchange), ask("sell", "0.0001"))
    assert [exchange.order(w, PAIR, i).status for w, i in zip((first, second), ids, strict=True)] == [
        "FULLY_FILLED"
    ] * 2


@pytest.mark.parametrize(("basis", "status"), [("last", "INACTIVE"), ("best", "FULLY_FILLED")])
def test_which_price_fires_is_a_switch(basis, status):
    exchange, tested, maker = busy(trigger_basis=basis)
    hold(exchange, tested)
    order = exchange.submit(tested, ask("sell", "0.1", kind="stop", trigger=PRICE - 5_000, position="long"))
    requote(exchange, maker, PRICE - 6_000, PRICE)
    assert exchange.order(tested, PAIR, order.order_id).status == status


def test_nothing_fires_in_an_auction_until_it_has_ended():
    exchange, tested, maker = busy()
    hold(exchange, tested)
    order = exchange.submit(tested, ask("sell", "0.1", kind="stop", trigger=PRICE - 5_000, position="long"))
    exchange.set_mode(PAIR, CircuitMode.CIRCUIT_BREAK)
    requote(exchange, maker, PRICE - 6_000, PRICE)
    exchange.submit(user(exchange), ask("sell", "0.1", PRICE - 6_000))
    assert exchange.order(tested, PAIR, order.order_id).status == "INACTIVE"
    exchange.set_mode(PAIR, CircuitMode.NONE)
    assert exchange.order(tested, PAIR, order.order_id).status == "FULLY_FILLED"


def test_an_opening_stop_is_rejected_when_the_margin_no_longer_carries_it():
    exchange, tested, maker = busy(jpy=1_000_000, btc=0, stop_types_open=True)
    order = exchange.submit(tested, ask("buy", "0.19", kind="stop", trigger=PRICE + 2_000, position="long"))
    requote(exchange, maker, PRICE, PRICE + 900_000)
    exchange.submit(user(exchange, 10**8), ask("buy", "0.0001"))
    assert exchange.order(tested, PAIR, order.order_id).status == "REJECTED"
    assert exchange.margin_status(tested).open_margin_order_product == 0
