"""Margin orders: opening and closing, fees that wait, interest, what a close reserves."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import MarginTerms, PairFees
from src.core.domain.time import DAY, HOUR, Millis
from src.trading.ledger import CostParams, Ledger, open_position
from src.trading.ledger import interest as ledger_interest
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
)

JPY = 10_000  # money units


@pytest.mark.parametrize(("side", "opens", "closes"), [("long", "buy", "sell"), ("short", "sell", "buy")])
def test_a_round_trip_collects_both_fees_and_the_interest_at_the_close(side, opens, closes):
    exchange, tested, _ = busy()
    exchange.submit(tested, ask(opens, "0.1", position=side))
    entry = PRICE + 1_000 if side == "long" else PRICE - 1_000
    (opening,) = exchange.trade_history(tested)
    assert (opening.fee_quote, opening.profit_loss, opening.interest) == (0, 0, 0)
    assert opening.fee_occurred == entry * 1_000 // 1_000
    held = position(exchange, tested, side)
    assert (held.lots, held.average_price, held.product) == (1_000, entry, entry * 1_000)
    exchange.advance(exchange.now + 2 * DAY)
    exchange.submit(tested, ask(closes, "0.1", position=side))
    closing = exchange.trade_history(tested)[0]
    exit_ = PRICE - 1_000 if side == "long" else PRICE + 1_000
    interest = 3 * (entry * 1_000 * 4 // 10_000)
    assert closing.fee_occurred == exit_ * 1_000 // 1_000
    assert closing.fee_quote == opening.fee_occurred + closing.fee_occurred
    assert closing.interest == interest
    assert closing.profit_loss == -2_000 * 1_000 - closing.fee_quote - interest
    assert balance(exchange, tested, "jpy").onhand == 10_000_000 * JPY + closing.profit_loss
    assert balance(exchange, tested, "btc").onhand == 10**8
    assert position(exchange, tested, side).lots == 0
    assert exchange.balance_sheet().balanced


def test_the_house_is_left_with_the_fees_alone():
    exchange, tested, _ = busy()
    before = exchange.balance_sheet().house["jpy"]
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.submit(tested, ask("sell", "0.1", position="long"))
    closing = exchange.trade_history(tested)[0]
    assert exchange.balance_sheet().house == {
        "jpy": before + closing.fee_quote + closing.interest,
        "btc": 0,
        "mona": 0,
    }


def test_long_and_short_of_a_pair_coexist_each_with_its_own_average():
    exchange, tested, maker = busy()
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.submit(tested, ask("sell", "0.2", position="short"))
    requote(exchange, maker, PRICE + 9_000, PRICE + 11_000)
    exchange.submit(tested, ask("buy", "0.3", position="long"))
    assert position(exchange, tested, "long").lots == 4_000
    assert position(exchange, tested, "long").average_price == (PRICE + 1_000 + 3 * (PRICE + 11_000)) // 4
    assert position(exchange, tested, "short").average_price == PRICE - 1_000


def test_a_part_close_releases_its_share_of_fee_and_interest():
    exchange, tested, _ = busy()
    exchange.submit(tested, ask("buy", "0.3", position="long"))
    whole = position(exchange, tested)
    exchange.submit(tested, ask("sell", "0.1", position="long"))
    rest = position(exchange, tested)
    assert rest.lots == 2_000
    for before, after in [
        (whole.product, rest.product),
        (whole.unrealized_fee, rest.unrealized_fee),
        (whole.unrealized_interest, rest.unrealized_interest),
    ]:
        assert after == before - -(-before // 3) or after == before - before // 3


@pytest.mark.parametrize("hour", [0, 9])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("span", [0, 11 * HOUR, 13 * HOUR, 5 * DAY])
def test_interest_agrees_with_the_ledger_of_the_backtest(hour, first, span):
    exchange, tested, _ = busy(interest_hour=hour, first_day_charged=first)
    exchange.submit(tested, ask("buy", "0.1234", position="long"))
    exchange.advance(Millis(NOON + span))
    costs = CostParams(interest_hour=hour, first_day_charged=first)
    book = open_position(Ledger(0, None), 1, 1_234, PRICE + 1_000, PRICE, 1_000, NOON, costs)
    assert position(exchange, tested).unrealized_interest == ledger_interest(book.position, exchange.now, costs)
    assert position(exchange, tested).unrealized_fee == book.position.fee_due


def test_a_resting_close_reserves_its_part_until_it_is_cancelled():
    exchange, tested, _ = busy()
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    resting = exchange.submit(tested, ask("sell", "0.07", PRICE * 2, position="long"))
    assert position(exchange, tested).locked == 700
    with refused(50062):
        exchange.submit(tested, ask("sell", "0.0301", position="long"))
    exchange.submit(tested, ask("sell", "0.03", position="long"))
    exchange.cancel(tested, PAIR, resting.order_id)
    exchange.submit(tested, ask("sell", "0.07", position="long"))
    with refused(50062):
        exchange.submit(tested, ask("sell", "0.0001", position="long"))


@pytest.mark.parametrize("reserves", [True, False])
def test_whether_a_waiting_stop_reserves_is_a_switch(reserves):
    exchange, tested, _ = busy(waiting_stops_reserve=reserves)
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.submit(tested, ask("sell", "0.1", kind="stop", trigger=PRICE - 500_000, position="long"))
    assert position(exchange, tested).locked == (1_000 if reserves else 0)
    target = ask("sell", "0.1", PRICE * 2, position="long")
    if reserves:
        with refused(50062):
            exchange.submit(tested, target)
    else:
        assert exchange.submit(tested, target).status == "UNFILLED"


def test_a_late_position_ledger_refuses_the_close_until_it_has_seen_the_fill():
    exchange, tested, _ = busy(position_delay=3_000)
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    assert position(exchange, tested).lots == 0
    assert exchange.margin_status(tested).open_margin_position_product > 0
    with refused(50062):
        exchange.submit(tested, ask("sell", "0.1", kind="stop", trigger=PRICE - 500_000, position="long"))
    exchange.drain()
    exchange.advance(exchange.now + 2_999)
    assert payloads(exchange.drain(), "margin_position_update", tested) == []
    exchange.advance(exchange.now + 1)
    (update,) = payloads(exchange.drain(), "margin_position_update", tested)
    assert update.lots == 1_000
    exchange.submit(tested, ask("sell", "0.1", position="long"))
    assert position(exchange, tested).lots == 1_000  # stale
    with refused(50062):
        exchange.submit(tested, ask("sell", "0.1", position="long"))


def test_capacity_counts_orders_and_positions():
    exchange, tested, _ = busy(jpy=1_000_000, btc=0)
    assert exchange.margin_status(tested).available_balances[0].long == 2_000_000 * JPY
    order = exchange.submit(tested, ask("buy", "0.1", 9_000_000, position="long"))
    status = exchange.margin_status(tested)
    assert status.open_margin_order_product == 900_000 * JPY
    assert status.total_long_open_order_maintenance_margin == 450_000 * JPY
    assert status.available_balances[0].short == 1_100_000 * JPY
    with refused(50061):
        exchange.submit(tested, ask("sell", "0.11", PRICE + 1, position="short"))
    exchange.cancel(tested, PAIR, order.order_id)
    assert exchange.margin_status(tested).available_balances[0].long == 2_000_000 * JPY


def test_coins_are_collateral_at_half_their_value():
    exchange, tested, _ = busy(jpy=0, btc="0.1")
    assert exchange.margin_status(tested).total_margin_balance == 500_000 * JPY


def test_companies_have_their_own_ratio():
    exchange, _, _ = busy()
    company = exchange.add_user("c", {"jpy": Decimal(1_000_000)}, company=True)
    assert exchange.margin_status(company).available_balances[0].long == 1_000_000 * JPY * 10_000 // 818


@pytest.mark.parametrize("locks", [True, False])
def test_whether_opening_orders_show_as_locked_cash_is_a_switch(locks):
    exchange, tested, _ = busy(margin_orders_lock_cash=locks)
    order = exchange.submit(tested, ask("buy", "0.1", 9_000_000, position="long"))
    assert balance(exchange, tested, "jpy").locked == (450_000 * JPY if locks else 0)
    exchange.cancel(tested, PAIR, order.order_id)
    assert balance(exchange, tested, "jpy").locked == 0


def test_the_status_rounds_as_documented_and_is_null_when_flat():
    exchange, tested, _ = busy(jpy=1_000_000, btc=0)
    flat = exchange.margin_status(tested)
    assert flat.total_margin_balance_percentage is flat.margin_call_percentage is flat.losscut_percentage is None
    exchange.submit(tested, ask("buy", "0.0333", position="long"))
    status = exchange.margin_status(tested)
    product = 333 * (PRICE + 1_000)
    fee, interest = product // 1_000, -(-product * 400 // 1_000_000)
    assert status.margin_position_profit_loss == 333 * PRICE - product + 333 * 1_000
    assert status.unrealized_cost == fee + interest
    assert status.total_position_maintenance_margin == -(-product // 2)
    assert status.total_margin_balance == 1_000_000 * JPY + status.margin_position_profit_loss - fee - interest
    assert status.total_margin_balance_percentage == (
        status.total_margin_balance * 10_000 // status.total_position_maintenance_margin
    )
    assert (status.margin_call_percentage, status.losscut_percentage) == (100, 50)


def test_the_terms_of_the_next_week_hold_from_monday_in_japan():
    exchange, tested, _ = busy()
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.set_next_margin(PAIR, MarginTerms(800, 400, 700_000, 90_000))
    view = exchange.pairs()[0]
    exchange.advance(view.margin_until)
    assert exchange.pairs()[0].rules.margin.individual_ratio_ppm == 500_000
    before = exchange.margin_status(tested).total_position_maintenance_margin
    exchange.advance(exchange.now + 1)
    assert exchange.pairs()[0].rules.margin.individual_ratio_ppm == 700_000
    assert exchange.margin_status(tested).total_position_maintenance_margin == before * 7 // 5
    assert exchange.pairs()[0].margin_until == view.margin_until + 7 * DAY


def test_changed_fees_hold_from_the_next_fill_on():
    exchange, tested, _ = busy()
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.set_fees(PAIR, PairFees(0, 0, 0, 0, 0, 500))
    exchange.submit(tested, ask("sell", "0.1", position="long"))
    closing, opening = exchange.trade_history(tested)
    assert closing.fee_occurred == (PRICE - 1_000) * 1_000 // 2_000
    assert closing.fee_quote == closing.fee_occurred + opening.fee_occurred
