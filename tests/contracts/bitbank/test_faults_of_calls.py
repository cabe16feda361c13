"""Faults of single calls: what a client sees of each, and what the exchange really did."""

import time
from decimal import Decimal

import ccxt
import pytest
import requests

from tests.contracts.bitbank.conftest import quiet
from tests.contracts.bitbank.desk import PAIR, PRICE, Desk, code, data, number
from tests.contracts.bitbank.faults import ACTIVE, arm, armed, raw_order
from tests.contracts.bitbank.test_order_rows import opened


@pytest.fixture
def desk(open_desk) -> Desk:
    """A user who does not wait long."""
    found = open_desk()
    found.patience = 5.0
    return found


def ids(desk: Desk) -> list[int]:
    return [row["order_id"] for row in desk.active()]


def test_fault_01_the_order_is_there_though_its_answer_never_comes(desk):
    arm(desk, 1, "silence", calls=[2])
    first = data(raw_order(desk))["order_id"]
    desk.patience = 0.5
    with pytest.raises(requests.ReadTimeout):
        raw_order(desk)
    desk.patience = 5.0
    assert len(ids(desk)) == 2
    assert first in ids(desk)
    assert data(raw_order(desk))["status"] == "UNFILLED"


def test_fault_02_the_order_is_there_though_the_connection_was_reset(desk, ccxt_of):
    arm(desk, 2, "reset")
    with pytest.raises(requests.ConnectionError):
        raw_order(desk)
    assert len(ids(desk)) == 1
    arm(desk, 2)
    with pytest.raises(ccxt.NetworkError):
        ccxt_of(desk).create_order("BTC/JPY", "limit", "buy", 0.01, PRICE - 100)
    assert len(ids(desk)) == 2


@pytest.mark.parametrize("variant", ["502", "504"])
def test_fault_03_the_order_is_there_though_a_gateway_answered(desk, variant):
    arm(desk, 3, variant)
    reply = raw_order(desk)
    assert (reply.status_code, reply.text[:6]) == (int(variant), "<html>")
    assert reply.headers["Content-Type"].startswith("text/html")
    assert len(ids(desk)) == 1


def test_fault_04_the_order_is_there_though_the_system_failed(desk):
    arm(desk, 4, "500")
    reply = raw_order(desk)
    assert (reply.status_code, reply.json()) == (500, {"success": 0, "data": {"code": 70001}})
    assert len(ids(desk)) == 1


def test_fault_05_after_503_there_is_no_order(desk):
    arm(desk, 5, "503")
    assert raw_order(desk).status_code == 503
    assert ids(desk) == []


def test_fault_06_the_order_comes_after_its_client_gave_up(desk):
    arm(desk, 6, "late", ms=700)
    desk.patience = 0.3
    with pytest.raises(requests.ReadTimeout):
        raw_order(desk)
    desk.patience = 5.0
    assert ids(desk) == []
    time.sleep(0.6)
    assert len(ids(desk)) == 1


@pytest.mark.parametrize(("variant", "there"), [("created", 1), ("not_created", 0)])
def test_fault_07_after_10005_the_order_may_exist(desk, variant, there):
    arm(desk, 7, variant)
    assert raw_order(desk).json() == {"success": 0, "data": {"code": 10005}}
    assert len(ids(desk)) == there


@pytest.mark.parametrize(("variant", "status"), [("json", 429), ("html_429", 429), ("html_409", 409)])
def test_fault_08_a_call_beyond_the_limit_was_not_processed(desk, variant, status):
    arm(desk, 8, variant)
    reply = raw_order(desk)
    assert reply.status_code == status
    assert (reply.json()["data"] == {"code": 10009}) if variant == "json" else reply.text.startswith("<html>")
    assert ids(desk) == []


def test_fault_08_a_burst_refuses_reads_and_changes_alike_until_it_ends(desk):
    arm(desk, 8, "burst", lasts=400)
    began = time.monotonic()
    assert raw_order(desk).status_code == desk.send("GET", "/v1/user/assets").status_code == 429
    while code(desk.active) == -429:
        assert time.monotonic() - began < 5
        time.sleep(0.05)
    assert time.monotonic() - began > 0.3
    assert ids(desk) == []


@pytest.mark.parametrize("variant", ["truncated", "empty", "html", "no_data"])
def test_fault_09_a_broken_200_hides_an_order_that_exists(desk, variant, ccxt_of):
    arm(desk, 9, variant)
    reply = raw_order(desk)
    assert reply.status_code == 200
    if variant == "no_data":
        assert reply.json() == {"success": 1}
    else:
        with pytest.raises(requests.exceptions.JSONDecodeError):
            reply.json()
    assert len(ids(desk)) == 1
    if variant != "no_data":  # ccxt takes it for an order without a number
        arm(desk, 9, variant)
        assert ccxt_of(desk).create_order("BTC/JPY", "limit", "buy", 0.01, PRICE - 100)["id"] is None


@pytest.mark.parametrize("variant", ["truncated", "empty", "html"])
def test_fault_09_a_broken_read_back_looks_to_ccxt_as_if_there_were_no_orders(desk, variant, ccxt_of):
    raw_order(desk)
    client = ccxt_of(desk)
    client.load_markets()
    arm(desk, 9, variant, match=ACTIVE)
    assert client.fetch_open_orders("BTC/JPY") == []
    assert len(client.fetch_open_orders("BTC/JPY")) == 1


def test_fault_10_a_body_shorter_than_announced_breaks_off(desk):
    arm(desk, 10, "short")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        raw_order(desk)
    assert len(ids(desk)) == 1


def test_fault_11_answers_are_slow_or_never_come(desk):
    arm(desk, 11, "slow", ms=600)
    begun = time.monotonic()
    assert ids(desk) == []
    assert time.monotonic() - begun > 0.5
    arm(desk, 11, "hang")
    desk.patience = 0.4
    with pytest.raises(requests.ReadTimeout):
        ids(desk)


def test_fault_13_a_lost_race_of_nonces_is_refused_once(desk, ccxt_of):
    client = ccxt_of(desk, authMethod="nonce")
    arm(desk, 13, "20001")
    with pytest.raises(ccxt.AuthenticationError):
        client.fetch_balance()
    assert client.fetch_balance()["JPY"]["total"] == 10_000_000


@pytest.mark.parametrize("said", [70004, 70013, 70018])
def test_fault_17_cancels_are_suspended_for_a_while(desk, said):
    made = data(raw_order(desk))["order_id"]
    arm(desk, 17, str(said))
    assert [code(desk.cancel, made) for _ in range(3)] == [said] * 3
    assert ids(desk) == [made]
    assert desk.cancel(made)["status"] == "CANCELED_UNFILLED"


@pytest.mark.parametrize("variant", ["order_70004", "order_70013", "order_70018"])
def test_fault_17_so_are_protective_stops(desk, rival, amount, variant):
    size = amount()
    opened(desk, rival, size)
    arm(desk, 17, variant)
    stop = {"type": "stop", "trigger_price": str(PRICE - 500), "position_side": "long"}
    assert [code(desk.order, "sell", size, **stop) for _ in range(3)] == [int(variant[-5:])] * 3
    assert desk.order("sell", size, **stop)["status"] == "INACTIVE"


@pytest.mark.parametrize(("variant", "canceled"), [("canceled", True), ("not_canceled", False)])
def test_fault_22_a_cancel_in_progress_ends_either_way(desk, variant, canceled):
    made = data(raw_order(desk))["order_id"]
    arm(desk, 22, variant)
    assert code(desk.cancel, made) == 70019
    assert desk.read(made)["status"] == ("CANCELED_UNFILLED" if canceled else "UNFILLED")


def test_fault_27_a_close_right_after_the_fill_is_refused(desk, rival, amount):
    size = amount()
    opened(desk, rival, size)
    arm(desk, 27, "50062")
    assert code(desk.order, "sell", size, PRICE + 100, position_side="long") == 50062
    assert desk.order("sell", size, PRICE + 100, position_side="long")["status"] == "UNFILLED"


def test_fault_28_positions_are_read_as_they_were(desk, rival, amount):
    size = amount()
    opened(desk, rival, size)
    assert number(desk.position("long")["open_amount"]) == size
    rival.order("buy", size, PRICE)
    desk.order("sell", size, position_side="long")
    arm(desk, 28, "stale")
    assert [number(desk.position("long")["open_amount"]) for _ in range(4)] == [size, size, size, 0]


@pytest.mark.parametrize("said", [50061, 50059, 50060, 60011])
def test_fault_29_entries_are_refused(desk, said):
    arm(desk, 29, str(said), calls=[2])
    assert code(desk.order, "buy", "0.01", PRICE - 100, position_side="long") == 0
    assert code(desk.order, "buy", "0.01", PRICE - 100, position_side="long") == said
    assert len(ids(desk)) == 1


def test_fault_30_a_new_order_is_missing_from_the_list_for_a_while(desk):
    arm(desk, 30, "hidden")
    made = data(raw_order(desk))["order_id"]
    assert ids(desk) == []
    assert desk.read(made)["status"] == "UNFILLED"
    desk.twin.act("skip", ms=3_000)
    assert ids(desk) == [made]


def test_fault_30_a_live_id_is_left_out_once(desk):
    wanted = [data(raw_order(desk))["order_id"] for _ in range(2)]
    arm(desk, 30, "dropped")
    found = [desk.post("/user/spot/orders_info", pair=PAIR, order_ids=wanted)["orders"] for _ in range(2)]
    assert [len(rows) for rows in found] == [1, 2]


def bars(desk: Desk) -> list[list]:
    day = time.strftime("%Y%m%d", time.gmtime(desk.twin.control("GET", "/state")["market"] // 1000))
    return data(desk.public(f"{PAIR}/candlestick/1min/{day}"))["candlestick"][0]["ohlcv"]


@pytest.fixture
def charted(open_desk, twin_with) -> Desk:
    """A user of a twin whose files appear at midnight, with some bars."""
    twin = quiet(twin_with(candle_delay=0))
    twin.act("skip", ms=120_000)
    twin.act("trade", price=str(PRICE))
    return open_desk(twin)


def test_fault_31_candle_files_are_stale(charted):
    before = bars(charted)
    arm(charted, 31, "stale")
    charted.twin.act("skip", ms=60_000)
    charted.twin.act("trade", price=str(PRICE + 5))
    assert [bars(charted) == before for _ in range(6)] == [True] * 5 + [False]


@pytest.mark.parametrize("variant", ["missing_bar", "duplicate", "zero", "revised"])
def test_fault_31_candle_files_have_faults(charted, variant):
    right = bars(charted)
    arm(charted, 31, variant)
    wrong = bars(charted)
    changed = {
        "missing_bar": right[:-2] + right[-1:],
        "duplicate": [*right, right[-1]],
        "zero": [*right[:-1], ["0"] * 5 + right[-1][5:]],
        "revised": [*right[:-1], [*right[-1][:4], "123.4567", right[-1][5]]],
    }
    assert wrong == changed[variant]
    assert bars(charted) == right


def test_fault_31_the_file_is_missing_at_midnight(charted):
    arm(charted, 31, "midnight")
    assert code(bars, charted) == 10000
    assert bars(charted)


@pytest.mark.parametrize("variant", ["spike", "null"])
def test_fault_32_tickers_have_bad_prints_and_nulls(desk, variant):
    arm(desk, 32, variant)
    wrong, right = (data(desk.public(f"{PAIR}/ticker")) for _ in range(2))
    assert right["last"] == str(PRICE)
    assert wrong == {**right, **({"last": "1"} if variant == "spike" else dict.fromkeys(("sell", "buy", "last")))}


def test_fault_39_there_are_fields_statuses_and_codes_unknown(desk):
    arm(desk, 39, "field")
    assert desk.get("/user/margin/status")["brand_new"] == {"deep": [1]}
    made = data(raw_order(desk))["order_id"]
    arm(desk, 39, "status")
    assert [desk.read(made)["status"] for _ in range(2)] == ["FROZEN", "UNFILLED"]
    arm(desk, 39, "code")
    assert raw_order(desk).json()["data"]["code"] == 79_999
    assert ids(desk) == [made]


def test_fault_44_there_is_time_to_kill_the_client_around_the_order(desk):
    desk.patience = 0.3
    arm(desk, 44, "before", ms=600)
    with pytest.raises(requests.ReadTimeout):
        raw_order(desk)
    assert ids(desk) == []
    arm(desk, 44, "after")
    with pytest.raises(requests.ReadTimeout):
        raw_order(desk)
    desk.patience = 5.0
    assert len(ids(desk)) >= 1
    time.sleep(0.4)
    assert len(ids(desk)) == 2


def test_fault_45_something_in_between_answers_or_cuts(desk):
    arm(desk, 45, "proxy")
    reply = raw_order(desk)
    assert (reply.status_code, reply.text[:6]) == (200, "<html>")
    arm(desk, 45, "cut")
    with pytest.raises(requests.ConnectionError):
        desk.public(f"{PAIR}/ticker")
    assert ids(desk) == []


def refused_by_chance(start_twin, seed: int) -> list[int]:
    """Return what twenty orders met of a plan that refuses one in three."""
    plan = [{"fault": 5, "probability": 0.33, "times": 0}, {"fault": 29, "variant": "60011", "calls": [20]}]
    twin = start_twin(faults=plan, fault_seed=seed, queries_per_second=0, updates_per_second=0)
    desk = Desk(twin, twin.accounts[0])
    return [raw_order(desk, amount=str(Decimal(i).scaleb(-4))).status_code for i in range(1, 21)]


def test_a_plans_chances_repeat_with_its_seed(start_twin):
    first, again, other = (refused_by_chance(start_twin, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert set(first) == {200, 503}


def test_a_fault_strikes_in_its_time_only(desk):
    arm(desk, 29, "50061", after=300, lasts=300, times=0)
    said, began = [], time.monotonic()
    while time.monotonic() - began < 1.0:
        said.append(code(desk.order, "buy", "0", PRICE, position_side="long"))
        time.sleep(0.04)
    assert [said[0], 50061 in said, said[-1]] == [40001, True, 40001]
    assert armed(desk)[0]["struck"] == said.count(50061)
