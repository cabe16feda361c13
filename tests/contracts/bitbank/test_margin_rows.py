"""Rows 41 to 47 and 63: fees, interest, margin levels, caps, expiry, locks, restarts."""

import signal
from decimal import ROUND_DOWN, Decimal

import ccxt
import pytest

from src.core.domain.time import DAY, HOUR
from tests.contracts.bitbank.clients import botters
from tests.contracts.bitbank.conftest import quiet
from tests.contracts.bitbank.desk import PAIR, PRICE, Desk, code, number
from tests.contracts.bitbank.test_order_rows import opened

# pybotters signs through a parameter that aiohttp is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning")

TAKER = Decimal("0.001")
INTEREST = Decimal("0.0004")
START = "2026-03-04T12:00+09:00"


@pytest.fixture
def own_twin(own_twin_with):
    """A twin of the test's own: prices and times that move would disturb others."""
    return quiet(own_twin_with(start=START))


@pytest.fixture
def pair_of_desks(own_twin, open_desk) -> tuple[Desk, Desk]:
    return open_desk(own_twin, jpy="10000000"), open_desk(own_twin, jpy="100000000000", btc="10000")


def test_row_41_fees_of_both_fills_are_collected_at_the_close(desk, rival, amount, ccxt_of):
    size, gain = amount(), 5_000
    opened(desk, rival, size)
    (opening,) = desk.trades()
    entry_fee = size * PRICE * TAKER
    assert opening["fee_amount_quote"] == "0.0000"
    assert number(opening["fee_occurred_amount_quote"]) == entry_fee
    assert number(desk.position("long")["unrealized_fee_amount"]) == entry_fee
    rival.order("buy", size, PRICE + gain)
    desk.order("sell", size, position_side="long")
    closing = ccxt_of(desk).privateGetUserSpotTradeHistory({"pair": PAIR, "count": 1})["data"]["trades"][0]
    exit_fee = size * (PRICE + gain) * TAKER
    interest = size * PRICE * INTEREST  # the day of opening counts
    assert number(closing["fee_occurred_amount_quote"]) == exit_fee
    assert number(closing["fee_amount_quote"]) == entry_fee + exit_fee
    assert number(closing["interest"]) == interest
    assert number(closing["profit_loss"]) == size * gain - entry_fee - exit_fee - interest
    assert number(desk.assets()["jpy"]["onhand_amount"]) == 10_000_000 + number(closing["profit_loss"])


@pytest.mark.parametrize(("hour", "first_day"), [(0, True), (0, False), (9, True)])
def test_row_42_interest_grows_by_the_day_at_a_set_hour(open_desk, own_twin_with, amount, hour, first_day):
    switches = {"interest_hour": hour, "first_day_charged": first_day}
    twin = quiet(own_twin_with(start=START, **switches))
    desk, other = open_desk(twin, spaced=True), open_desk(twin, jpy="10000000000", btc="1000")
    size = amount()
    opened(desk, other, size)
    daily, begun = size * PRICE * INTEREST, int(first_day)
    interest = lambda: number(desk.position("long")["unrealized_interest_amount"])  # noqa: E731
    assert interest() == daily * begun
    until = ((hour - 12) % 24) * HOUR  # it is noon in Japan
    twin.act("skip", ms=until - 1)
    assert interest() == daily * begun
    twin.act("skip", ms=1)
    assert interest() == daily * (begun + 1)
    twin.act("skip", ms=3 * DAY)
    assert interest() == daily * (begun + 4)


def test_row_43_the_margin_status_adds_up(pair_of_desks, own_twin, amount, ccxt_of):
    desk, other = pair_of_desks
    flat = desk.margin()
    percentages = ("total_margin_balance_percentage", "margin_call_percentage", "losscut_percentage")
    assert [flat[name] for name in percentages] == [None] * 3
    assert flat["status"] == "NORMAL"
    size, waiting, move = amount() * 10, amount(), 12_345
    opened(desk, other, size)
    desk.order("buy", waiting, PRICE - 50, position_side="long")
    own_twin.act("trade", price=str(PRICE + move))
    status = ccxt_of(desk).privateGetUserMarginStatus()["data"]
    product, cost = size * PRICE, size * PRICE * (TAKER + INTEREST)
    order_product = waiting * (PRICE - 50)
    assert number(status["open_margin_position_product"]) == product
    assert number(status["open_margin_order_product"]) == order_product
    assert number(status["total_margin_position_product"]) == product + order_product
    assert number(status["margin_position_profit_loss"]) == size * move
    assert number(status["unrealized_cost"]) == cost
    assert number(status["total_position_maintenance_margin"]) == product / 2
    assert number(status["total_long_open_order_maintenance_margin"]) == order_product / 2
    assert number(status["total_short_position_maintenance_margin"]) == 0
    balance = 10_000_000 + size * move - cost
    assert number(status["total_margin_balance"]) == balance
    level = (balance / (product / 2) * 100).quantize(Decimal("0.01"), ROUND_DOWN)
    assert number(status["total_margin_balance_percentage"]) == level
    assert Decimal(status["losscut_percentage"]) * 2 == Decimal(status["margin_call_percentage"])


async def test_row_44_a_falling_price_leads_to_a_call_a_forced_close_and_a_debt(pair_of_desks, own_twin, ccxt_of):
    desk, other = pair_of_desks
    opened(desk, other, Decimal("1.8"))  # 18 million on 10 million of collateral
    assert desk.margin()["status"] == "NORMAL"
    own_twin.act("trade", price="9200000")
    positions = desk.get("/user/margin/positions")
    assert desk.margin()["status"] == "CALL"
    assert positions["notice"]["what"] == "margin_call"
    assert number(positions["notice"]["amount"]) > 0
    async with botters(desk) as session, session.get("/v1/user/margin/positions") as reply:
        assert (await reply.json())["data"]["notice"]["what"] is not None
    other.order("buy", "5", 4_000_000)  # what a forced close will meet
    own_twin.act("trade", price="6900000")
    own_twin.act("skip", ms=60_000)
    cut = [trade for trade in desk.trades() if trade["type"] == "losscut"]
    assert sum(number(trade["amount"]) for trade in cut) == Decimal("1.8")
    assert desk.position("long")["open_amount"] == "0.0000"
    status = ccxt_of(desk).privateGetUserMarginStatus()["data"]
    positions = desk.get("/user/margin/positions")
    lost = sum(number(trade["profit_loss"]) for trade in cut)
    assert status["status"] == "DEBT"
    assert number(positions["payables"]["amount"]) == -(10_000_000 + lost)
    assert number(desk.assets()["jpy"]["onhand_amount"]) == 0
    own_twin.act("deposit", user=desk.account.user, asset="jpy", amount="5000000")
    assert desk.margin()["status"] in {"SETTLED", "NORMAL"}
    assert number(desk.get("/user/margin/positions")["payables"]["amount"]) == 0


def test_row_45_the_31st_open_order_is_refused(open_desk, amount, ccxt_of):
    desk = open_desk(jpy="1000000000")
    for i in range(30):
        desk.order("buy", amount(), PRICE - 1 - i)
    assert code(desk.order, "buy", amount(), PRICE - 40) == 60011
    with pytest.raises(ccxt.ExchangeError, match="60011"):
        ccxt_of(desk).create_order("BTC/JPY", "limit", "buy", 0.01, PRICE - 40)
    desk.cancel(desk.active()[0]["order_id"])
    assert desk.order("buy", amount(), PRICE - 40)["status"] == "UNFILLED"


@pytest.mark.parametrize("scope", ["pair", "account"])
@pytest.mark.parametrize("counts", [True, False])
def test_row_45_what_the_cap_counts_is_a_switch(open_desk, twin_with, scope, counts):
    twin = quiet(twin_with(cap_scope=scope, waiting_counts=counts, open_order_cap=2))
    desk = open_desk(twin)
    desk.order("sell", "0.01", type="stop", trigger_price=str(PRICE - 500))
    desk.order("buy", "0.01", PRICE - 100)
    assert code(desk.order, "buy", "0.01", PRICE - 101) == (60011 if counts else 0)
    full = code(desk.order, "buy", "1", "100", pair="mona_jpy")
    assert full == (60011 if scope == "account" else 0)


def test_row_46_orders_expire_after_180_days_and_are_forgotten_after_three_months(
    pair_of_desks, own_twin, amount, ccxt_of
):
    desk, _ = pair_of_desks
    order = desk.order("buy", amount(), PRICE - 100)
    assert order["expire_at"] == order["ordered_at"] + 180 * DAY == order["ordered_at"] + 15_552_000_000
    own_twin.act("skip", ms=180 * DAY - 1)
    assert desk.read(order["order_id"])["status"] == "UNFILLED"
    own_twin.act("skip", ms=1)
    assert ccxt_of(desk).fetch_order(str(order["order_id"]), "BTC/JPY")["status"] == "canceled"
    assert desk.active() == []
    own_twin.act("skip", ms=89 * DAY)
    assert desk.read(order["order_id"])["status"] == "CANCELED_UNFILLED"
    own_twin.act("skip", ms=4 * DAY)
    assert code(desk.read, order["order_id"]) == 50009
    with pytest.raises(ccxt.OrderNotFound):
        ccxt_of(desk).fetch_order(str(order["order_id"]), "BTC/JPY")


def test_row_47_a_spot_buy_locks_its_cost_and_the_taker_fee(desk, dice, ccxt_of):
    size, price = Decimal(dice.randint(20, 500)).scaleb(-4), PRICE - dice.randint(1, 9_999)
    desk.order("buy", size, price)
    locked = (size * price * (1 + TAKER)).quantize(Decimal("0.0001"), ROUND_DOWN)
    row = desk.assets()["jpy"]
    assert number(row["locked_amount"]) == locked
    assert number(row["free_amount"]) == number(row["onhand_amount"]) - locked
    assert ccxt_of(desk).fetch_balance()["JPY"]["used"] == float(locked)


@pytest.mark.parametrize("locks", [True, False])
def test_row_47_whether_margin_orders_lock_cash_is_a_switch(open_desk, twin_with, locks):
    desk = open_desk(quiet(twin_with(margin_orders_lock_cash=locks)))
    desk.order("buy", "0.01", PRICE - 100, position_side="long")
    assert (number(desk.assets()["jpy"]["locked_amount"]) > 0) is locks


@pytest.mark.parametrize(
    ("every", "end", "spaced"), [(1_000, signal.SIGTERM, False), (0, signal.SIGKILL, True)], indirect=["spaced"]
)
def test_row_63_orders_survive_a_restart_and_ids_go_on(tmp_path, own_twin_with, amount, every, end, ccxt_of):
    kept = {"state": tmp_path / "twin.json", "save_every": every}
    twin = quiet(own_twin_with(**kept))
    desk = Desk(twin, twin.accounts[0])
    client = ccxt_of(desk)
    made = client.create_order("BTC/JPY", "limit", "buy", float(amount()), PRICE - 100, {"position_side": "long"})
    before = desk.active(), desk.assets(), desk.get("/user/subscribe")["pubnub_channel"]
    twin.process.send_signal(end)
    twin.process.wait(20)
    again = own_twin_with(**kept)
    desk = Desk(again, again.accounts[0])
    assert (desk.active(), desk.assets()) == before[:2]
    if end is signal.SIGTERM:  # the channel was made by a read, which is not what --save-every 0 promises
        assert desk.get("/user/subscribe")["pubnub_channel"] == before[2]
    client = ccxt_of(desk)
    newer = client.create_order("BTC/JPY", "limit", "buy", float(amount()), PRICE - 200)
    assert int(newer["id"]) > int(made["id"])
    assert client.cancel_order(made["id"], "BTC/JPY")["status"] == "canceled"
