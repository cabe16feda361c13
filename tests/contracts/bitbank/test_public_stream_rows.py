"""Rows 54 to 56: the public stream, framed by hand, through python-socketio and through pybotters' store."""

import asyncio
import itertools
import json
import time
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pybotters
import pytest
import socketio

from tests.contracts.bitbank.conftest import quiet
from tests.contracts.bitbank.desk import PAIR, PRICE, data

# pybotters signs through a parameter that aiohttp is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning")

DIFF, WHOLE = f"depth_diff_{PAIR}", f"depth_whole_{PAIR}"
TRADES, TICKER, CIRCUIT = f"transactions_{PAIR}", f"ticker_{PAIR}", f"circuit_break_info_{PAIR}"


@asynccontextmanager
async def raw_socket(twin, version: int = 4):
    url = twin.announced["public_stream"].replace("EIO=4", f"EIO={version}")
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        yield socket


async def hear(socket, seconds: float = 5.0) -> str:
    message = await socket.receive(seconds)
    assert message.type is aiohttp.WSMsgType.TEXT, message
    return message.data


async def hear_room(socket, room: str, seconds: float = 5.0):
    """Return the next message of a room; pings are answered, other rooms passed over."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        frame = await hear(socket, left)
        if frame == "2":
            await socket.send_str("3")
        elif frame.startswith("42"):
            event, message = json.loads(frame[2:])
            assert event == "message"
            if message["room_name"] == room:
                return message["message"]["data"]
    raise AssertionError(f"{room} said nothing in {seconds} s")


async def silence(socket, seconds: float) -> None:
    """Fail if anything but a ping comes."""
    with pytest.raises(asyncio.TimeoutError):
        await hear_room(socket, DIFF, seconds)


async def join(socket, *rooms: str) -> None:
    for room in rooms:
        await socket.send_str("42" + json.dumps(["join-room", room]))


@asynccontextmanager
async def connected(twin):
    async with raw_socket(twin) as socket:
        opening = json.loads((await hear(socket))[1:])
        await socket.send_str("40")
        assert (await hear(socket)).startswith('40{"sid":"')
        yield socket, opening


@pytest.fixture
def lively(twin_with):
    """A twin whose stream pings four times a second, so that a cut takes less than a second."""
    return quiet(twin_with(ping_interval=250, ping_timeout=200))


async def test_row_54_the_connection_opens_joins_and_is_pinged(twin, open_desk, amount):
    async with connected(twin) as (socket, opening):
        assert (
            opening.items()
            >= {"upgrades": [], "pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": 1_000_000}.items()
        )
        await join(socket, TICKER, TRADES)
        assert (await hear_room(socket, TICKER))["last"] == str(PRICE)
        size = amount()
        open_desk().order("sell", size, PRICE)
        open_desk().order("buy", size, PRICE)
        trade = (await hear_room(socket, TRADES))["transactions"][0]
        assert (trade["side"], trade["price"], trade["amount"]) == ("buy", str(PRICE), f"{size:.4f}")


@pytest.mark.parametrize("answers", [True, False])
async def test_row_54_who_does_not_answer_pings_is_cut(lively, answers):
    async with connected(lively) as (socket, _):
        begun, pings = time.monotonic(), 0
        while time.monotonic() - begun < 1.5:
            message = await socket.receive(3)
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            pings += message.data == "2"
            if answers:
                await socket.send_str("3")
        assert socket.closed is not answers
        assert (pings >= 4) is answers


@pytest.mark.parametrize("frame", ["hello", "42{", "", "40/admin,"])
async def test_row_54_a_broken_frame_or_no_connect_packet_ends_the_connection(lively, frame):
    async with raw_socket(lively) as socket:
        assert (await hear(socket)).startswith("0{")
        if frame:
            await socket.send_str(frame)
        ended = await socket.receive(2)
        assert ended.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}


async def test_row_54_python_socketio_connects_joins_and_hears(twin, open_desk, amount):
    client, heard = socketio.AsyncClient(), asyncio.Queue()
    client.on("message", heard.put)
    await client.connect(twin.rest, transports=["websocket"])
    try:
        await client.emit("join-room", TRADES)
        await asyncio.sleep(0.2)
        size = amount()
        open_desk().order("sell", size, PRICE)
        open_desk().order("buy", size, PRICE)
        message = await asyncio.wait_for(heard.get(), 5)
        assert message["room_name"] == TRADES
        assert message["message"]["data"]["transactions"][0]["amount"] == f"{size:.4f}"
    finally:
        await client.disconnect()


async def test_row_54_pybotters_connects_with_the_present_framing(twin):
    store = pybotters.bitbankDataStore()
    async with pybotters.Client() as client:
        joins = ["40", f'42["join-room","{TICKER}"]']
        await client.ws_connect(twin.announced["public_stream"], send_str=joins, hdlr_str=store.onmessage)
        await asyncio.wait_for(store.ticker.wait(), 5)
        assert store.ticker.find()[0]["last"] == str(PRICE)


async def test_row_55_the_older_framing_is_served_too(twin):
    async with raw_socket(twin, 3) as socket:
        assert (await hear(socket)).startswith("0{")
        assert await hear(socket) == "40"
        await socket.send_str("2")
        assert await hear(socket) == "3"
        await join(socket, TICKER)
        assert (await hear_room(socket, TICKER))["last"] == str(PRICE)


async def test_row_55_pybotters_sample_works(twin):
    store, url = pybotters.bitbankDataStore(), twin.announced["public_stream"].replace("EIO=4", "EIO=3")
    async with pybotters.Client() as client:
        joins = [f'42["join-room","{room}"]' for room in (TICKER, WHOLE, DIFF)]
        async with asyncio.timeout(5):
            await client.ws_connect(url, send_str=joins, hdlr_str=store.onmessage)
        await asyncio.wait_for(store.ticker.wait(), 5)
        assert store.ticker.find()[0]["last"] == str(PRICE)


async def test_row_56_rooms_keep_their_cadence(twin, open_desk, amount):
    desk = open_desk()
    desk.order("buy", amount(), PRICE - 500)
    async with connected(twin) as (socket, _):
        begun = time.monotonic()
        await join(socket, WHOLE, DIFF, "depth_diff_nobody", "dance")
        whole = await hear_room(socket, WHOLE)
        assert 0.1 < time.monotonic() - begun < 1.0
        assert isinstance(whole["sequenceId"], str)
        size = amount()
        desk.order("buy", size, PRICE - 499)
        diff = await hear_room(socket, DIFF)
        assert diff["b"] == [[str(PRICE - 499), f"{size:.4f}"]]
        assert diff["a"] == []
        assert int(diff["s"]) > int(whole["sequenceId"])
        gone = desk.active()[0]["order_id"]
        desk.cancel(gone)
        later = await hear_room(socket, DIFF)
        assert later["b"] == [[str(PRICE - 499), "0"]]
        assert int(later["s"]) > int(diff["s"])
        await socket.send_str(f'42["leave-room","{DIFF}"]')
        desk.order("buy", size, PRICE - 498)
        await silence(socket, 1.0)


async def test_row_56_pairs_share_one_sequence_that_skips(twin, open_desk, amount):
    desk = open_desk()
    async with connected(twin) as (socket, _):
        await join(socket, WHOLE, DIFF)
        numbers = [int((await hear_room(socket, WHOLE))["sequenceId"])]
        for i in range(2):
            other = desk.order("buy", "1", "20", pair="mona_jpy")
            desk.cancel(other["order_id"], "mona_jpy")
            desk.order("buy", amount(), PRICE - 490 - i)
            numbers.append(int((await hear_room(socket, DIFF))["s"]))
        assert [b - a > 2 for a, b in itertools.pairwise(numbers)] == [True, True]


async def test_row_56_a_whole_book_comes_again_even_if_nothing_changed(twin_with):
    twin = quiet(twin_with(depth_whole_every=600))
    async with connected(twin) as (socket, _):
        await join(socket, WHOLE)
        first, second = [await hear_room(socket, WHOLE) for _ in range(2)]
        assert first["bids"] == second["bids"]


async def test_row_56_pybotters_store_equals_the_exchanges_book(twin, open_desk, dice):
    desk, store = open_desk(jpy="10000000000", btc="1000"), pybotters.bitbankDataStore()
    resting: list[int] = []
    async with pybotters.Client() as client:
        joins = ["40", *(f'42["join-room","{room}"]' for room in (WHOLE, DIFF))]
        connection = await client.ws_connect(twin.announced["public_stream"], send_str=joins, hdlr_str=store.onmessage)
        for _ in range(25):
            side = dice.choice(["buy", "sell"])
            price = PRICE + dice.randint(1, 40) * (-1 if side == "buy" else 1)
            order = desk.order(side, Decimal(dice.randint(1, 90)).scaleb(-4), price)
            resting.append(order["order_id"])
            if len(resting) > 12:
                desk.cancel(resting.pop(dice.randrange(len(resting))))
            await asyncio.sleep(dice.random() / 10)
        await asyncio.sleep(1.0)
        book = data(desk.public(f"{PAIR}/depth"))
        kept = store.depth.sorted()
        for side in ("asks", "bids"):
            assert {(r["price"], r["amount"]) for r in kept[side]} == {tuple(level) for level in book[side]}
        assert len(kept["asks"]) + len(kept["bids"]) >= 8
    assert connection is not None


async def test_the_circuit_breakers_room_tells_a_change(twin):
    async with connected(twin) as (socket, _):
        await join(socket, CIRCUIT)
        assert (await hear_room(socket, CIRCUIT))["mode"] == "NONE"
        twin.act("mode", mode="CIRCUIT_BREAK", fee_type="BUY_MAKER")
        assert (await hear_room(socket, CIRCUIT))["fee_type"] == "BUY_MAKER"
