"""A pair in bar mode: what each phase of a candle does to each kind of order."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import (
    BarMarket,
    BarTerms,
    CircuitMode,
    OrderStatus,
    Phase,
    SimulatedExchange,
    margin_fees,
)
from src.core.domain.market import Bar, Side
from src.core.domain.time import BAR_15M, MINUTE, Millis
from src.core.exceptions import BadCandles, ConfigError
from src.trading.ledger import FLAT, CostParams, Ledger, losscut_price, open_position, worse
from tests.backtest.exchange.made_exchange import (
    NOON,
    PAIR,
    SPOT,
    ask,
    balance,
    busy,
    fresh,
    payloads,
    position,
    refused,
    user,
)

TERMS = BarTerms(slippage_ppm=1_000, spread_ppm=100)
FIRST = (1_000_000, 1_010_000, 990_000, 1_005_000, 40)


def bar(number, open_, high, low, close, volume=40):
    return Bar(Millis(NOON + (number + 1) * BAR_15M), open_, high, low, close, volume)


def playing(*bars, jpy=10_000_000, btc=1, terms=TERMS, **switches):
    """An exchange in bar mode after its first bar, the market with the next ones queued, and a user."""
    exchange = fresh(**switches)
    market = BarMarket(exchange, PAIR, terms)
    market.add([bar(0, *FIRST), *(bar(i + 1, *b) for i, b in enumerate(bars))])
    tested = user(exchange, jpy, btc)
    market.advance(Millis(NOON + BAR_15M - 1))
    exchange.advance(Millis(NOON + BAR_15M))
    market.step()
    exchange.drain()
    return exchange, market, tested


def until(market, phase):
    while market.step() is not phase:
        pass


def trades(exchange, who):
    return [(t.price, t.lots, t.maker) for t in reversed(exchange.trade_history(who))]


def status(exchange, who, order):
    return exchange.order(who, PAIR, order.order_id).status


LONG = {"position": "long"}


def test_a_market_order_between_two_bars_waits_for_the_open_and_pays_slippage_there():
    exchange, market, who = playing((1_020_000, 1_030_000, 1_010_000, 1_025_000))
    order = exchange.submit(who, ask("buy", "0.1", **LONG))
    assert order.status is OrderStatus.UNFILLED
    until(market, Phase.OPEN)
    assert trades(exchange, who) == [(1_021_020, 1_000, False)]
    assert status(exchange, who, order) is OrderStatus.FULLY_FILLED


def test_a_market_order_inside_a_bar_fills_at_its_open_at_once_whatever_was_printed():
    exchange, market, who = playing((1_020_000, 1_900_000, 1_010_000, 1_025_000))
    until(market, Phase.PUBLISH)
    assert exchange.submit(who, ask("buy", "0.1", **LONG)).status is OrderStatus.FULLY_FILLED
    assert trades(exchange, who) == [(1_021_020, 1_000, False)]


def test_a_waiting_market_order_can_be_cancelled():
    exchange, market, who = playing((1_020_000, 1_030_000, 1_010_000, 1_025_000))
    order = exchange.submit(who, ask("buy", "0.1", **LONG))
    assert exchange.cancel(who, PAIR, order.order_id).status is OrderStatus.CANCELED_UNFILLED
    until(market, Phase.CLOSE)
    assert trades(exchange, who) == []


@pytest.mark.parametrize(
    ("next_bar", "price"),
    [
        ((1_020_000, 1_020_000, 1_000_000, 1_010_000), 999_000),  # reached inside: the trigger
        ((990_000, 1_020_000, 980_000, 1_010_000), 989_010),  # passed at the open: the open
        ((1_020_000, 1_050_000, 1_000_001, 1_010_000), None),
    ],
)
def test_a_stop_is_held_against_the_whole_bar_before_anything_of_it_is_printed(next_bar, price):
    exchange, market, who = playing((1_010_000,) * 4, next_bar)
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.OPEN)
    stop = exchange.submit(who, ask("sell", "0.1", kind="stop", trigger=1_000_000, **LONG))
    until(market, Phase.CLOSE)
    exchange.drain()
    until(market, Phase.JUDGE)
    assert payloads(exchange.drain(), "transactions") == []
    assert trades(exchange, who)[1:] == ([] if price is None else [(price, 1_000, False)])
    ended = OrderStatus.INACTIVE if price is None else OrderStatus.FULLY_FILLED
    assert status(exchange, who, stop) is ended


def test_a_stop_whose_trigger_is_already_passed_is_accepted_and_fires_with_the_bar():
    exchange, market, who = playing((1_020_000, 1_030_000, 1_010_000, 1_025_000))
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.OPEN)
    exchange.submit(who, ask("sell", "0.1", kind="stop", trigger=2_000_000, **LONG))
    until(market, Phase.JUDGE)
    assert trades(exchange, who)[1:] == [(1_018_980, 1_000, False)]


def test_a_closing_limit_order_fills_at_its_own_price_once_the_bar_has_printed_a_better_one():
    exchange, market, who = playing((1_010_000, 1_060_000, 1_000_000, 1_005_000))
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.JUDGE)
    early = exchange.submit(who, ask("sell", "0.05", "1050000", **LONG))
    assert early.status is OrderStatus.UNFILLED
    until(market, Phase.PUBLISH)
    late = exchange.submit(who, ask("sell", "0.05", "1050000", **LONG))
    assert late.status is OrderStatus.FULLY_FILLED
    until(market, Phase.FILL)
    assert trades(exchange, who)[1:] == [(1_050_000, 500, False), (1_050_000, 500, True)]


def test_a_closing_limit_order_at_a_price_that_was_not_printed_rests():
    exchange, market, who = playing((1_010_000, 1_049_999, 1_000_000, 1_005_000), (1_050_001,) * 4)
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.PUBLISH)
    order = exchange.submit(who, ask("sell", "0.1", "1050000", **LONG))
    until(market, Phase.CLOSE)
    assert status(exchange, who, order) is OrderStatus.UNFILLED
    until(market, Phase.CLOSE)
    assert trades(exchange, who)[1:] == [(1_050_000, 1_000, True)]


def test_a_post_only_close_that_would_trade_is_cancelled():
    exchange, market, who = playing((1_010_000, 1_060_000, 1_000_000, 1_005_000))
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.PUBLISH)
    order = exchange.submit(who, ask("sell", "0.1", "1050000", post_only=True, **LONG))
    assert order.status is OrderStatus.CANCELED_UNFILLED


@pytest.mark.parametrize(("low", "fills"), [(1_004_999, True), (1_005_000, False)])
def test_an_opening_limit_order_needs_a_trade_through_its_price_and_is_a_maker(low, fills):
    exchange, market, who = playing((1_005_000, 1_030_000, low, 1_025_000))
    exchange.submit(who, ask("buy", "0.1", "1005000", post_only=True, **LONG))
    until(market, Phase.PUBLISH)
    assert trades(exchange, who) == []
    until(market, Phase.FILL)
    assert trades(exchange, who) == ([(1_005_000, 1_000, True)] if fills else [])


def test_an_order_that_came_after_the_bar_was_printed_does_not_fill_by_it():
    exchange, market, who = playing((1_005_000, 1_030_000, 900_000, 1_025_000))
    until(market, Phase.PUBLISH)
    exchange.submit(who, ask("buy", "0.1", "1005000", **LONG))
    until(market, Phase.CLOSE)
    assert trades(exchange, who) == []


def test_the_stop_of_a_position_opened_inside_the_bar_is_held_against_the_same_bar():
    exchange, market, who = playing((1_005_000, 1_030_000, 990_000, 1_025_000))
    exchange.submit(who, ask("buy", "0.1", "1000000", **LONG))
    until(market, Phase.FILL)
    exchange.submit(who, ask("sell", "0.1", kind="stop", trigger=995_000, **LONG))
    until(market, Phase.JUDGE_FRESH)
    assert trades(exchange, who) == [(1_000_000, 1_000, True), (994_005, 1_000, False)]


def test_a_stop_placed_after_the_judgement_for_an_older_position_waits_for_the_next_bar():
    exchange, market, who = playing(
        (1_005_000, 1_030_000, 990_000, 1_025_000), (1_025_000, 1_026_000, 990_000, 1_000_000)
    )
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.PUBLISH)
    exchange.submit(who, ask("sell", "0.1", kind="stop", trigger=995_000, **LONG))
    until(market, Phase.CLOSE)
    assert len(trades(exchange, who)) == 1
    until(market, Phase.JUDGE)
    assert trades(exchange, who)[1:] == [(994_005, 1_000, False)]


def test_take_profits_need_a_trade_beyond_them_and_pay_slippage():
    exchange, market, who = playing(
        (1_010_000, 1_050_000, 1_000_000, 1_005_000), (1_010_000, 1_050_001, 1_000_000, 1_005_000)
    )
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.OPEN)
    exchange.submit(who, ask("sell", None, kind="take_profit", trigger=1_050_000, **LONG))
    until(market, Phase.CLOSE)
    assert len(trades(exchange, who)) == 1
    until(market, Phase.CLOSE)
    assert trades(exchange, who)[1:] == [(1_048_950, 1_000, False)]


@pytest.mark.parametrize(("price", "status_after"), [(998_000, "FULLY_FILLED"), (999_500, "UNFILLED")])
def test_a_fired_stop_limit_trades_at_its_limit_if_a_taker_would_have_got_as_much_and_rests_otherwise(
    price, status_after
):
    exchange, market, who = playing((1_010_000, 1_020_000, 999_999, 1_005_000))
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.OPEN)
    order = exchange.submit(who, ask("sell", "0.1", price, kind="stop_limit", trigger=1_000_000, **LONG))
    until(market, Phase.JUDGE)
    assert status(exchange, who, order).value == status_after
    assert trades(exchange, who)[1:] == ([(price, 1_000, False)] if status_after == "FULLY_FILLED" else [])


def test_a_forced_close_happens_at_the_first_price_at_which_the_margin_is_too_low():
    exchange, market, who = playing((1_000_000, 1_001_000, 500_000, 900_000), jpy=60_000, btc=0)
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.JUDGE)
    _, (price, lots, maker) = trades(exchange, who)
    costs, flat = CostParams(), Ledger(600_000_000, FLAT)
    book = open_position(flat, Side.BUY, 1_000, 1_001_000, 1_000_000, 1_000, NOON + BAR_15M, costs)
    cut = losscut_price(book, NOON + 2 * BAR_15M, costs)
    assert (price, lots, maker) == (worse(cut, Side.SELL, 1_000), 1_000, False)
    assert 500_000 < cut < 1_000_000
    assert position(exchange, who).lots == 0
    assert exchange.balance_sheet().balanced


def test_nobody_is_called_for_margin_in_bar_mode():
    exchange, market, who = playing((1_000_000,) * 4, (990_000,) * 4, jpy=51_000, btc=0)
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.CLOSE)
    until(market, Phase.CLOSE)
    assert exchange.margin_status(who).total_margin_balance_percentage < 10_000
    assert exchange.margin_positions(who).notice.what is None


def test_spot_orders_fill_by_the_same_rules_and_never_spend_more_than_there_is():
    exchange, market, who = playing((1_900_000,) * 4, jpy=1_100_000)
    bought = exchange.submit(who, ask("buy", "1"))
    sold = exchange.submit(who, ask("sell", "0.5"))
    until(market, Phase.OPEN)
    assert status(exchange, who, bought) is OrderStatus.REJECTED
    assert status(exchange, who, sold) is OrderStatus.FULLY_FILLED
    assert balance(exchange, who, "jpy").free >= 0
    with refused(60001):
        exchange.submit(who, ask("buy", "5"))


def test_users_do_not_meet_each_other():
    exchange, _, one = playing((1_005_000,) * 4)
    other = user(exchange)
    exchange.submit(one, ask("buy", "0.1", "1100000", **LONG))
    exchange.submit(other, ask("sell", "0.1", "1000000"))
    assert trades(exchange, one) == trades(exchange, other) == []
    depth = exchange.depth(PAIR)
    assert depth.bids[0][0] < depth.asks[0][0]


@pytest.mark.parametrize(
    ("values", "prints"),
    [
        ((1_010_000, 1_020_000, 1_000_000, 1_015_000, 42), 4),
        ((1_010_000, 1_010_000, 1_000_000, 1_000_000, 42), 2),
        ((1_010_000, 1_020_000, 1_000_000, 1_015_000, 1), 4),
        ((1_010_000,) * 4 + (7,), 1),
        ((1_010_000, 1_020_000, 1_000_000, 1_015_000, 0), 4),
        ((1_005_000,) * 4 + (0,), 0),
        ((1_006_000,) * 4 + (0,), 1),
    ],
)
def test_the_candle_file_shows_the_bar_exactly_at_its_close_whatever_users_traded(values, prints):
    exchange, market, who = playing(values)
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.CLOSE)
    shown = exchange.candles(PAIR, "15min", "20231115").bars
    assert bar(1, *values) in shown
    assert bar(0, *FIRST) in shown
    assert len(payloads(exchange.drain(), "transactions")) == prints
    assert exchange.ticker(PAIR).last == values[3]


@pytest.mark.parametrize("close", [1_000_000, 1_234_567, 9_999_999, 17_654_321])
@pytest.mark.parametrize("spread_ppm", [1, 100, 777])
def test_the_spread_in_the_book_is_the_stated_one_to_the_millionth(close, spread_ppm):
    exchange, market, _ = playing((close,) * 4, terms=TERMS._replace(spread_ppm=spread_ppm))
    until(market, Phase.CLOSE)
    shown = exchange.ticker(PAIR)
    assert (shown.sell - shown.buy) * 1_000_000 // close == spread_ppm
    assert shown.buy <= close <= shown.sell


def test_a_day_of_interest_that_begins_with_the_end_of_a_bar_is_charged_to_who_still_holds():
    midnight = (NOON + 12 * 60 * MINUTE - NOON) // BAR_15M - 1
    exchange, market, who = playing(terms=TERMS)
    market.add(bar(i, *(1_000_000,) * 4) for i in range(1, midnight + 2))
    exchange.submit(who, ask("buy", "0.2", **LONG))
    until(market, Phase.OPEN)
    once = position(exchange, who).unrealized_interest
    exchange.submit(who, ask("sell", "0.1", kind="stop", trigger=1, **LONG))
    while market.played.closed_at != bar(midnight - 1, 0, 0, 0, 0).closed_at:
        market.step()
    until(market, Phase.JUDGE_FRESH)
    assert position(exchange, who).unrealized_interest == once
    until(market, Phase.CLOSE)
    assert position(exchange, who).unrealized_interest == 2 * once


def test_bars_pass_by_a_pair_that_does_not_trade():
    exchange, market, who = playing((1_020_000, 1_030_000, 900_000, 1_025_000))
    order = exchange.submit(who, ask("buy", "0.1", "1000000", **LONG))
    exchange.set_mode(PAIR, CircuitMode.CIRCUIT_BREAK)
    with refused(70020):
        exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.CLOSE)
    assert status(exchange, who, order) is OrderStatus.UNFILLED
    assert payloads(exchange.drain(), "transactions") == []


def test_fees_change_with_the_bars():
    exchange = fresh()
    fees = {bar(0, *FIRST).closed_at: margin_fees(0, 0), bar(1, *FIRST).closed_at: margin_fees(0, 2_000)}
    market = BarMarket(exchange, PAIR, TERMS._replace(slippage_ppm=0), fees_at=fees.__getitem__)
    market.add([bar(0, *FIRST), bar(1, *FIRST)])
    who = user(exchange)
    until(market, Phase.OPEN)
    exchange.submit(who, ask("buy", "0.1", **LONG))
    until(market, Phase.CLOSE)
    until(market, Phase.OPEN)
    exchange.submit(who, ask("buy", "0.1", **LONG))
    assert [t.fee_occurred for t in exchange.trade_history(who)] == [2_000_000, 0]


def test_an_exchange_restored_in_any_phase_goes_on_as_the_first_would_have():
    bars = [(1_005_000, 1_030_000, 990_000, 1_025_000), (1_025_000, 1_060_000, 950_000, 1_000_000)]

    def run(cut):
        exchange, market, who = playing(*bars)
        exchange.submit(who, ask("buy", "0.1", "1000000", **LONG))
        steps = 0
        while market.next_due() is not None:
            if steps == cut:
                exchange = SimulatedExchange.restore(exchange.snapshot())
                market = BarMarket(exchange, PAIR)
                market.add([bar(0, *FIRST), *(bar(i + 1, *b) for i, b in enumerate(bars))])
            phase = market.step()
            if phase is Phase.FILL and position(exchange, who).lots and not exchange.active_orders(who):
                exchange.submit(who, ask("sell", "0.1", kind="stop", trigger=960_000, **LONG))
            steps += 1
        return exchange.snapshot(), steps

    whole, steps = run(None)
    assert steps == 12
    assert all(run(cut)[0] == whole for cut in range(steps))


def test_bars_that_overlap_and_periods_that_straddle_a_day_are_refused():
    exchange, market, _ = playing()
    with pytest.raises(BadCandles, match="begins before"):
        market.add([bar(1, *FIRST), bar(1, *FIRST)])
    with pytest.raises(ConfigError, match="could turn inside"):
        BarMarket(exchange, SPOT, BarTerms(period=7 * MINUTE))


def test_a_pair_that_has_traded_in_a_book_stays_there():
    exchange, _, _ = busy()
    with pytest.raises(ConfigError, match="has traded in a book"):
        BarMarket(exchange, PAIR)
    with pytest.raises(ValueError, match="not in bar mode"):
        exchange.play_bar(PAIR, Phase.OPEN, bar(0, *FIRST))
    assert exchange.bar_play(PAIR) is None


def test_deposits_of_a_user_are_what_bar_mode_moves_and_nothing_is_made_or_lost():
    exchange, market, who = playing((1_005_000, 1_030_000, 990_000, 1_025_000))
    exchange.deposit(who, "jpy", Decimal(5))
    exchange.submit(who, ask("buy", "0.1", **LONG))
    exchange.submit(who, ask("sell", "0.5"))
    until(market, Phase.CLOSE)
    assert len(trades(exchange, who)) == 2
    assert exchange.balance_sheet().balanced
