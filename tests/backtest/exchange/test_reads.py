"""Reading orders and trades."""

import pytest

from src.backtest.simulated_exchange import OrderFilter, TradeFilter
from tests.backtest.exchange.made_exchange import PAIR, SPOT, ask, busy, refused


def orders(**switches):
    """Five resting orders, a second apart."""
    exchange, tested, _maker = busy(**switches)
    ids = []
    for i in range(5):
        ids.append(exchange.submit(tested, ask("buy", "0.01", 100 + i)).order_id)
        exchange.advance(exchange.now + 1_000)
    return exchange, tested, ids


def test_active_orders_come_newest_first_and_by_filter():
    exchange, tested, ids = orders()
    exchange.submit(tested, ask("buy", 1, 1, pair=SPOT))
    at = exchange.order(tested, PAIR, ids[2]).ordered_at

    def listed(**which):
        return [o.order_id for o in exchange.active_orders(tested, OrderFilter(pair=PAIR, **which))]

    assert len(exchange.active_orders(tested)) == 6
    assert listed() == ids[::-1]
    assert listed(count=2) == [ids[4], ids[3]]
    assert listed(from_id=ids[1], end_id=ids[2]) == [ids[2], ids[1]]
    assert listed(since=at) == ids[:1:-1]
    assert listed(end=at) == ids[2::-1]


@pytest.mark.parametrize(("inclusive", "count"), [(True, 1), (False, 0)])
def test_whether_time_filters_include_their_ends_is_a_switch(inclusive, count):
    exchange, tested, ids = orders(bounds_inclusive=inclusive)
    at = exchange.order(tested, PAIR, ids[2]).ordered_at
    assert len(exchange.active_orders(tested, OrderFilter(since=at, end=at))) == count
    exchange.submit(tested, ask("sell", "0.01"))
    found = exchange.trade_history(tested, TradeFilter(since=exchange.now, end=exchange.now))
    assert len(found) == count


def test_trades_come_by_filter_in_either_order():
    exchange, tested, _ = orders()
    sold = []
    for _ in range(4):
        sold.append(exchange.submit(tested, ask("sell", "0.01")).order_id)
        exchange.advance(exchange.now + 1_000)
    times = {t.order_id: t.executed_at for t in exchange.trade_history(tested)}

    def listed(**which):
        return [t.order_id for t in exchange.trade_history(tested, TradeFilter(**which))]

    assert listed() == sold[::-1]
    assert listed(ascending=True) == sold
    assert listed(count=1) == [sold[3]]
    assert listed(count=1, ascending=True) == [sold[0]]
    assert listed(pair=SPOT) == []
    assert listed(pair=PAIR, order_id=sold[1]) == [sold[1]]
    assert listed(since=times[sold[2]]) == [sold[3], sold[2]]
    assert listed(since=times[sold[2]] // 1_000) == sold[::-1]  # seconds by mistake: everything
    first = exchange.trade_history(tested, TradeFilter(pair=PAIR, order_id=sold[0]))[0].trade_id
    assert listed(from_id=first + 1, end_id=first + 2) == [sold[2], sold[1]]


@pytest.mark.parametrize(
    ("code", "which"),
    [
        (40006, TradeFilter(count=0)),
        (40006, TradeFilter(count=1_001)),
        (30009, TradeFilter(order_id=1)),
        (40017, TradeFilter(pair="nope")),
    ],
)
def test_bad_trade_filters_have_their_codes(code, which):
    exchange, tested, _ = busy()
    with refused(code):
        exchange.trade_history(tested, which)


def test_bad_order_filters_have_their_codes():
    exchange, tested, _ = busy()
    for code, which in [(40006, OrderFilter(count=0)), (40017, OrderFilter(pair="nope"))]:
        with refused(code):
            exchange.active_orders(tested, which)


@pytest.mark.parametrize("unknown", [True, False])
def test_whether_an_order_is_known_under_another_pair_is_a_switch(unknown):
    exchange, tested, ids = orders(foreign_pair_is_unknown=unknown)
    if unknown:
        with refused(50009):
            exchange.order(tested, SPOT, ids[0])
    else:
        assert exchange.order(tested, SPOT, ids[0]).order_id == ids[0]


def test_an_order_is_read_by_its_owner_alone():
    exchange, tested, maker = busy()
    id_ = exchange.submit(tested, ask("buy", "0.01", 100)).order_id
    with refused(50009):
        exchange.order(maker, PAIR, id_)
    with refused(30006):
        exchange.order(tested, PAIR, None)
    assert exchange.orders_info(maker, PAIR, [id_]) == ()
    assert [o.order_id for o in exchange.orders_info(tested, PAIR, [7, id_, id_])] == [id_]


def test_both_sides_of_every_margin_pair_are_listed_even_when_flat():
    exchange, tested, _ = busy()
    rows = exchange.margin_positions(tested)
    assert [(p.pair, p.position_side.value, p.lots, p.average_price) for p in rows.positions] == [
        (PAIR, "long", 0, 0),
        (PAIR, "short", 0, 0),
    ]
    assert rows.notice == (None,) * 4
    assert rows.losscut_individual_ppm == 500_000
