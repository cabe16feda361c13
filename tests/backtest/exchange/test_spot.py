"""Spot orders: what they lock, how they meet, how they end."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import PairFees
from src.core.domain.time import DAY, Millis
from tests.backtest.exchange.made_exchange import (
    PAIR,
    PRICE,
    SPOT,
    ask,
    balance,
    busy,
    fresh,
    payloads,
    refused,
    user,
)


def test_a_limit_buy_locks_its_cost_with_the_takers_fee_cut_to_four_decimals():
    exchange = fresh()
    exchange.set_fees(PAIR, PairFees(-200, 1_200))
    tested = user(exchange, 2_000)
    exchange.submit(tested, ask("buy", "9.9009", 101))
    assert balance(exchange, tested, "jpy").locked == 10_011_908  # 1001.1908 JPY, as seen on the real exchange


def test_a_limit_sell_locks_the_coins():
    exchange = fresh()
    tested = user(exchange, btc="0.12345678")
    exchange.submit(tested, ask("sell", "0.1234", PRICE))
    coins = balance(exchange, tested, "btc")
    assert (coins.locked, coins.free) == (12_340_000, 5_678)


def test_the_older_order_at_a_price_trades_first_and_the_better_price_before_it():
    exchange = fresh()
    a, b, c, taker = (user(exchange, 10**8, 10) for _ in range(4))
    first = exchange.submit(a, ask("sell", 1, 100))
    second = exchange.submit(b, ask("sell", 1, 100))
    best = exchange.submit(c, ask("sell", 1, 99))
    exchange.submit(taker, ask("buy", "1.5", 100))
    states = [exchange.order(u, PAIR, o.order_id).executed_lots for u, o in ((a, first), (b, second), (c, best))]
    assert states == [5_000, 0, 10_000]
    assert [t.price for t in exchange.transactions(PAIR)] == [100, 99]  # newest first


def test_a_taker_pays_the_makers_price_and_both_pay_their_own_fee():
    exchange = fresh()
    exchange.set_fees(PAIR, PairFees(-200, 1_200))
    maker, taker = user(exchange, 0, 1), user(exchange, 10_000, 0)
    exchange.submit(maker, ask("sell", 1, 100))
    order = exchange.submit(taker, ask("buy", 1, 120))
    assert (order.status, order.average_price, order.cost) == ("FULLY_FILLED", 100, 1_000_000)
    (sold,), (bought,) = exchange.trade_history(maker), exchange.trade_history(taker)
    assert (sold.maker, sold.fee_quote, bought.maker, bought.fee_quote) == (True, -200, False, 1_200)
    assert bought.fee_occurred == bought.fee_quote
    assert bought.profit_loss is bought.interest is None
    assert balance(exchange, maker, "jpy").onhand == 1_000_200
    assert balance(exchange, taker, "jpy").onhand == 100_000_000 - 1_001_200
    assert balance(exchange, taker, "jpy").locked == 0


def test_a_partial_fill_leaves_the_rest_in_the_book_with_its_lock():
    exchange = fresh()
    maker, taker = user(exchange, 10_000, 0), user(exchange, 0, 1)
    order = exchange.submit(maker, ask("buy", 2, 100))
    exchange.submit(taker, ask("sell", "0.5", 100))
    seen = exchange.order(maker, PAIR, order.order_id)
    assert (seen.status, seen.remaining_lots, seen.executed_lots) == ("PARTIALLY_FILLED", 15_000, 5_000)
    assert balance(exchange, maker, "jpy").locked == 1_501_500
    gone = exchange.cancel(maker, PAIR, order.order_id)
    assert (gone.status, gone.canceled_at) == ("CANCELED_PARTIALLY_FILLED", exchange.now)
    assert balance(exchange, maker, "jpy").locked == 0


def test_many_small_fills_cost_no_more_fee_than_one_large():
    exchange = fresh()
    maker, taker = user(exchange, 0, 1), user(exchange, 100, 0)
    for _ in range(9):
        exchange.submit(maker, ask("sell", "0.0001", 1_003))
    exchange.submit(taker, ask("buy", "0.0009", 1_003))
    assert sum(t.fee_quote for t in exchange.trade_history(taker)) == 10  # 0.9027 JPY x 0.1 %, rounded up once


def test_a_market_order_fills_completely_or_is_rejected():
    exchange, tested, _ = busy(amount="0.5")
    assert exchange.submit(tested, ask("sell", "0.6")).status == "REJECTED"
    assert balance(exchange, tested, "btc").locked == 0
    assert exchange.submit(tested, ask("sell", "0.5")).status == "FULLY_FILLED"


@pytest.mark.parametrize(("bounded", "status"), [(False, "FULLY_FILLED"), (True, "REJECTED")])
def test_a_market_order_may_sweep_as_far_as_the_switch_says(bounded, status):
    exchange, tested, maker = busy(amount="0.1", market_sweep_bounded=bounded)
    exchange.submit(maker, ask("buy", 1, PRICE * 7 // 10))
    assert exchange.submit(tested, ask("sell", "0.2")).status == status


def test_a_post_only_order_that_would_trade_is_accepted_and_cancelled():
    exchange, tested, _ = busy()
    order = exchange.submit(tested, ask("buy", "0.1", PRICE + 1_000, post_only=True))
    assert (order.status, order.canceled_at, order.executed_lots) == ("CANCELED_UNFILLED", exchange.now, 0)
    assert exchange.submit(tested, ask("buy", "0.1", PRICE + 999, post_only=True)).status == "UNFILLED"


@pytest.mark.parametrize(
    ("allowed", "statuses"), [(True, ("FULLY_FILLED",) * 2), (False, ("CANCELED_UNFILLED", "UNFILLED"))]
)
def test_what_happens_when_a_users_orders_meet_is_a_switch(allowed, statuses):
    exchange = fresh(self_trade=allowed)
    tested = user(exchange)
    resting = exchange.submit(tested, ask("sell", "0.1", 100))
    coming = exchange.submit(tested, ask("buy", "0.1", 100))
    assert (exchange.order(tested, PAIR, resting.order_id).status, coming.status) == statuses


def test_a_market_order_does_not_count_on_its_owners_orders_where_they_may_not_meet():
    exchange = fresh(self_trade=False)
    tested, other = user(exchange), user(exchange)
    exchange.submit(tested, ask("buy", "0.1", 101))
    exchange.submit(other, ask("buy", "0.1", 100))
    assert exchange.submit(tested, ask("sell", "0.2")).status == "REJECTED"
    assert exchange.submit(tested, ask("sell", "0.1")).average_price == 100


def test_the_codes_of_cancels_name_the_state_of_the_order():
    exchange, tested, maker = busy(amount="0.5")
    order = exchange.submit(tested, ask("buy", "0.1", 100))
    for code, args in [
        (30009, (None, 1)),
        (40017, ("nope", 1)),
        (30006, (PAIR, None)),
        (50009, (PAIR, 1)),
        (50009, (SPOT, order.order_id)),
    ]:
        with refused(code):
            exchange.cancel(tested, *args)
    with refused(50009):
        exchange.cancel(maker, PAIR, order.order_id)
    exchange.cancel(tested, PAIR, order.order_id)
    with refused(50026):
        exchange.cancel(tested, PAIR, order.order_id)
    with refused(50027):
        exchange.cancel(tested, PAIR, exchange.submit(tested, ask("sell", "0.1")).order_id)
    with refused(50010):
        exchange.cancel(tested, PAIR, exchange.submit(tested, ask("sell", "0.6")).order_id)


def test_a_slow_cancel_is_pending_and_may_lose_the_race():
    exchange, tested, maker = busy(cancel_delay=2_000)
    lost, won = (exchange.submit(tested, ask("buy", "0.1", PRICE - n)) for n in (10, 500))
    for order in (lost, won):
        assert exchange.cancel(tested, PAIR, order.order_id).status == "UNFILLED"
    with refused(70019):
        exchange.cancel(tested, PAIR, lost.order_id)
    exchange.submit(maker, ask("sell", "0.1", PRICE - 10))
    exchange.advance(Millis(exchange.now + 2_000))
    assert exchange.order(tested, PAIR, lost.order_id).status == "FULLY_FILLED"
    assert exchange.order(tested, PAIR, won.order_id).status == "CANCELED_UNFILLED"


@pytest.mark.parametrize("atomic", [True, False])
def test_a_batch_with_a_bad_id_is_refused_or_does_what_it_can(atomic):
    exchange, tested, _ = busy(cancel_batch_atomic=atomic)
    ids = [exchange.submit(tested, ask("buy", "0.1", n)).order_id for n in (100, 101)]
    if atomic:
        with refused(50009):
            exchange.cancel_many(tested, PAIR, [*ids, 7])
        assert len(exchange.active_orders(tested)) == 2
    else:
        assert [o.order_id for o in exchange.cancel_many(tested, PAIR, [*ids, 7])] == ids
        assert exchange.active_orders(tested) == ()


def test_lists_of_ids_have_their_own_codes():
    exchange, tested, _ = busy()
    for call in (exchange.cancel_many, exchange.orders_info):
        for code, ids in [(30007, None), (40014, []), (40015, list(range(31)))]:
            with refused(code):
                call(tested, PAIR, ids)


def test_orders_expire_after_180_days_and_are_forgotten_90_days_after_their_end():
    exchange, tested, _ = busy()
    order = exchange.submit(tested, ask("buy", "0.1", 100))
    assert order.expire_at == order.ordered_at + 15_552_000_000
    exchange.advance(order.expire_at - 1)
    assert len(exchange.active_orders(tested)) == 1
    exchange.advance(order.expire_at)
    assert exchange.order(tested, PAIR, order.order_id).status == "CANCELED_UNFILLED"
    exchange.advance(exchange.now + 90 * DAY - 1)
    assert exchange.orders_info(tested, PAIR, [order.order_id, 5])
    exchange.advance(exchange.now + 1)
    with refused(50009):
        exchange.order(tested, PAIR, order.order_id)
    assert exchange.orders_info(tested, PAIR, [order.order_id]) == ()


def test_raised_fees_never_overdraw_who_had_locked_less():
    exchange = fresh()
    maker, taker = user(exchange, "100.1", 0), user(exchange, 0, 1)
    exchange.submit(maker, ask("buy", 1, 100))
    exchange.set_fees(PAIR, PairFees(5_000, 5_000))
    exchange.submit(taker, ask("sell", 1, 100))
    assert balance(exchange, maker, "jpy").onhand == 0
    assert exchange.balance_sheet().balanced


def test_a_pair_with_fine_prices_rounds_a_fill_alike_for_both():
    exchange = fresh()
    maker = exchange.add_user("m", {"mona": Decimal(1)})
    taker = user(exchange, 100)
    exchange.submit(maker, ask("sell", "0.0033", "77.777", pair=SPOT))
    exchange.submit(taker, ask("buy", "0.0033", "77.777", pair=SPOT))
    assert exchange.trade_history(maker)[0].price == 77_777
    assert balance(exchange, maker, "jpy").onhand == 2_566  # 0.2566641 JPY, cut; the rebate is below its unit
    assert exchange.balance_sheet().balanced


def test_the_news_of_an_order_comes_before_that_of_its_fills():
    exchange, tested, _ = busy()
    exchange.submit(tested, ask("sell", "0.1"))
    kinds = [e.kind.value for e in exchange.drain() if e.user == tested]
    assert kinds == ["spot_order_new", "spot_trade", "asset_update"]
    exchange.submit(tested, ask("buy", "0.1", 5))
    (assets,) = payloads(exchange.drain(), "asset_update", tested)
    assert [a.asset for a in assets] == ["jpy"]


@pytest.mark.parametrize("kept", [True, False])
def test_events_are_kept_where_somebody_reads_them(kept):
    exchange, _, _ = busy(events=kept)
    exchange.submit(user(exchange), ask("buy", "0.0001", PRICE - 5_000))
    assert bool(exchange.drain()) is kept
