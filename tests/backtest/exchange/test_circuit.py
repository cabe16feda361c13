"""The circuit breaker and the auction that ends it."""

import pytest

from src.backtest.simulated_exchange import CircuitMode, FeeType, PairFees
from src.core.domain.time import HOUR, MINUTE
from tests.backtest.exchange.made_exchange import NOON, PAIR, PRICE, ask, busy, fresh, payloads, requote, user

AUCTIONS = [mode for mode in CircuitMode if mode is not CircuitMode.NONE]


def auction(orders, *, mode=CircuitMode.CIRCUIT_BREAK, **terms):
    """An exchange in an auction with orders of two users: (side, amount, price)."""
    exchange = fresh()
    exchange.set_fees(PAIR, PairFees(-200, 1_200))
    exchange.set_mode(PAIR, mode, **terms)
    buyer, seller = user(exchange, 10**9, 0), user(exchange, 0, 1_000)
    for side, amount, price in orders:
        exchange.submit(buyer if side == "buy" else seller, ask(side, amount, price))
    return exchange, buyer, seller


def test_the_auction_trades_the_most_at_one_price():
    exchange, _buyer, _seller = auction(
        [("buy", 3, 105), ("buy", 2, 103), ("buy", 5, 99), ("sell", 1, 98), ("sell", 3, 102), ("sell", 4, 104)]
    )
    info = exchange.circuit_break_info(PAIR)
    assert (info.estimated_itayose_price, info.estimated_itayose_lots) == (102, 40_000)
    depth = exchange.depth(PAIR)
    assert depth.bids[0][0] > depth.asks[0][0]
    assert (depth.asks_under, depth.bids_over) == (80_000, 100_000)
    assert exchange.transactions(PAIR) == ()
    exchange.set_mode(PAIR, CircuitMode.NONE)
    assert {t.price for t in exchange.transactions(PAIR)} == {102}
    assert sum(t.lots for t in exchange.transactions(PAIR)) == 40_000
    depth = exchange.depth(PAIR)
    assert depth.bids[0] == (103, 10_000)
    assert depth.asks[0] == (104, 40_000)
    assert exchange.balance_sheet().balanced


@pytest.mark.parametrize(
    ("fee_type", "buyer_is_maker"),
    [(FeeType.BUY_MAKER, True), (FeeType.SELL_MAKER, False), (FeeType.NORMAL, True), (FeeType.DYNAMIC, True)],
)
def test_who_is_maker_in_an_auction_follows_the_fee_type(fee_type, buyer_is_maker):
    exchange, buyer, seller = auction([("buy", 1, 101), ("sell", 1, 99)], fee_type=fee_type)
    exchange.set_mode(PAIR, CircuitMode.NONE)
    assert exchange.trade_history(buyer)[0].maker is buyer_is_maker
    assert exchange.trade_history(seller)[0].maker is not buyer_is_maker


def test_the_auctions_price_stays_within_its_bounds_and_the_book_is_uncrossed_all_the_same():
    exchange, _, _ = auction(
        [("buy", 1, 130), ("sell", 1, 120), ("buy", 1, 140), ("sell", 1, 128)], itayose_upper=110, itayose_lower=90
    )
    assert exchange.circuit_break_info(PAIR).estimated_itayose_price is None
    exchange.set_mode(PAIR, CircuitMode.NONE)
    depth = exchange.depth(PAIR)
    assert not depth.bids
    assert not depth.asks


@pytest.mark.parametrize("mode", AUCTIONS)
def test_what_is_null_follows_the_mode(mode):
    exchange, _, _ = auction([("buy", 1, 99)], mode=mode, itayose_upper=110, itayose_lower=90, reopen_at=NOON + HOUR)
    info = exchange.circuit_break_info(PAIR)
    assert info.upper_trigger_price is info.lower_trigger_price is None
    assert info.estimated_itayose_price is None
    assert info.estimated_itayose_lots == 0
    bounded = mode in {CircuitMode.CIRCUIT_BREAK, CircuitMode.RESUMPTION}
    assert (info.itayose_upper_price, info.itayose_lower_price) == ((110, 90) if bounded else (None, None))
    assert info.reopen_timestamp == NOON + HOUR


def test_in_continuous_trading_only_the_band_is_public():
    exchange, _, _ = busy()
    exchange.advance(NOON + 11 * MINUTE)
    info = exchange.circuit_break_info(PAIR)
    assert (info.upper_trigger_price, info.lower_trigger_price) == (PRICE * 6 // 5, PRICE * 4 // 5)
    assert info[4:9] == (None,) * 5


def test_a_pair_reopens_at_its_time():
    exchange, _, _ = auction([("buy", 1, 101), ("sell", 1, 99)], reopen_at=NOON + MINUTE)
    exchange.drain()
    exchange.advance(NOON + MINUTE)
    assert exchange.circuit_break_info(PAIR).mode is CircuitMode.NONE
    assert len(exchange.transactions(PAIR)) == 1
    assert [c.mode for c in payloads(exchange.drain(), "circuit_break_info")] == [CircuitMode.NONE]


@pytest.mark.parametrize("on", [True, False])
def test_the_band_starts_the_breaker_where_the_switch_says_so(on):
    exchange, _, maker = busy(breaker=on)
    exchange.advance(NOON + 11 * MINUTE)
    requote(exchange, maker, PRICE * 79 // 100, PRICE)
    seller = user(exchange)
    exchange.submit(seller, ask("sell", "0.0001"))
    info = exchange.circuit_break_info(PAIR)
    assert (info.mode is CircuitMode.CIRCUIT_BREAK) is on
    if on:
        assert info.reopen_timestamp == exchange.now + 10 * MINUTE
        exchange.advance(info.reopen_timestamp)
        assert exchange.circuit_break_info(PAIR).mode is CircuitMode.NONE


@pytest.mark.parametrize("pause", [2 * MINUTE, 30 * MINUTE])
def test_how_long_a_break_lasts_is_a_switch(pause):
    exchange, _, maker = busy(breaker=True, breaker_pause=pause)
    exchange.advance(NOON + 11 * MINUTE)
    requote(exchange, maker, PRICE * 79 // 100, PRICE)
    exchange.submit(user(exchange), ask("sell", "0.0001"))
    assert exchange.circuit_break_info(PAIR).reopen_timestamp == exchange.now + pause


def test_a_band_broken_twice_within_an_hour_is_wider():
    exchange, _, maker = busy(breaker=True)
    exchange.advance(NOON + 11 * MINUTE)
    for price in (PRICE * 79 // 100, PRICE * 60 // 100):
        requote(exchange, maker, price, PRICE)
        exchange.submit(user(exchange), ask("sell", "0.0001"))
        assert exchange.circuit_break_info(PAIR).mode is CircuitMode.CIRCUIT_BREAK
        exchange.advance(exchange.circuit_break_info(PAIR).reopen_timestamp)
    last = PRICE * 60 // 100
    assert exchange.circuit_break_info(PAIR).upper_trigger_price == last * 13 // 10
