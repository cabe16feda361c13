"""Faults of the market, the account and the clock: what happens on the exchange, and what a client sees of it."""

import time
from decimal import Decimal

import pytest

from src.core.domain.time import DAY, MINUTE
from tests.contracts.bitbank.conftest import quiet
from tests.contracts.bitbank.desk import PAIR, PRICE, Desk, code, data, number
from tests.contracts.bitbank.faults import arm, raw_order
from tests.contracts.bitbank.test_order_rows import opened

START = "2026-03-04T12:00+09:00"
RICH = {"jpy": "100000000000", "btc": "10000"}


@pytest.fixture
def desk(open_desk) -> Desk:
    return open_desk()


@pytest.fixture
def moved(own_twin_with, open_desk) -> tuple[Desk, Desk]:
    """Two users of a twin whose prices and times may move."""
    twin = quiet(own_twin_with(start=START))
    return open_desk(twin, jpy="10000000", btc="0.5"), open_desk(twin, **RICH)


@pytest.fixture
def stepped(own_twin_with, open_desk) -> tuple[Desk, Desk]:
    """Two users of a twin in lock-step, whose clock is the twin's."""
    twin = quiet(own_twin_with(start=START, lock_step=True))
    found = open_desk(twin), open_desk(twin, **RICH)
    for desk in found:
        desk.clock = lambda: int(twin.control("GET", "/state")["service"])
    return found


def ids(desk: Desk) -> list[int]:
    return [row["order_id"] for row in desk.active()]


def wait(desk: Desk, ms: int) -> None:
    """Let the driving client wait so long."""
    until = desk.clock() + ms
    while desk.twin.control("POST", "/wait", {"until": until})["now"] < until:
        pass


def test_fault_12_the_servers_clock_is_ahead_behind_steps_and_drifts(own_twin_with, open_desk):
    desk = open_desk(own_twin_with())
    assets = "/v1/user/assets"

    def said() -> int:
        return code(lambda: data(desk.send("GET", assets, headers=desk.headers(assets, window="1000"))))

    assert said() == 0
    for variant, wanted, back in (("ahead", 20035, -2_000), ("behind", 20034, 6_000), ("step", 20035, -8_000)):
        arm(desk, 12, variant)
        assert said() == wanted
        desk.twin.act("clock", ms=back)
        assert said() == 0
    arm(desk, 12, "drift", lasts=600)
    time.sleep(0.5)
    ahead = desk.twin.control("GET", "/state")["service"] - time.time() * 1000
    assert ahead > 50


def test_fault_14_a_key_is_revoked_while_it_is_used(desk):
    arm(desk, 14, "revoked")
    assert code(desk.assets) == 20002
    desk.twin.act("revoke", user=desk.account.user, revoked=False)
    assert desk.assets()


def test_fault_14_the_permission_for_margin_is_lost(desk):
    arm(desk, 14, "margin")
    assert code(desk.order, "buy", "0.01", PRICE - 100, position_side="long") == 50058


@pytest.mark.parametrize("said", [20001, 50078])
def test_fault_14_orders_are_refused_for_good_while_reads_go_on(desk, said):
    arm(desk, 14, str(said))
    assert [code(desk.order, "buy", "0.01", PRICE - 100) for _ in range(3)] == [said] * 3
    assert desk.active() == []


def test_fault_15_a_maintenance_outlasts_an_open_position(stepped, amount):
    desk, other = stepped
    size = amount()
    opened(desk, other, size)
    arm(desk, 15, "10007")
    for passed in (0, 29 * MINUTE):
        wait(desk, passed)
        assert code(desk.order, "sell", size, PRICE, position_side="long") == code(desk.assets) == 10007
    wait(desk, MINUTE)
    assert number(desk.position("long")["open_amount"]) == size


@pytest.mark.parametrize("said", [10008, 70011])
def test_fault_16_the_exchange_is_busy(desk, said):
    arm(desk, 16, str(said))
    assert code(desk.order, "buy", "0.01", PRICE - 100) == said
    assert ids(desk) == []


def test_fault_16_a_busy_exchange_raises_its_minimum(desk):
    arm(desk, 16, "minimum")
    assert code(desk.order, "buy", "0.0099", PRICE - 100) == 70010
    assert code(desk.order, "buy", "0.0100", PRICE - 100) == 0


LONG = {"position_side": "long"}
STOP = {"type": "stop", "trigger_price": str(PRICE - 500)}
STOP_LIMIT = {**STOP, "type": "stop_limit"}


@pytest.mark.parametrize(
    ("variant", "said", "side", "price", "more"),
    [
        ("stop_order", 70017, "buy", PRICE - 100, {}),
        ("stop_order_and_cancel", 70018, "buy", PRICE - 100, {}),
        ("stop_market_order", 70009, "buy", None, {}),
        ("stop_stop_order", 70023, "sell", None, STOP),
        ("stop_stop_limit_order", 70022, "sell", PRICE - 600, STOP_LIMIT),
        ("stop_margin_long_order", 70024, "buy", PRICE - 100, LONG),
        ("stop_margin_short_order", 70025, "sell", PRICE + 100, {"position_side": "short"}),
        ("stop_buy_order", 70005, "buy", PRICE - 100, {}),
        ("stop_sell_order", 70006, "sell", PRICE + 100, {}),
    ],
)
def test_fault_18_a_restriction_comes_between_a_read_and_the_order(desk, variant, said, side, price, more):
    flags = data(desk.public("spot/pairs"))["pairs"][0]
    assert flags[variant] is False
    arm(desk, 18, variant)
    assert code(desk.order, side, "0.01", price, **more) == said
    assert data(desk.public("spot/pairs"))["pairs"][0][variant] is True


def test_fault_19_the_circuit_breaker_goes_through_its_modes_and_back(stepped, amount):
    desk, other = stepped
    size = amount()
    arm(desk, 19, "cycle")
    seen = []
    for passed in (0, 9_999, 1, 9_999, 1):
        wait(desk, passed)
        seen.append(data(desk.public(f"{PAIR}/circuit_break_info"))["mode"])
        if passed == 0:
            assert code(desk.order, "buy", size) == 70020
            other.order("sell", size, PRICE - 50)
            crossing = desk.order("buy", size, PRICE + 50)
            book = data(desk.public(f"{PAIR}/depth"))
            assert int(book["bids"][0][0]) > int(book["asks"][0][0])
    assert seen == ["CIRCUIT_BREAK", "CIRCUIT_BREAK", "RESUMPTION", "RESUMPTION", "NONE"]
    assert desk.read(crossing["order_id"])["status"] == "FULLY_FILLED"


def test_fault_19_the_fee_type_changes_with_the_break(desk):
    arm(desk, 19, "break")
    info = data(desk.public(f"{PAIR}/circuit_break_info"))
    assert (info["mode"], info["fee_type"]) == ("CIRCUIT_BREAK", "BUY_MAKER")


@pytest.mark.parametrize(("variant", "trades"), [("part", 1), ("tiny", 10)])
def test_fault_20_an_order_is_filled_in_part_and_then_nothing_comes(desk, variant, trades):
    desk.order("buy", "0.1000", PRICE - 100)
    arm(desk, 20, variant)
    for _ in range(2):
        (order,) = desk.active()
        assert (order["status"], order["executed_amount"]) == ("PARTIALLY_FILLED", "0.0100")
    assert len(desk.trades()) == trades


@pytest.mark.parametrize(
    ("variant", "said", "status"), [("full", 50027, "FULLY_FILLED"), ("part", 0, "CANCELED_PARTIALLY_FILLED")]
)
def test_fault_21_a_fill_wins_against_a_cancel(desk, variant, said, status):
    made = data(raw_order(desk))["order_id"]
    arm(desk, 21, variant)
    assert code(desk.cancel, made) == said
    order = desk.read(made)
    assert order["status"] == status
    assert sum(number(trade["amount"]) for trade in desk.trades()) == number(order["executed_amount"]) > 0


def test_fault_23_a_post_only_order_is_cancelled_again_and_again(desk):
    arm(desk, 23, "cross")
    made = [desk.order("buy", "0.01", PRICE - 100, post_only=True)["order_id"] for _ in range(3)]
    assert [desk.read(id_)["status"] for id_ in made] == ["CANCELED_UNFILLED"] * 3
    desk.twin.act("cancel", user="twin-seller")
    assert desk.order("buy", "0.01", PRICE - 100, post_only=True)["status"] == "UNFILLED"


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_fault_24_a_market_order_finds_the_book_swept(desk, rival, amount, side):
    size = amount()
    rival.order("sell" if side == "buy" else "buy", size * 2, PRICE)
    arm(desk, 24, "sweep")
    refused = desk.order(side, size)
    assert desk.read(refused["order_id"])["status"] == "REJECTED"
    assert desk.trades() == []


SIDES = {"down": ("long", "sell", -1), "up": ("short", "buy", 1)}


@pytest.mark.parametrize("variant", SIDES)
def test_fault_25_a_stop_fires_over_a_gap_and_slips(moved, amount, variant):
    desk, other = moved
    position, closing, sign = SIDES[variant]
    size, beyond = amount(), PRICE + sign * PRICE * 6 // 100
    opened(desk, other, size, position)
    stop = desk.order(closing, size, type="stop", trigger_price=str(PRICE + sign * 1_000), position_side=position)
    other.order("buy" if closing == "sell" else "sell", size, beyond)
    arm(desk, 25, variant)
    done = desk.read(stop["order_id"])
    assert (done["status"], done["average_price"]) == ("FULLY_FILLED", str(beyond))
    assert number(desk.trades()[0]["profit_loss"]) < -size * PRICE * 6 // 100


@pytest.mark.parametrize("variant", SIDES)
def test_fault_26_a_stop_is_dropped_and_it_is_too_late_to_replace_it(moved, amount, variant):
    desk, other = moved
    position, closing, sign = SIDES[variant]
    size = amount()
    opened(desk, other, size, position)
    protection = {"type": "stop", "trigger_price": str(PRICE + sign * 1_000), "position_side": position}
    stop = desk.order(closing, size, **protection)
    arm(desk, 26, variant)
    assert desk.read(stop["order_id"])["status"] == "CANCELED_UNFILLED"
    assert code(desk.order, closing, size, **protection) == 60018
    other.order("buy" if closing == "sell" else "sell", size, PRICE + sign * PRICE * 5 // 100)
    out = desk.order(closing, size, position_side=position)
    assert desk.read(out["order_id"])["status"] == "FULLY_FILLED"


@pytest.mark.parametrize(("variant", "side", "ends"), [("down", "long", "NORMAL"), ("up", "short", "DEBT")])
def test_fault_40_a_margin_call_is_cured_and_the_next_one_is_not(moved, variant, side, ends):
    desk, other = moved
    opened(desk, other, Decimal("1.8"), side)
    arm(desk, 40, variant)
    assert desk.margin()["status"] == "CALL"
    assert desk.get("/user/margin/positions")["notice"]["what"] == "margin_call"
    arm(desk, 40, "cure")
    assert desk.margin()["status"] == "NORMAL"
    for _ in range(8):
        if desk.margin()["status"] == "LOSSCUT":
            break
        arm(desk, 40, variant)
    assert desk.margin()["status"] == "LOSSCUT"  # nobody trades with it yet
    last = int(data(desk.public(f"{PAIR}/ticker"))["last"])
    other.order("buy" if side == "long" else "sell", "2", last // 2 if side == "long" else last * 2)
    assert {trade["type"] for trade in desk.trades()[:1]} == {"losscut"}
    assert desk.margin()["status"] == ends  # a long loses no more than its price, which was paid in
    assert (number(desk.get("/user/margin/positions")["payables"]["amount"]) > 0) is (ends == "DEBT")


def test_fault_41_interest_ratio_and_fees_change_under_a_position(moved, amount):
    desk, other = moved
    size = amount()
    opened(desk, other, size)
    interest = number(desk.position("long")["unrealized_interest_amount"])
    arm(desk, 41, "rollover")
    assert number(desk.position("long")["unrealized_interest_amount"]) == interest * 2
    required = number(desk.margin()["total_position_maintenance_margin"])
    arm(desk, 41, "ratio")
    assert number(desk.margin()["total_position_maintenance_margin"]) == required / 5 * 6
    arm(desk, 41, "fees")
    other.order("buy", size, PRICE)
    desk.order("sell", size, position_side="long")
    assert number(desk.trades()[0]["fee_occurred_amount_quote"]) == size * PRICE * Decimal("0.0012")


def test_fault_42_someone_else_orders_and_cancels_on_the_account(desk):
    arm(desk, 42, "order")
    (foreign,) = desk.active()
    assert (foreign["price"], foreign["position_side"]) == ("1000000", "long")
    arm(desk, 42, "cancel")
    assert desk.active() == []


def test_fault_43_a_resting_stop_expires(moved, amount):
    desk, other = moved
    size = amount()
    opened(desk, other, size)
    stop = desk.order("sell", size, type="stop", trigger_price=str(PRICE - 500), position_side="long")
    assert stop["expire_at"] == stop["ordered_at"] + 180 * DAY
    arm(desk, 43, "expiry")
    assert desk.read(stop["order_id"])["status"] == "CANCELED_UNFILLED"
    assert number(desk.position("long")["open_amount"]) == size


def test_fault_46_collateral_in_coins_loses_value(moved, amount):
    desk, other = moved
    opened(desk, other, amount(), "long")
    opened(desk, other, number(desk.position("long")["open_amount"]), "short")  # together they move with no price
    before = number(desk.margin()["total_margin_balance"])
    arm(desk, 46, "fall")
    lost = Decimal("0.5") * PRICE * Decimal("0.3") * Decimal("0.5")
    assert number(desk.margin()["total_margin_balance"]) == before - lost
