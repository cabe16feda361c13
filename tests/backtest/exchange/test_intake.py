"""Every code that a new order can be refused with, and in which order the checks are made."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import (
    BTC_JPY_RULES,
    NOT_A_NUMBER,
    CircuitMode,
    Flags,
    MarginState,
    OrderRequest,
    PairStatus,
    SimulatedExchange,
    Switches,
)
from src.core.exceptions import ConfigError
from tests.backtest.exchange.made_exchange import NOON, PAIR, PRICE, SPOT, ask, balance, busy, fresh, refused, user

FORMS = [
    (30009, OrderRequest(None, "buy", "limit", Decimal(1), Decimal(1))),
    (40017, OrderRequest("doge_usd", "buy", "limit", Decimal(1), Decimal(1))),
    (30015, OrderRequest(PAIR, "buy", None, Decimal(1), Decimal(1))),
    (40024, OrderRequest(PAIR, "buy", "iceberg", Decimal(1), Decimal(1))),
    (40024, OrderRequest(PAIR, "sell", "losscut", Decimal(1))),
    (30013, OrderRequest(PAIR, None, "limit", Decimal(1), Decimal(1))),
    (40021, OrderRequest(PAIR, "hold", "limit", Decimal(1), Decimal(1))),
    (40164, ask("buy", 1, 1, position="both")),
    (40164, ask("sell", 1, kind="take_profit", trigger=PRICE * 2)),
    (40165, ask("buy", 1, 1, position="long", pair=SPOT)),
    (30001, ask("buy", None, 1)),
    (30012, ask("buy", 1, kind="limit")),
    (30012, ask("buy", 1, kind="stop_limit", trigger=PRICE * 2)),
    (30101, ask("buy", 1, kind="stop")),
    (40113, ask("buy", 1, 1, post_only="yes")),
    (40114, ask("buy", 1, post_only=True)),
    (40001, ask("buy", "NaN", 1)),
    (40001, ask("buy", "Infinity", 1)),
    (40001, ask("buy", 0, 1)),
    (40001, ask("buy", -1, 1)),
    (40001, ask("buy", "1.00001", 1)),
    (60004, ask("buy", "0.00005", 1)),
    (60003, ask("buy", 1001, 1)),
    (60003, ask("buy", "1E+400", 1)),
    (60002, ask("buy", "10.0001")),
    (60003, ask("sell", "10.0001")),
    (40020, ask("buy", 1, "NaN")),
    (40020, ask("buy", 1, -5)),
    (40020, ask("buy", 1, "100.5")),
    (60005, ask("buy", 1, 1_000_000_001)),
    (60005, ask("buy", 1, "9E+999999")),
    (40020, ask("buy", 1, "1E-999999")),
    (40112, ask("buy", 1, kind="stop", trigger="NaN")),
    (40112, ask("buy", 1, kind="stop", trigger="10000000.5")),
    (60016, ask("buy", 1, kind="stop", trigger=1_000_000_001)),
    (60019, ask("buy", 1, kind="take_profit", trigger=PRICE // 2, position="long")),
    (60019, ask("sell", 1, kind="stop_loss", trigger=PRICE * 2, position="short")),
    (40200, ask("buy", 1, kind="stop", trigger=PRICE * 2, position="long")),
    (60018, ask("buy", "0.1", kind="stop", trigger=PRICE)),
    (60018, ask("sell", "0.1", kind="stop", trigger=PRICE)),
    (60018, ask("sell", "0.1", kind="take_profit", trigger=PRICE, position="long")),
    (60018, ask("buy", "0.1", kind="take_profit", trigger=PRICE, position="short")),
    (60018, ask("buy", "0.1", kind="stop_loss", trigger=PRICE, position="short")),
    (60001, ask("buy", 2, PRICE)),
    (60001, ask("sell", 2, PRICE)),
    (60001, ask("buy", 2)),
    (60001, ask("buy", 2, kind="stop", trigger=PRICE + 1)),
    (50061, ask("buy", 4, PRICE, position="long")),
    (50061, ask("sell", 4, position="short")),
    (50062, ask("sell", "0.1", PRICE, position="long")),
    (50062, ask("buy", "0.1", position="short")),
    (50062, ask("sell", None, kind="stop_loss", trigger=PRICE - 1, position="long")),
]


@pytest.mark.parametrize(("code", "request_"), FORMS)
def test_a_bad_order_is_refused_with_its_code_and_changes_nothing(code, request_):
    exchange, tested, _ = busy(amount=10)
    before = exchange.snapshot()
    with refused(code):
        exchange.submit(tested, request_)
    assert exchange.snapshot() == before


STOPPED = [
    (70017, Flags(stop_order=True), ask("buy", "0.1", 1)),
    (70018, Flags(stop_order_and_cancel=True), ask("buy", "0.1", 1)),
    (70009, Flags(stop_market_order=True), ask("buy", "0.1")),
    (70023, Flags(stop_stop_order=True), ask("buy", "0.1", kind="stop", trigger=PRICE + 1)),
    (70022, Flags(stop_stop_limit_order=True), ask("buy", "0.1", PRICE, kind="stop_limit", trigger=PRICE + 1)),
    (70024, Flags(stop_margin_long_order=True), ask("buy", "0.1", 1, position="long")),
    (70025, Flags(stop_margin_short_order=True), ask("sell", "0.1", PRICE * 2, position="short")),
    (70005, Flags(stop_buy_order=True), ask("buy", "0.1", 1)),
    (70006, Flags(stop_sell_order=True), ask("sell", "0.1", PRICE * 2)),
    (50059, Flags(margin_open_closed=True), ask("buy", "0.1", 1, position="long")),
    (50060, Flags(margin_close_closed=True), ask("sell", "0.1", 1, position="long")),
]


@pytest.mark.parametrize(("code", "flags", "request_"), STOPPED)
def test_each_flag_stops_what_it_names(code, flags, request_):
    exchange, tested, _ = busy()
    exchange.set_flags(PAIR, flags)
    with refused(code):
        exchange.submit(tested, request_)
    exchange.set_flags(PAIR, Flags())
    if code != 50060:  # there is no position to close
        exchange.submit(tested, request_)


def test_a_stopped_opening_does_not_stop_the_close():
    exchange, tested, _ = busy()
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.set_flags(PAIR, Flags(stop_margin_long_order=True, margin_open_closed=True))
    assert exchange.submit(tested, ask("sell", "0.1", position="long")).status == "FULLY_FILLED"


def test_no_orders_and_no_cancels_while_halted():
    exchange, tested, _ = busy()
    order = exchange.submit(tested, ask("buy", "0.1", 1))
    exchange.set_status(PAIR, PairStatus.HALT)
    with refused(70004):
        exchange.submit(tested, ask("buy", "0.1", 1))
    with refused(70004):
        exchange.cancel(tested, PAIR, order.order_id)


def test_a_busy_exchange_raises_the_smallest_order():
    exchange, tested, _ = busy()
    exchange.set_status(PAIR, PairStatus.VERY_BUSY, 100)
    assert exchange.statuses()[0].min_lots == 100
    with refused(70010):
        exchange.submit(tested, ask("buy", "0.0099", 1))
    exchange.submit(tested, ask("buy", "0.01", 1))


def test_margin_needs_the_review_to_open_but_not_to_close():
    exchange, tested, _ = busy()
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.set_margin_enabled(tested, False)
    with refused(50058):
        exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.submit(tested, ask("sell", "0.1", position="long"))


def test_a_debt_blocks_new_positions():
    exchange, tested, _ = busy()
    exchange._state.users[tested].state = MarginState.DEBT
    with refused(50078):
        exchange.submit(tested, ask("buy", "0.1", 1, position="long"))


def test_no_market_orders_and_no_post_only_outside_continuous_trading():
    exchange, tested, _ = busy()
    exchange.set_mode(PAIR, CircuitMode.CIRCUIT_BREAK)
    with refused(70020):
        exchange.submit(tested, ask("buy", "0.1"))
    crossing = exchange.submit(tested, ask("buy", "0.1", PRICE + 5_000, post_only=True))
    assert (crossing.status, crossing.post_only) == ("UNFILLED", False)


PRIORITY = [
    (40017, OrderRequest("nope", None, None)),
    (30015, OrderRequest(PAIR, None, None)),
    (30013, OrderRequest(PAIR, None, "limit")),
    (40164, OrderRequest(PAIR, "buy", "limit", position_side="x")),
    (30001, OrderRequest(PAIR, "buy", "limit")),
    (30012, OrderRequest(PAIR, "buy", "limit", NOT_A_NUMBER)),
    (40020, OrderRequest(PAIR, "buy", "limit", NOT_A_NUMBER, NOT_A_NUMBER)),
    (40001, OrderRequest(PAIR, "buy", "limit", NOT_A_NUMBER, Decimal(1))),
    (70017, OrderRequest(PAIR, "buy", "limit", Decimal(1000), Decimal(1_000_000_000))),
]


@pytest.mark.parametrize(("code", "request_"), PRIORITY)
def test_of_several_faults_the_first_check_speaks(code, request_):
    exchange, tested, _ = busy()
    exchange.set_flags(PAIR, Flags(stop_order=True))
    with refused(code):
        exchange.submit(tested, request_)


def test_a_number_with_idle_zeros_is_on_the_grid():
    exchange, tested, _ = busy()
    order = exchange.submit(tested, ask("buy", "0.100000000000000000000000000000000000", "1E+3"))
    assert (order.start_lots, order.price) == (1_000, 1_000)


@pytest.mark.parametrize(("limit", "accepted"), [(0, True), (500_000, False)])
def test_a_far_price_is_refused_where_the_switch_says_so(limit, accepted):
    exchange, tested, _ = busy(far_price_ppm=limit)
    if accepted:
        exchange.submit(tested, ask("buy", "0.1", PRICE // 2 - 1))
    else:
        with refused(70021):
            exchange.submit(tested, ask("buy", "0.1", PRICE // 2 - 1))
    exchange.submit(tested, ask("buy", "0.1", PRICE // 2))


@pytest.mark.parametrize(("name", "code"), [("price_digits_code", 70021), ("amount_digits_code", 60004)])
def test_the_codes_for_digits_too_many_are_switches(name, code):
    exchange, tested, _ = busy(**{name: code})
    with refused(code):
        exchange.submit(
            tested, ask("buy", "1.00001" if name == "amount_digits_code" else 1, "1.5" if code == 70021 else 1)
        )


def test_an_oversized_limit_order_is_refused_or_rejected():
    exchange = fresh()
    tested = user(exchange, 10**12)
    with refused(60003):
        exchange.submit(tested, ask("buy", "1000.0001", 1))
    exchange = fresh(oversized_limit_rejected=True)
    tested = user(exchange, 10**12)
    assert exchange.submit(tested, ask("buy", "1000.0001", 1)).status == "REJECTED"
    assert balance(exchange, tested, "jpy").locked == 0
    with refused(60003):
        exchange.submit(tested, ask("buy", "1E+16", 1))


@pytest.mark.parametrize(
    ("switches", "spot", "waiting", "elsewhere"),
    [
        ({}, 60011, 60011, None),
        ({"cap_scope": "account"}, 60011, 60011, 60011),
        ({"waiting_counts": False}, None, None, None),
    ],
)
def test_the_order_cap_counts_what_the_switches_say(switches, spot, waiting, elsewhere):
    exchange, tested, _ = busy(jpy=100_000_000, **switches)
    for i in range(29):
        exchange.submit(tested, ask("buy", "0.0001", 1 + i))
    exchange.submit(tested, ask("buy", "0.0001", kind="stop", trigger=PRICE * 2))
    for code, request_ in [
        (elsewhere, ask("buy", 1, 1, pair=SPOT)),
        (spot, ask("buy", "0.0001", 100)),
        (60011, ask("buy", "0.0001", kind="stop", trigger=PRICE * 2))
        if waiting
        else (60011, ask("buy", "0.0001", 101)),
    ]:
        if code is None:
            exchange.submit(tested, request_)
        else:
            with refused(code):
                exchange.submit(tested, request_)
    exchange.submit(tested, ask("buy", "0.0001"))  # a market order never rests


@pytest.mark.parametrize(("allowed", "code"), [(True, None), (False, 30001)])
def test_a_protection_without_amount_is_the_whole_position_or_refused(allowed, code):
    exchange, tested, _ = busy(amount_may_be_absent=allowed)
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    request_ = ask("sell", None, kind="stop_loss", trigger=PRICE - 500_000, position="long")
    if code:
        with refused(code):
            exchange.submit(tested, request_)
    else:
        order = exchange.submit(tested, request_)
        assert (order.start_lots, order.remaining_lots, order.status) == (None, None, "INACTIVE")


@pytest.mark.parametrize("allowed", [True, False])
def test_a_stop_type_opens_a_position_or_is_refused(allowed):
    exchange, tested, _ = busy(stop_types_open=allowed)
    request_ = ask("buy", "0.1", kind="stop", trigger=PRICE + 500, position="long")
    if allowed:
        assert exchange.submit(tested, request_).status == "INACTIVE"
        assert exchange.margin_status(tested).open_margin_order_product > 0
    else:
        with refused(40200):
            exchange.submit(tested, request_)


@pytest.mark.parametrize(
    "rules",
    [
        BTC_JPY_RULES._replace(pair="other"),
        BTC_JPY_RULES._replace(price_cap=10**15),
        BTC_JPY_RULES._replace(base_precision=2),
    ],
)
def test_rules_that_cannot_be_counted_with_are_refused_at_the_start(rules):
    with pytest.raises(ConfigError, match="btc_jpy"):
        SimulatedExchange({PAIR: rules}, Switches(), start=NOON, seed=0)
