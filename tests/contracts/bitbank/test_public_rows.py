"""Rows 48 to 53: candles, books, transactions, the circuit breaker."""

import time
from decimal import Decimal

import ccxt
import pytest

from src.core.domain.time import DAY, HOUR, MINUTE
from tests.contracts.bitbank.conftest import quiet
from tests.contracts.bitbank.desk import PAIR, PRICE, code, data, number
from tests.contracts.bitbank.test_public_stream_rows import DIFF, WHOLE, connected, hear_room, join

START = "2026-03-04T03:07:30+00:00"
OPENED = 1_772_593_620_000  # the minute's open, 03:07 UTC


@pytest.fixture
def own_twin(own_twin_with):
    """A twin of the test's own, at a known time."""
    return quiet(own_twin_with(start=START))


@pytest.fixture
def viewer(own_twin, open_desk):
    return open_desk(own_twin, jpy="10000000000", btc="1000")


def candles(desk, type_: str, date: str) -> list:
    (element,) = data(desk.public(f"{PAIR}/candlestick/{type_}/{date}"))["candlestick"]
    assert element["type"] == type_
    return element["ohlcv"]


def test_row_48_candle_files_have_the_forming_bar_and_flat_quiet_minutes(viewer, own_twin, dice, ccxt_of):
    prices = [PRICE + dice.randint(-5_000, 5_000) for _ in range(3)]
    for price in prices:
        own_twin.act("trade", price=str(price))
    assert candles(viewer, "1min", "20260304")[-1][5] == OPENED
    own_twin.act("skip", ms=2 * MINUTE)
    own_twin.act("trade", price=str(PRICE + 1))
    rows = [row for row in candles(viewer, "1min", "20260304") if row[5] >= OPENED]
    seen = [PRICE, *prices]
    first, flat, forming = rows
    assert first[:4] == [str(n) for n in (PRICE, max(seen), min(seen), prices[-1])]
    assert number(first[4]) >= Decimal("0.0004")
    assert flat == [*[str(prices[-1])] * 4, "0.0000", OPENED + MINUTE]
    assert (forming[3], forming[5]) == (str(PRICE + 1), OPENED + 2 * MINUTE)
    (year,) = [row for row in candles(viewer, "1day", "2026") if row[5] == OPENED // DAY * DAY]
    assert year[3] == str(PRICE + 1)
    envelope = data(viewer.public(f"{PAIR}/candlestick/1min/20260304"))
    assert isinstance(envelope["timestamp"], int)
    assert isinstance(envelope["candlestick"][0]["timestamp"], int)
    fetched = ccxt_of(viewer).fetch_ohlcv("BTC/JPY", "1m", OPENED)
    assert [bar[0] for bar in fetched if bar[0] >= OPENED] == [row[5] for row in rows]


def test_row_49_a_four_hour_file_by_day_does_not_exist(viewer, ccxt_of):
    reply = viewer.public(f"{PAIR}/candlestick/4hour/20260304")
    assert (reply.status_code, reply.json()["data"]["code"]) == (404, 10000)
    assert viewer.public(f"{PAIR}/candlestick/1min/2026").status_code == 404
    assert candles(viewer, "4hour", "2026")[-1][5] == OPENED // (4 * HOUR) * 4 * HOUR
    with pytest.raises(ccxt.ExchangeError):
        ccxt_of(viewer).fetch_ohlcv("BTC/JPY", "4h")


def test_row_50_the_new_days_file_is_missing_for_some_minutes(viewer, own_twin, ccxt_of):
    path = f"{PAIR}/candlestick/15min/20260305"
    assert viewer.public(path).status_code == 404
    own_twin.act("skip", ms=DAY - OPENED % DAY - 30_000)  # 00:00 UTC
    early = viewer.public(path)
    assert (early.status_code, early.json()) == (200, {"success": 0, "data": {"code": 10000}})
    with pytest.raises(ccxt.ExchangeError, match="10000"):
        ccxt_of(viewer).publicGetPairCandlestickCandletypeYyyymmdd(
            {"pair": PAIR, "candletype": "15min", "yyyymmdd": "20260305"}
        )
    own_twin.act("skip", ms=12 * MINUTE)
    assert candles(viewer, "15min", "20260305")[0][5] == OPENED // DAY * DAY + DAY


@pytest.mark.parametrize("delay", [0, 3 * MINUTE])
def test_row_50_how_long_the_files_are_missing_are_switches(open_desk, twin_with, delay):
    twin = quiet(twin_with(start="2026-03-04T23:59:30+00:00", candle_delay=delay, archive_delay=delay))
    twin.act("skip", ms=MINUTE)
    viewer = open_desk(twin)
    file = viewer.public(f"{PAIR}/candlestick/15min/20260305").json()
    assert file["success"] == int(delay == 0)
    archive = viewer.public(f"{PAIR}/transactions/20260304")
    assert archive.status_code == (404 if delay else 200)


def test_row_51_public_data_lag_behind_what_happened(open_desk, twin_with, amount):
    desk = open_desk(quiet(twin_with(public_lag=1_000)))
    size, price = amount(), PRICE - 77
    before = data(desk.public(f"{PAIR}/depth"))
    assert isinstance(before["sequenceId"], str)
    desk.order("buy", size, price)
    assert data(desk.public(f"{PAIR}/depth")) == before
    time.sleep(1.1)
    desk.public(f"{PAIR}/depth")  # once more the old copy, while the new one is fetched
    after = data(desk.public(f"{PAIR}/depth"))
    assert [str(price), f"{size:.4f}"] in after["bids"]
    assert int(after["sequenceId"]) > int(before["sequenceId"])


async def test_row_51_the_stream_is_ahead_of_the_public_files(open_desk, twin_with, amount):
    desk = open_desk(quiet(twin_with(public_lag=2_000)))
    desk.public(f"{PAIR}/depth")
    async with connected(desk.twin) as (socket, _):
        await join(socket, WHOLE, DIFF)
        await hear_room(socket, WHOLE)
        level = [str(PRICE - 78), f"{amount():.4f}"]
        desk.order("buy", level[1], level[0])
        assert level in (await hear_room(socket, DIFF))["b"]
    assert level not in data(desk.public(f"{PAIR}/depth"))["bids"]


def test_row_52_transactions_are_the_newest_sixty_and_days_are_published_later(viewer, own_twin, ccxt_of):
    for i in range(62):
        own_twin.act("trade", price=str(PRICE + i))
    rows = data(viewer.public(f"{PAIR}/transactions"))["transactions"]
    assert len(rows) == 60
    assert (rows[0]["price"], rows[0]["side"]) == (str(PRICE + 61), "sell")
    assert set(rows[0]) == {"transaction_id", "side", "price", "amount", "executed_at"}
    assert len(ccxt_of(viewer).fetch_trades("BTC/JPY")) == 60
    path = f"{PAIR}/transactions/20260304"
    assert viewer.public(path).status_code == 404
    own_twin.act("skip", ms=DAY - OPENED % DAY)
    assert viewer.public(path).status_code == 404
    own_twin.act("skip", ms=15 * MINUTE)
    assert len(data(viewer.public(path))["transactions"]) >= 63


NULL_IN = {
    "NONE": {"estimated_itayose_price", "estimated_itayose_amount", "itayose_upper_price", "itayose_lower_price",
             "reopen_timestamp"},
    "CIRCUIT_BREAK": {"upper_trigger_price", "lower_trigger_price"},
    "FULL_RANGE_CIRCUIT_BREAK": {"upper_trigger_price", "lower_trigger_price", "itayose_upper_price",
                                 "itayose_lower_price"},
    "RESUMPTION": {"upper_trigger_price", "lower_trigger_price"},
    "LISTING": {"upper_trigger_price", "lower_trigger_price", "itayose_upper_price", "itayose_lower_price"},
}  # fmt: skip


@pytest.mark.parametrize("mode", NULL_IN)
def test_row_53_each_mode_has_its_nulls_and_auctions_their_rules(twin, open_desk, amount, mode, ccxt_of):
    viewer = open_desk(jpy="10000000000", btc="1000")
    twin.act(
        "mode", mode=mode, fee_type="SELL_MAKER", itayose_upper=PRICE + 9, itayose_lower=PRICE - 9, reopen_in=60_000
    )
    info = data(viewer.public(f"{PAIR}/circuit_break_info"))
    assert info["mode"] == mode
    for name in NULL_IN[mode]:
        assert info[name] is None, name
    assert set(info) == set().union(*NULL_IN.values()) | {"mode", "fee_type", "timestamp"}
    client = ccxt_of(viewer)
    assert client.publicGetPairCircuitBreakInfo({"pair": PAIR})["data"]["mode"] == mode
    if mode == "NONE":
        return
    assert info["fee_type"] == "SELL_MAKER"
    assert code(viewer.order, "buy", amount()) == 70020
    size = amount()
    viewer.order("sell", size, PRICE)
    crossing = viewer.order("buy", size, PRICE + 5, post_only=True)
    assert viewer.read(crossing["order_id"])["status"] == "UNFILLED"
    book = data(viewer.public(f"{PAIR}/depth"))
    assert int(book["bids"][0][0]) > int(book["asks"][0][0])
    assert data(viewer.public(f"{PAIR}/circuit_break_info"))["estimated_itayose_price"] is not None
    twin.act("mode", mode="NONE")
    assert viewer.read(crossing["order_id"])["status"] == "FULLY_FILLED"
