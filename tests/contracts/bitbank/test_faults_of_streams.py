"""Faults of both streams, and what a reader of them sees."""

import asyncio
import itertools
import time

import aiohttp
import pytest

from tests.contracts.bitbank.conftest import quiet
from tests.contracts.bitbank.desk import PAIR, PRICE, Desk, data
from tests.contracts.bitbank.faults import arm
from tests.contracts.bitbank.test_private_stream_rows import Poll
from tests.contracts.bitbank.test_public_stream_rows import (
    DIFF,
    TICKER,
    WHOLE,
    connected,
    hear_room,
    join,
)


@pytest.fixture
def desk(open_desk, twin_with) -> Desk:
    """A user of a twin whose rooms speak often."""
    return open_desk(quiet(twin_with(depth_whole_every=300, depth_diff_every=60, ticker_every=100)))


@pytest.fixture
def poll(desk) -> Poll:
    """The user's private stream, at its beginning."""
    found = Poll(desk)
    assert found.messages() == []
    return found


async def resting(desk: Desk, *prices: int) -> None:
    """Rest orders one after another, each with its own diff."""
    for price in prices:
        await asyncio.to_thread(desk.order, "buy", "0.0010", price)
        await asyncio.sleep(0.15)


async def until_something_is_no_text(socket, patience: float) -> None:
    while (await socket.receive(patience)).type is aiohttp.WSMsgType.TEXT:
        pass


async def next_diffs(socket, count: int) -> list[dict]:
    return [await hear_room(socket, DIFF) for _ in range(count)]


def prices_of(diffs: list[dict]) -> list[int]:
    return [int(diff["b"][0][0]) for diff in diffs]


async def test_fault_32_the_streams_ticker_has_a_bad_print(desk):
    async with connected(desk.twin) as (socket, _):
        await join(socket, TICKER)
        await hear_room(socket, TICKER)
        await asyncio.to_thread(arm, desk, 32, "stream_spike")
        seen = [(await hear_room(socket, TICKER))["last"] for _ in range(3)]
        assert seen.count("1") == 1
        assert seen.count(str(PRICE)) == 2


async def test_fault_33_the_stream_disconnects(desk):
    async with connected(desk.twin) as (socket, _):
        await join(socket, TICKER)
        await hear_room(socket, TICKER)
        await asyncio.to_thread(arm, desk, 33, "disconnect")
        while (message := await socket.receive(3)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}
    async with connected(desk.twin) as (socket, _):
        await join(socket, TICKER)
        assert (await hear_room(socket, TICKER))["last"] == str(PRICE)


async def test_fault_33_a_half_open_stream_says_nothing_and_does_not_end(desk):
    async with connected(desk.twin) as (socket, _):
        await join(socket, TICKER)
        await hear_room(socket, TICKER)
        await asyncio.to_thread(arm, desk, 33, "half_open")
        with pytest.raises(asyncio.TimeoutError):
            await until_something_is_no_text(socket, 0.6)
        assert not socket.closed


async def test_fault_33_a_join_is_lost(desk):
    await asyncio.to_thread(arm, desk, 33, "join_lost")
    async with connected(desk.twin) as (socket, _):
        await join(socket, TICKER)
        with pytest.raises(asyncio.TimeoutError):
            await hear_room(socket, TICKER, 0.6)
        await join(socket, TICKER)
        assert await hear_room(socket, TICKER)


async def test_fault_33_messages_pile_up_and_come_in_a_burst(desk):
    async with connected(desk.twin) as (socket, _):
        await join(socket, TICKER)
        await hear_room(socket, TICKER)
        await asyncio.to_thread(arm, desk, 33, "burst", ms=600)
        at = [time.monotonic()]
        for _ in range(8):
            await hear_room(socket, TICKER)
            at.append(time.monotonic())
        waits = [b - a for a, b in itertools.pairwise(at)]
        assert max(waits) > 0.4
        assert sum(wait < 0.03 for wait in waits) >= 3


@pytest.mark.parametrize(("variant", "heard"), [("lost", [2, 3]), ("duplicated", [1, 1, 2]), ("reordered", [2, 1, 3])])
async def test_fault_34_diffs_are_lost_doubled_and_out_of_order(desk, variant, heard):
    async with connected(desk.twin) as (socket, _):
        await join(socket, DIFF)
        await asyncio.sleep(0.15)
        await asyncio.to_thread(arm, desk, 34, variant)
        await resting(desk, *(PRICE - 700 - i for i in (1, 2, 3)))
        assert prices_of(await next_diffs(socket, len(heard))) == [PRICE - 700 - i for i in heard]


async def test_fault_34_a_whole_book_comes_late_behind_the_next(desk):
    async with connected(desk.twin) as (socket, _):
        await join(socket, WHOLE)
        await hear_room(socket, WHOLE)
        await asyncio.to_thread(arm, desk, 34, "whole_late")
        await resting(desk, PRICE - 710, PRICE - 711, PRICE - 712)
        numbers = [int((await hear_room(socket, WHOLE))["sequenceId"]) for _ in range(3)]
        assert numbers[1] <= numbers[0]


async def test_fault_34_a_whole_book_is_older_than_the_last_diff(desk):
    async with connected(desk.twin) as (socket, _):
        await join(socket, WHOLE)
        right = int((await hear_room(socket, WHOLE))["sequenceId"])
        await asyncio.to_thread(arm, desk, 34, "whole_old")
        assert int((await hear_room(socket, WHOLE))["sequenceId"]) == 1 < right


async def test_fault_35_the_sequence_jumps_to_more_digits(desk):
    async with connected(desk.twin) as (socket, _):
        await join(socket, DIFF)
        await asyncio.sleep(0.15)
        await resting(desk, PRICE - 720)
        (before,) = await next_diffs(socket, 1)
        await asyncio.to_thread(arm, desk, 35, "jump")
        await resting(desk, PRICE - 721)
        (after,) = await next_diffs(socket, 1)
        assert int(after["s"]) > int(before["s"]) + 10**12 - 1
        assert len(after["s"]) > len(before["s"])


def test_fault_36_tokens_expire_and_fresh_ones_work(desk, poll):
    arm(desk, 36, "expired")
    assert poll.once().status_code == 403
    _, poll.token = desk.get("/user/subscribe").values()
    poll.tt = "0"
    assert poll.messages() == []


def test_fault_36_the_private_stream_fails_and_is_empty(desk, poll):
    arm(desk, 36, "5xx")
    assert poll.once().status_code == 503
    desk.order("buy", "0.0010", PRICE - 730)
    arm(desk, 36, "empty")
    mark = poll.tt
    assert poll.messages() == []
    assert poll.tt == mark
    assert "spot_order_new" in [message["method"] for message in poll.messages()]


@pytest.mark.parametrize(
    ("variant", "methods"),
    [
        ("duplicated", ["spot_order_new", "spot_order_new", "asset_update"]),
        ("reordered", ["asset_update", "spot_order_new"]),
        ("lost", ["asset_update"]),
    ],
)
def test_fault_36_private_messages_are_doubled_out_of_order_and_lost(desk, poll, variant, methods):
    arm(desk, 36, variant)
    desk.order("buy", "0.0010", PRICE - 731)
    assert [message["method"] for message in poll.messages()] == methods


async def test_fault_36_an_event_comes_before_the_reply(desk, poll):
    arm(desk, 36, "before_reply", ms=500)
    order = asyncio.create_task(asyncio.to_thread(desk.order, "buy", "0.0010", PRICE - 732))
    (message, *_) = await asyncio.to_thread(Poll.messages, poll)
    assert not order.done()
    assert message["params"][0]["order_id"] == (await order)["order_id"]


def test_fault_37_private_messages_change_their_names(desk, poll):
    desk.order("buy", "0.0010", PRICE - 733)
    assert "free_amount" in poll.messages()[-1]["params"][0]
    arm(desk, 37, "docs")
    try:
        desk.order("buy", "0.0010", PRICE - 734)
        assert "freeAmount" in poll.messages()[-1]["params"][0]
    finally:
        desk.twin.act("switches", switches={"key_style": "live"})


def test_fault_38_a_resting_order_is_invalidated(desk, poll):
    made = desk.order("buy", "0.0010", PRICE - 735)["order_id"]
    arm(desk, 38, "invalidate")
    assert poll.until("spot_order_invalidation")[-1]["params"] == {"order_id": [made]}
    assert desk.read(made)["status"] == "CANCELED_UNFILLED"
    assert desk.active() == []


def test_fault_39_a_method_is_unknown(desk, poll):
    arm(desk, 39, "method")
    assert poll.messages() == [{"method": "brand_new", "params": [{}]}]


async def test_the_rest_interface_goes_on_while_the_stream_is_faulty(desk):
    await asyncio.to_thread(arm, desk, 34, "lost", times=0)
    async with connected(desk.twin) as (socket, _):
        await join(socket, DIFF)
        await resting(desk, PRICE - 740)
        with pytest.raises(asyncio.TimeoutError):
            await hear_room(socket, DIFF, 0.3)
        assert [str(PRICE - 740), "0.0010"] in data(desk.public(f"{PAIR}/depth"))["bids"]
