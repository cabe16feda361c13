"""Rows 16 to 39 and 64: orders, positions, cancels and reads."""

from decimal import Decimal

import ccxt
import pytest

from tests.contracts.bitbank.clients import async_ccxt, botters, sync_ccxt
from tests.contracts.bitbank.conftest import quiet
from tests.contracts.bitbank.desk import PAIR, PRICE, Desk, code, number

# pybotters signs through a parameter that aiohttp is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning")

OPEN = {"INACTIVE", "UNFILLED", "PARTIALLY_FILLED"}


def opened(desk: Desk, rival: Desk, size: Decimal, side: str = "long", price: int = PRICE) -> dict:
    """Let `desk` open a position of `size` against `rival`, and return the order."""
    buys = side == "long"
    rival.order("sell" if buys else "buy", size, price)
    order = desk.order("buy" if buys else "sell", size, price, position_side=side)
    return desk.read(order["order_id"])


def test_row_16_without_position_side_assets_move_and_with_it_positions_only(desk, rival, amount, ccxt_of):
    size = amount()
    before = desk.assets()
    rival.order("sell", size, PRICE)
    desk.order("buy", size, PRICE)
    after = desk.assets()
    assert number(after["btc"]["onhand_amount"]) - number(before["btc"]["onhand_amount"]) == size
    assert desk.position("long")["open_amount"] == "0.0000"
    opened(desk, rival, size)
    assert desk.assets()["btc"]["onhand_amount"] == after["btc"]["onhand_amount"]
    assert desk.assets()["jpy"]["onhand_amount"] == after["jpy"]["onhand_amount"]
    assert number(desk.position("long")["open_amount"]) == size
    assert ccxt_of(desk).fetch_balance()["BTC"]["total"] == float(after["btc"]["onhand_amount"])


@pytest.mark.parametrize("side", ["long", "short"])
def test_row_17_each_direction_opens_or_closes_its_side(desk, rival, amount, side, ccxt_of):
    size = amount()
    order = opened(desk, rival, size, side)
    assert (order["status"], order["position_side"]) == ("FULLY_FILLED", side)
    assert number(desk.position(side)["open_amount"]) == size
    closing, counter = ("sell", "buy") if side == "long" else ("buy", "sell")
    rival.order(counter, size, PRICE)
    client = ccxt_of(desk)
    closed = client.create_order("BTC/JPY", "market", closing, float(size), None, {"position_side": side})
    assert client.fetch_order(closed["id"], "BTC/JPY")["status"] == "closed"
    assert desk.position(side)["open_amount"] == "0.0000"


def test_row_18_a_long_and_a_short_of_one_pair_live_side_by_side(desk, rival, amount):
    first, second = amount(), amount()
    opened(desk, rival, first, "long")
    opened(desk, rival, second, "short", PRICE + 7)
    assert [number(desk.position(side)["open_amount"]) for side in ("long", "short")] == [first, second]
    assert [desk.position(side)["average_price"] for side in ("long", "short")] == [str(PRICE), str(PRICE + 7)]


def test_row_19_there_are_always_ten_positions_and_averages_are_weighted(desk, rival, amount, ccxt_of):
    rows = desk.get("/user/margin/positions")
    assert len(rows["positions"]) == 10
    flat = {"open_amount": "0.0000", "product": "0.0000", "average_price": "0"}
    assert all(row.items() >= flat.items() for row in rows["positions"] if row["pair"] in {PAIR, "eth_jpy"})
    assert rows["notice"] == {"what": None, "occurred_at": None, "amount": None, "due_date_at": None}
    assert rows["losscut_threshold"] == {"individual": "0.5", "company": "0.5"}
    first, second = amount(), amount()
    opened(desk, rival, first)
    opened(desk, rival, second, price=PRICE + 10_000)
    position = next(
        row for row in ccxt_of(desk).privateGetUserMarginPositions()["data"]["positions"] if row["pair"] == PAIR
    )
    cost = first * PRICE + second * (PRICE + 10_000)
    assert number(position["product"]) == cost
    assert int(position["average_price"]) == int(cost / (first + second))


def test_row_20_a_close_cannot_exceed_the_part_of_the_position_that_is_free(desk, rival, amount, ccxt_of):
    size = amount()
    opened(desk, rival, size)
    step = Decimal("0.0001")
    assert code(desk.order, "sell", size + step, PRICE + 100, position_side="long") == 50062
    resting = desk.order("sell", size - step, PRICE + 100, position_side="long")
    assert code(desk.order, "sell", 2 * step, PRICE + 100, position_side="long") == 50062
    with pytest.raises(ccxt.ExchangeError, match="50062"):
        ccxt_of(desk).create_order("BTC/JPY", "limit", "sell", float(2 * step), PRICE + 100, {"position_side": "long"})
    desk.cancel(resting["order_id"])
    assert desk.order("sell", size, PRICE + 100, position_side="long")["status"] == "UNFILLED"


@pytest.mark.parametrize("reserve", [True, False])
def test_row_20_whether_a_waiting_stop_reserves_is_a_switch(open_desk, twin_with, amount, reserve):
    twin = quiet(twin_with(waiting_stops_reserve=reserve))
    desk, other = open_desk(twin), open_desk(twin, jpy="10000000000", btc="1000")
    size = amount()
    opened(desk, other, size)
    desk.order("sell", size, type="stop", trigger_price=str(PRICE - 100), position_side="long")
    target = code(desk.order, "sell", size, PRICE + 100, position_side="long")
    assert target == (50062 if reserve else 0)


def test_row_21_positions_can_lag_behind_fills(open_desk, twin_with, amount, ccxt_of):
    twin = quiet(twin_with(position_delay=2_000))
    desk, other = open_desk(twin), open_desk(twin, jpy="10000000000", btc="1000")
    size = amount()
    assert opened(desk, other, size)["status"] == "FULLY_FILLED"
    assert desk.position("long")["open_amount"] == "0.0000"
    with pytest.raises(ccxt.ExchangeError, match="50062"):
        ccxt_of(desk).create_order("BTC/JPY", "limit", "sell", float(size), PRICE + 100, {"position_side": "long"})
    twin.act("skip", ms=1_999)
    assert desk.position("long")["open_amount"] == "0.0000"
    twin.act("skip", ms=1)
    assert number(desk.position("long")["open_amount"]) == size
    assert desk.order("sell", size, PRICE + 100, position_side="long")["status"] == "UNFILLED"


def test_row_22_margin_has_its_conditions(open_desk, spaced, ccxt_of):
    desk = open_desk(spaced=spaced, jpy="10000000")
    assert code(desk.order, "buy", "2.0101", PRICE - 100, position_side="long") == 50061
    assert code(desk.order, "buy", "0.01", "20", position_side="long", pair="mona_jpy") == 40165
    stranger = open_desk(margin_enabled=False)
    assert code(stranger.order, "buy", "0.01", PRICE - 100, position_side="long") == 50058
    assert stranger.order("buy", "0.01", PRICE - 100)["status"] == "UNFILLED"
    with pytest.raises(ccxt.ExchangeError, match="50061"):
        ccxt_of(desk).create_order("BTC/JPY", "limit", "buy", 2.0101, PRICE - 100, {"position_side": "long"})


@pytest.mark.parametrize("allowed", [True, False])
def test_row_23_whether_a_stop_may_open_is_a_switch(open_desk, twin_with, amount, allowed, ccxt_of):
    desk = open_desk(quiet(twin_with(stop_types_open=allowed)))
    stop = {"type": "stop", "trigger_price": str(PRICE + 100), "position_side": "long"}
    assert code(desk.order, "buy", amount(), **stop) == (0 if allowed else 40200)
    if not allowed:
        with pytest.raises(ccxt.ExchangeError, match="40200"):
            ccxt_of(desk).create_order("BTC/JPY", "stop", "buy", 0.01, None, stop)


@pytest.mark.parametrize("type_", ["take_profit", "stop_loss"])
def test_row_24_position_orders_close_and_must_not_fire_at_once(desk, rival, amount, type_, ccxt_of):
    opened(desk, rival, amount())
    inside = {"take_profit": PRICE + 500, "stop_loss": PRICE - 500}[type_]
    beyond = {"take_profit": PRICE - 500, "stop_loss": PRICE + 500}[type_]
    common = {"type": type_, "position_side": "long"}
    assert code(desk.order, "buy", None, **common, trigger_price=str(inside)) == 60019
    assert code(desk.order, "sell", None, **common, trigger_price=str(beyond)) == 60018
    waiting = desk.order("sell", None, **common, trigger_price=str(inside))
    assert (waiting["status"], waiting["start_amount"]) == ("INACTIVE", None)
    raw = {"pair": PAIR, "side": "buy", **common, "trigger_price": str(inside)}
    with pytest.raises(ccxt.ExchangeError, match="60019"):
        ccxt_of(desk).privatePostUserSpotOrder(raw)


@pytest.mark.parametrize("passes", [True, False])
def test_row_24_whether_a_null_amount_passes_is_a_switch(open_desk, twin_with, amount, passes):
    twin = quiet(twin_with(null_amount=passes))
    desk, other = open_desk(twin, spaced=True), open_desk(twin, jpy="10000000000", btc="1000")
    opened(desk, other, amount())
    stop = {"type": "stop_loss", "position_side": "long", "trigger_price": str(PRICE - 500)}
    assert code(desk.order, "sell", None, **stop) == (0 if passes else 40001)


@pytest.mark.parametrize("passes", [True, False])
def test_row_24_whether_the_amount_may_be_absent_is_a_switch(open_desk, twin_with, amount, passes):
    twin = quiet(twin_with(amount_may_be_absent=passes))
    desk, other = open_desk(twin), open_desk(twin, jpy="10000000000", btc="1000")
    opened(desk, other, amount())
    stop = {"type": "stop_loss", "position_side": "long", "trigger_price": str(PRICE - 500)}
    assert code(desk.order, "sell", None, **stop) == (0 if passes else 30001)


async def test_row_25_a_stop_waits_among_the_active_orders_and_then_fills(desk, rival, amount, twin, ccxt_of):
    size = amount()
    opened(desk, rival, size)
    client = ccxt_of(desk)
    params = {"position_side": "long", "trigger_price": str(PRICE - 1_000)}
    stop = client.create_order("BTC/JPY", "stop", "sell", float(size), None, params)
    (listed,) = client.fetch_open_orders("BTC/JPY")
    assert (listed["id"], listed["info"]["status"]) == (stop["id"], "INACTIVE")
    async with botters(desk) as session, session.get(f"/v1/user/spot/active_orders?pair={PAIR}") as reply:
        assert (await reply.json())["data"]["orders"][0]["trigger_price"] == str(PRICE - 1_000)
    rival.order("buy", size, PRICE - 1_500)
    twin.act("trade", price=str(PRICE - 1_000))
    done = desk.read(int(stop["id"]))
    assert (done["status"], done["average_price"]) == ("FULLY_FILLED", str(PRICE - 1_500))
    assert isinstance(done["triggered_at"], int)
    assert desk.active() == []


def test_row_26_missing_or_forbidden_fields_have_their_codes(desk, amount, ccxt_of):
    size = amount()
    assert code(desk.order, "buy", size, type="limit") == 30012
    assert code(desk.order, "sell", size, type="stop") == 30101
    assert code(desk.order, "buy", size, type="market", post_only=True) == 40114
    assert code(desk.order, "buy", size, PRICE, post_only="yes") == 40113
    assert code(desk.order, "buy", None, PRICE) == 30001
    assert code(desk.order, None, size, PRICE) == 30013
    assert code(desk.order, "up", size, PRICE) == 40021
    assert code(desk.order, "buy", size, PRICE, type=None) == 30015
    assert code(desk.order, "buy", size, PRICE, type="losscut") == 40024
    assert code(desk.order, "buy", size, PRICE, pair=None) == 30009
    assert code(desk.order, "buy", size, PRICE, pair="xyz_jpy") == 40017
    assert code(desk.order, "buy", size, PRICE, position_side="both") == 40164
    with pytest.raises(ccxt.ExchangeError, match="40114"):
        ccxt_of(desk).create_order("BTC/JPY", "market", "buy", float(size), None, {"post_only": True})


async def test_row_27_ccxt_drops_the_positional_price_of_a_stop_limit(open_desk, rival, amount):
    desk, size = open_desk(), amount()
    opened(desk, rival, size)
    params = {"position_side": "long", "trigger_price": str(PRICE - 1_000)}
    async with async_ccxt(desk) as client:
        asked = ("BTC/JPY", "stop_limit", "sell", float(size), PRICE - 1_100, params)
        with pytest.raises(ccxt.ExchangeError):
            await client.create_order(*asked)
        with pytest.raises(ccxt.ExchangeError):
            sync_ccxt(desk).create_order(*asked)
        assert code(desk.order, "sell", size, type="stop_limit", **params) == 30012
        right = {**params, "price": str(PRICE - 1_100)}
        made = await client.create_order("BTC/JPY", "stop_limit", "sell", float(size), None, right)
    assert desk.read(int(made["id"]))["status"] == "INACTIVE"


def test_row_28_unknown_keys_are_ignored_so_the_order_may_take(desk, rival, amount, ccxt_of):
    size = amount()
    rival.order("sell", size, PRICE)
    client = ccxt_of(desk)
    order = client.create_order("BTC/JPY", "limit", "buy", float(size), PRICE, {"postOnly": True})
    assert client.fetch_order(order["id"], "BTC/JPY")["status"] == "closed"
    assert desk.trades()[0]["maker_taker"] == "taker"


def test_row_29_a_crossing_post_only_order_is_accepted_and_ends_cancelled(desk, rival, amount, ccxt_of):
    size = amount()
    rival.order("sell", size, PRICE)
    order = desk.order("buy", size, PRICE, post_only=True, position_side="long")
    assert order["order_id"]
    assert desk.read(order["order_id"])["status"] == "CANCELED_UNFILLED"
    client = ccxt_of(desk)
    made = client.create_order("BTC/JPY", "limit", "buy", float(size), PRICE, {"post_only": True})
    assert client.fetch_order(made["id"], "BTC/JPY")["status"] == "canceled"
    assert desk.trades() == []


def test_row_30_a_market_order_fills_completely_or_is_rejected(desk, rival, amount, ccxt_of):
    size = amount()
    rival.order("sell", size, PRICE)
    too_much = desk.order("buy", size + Decimal("0.0001"))
    assert desk.read(too_much["order_id"])["status"] == "REJECTED"
    assert desk.trades() == []
    exact = desk.order("buy", size)
    assert desk.read(exact["order_id"])["status"] == "FULLY_FILLED"
    assert code(desk.order, "sell", "10.0001") == 60003
    assert code(desk.order, "buy", "10.0001") == 60002
    with pytest.raises(ccxt.ExchangeError, match="60003"):
        ccxt_of(desk).privatePostUserSpotOrder({"pair": PAIR, "side": "sell", "type": "market", "amount": "10.0001"})


def test_row_31_an_order_below_the_unit_is_too_small(desk, ccxt_of):
    assert code(desk.order, "buy", "0.00005", PRICE) == 60004
    body = {"pair": PAIR, "side": "buy", "type": "limit", "amount": "0.00005", "price": str(PRICE)}
    with pytest.raises(ccxt.ExchangeError, match="60004"):
        ccxt_of(desk).privatePostUserSpotOrder(body)


def test_row_31_small_orders_are_refused_and_the_minimum_can_rise(desk, twin, ccxt_of):
    twin.act("status", status="BUSY", min_lots=100)
    status = next(row for row in desk.get("/spot/status")["statuses"] if row["pair"] == PAIR)
    assert status == {"pair": PAIR, "status": "BUSY", "min_amount": "0.0100"}
    assert code(desk.order, "buy", "0.0099", PRICE - 100) == 70010
    assert desk.order("buy", "0.0100", PRICE - 100)["status"] == "UNFILLED"
    body = {"pair": PAIR, "side": "buy", "type": "limit", "amount": "0.0050", "price": str(PRICE)}
    with pytest.raises(ccxt.ExchangeError, match="70010"):
        ccxt_of(desk).privatePostUserSpotOrder(body)


def test_row_32_prices_have_digits_and_limits(open_desk, twin_with, amount, ccxt_of):
    desk = open_desk(quiet(twin_with(far_price_ppm=300_000)))
    size = amount()
    assert code(desk.order, "buy", size, "10000000.5") == 40020
    assert code(desk.order, "buy", size, "1000000001") == 60005
    assert code(desk.order, "buy", size, "0.009", pair="xrp_jpy") == 60006
    assert code(desk.order, "buy", size, PRICE * 131 // 100) == 70021
    assert code(desk.order, "buy", "0.00015", PRICE) == 40001
    with pytest.raises(ccxt.InvalidOrder):
        ccxt_of(desk).privatePostUserSpotOrder(
            {"pair": PAIR, "side": "buy", "type": "limit", "amount": str(size), "price": "10000000.5"}
        )


@pytest.mark.parametrize(
    ("switch", "amount_", "price"),
    [
        ({"price_digits_code": 60020}, "0.01", "10000000.5"),
        ({"amount_digits_code": 60004}, "0.00015", "10000000"),
    ],
)
def test_row_32_the_codes_of_wrong_digits_are_switches(open_desk, twin_with, switch, amount_, price):
    desk = open_desk(quiet(twin_with(**switch)))
    assert code(desk.order, "buy", amount_, price) in switch.values()


async def test_row_33_partial_fills_add_up(desk, rival, dice):
    parts = [Decimal(dice.randint(1, 50)).scaleb(-4) for _ in range(4)]
    order = desk.order("buy", sum(parts), PRICE, position_side="long")
    filled = Decimal(0)
    for part in parts:
        rival.order("sell", part, PRICE)
        filled += part
        seen = desk.read(order["order_id"])
        assert number(seen["executed_amount"]) == filled
        assert number(seen["executed_amount"]) + number(seen["remaining_amount"]) == number(seen["start_amount"])
        assert seen["average_price"] == str(PRICE)
        assert seen["status"] == ("FULLY_FILLED" if filled == sum(parts) else "PARTIALLY_FILLED")
    assert sum(number(trade["amount"]) for trade in desk.trades()) == filled
    async with botters(desk) as session, session.get(f"/v1/user/spot/trade_history?pair={PAIR}") as reply:
        assert len((await reply.json())["data"]["trades"]) == 4


def test_row_33_ccxt_sees_what_is_filled_and_what_is_left(desk, rival, amount, ccxt_of):
    first, rest = amount(), amount()
    client = ccxt_of(desk)
    made = client.create_order("BTC/JPY", "limit", "buy", float(first + rest), PRICE)
    rival.order("sell", first, PRICE)
    seen = client.fetch_order(made["id"], "BTC/JPY")
    assert (seen["status"], seen["filled"], seen["remaining"]) == ("open", float(first), float(rest))
    assert seen["average"] == PRICE
    rival.order("sell", rest, PRICE)
    assert client.fetch_order(made["id"], "BTC/JPY")["status"] == "closed"


def test_row_34_a_cancel_takes_the_id_as_number_or_text(desk, amount, ccxt_of):
    for form in (int, str):
        made = desk.order("buy", amount(), PRICE - 50)
        gone = desk.cancel(form(made["order_id"]))
        assert gone["status"] == "CANCELED_UNFILLED"
        assert isinstance(gone["canceled_at"], int)
        assert desk.read(form(made["order_id"])) == gone
    client = ccxt_of(desk)
    made = client.create_order("BTC/JPY", "limit", "buy", 0.01, PRICE - 50)
    assert client.cancel_order(made["id"], "BTC/JPY")["status"] == "canceled"


def test_row_35_a_finished_order_cannot_be_cancelled(desk, rival, amount, ccxt_of):
    size = amount()
    gone = desk.order("buy", size, PRICE - 50)
    desk.cancel(gone["order_id"])
    assert code(desk.cancel, gone["order_id"]) == 50026
    rival.order("sell", size, PRICE)
    filled = desk.order("buy", size, PRICE)
    assert code(desk.cancel, filled["order_id"]) == 50027
    assert code(desk.cancel, 5) == 50009
    assert code(desk.cancel, rival.order("buy", size, PRICE - 60)["order_id"]) == 50009
    with pytest.raises(ccxt.ExchangeError, match="50027"):
        ccxt_of(desk).cancel_order(str(filled["order_id"]), "BTC/JPY")


def test_row_35_a_cancel_in_progress_is_70019(open_desk, twin_with, amount):
    twin = quiet(twin_with(cancel_delay=3_000))
    desk = open_desk(twin)
    order = desk.order("buy", amount(), PRICE - 50)
    desk.cancel(order["order_id"])
    assert code(desk.cancel, order["order_id"]) == 70019
    assert desk.read(order["order_id"])["status"] == "UNFILLED"
    twin.act("skip", ms=3_000)
    assert desk.read(order["order_id"])["status"] == "CANCELED_UNFILLED"
    assert code(desk.cancel, order["order_id"]) == 50026


def test_row_36_lists_of_cancels_have_bounds(desk, amount, ccxt_of):
    ids = [desk.order("buy", amount(), PRICE - i - 1)["order_id"] for i in range(3)]
    path = "/user/spot/cancel_orders"
    assert code(desk.post, path, pair=PAIR, order_ids=list(range(1, 32))) == 40015
    assert code(desk.post, path, pair=PAIR, order_ids=[]) == 40014
    assert code(desk.post, path, pair=PAIR) == 30007
    gone = desk.post(path, pair=PAIR, order_ids=ids)["orders"]
    assert {row["order_id"] for row in gone} == set(ids)
    assert {row["status"] for row in gone} == {"CANCELED_UNFILLED"}
    with pytest.raises(ccxt.OrderNotFound):
        ccxt_of(desk).privatePostUserSpotCancelOrders({"pair": PAIR, "order_ids": []})


@pytest.mark.parametrize("atomic", [True, False])
def test_row_36_whether_one_bad_id_spoils_the_batch_is_a_switch(open_desk, twin_with, amount, atomic):
    desk = open_desk(quiet(twin_with(cancel_batch_atomic=atomic)))
    first, second = (desk.order("buy", amount(), PRICE - i)["order_id"] for i in (5, 6))
    desk.cancel(first)
    said = code(desk.post, "/user/spot/cancel_orders", pair=PAIR, order_ids=[first, second])
    assert (said, len(desk.active())) == ((50026, 1) if atomic else (0, 0))


def test_row_37_reading_many_orders_leaves_out_the_unknown(desk, amount):
    known = [desk.order("buy", amount(), PRICE - 5)["order_id"] for _ in range(2)]
    path = "/user/spot/orders_info"
    rows = desk.post(path, pair=PAIR, order_ids=[known[0], 17, str(known[1])])["orders"]
    assert {row["order_id"] for row in rows} == set(known)
    assert code(desk.post, path, pair=PAIR, order_ids=[]) == 40014
    assert code(desk.post, path, pair=PAIR, order_ids=[known[0], "x"]) == 10001


def test_row_38_active_orders_can_be_filtered(desk, twin, amount):
    ids, times = [], []
    for i in range(4):
        made = desk.order("buy", amount(), PRICE - 5 - i)
        ids.append(made["order_id"])
        times.append(made["ordered_at"])
        twin.act("skip", ms=1_000)
    assert ids == sorted(ids)
    assert {row["order_id"] for row in desk.active(since=times[2])} == set(ids[2:])
    assert {row["order_id"] for row in desk.active(end=times[1])} == set(ids[:2])
    assert {row["order_id"] for row in desk.active(from_id=ids[1], end_id=ids[2])} == set(ids[1:3])
    assert len(desk.active(count=2)) == 2
    for name, wanted in {"count": 40006, "end": 40007, "end_id": 40008, "from_id": 40009, "since": 40022}.items():
        assert code(desk.active, **{name: "x"}) == wanted
    assert code(desk.active, pair="no_jpy") == 40017


@pytest.mark.parametrize("inclusive", [True, False])
def test_row_38_whether_bounds_are_inclusive_is_a_switch(open_desk, twin_with, amount, inclusive):
    desk = open_desk(quiet(twin_with(bounds_inclusive=inclusive)))
    at = desk.order("buy", amount(), PRICE - 5)["ordered_at"]
    assert len(desk.active(since=at)) == len(desk.active(end=at)) == int(inclusive)


def test_row_39_trade_history_is_filtered_in_milliseconds(desk, rival, twin, amount, ccxt_of):
    for i in range(3):
        opened(desk, rival, amount(), price=PRICE + i)
        twin.act("skip", ms=1_000)
    newest_first = desk.trades()
    assert [row["price"] for row in newest_first] == [str(PRICE + i) for i in (2, 1, 0)]
    assert desk.trades(order="asc") == newest_first[::-1]
    middle = newest_first[1]
    assert len(desk.trades(since=middle["executed_at"])) == 2
    assert len(desk.trades(since=middle["executed_at"] // 1000)) == 3  # seconds lie in 1970
    assert len(desk.trades(count=1)) == 1
    assert code(desk.trades, count=1001) == 40006
    assert [row["trade_id"] for row in desk.trades(from_id=middle["trade_id"], end_id=middle["trade_id"])] == [
        middle["trade_id"]
    ]
    assert [row["trade_id"] for row in desk.trades(order_id=middle["order_id"])] == [middle["trade_id"]]
    assert code(desk.get, "/user/spot/trade_history", order_id=middle["order_id"]) == 30009
    assert len(ccxt_of(desk).fetch_my_trades("BTC/JPY", since=middle["executed_at"])) == 2


def test_row_64_spot_and_margin_orders_of_two_users_meet_in_one_book(open_desk, amount, ccxt_of):
    spot, margin, size = open_desk(), open_desk(), amount()
    offered = ccxt_of(spot).create_order("BTC/JPY", "limit", "sell", float(size), PRICE)
    taken = ccxt_of(margin).create_order("BTC/JPY", "limit", "buy", float(size), PRICE, {"position_side": "long"})
    assert int(taken["id"]) > int(offered["id"])
    assert spot.trades()[0]["trade_id"] == margin.trades()[0]["trade_id"]
    assert "position_side" not in spot.trades()[0]
    assert margin.trades()[0]["position_side"] == "long"
