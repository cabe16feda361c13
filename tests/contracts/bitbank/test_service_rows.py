"""Rows 1 to 15 and 40: addresses, signatures, limits, formats."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor

import ccxt
import pytest

from tests.contracts.bitbank.clients import async_ccxt, botters, sync_ccxt
from tests.contracts.bitbank.desk import PAIR, PRICE, Desk, Refusal, code, data

ASSETS = "/v1/user/assets"
VECTOR_BODY = '{"pair": "xrp_jpy", "price": "20", "amount": "1","side": "buy", "type": "limit"}'
VECTORS = {
    ("TW", "GET"): "9ec5745960d05573c8fb047cdd9191bd0c6ede26f07700bb40ecf1a3920abae8",
    ("TW", "POST"): "7868665738ae3f8a796224e0413c1351ddd7ec2af121db12815c0a5b74b8764c",
    ("nonce", "GET"): "f957817b95c3af6cf5e2e9dfe1503ea8088f46879d4ab73051467fd7b94f1aba",
    ("nonce", "POST"): "8ef83c2b991765b18c95aade7678471747c06890a23a453c76238345b5c86fb8",
}
NOW = "1721121776490"
# pybotters signs through a parameter that aiohttp is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning")


def refused(reply) -> int:
    """Return the code of a failure envelope that came by HTTP 200."""
    with pytest.raises(Refusal) as refusal:
        data(reply)
    assert refusal.value.status == 200
    return refusal.value.code


def test_row_01_pairs_answer_with_and_without_version_and_without_a_key(open_desk, ccxt_of):
    desk = open_desk()
    bare, versioned = (desk.public(path) for path in ("spot/pairs", "v1/spot/pairs"))
    assert data(bare) == data(versioned)
    assert {"btc_jpy", "mona_jpy"} <= {row["name"] for row in data(bare)["pairs"]}
    assert "BTC/JPY" in ccxt_of(desk).load_markets()


async def test_row_02_ccxt_loads_the_grid_and_the_fees_of_btc_jpy(open_desk):
    desk = open_desk()
    async with async_ccxt(desk) as client:
        for markets in (sync_ccxt(desk).load_markets(), await client.load_markets()):
            market = markets["BTC/JPY"]
            assert market["precision"] == {"amount": 0.0001, "price": 1.0}
            assert (market["maker"], market["taker"], market["active"]) == (0.0, 0.001, True)
            assert market["info"]["margin_current_individual_ratio"] == "0.5"


def test_row_03_status_answers_unsigned_and_signed(open_desk, ccxt_of):
    desk = open_desk()
    unsigned = data(desk.public("v1/spot/status"))
    assert unsigned == desk.get("/spot/status") == ccxt_of(desk).privateGetSpotStatus()["data"]
    assert {"pair": PAIR, "status": "NORMAL", "min_amount": "0.0001"} in unsigned["statuses"]


@pytest.fixture(scope="module")
def vector_desk(shared_twin):
    """A twin whose time is that of the documented signatures, and a user with their secret."""
    twin = shared_twin(lock_step=True, start="2024-07-16T09:22:56.490+00:00")
    return Desk(twin, twin.accounts[0])


@pytest.mark.parametrize(("mode", "method"), VECTORS)
def test_row_04_the_reference_signatures_verify(vector_desk, mode, method):
    head = {"ACCESS-KEY": "k", "ACCESS-SIGNATURE": VECTORS[mode, method]}
    times = {"ACCESS-REQUEST-TIME": NOW, "ACCESS-TIME-WINDOW": "1000"} if mode == "TW" else {"ACCESS-NONCE": NOW}
    name = f"{mode}-{method}"  # a key of its own: the nonce is the same for both methods
    vector_desk.twin.control("POST", "/keys", {"user": "trader", "key": name, "secret": "hoge"})
    head["ACCESS-KEY"] = name
    target = ASSETS if method == "GET" else "/v1/user/spot/order"
    found = data(vector_desk.send(method, target, VECTOR_BODY, {**head, **times}))
    assert found["assets"] if method == "GET" else found["pair"] == "xrp_jpy"


@pytest.mark.parametrize("client", ["ccxt", "pybotters", "official bytes"])
async def test_row_04_the_raw_bytes_of_each_client_verify(open_desk, amount, client, ccxt_of):
    desk = open_desk(spaced=client == "official bytes")
    size, price = str(amount()), PRICE - 10
    if client == "ccxt":
        made = ccxt_of(desk).create_order("BTC/JPY", "limit", "buy", float(size), price)["info"]
    elif client == "pybotters":
        fields = {"pair": PAIR, "amount": size, "price": str(price), "side": "buy", "type": "limit"}
        async with botters(desk) as session, session.post("/v1/user/spot/order", data=fields) as reply:
            made = (await reply.json())["data"]
    else:
        made = desk.order("buy", size, price)
    assert desk.read(made["order_id"])["start_amount"] == size


async def test_row_05_without_a_window_five_seconds_apply(open_desk):
    desk = open_desk()
    async with botters(desk) as session, session.get("/v1/user/assets") as reply:
        assert (await reply.json())["success"] == 1
    now = int(time.time() * 1000)
    assert data(desk.send("GET", ASSETS, headers=desk.headers(ASSETS, at=now - 3_000, window=None)))
    assert refused(desk.send("GET", ASSETS, headers=desk.headers(ASSETS, at=now - 6_000, window=None))) == 20035


def test_row_06_a_request_from_the_future_or_the_past_is_refused(open_desk, twin_with, ccxt_of):
    desk = open_desk()
    now = int(time.time() * 1000)
    assert refused(desk.send("GET", ASSETS, headers=desk.headers(ASSETS, at=now + 3_000))) == 20034
    assert refused(desk.send("GET", ASSETS, headers=desk.headers(ASSETS, at=now - 7_000, window="5000"))) == 20035
    shifted = open_desk(twin_with(ping_interval=24_999))
    for shift, said in ((-6_000, "20034"), (14_000, "20035")):
        shifted.twin.act("clock", ms=shift)
        with pytest.raises(ccxt.ExchangeError, match=said):
            ccxt_of(shifted).fetch_balance()
    shifted.twin.act("clock", ms=-8_000)
    assert ccxt_of(shifted).fetch_balance()["JPY"]["total"] == 10_000_000


@pytest.mark.parametrize(
    ("window", "at", "wanted"),
    [("60001", None, 20038), ("abc", None, 20038), ("5.5", None, 20038), ("5000", "soon", 20037), ("5000", "", 20037)],
)
def test_row_07_windows_and_times_have_their_form(open_desk, window, at, wanted):
    desk = open_desk()
    headers = desk.headers(ASSETS, window=window)
    if at is not None:
        headers["ACCESS-REQUEST-TIME"] = at
    assert refused(desk.send("GET", ASSETS, headers=headers)) == wanted


def test_row_08_the_time_window_wins_over_a_nonce(open_desk):
    desk = open_desk()
    used = desk.nonce_headers(ASSETS, 5)
    assert data(desk.send("GET", ASSETS, headers=used))
    assert refused(desk.send("GET", ASSETS, headers=used)) == 20001
    assert data(desk.send("GET", ASSETS, headers={"ACCESS-NONCE": "5", **desk.headers(ASSETS)}))


def test_row_09_a_nonce_must_grow_for_its_key(open_desk, amount, ccxt_of):
    desk = open_desk(spaced=True)
    client = ccxt_of(desk, authMethod="nonce")
    assert client.fetch_balance()["JPY"]["total"] == client.fetch_balance()["JPY"]["total"]
    body = desk.encode({"pair": PAIR, "amount": str(amount()), "price": str(PRICE - 5), "side": "buy", "type": "limit"})
    late = int(time.time() * 1000) + 5_000
    assert data(desk.send("POST", "/v1/user/spot/order", body, desk.nonce_headers(body, late)))
    assert refused(desk.send("POST", "/v1/user/spot/order", body, desk.nonce_headers(body, late))) == 20001
    assert refused(desk.send("POST", "/v1/user/spot/order", body, desk.nonce_headers(body, late - 1))) == 20001
    assert len(desk.active()) == 1
    with pytest.raises(ccxt.AuthenticationError):
        client.fetch_balance()


@pytest.mark.parametrize("bad_signature", [20001, 20005])
def test_row_10_each_fault_of_authentication_has_its_code(open_desk, twin_with, bad_signature, ccxt_of):
    desk = open_desk(twin_with(bad_signature=bad_signature))
    good = desk.headers(ASSETS)
    without = {name: {k: v for k, v in good.items() if k != name} for name in good}
    assert refused(desk.send("GET", ASSETS, headers={})) == 20003
    assert refused(desk.send("GET", ASSETS, headers=without["ACCESS-KEY"])) == 20003
    assert refused(desk.send("GET", ASSETS, headers={**good, "ACCESS-KEY": "nobody"})) == 20002
    assert refused(desk.send("GET", ASSETS, headers={**good, "ACCESS-SIGNATURE": "00"})) == bad_signature
    assert refused(desk.send("GET", ASSETS, headers={"ACCESS-KEY": desk.account.key})) == 20036
    client = ccxt_of(desk)
    client.secret = "wrong"
    told = {20001: "authentication failed", 20005: "signature does not exist"}[bad_signature]
    with pytest.raises(ccxt.AuthenticationError, match=told):
        client.fetch_balance()


def test_row_11_business_errors_come_by_http_200(desk, amount, ccxt_of):
    assert code(desk.order, "buy", "1000.0001", PRICE) == 60003
    assert code(desk.order, "buy", "999", PRICE) == 60001
    assert code(desk.cancel, 1) == 50009
    with pytest.raises(ccxt.InsufficientFunds):
        ccxt_of(desk).create_order("BTC/JPY", "limit", "buy", 999, PRICE)


@pytest.mark.parametrize("path", ["xyz_jpy/ticker", "btc_jpy/candlestick/1min/20150101", "btc_jpy/no", "no", ""])
def test_row_12_an_unknown_pair_or_date_is_404_with_a_code(open_desk, path, ccxt_of):
    desk = open_desk()
    reply = desk.public(path)
    assert (reply.status_code, reply.json()) == (404, {"success": 0, "data": {"code": 10000}})
    assert reply.headers["Content-Type"].startswith("text/plain")
    with pytest.raises(ccxt.ExchangeError):
        ccxt_of(desk).publicGetPairTicker({"pair": "xyz_jpy"})


def test_row_13_misspelt_private_paths_look_like_faults_of_authentication(open_desk):
    desk = open_desk()
    assert refused(desk.send("GET", "/v1/user/asets", headers={})) == 20003
    assert refused(desk.send("GET", "/v1/user/asets")) == 20001
    assert refused(desk.send("GET", "/user/assets")) == 20018
    reply = desk.send("GET", "/v1/usr/assets")
    assert (reply.status_code, reply.json()["data"]) == (404, {"code": 10000})


@pytest.fixture(scope="module", params=["sliding", "fixed"])
def limited(request, shared_twin):
    """A twin with the real limits."""
    return shared_twin(public_lag=0, rate_window=request.param)


@pytest.mark.parametrize(("method", "limit"), [("POST", 6), ("GET", 10)])
def test_row_14_calls_beyond_the_limit_are_429_per_user_across_keys(open_desk, limited, method, limit):
    first = open_desk(limited)
    second = Desk(limited, type(first.account)(**limited.control("POST", "/keys", {"user": first.account.user})))
    other = open_desk(limited)
    path = "/v1/user/spot/cancel_order" if method == "POST" else ASSETS
    body = first.encode({"pair": PAIR, "order_id": 1})
    time.sleep(1.05 - time.time() % 1)  # the same fixed second for all, if seconds are fixed
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: (first, second)[i % 2].send(method, path, body), range(limit + 3)))
    refusals = [reply for reply in replies if reply.status_code == 429]
    assert len(refusals) == 3
    assert all(reply.json() == {"success": 0, "data": {"code": 10009}} for reply in refusals)
    assert other.send(method, path, body).status_code == 200
    time.sleep(1.05)
    assert first.send(method, path, body).status_code == 200


async def test_row_14_ccxt_sees_the_limit_when_it_calls_at_once(open_desk, shared_twin):
    desk = open_desk(shared_twin(public_lag=0, rate_window="sliding"))
    async with async_ccxt(desk) as client:
        outcomes = await asyncio.gather(*(client.privateGetUserAssets() for _ in range(14)), return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(errors) == 4
    assert all(type(error) is ccxt.ExchangeError and "10009" in str(error) for error in errors)


def test_row_15_numbers_are_texts_with_fixed_decimals_and_ids_are_numbers(desk, rival, amount, ccxt_of):
    size = amount()
    rival.order("sell", size, PRICE)
    order = desk.order("buy", size, PRICE, position_side="long")
    assert isinstance(order["order_id"], int)
    assert isinstance(order["ordered_at"], int)
    assert order["start_amount"] == f"{size:.4f}"
    assert re.fullmatch(r"[0-9]+", order["average_price"])
    (trade,) = desk.trades()
    assert isinstance(trade["trade_id"], int)
    assert re.fullmatch(r"-?[0-9]+\.[0-9]{4}", trade["fee_occurred_amount_quote"])
    assets = desk.assets()
    assert re.fullmatch(r"[0-9]+\.[0-9]{4}", assets["jpy"]["onhand_amount"])
    assert re.fullmatch(r"[0-9]+\.[0-9]{8}", assets["btc"]["free_amount"])
    assert ccxt_of(desk).fetch_my_trades("BTC/JPY")[0]["amount"] == float(size)


def test_row_40_a_repeated_query_key_is_refused(open_desk):
    desk = open_desk()
    for target in ("/v1/user/spot/order?pair=btc_jpy&order_id=1&order_id=2", "/v1/user/assets?a=1&a=1"):
        assert refused(desk.send("GET", target)) == 40013


def test_every_answer_says_that_this_is_not_bitbank(open_desk):
    desk = open_desk()
    for reply in (
        desk.public("tickers"),
        desk.public("no"),
        desk.send("GET", ASSETS),
        desk.send("GET", "/x", headers={}),
    ):
        assert "no order here is real" in reply.headers["X-Not-Bitbank"]


def test_the_control_endpoint_is_closed_without_its_token(twin, open_desk):
    desk = open_desk()
    for headers in ({}, {"X-Twin-Token": "guess"}):
        assert desk.send("POST", "/twin/act", '{"act":"skip","ms":1}', headers).status_code == 403
