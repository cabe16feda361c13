"""Rows 57 to 62: the private stream by plain HTTP, through pybotters and through PubNub's own SDK."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress

import aiohttp
import pybotters
import pytest
from pubnub.callbacks import SubscribeCallback
from pubnub.enums import PNStatusCategory
from pubnub.pnconfiguration import PNConfiguration
from pubnub.pubnub_asyncio import AsyncioSubscriptionManager, EventEngineSubscriptionManager, PubNubAsyncio
from pybotters.helpers.bitbank import subscribe_with_callback

from src.twin.private_stream import SUBSCRIBE_KEY
from tests.contracts.bitbank.clients import botters
from tests.contracts.bitbank.conftest import quiet
from tests.contracts.bitbank.desk import PRICE, number
from tests.contracts.bitbank.test_order_rows import opened

# pybotters signs through a parameter that aiohttp is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning")


class Poll:
    """The plain long poll of one user."""

    def __init__(self, desk) -> None:
        self.desk = desk
        self.channel, self.token = desk.get("/user/subscribe").values()
        self.tt: str | None = "0"

    def once(self, timeout: float = 10, **changed: str):
        query = {"uuid": self.channel, "auth": self.token, **({} if self.tt is None else {"tt": self.tt}), **changed}
        path = f"/v2/subscribe/{SUBSCRIBE_KEY}/{self.channel}/0"
        return self.desk.session.get(self.desk.twin.rest + path, params=query, timeout=timeout)

    def messages(self) -> list[dict]:
        """Return the next messages, holding if there are none."""
        body = self.once().json()
        self.tt = body["t"]["t"]
        return [item["d"] for item in body["m"]]

    def until(self, method: str) -> list[dict]:
        """Return all messages up to the first of a method."""
        got: list[dict] = []
        while not any(message["method"] == method for message in got):
            got += self.messages()
        return got


@pytest.fixture
def poll(open_desk):
    found = Poll(open_desk(spaced=True))
    assert found.messages() == []
    return found


def test_row_57_the_channel_is_stable_and_the_token_new(open_desk, ccxt_of):
    desk = open_desk(spaced=True)
    first, second = desk.get("/user/subscribe"), desk.get("/user/subscribe")
    assert first["pubnub_channel"] == second["pubnub_channel"]
    assert first["pubnub_token"] != second["pubnub_token"]
    third = ccxt_of(desk).request("user/subscribe", ["private"], "GET", {})["data"]
    assert third["pubnub_channel"] == first["pubnub_channel"]


def test_row_57_a_token_lives_twelve_hours(open_desk, twin_with):
    desk = open_desk(twin_with(cancel_batch_atomic=False, ping_interval=24_998))
    poll = Poll(desk)
    desk.twin.act("clock", ms=12 * 3_600_000 - 60_000)
    assert poll.once().status_code == 200
    desk.twin.act("clock", ms=120_000)
    assert poll.once().status_code == 403
    desk.twin.act("clock", ms=-12 * 3_600_000 - 60_000)


@pytest.mark.parametrize("first", ["0", None])
def test_row_58_the_first_poll_gives_a_time_token_and_later_ones_wait_for_news(open_desk, amount, first):
    desk = open_desk()
    poll = Poll(desk)
    poll.tt = first
    assert poll.messages() == []
    with pytest.raises(OSError, match="timed out"):  # nothing happens: the poll is held
        poll.once(timeout=0.5)
    order = desk.order("buy", amount(), PRICE - 10)
    started = time.monotonic()
    assert poll.until("spot_order_new")[-1] is not None
    assert time.monotonic() - started < 2
    desk.cancel(order["order_id"])
    assert any(m["method"] == "spot_order" for m in poll.messages())


def test_row_58_a_poll_catches_up_from_an_old_time_token(poll, amount):
    mark = poll.tt
    ids = [poll.desk.order("buy", amount(), PRICE - 10 - i)["order_id"] for i in range(3)]
    first = poll.messages()
    poll.tt = mark
    again = poll.messages()
    assert first == again
    assert [m["params"][0]["order_id"] for m in again if m["method"] == "spot_order_new"] == ids


def test_row_58_an_empty_poll_ends_after_its_time_and_leaving_is_answered(open_desk, twin_with):
    poll = Poll(open_desk(twin_with(poll_hold=400)))
    poll.messages()
    begun = time.monotonic()
    assert poll.messages() == []
    assert 0.3 < time.monotonic() - begun < 3
    leave = f"/v2/presence/sub-key/{SUBSCRIBE_KEY}/channel/{poll.channel}/leave"
    reply = poll.desk.session.get(poll.desk.twin.rest + leave, params={"uuid": poll.channel}, timeout=5)
    assert (reply.status_code, reply.json()["action"]) == (200, "leave")


class Listener(SubscribeCallback):
    """What PubNub's SDK reports."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue = asyncio.Queue()
        self.statuses: asyncio.Queue = asyncio.Queue()

    def message(self, _pubnub, message) -> None:
        self.messages.put_nowait(message.message)

    def status(self, _pubnub, status) -> None:
        self.statuses.put_nowait(status.category)

    def presence(self, _pubnub, _presence) -> None:
        """Presence is not used."""

    async def category(self, *wanted) -> None:
        while await asyncio.wait_for(self.statuses.get(), 10) not in wanted:
            pass


@asynccontextmanager
async def pubnub(desk, manager=EventEngineSubscriptionManager):
    """PubNub's SDK on a user's channel, set up as its configuration documents, with either of its two loops."""
    channel, token = desk.get("/user/subscribe").values()
    config = PNConfiguration()
    config.disable_config_locking = False
    config.subscribe_key, config.user_id = SUBSCRIBE_KEY, channel
    config.origin, config.ssl = desk.twin.rest.removeprefix("http://"), False
    loop, listener = asyncio.get_running_loop(), Listener()
    client = PubNubAsyncio(config, custom_event_loop=loop, subscription_manager=manager)
    client.set_token(token)
    client.add_listener(listener)
    client.subscribe().channels(channel).execute()
    try:
        yield client, channel, listener
    finally:
        client.unsubscribe_all()
        await client.stop()
        await asyncio.sleep(0.1)
        if manager is EventEngineSubscriptionManager:
            client._subscription_manager.loop.close()  # it makes one and forgets it


async def test_row_58_pubnubs_sdk_hears_an_order(open_desk, amount):
    desk = open_desk()
    async with pubnub(desk) as (_, _, listener):
        await listener.category(PNStatusCategory.PNConnectedCategory)
        order = await asyncio.to_thread(desk.order, "buy", amount(), PRICE - 10)
        while (message := await asyncio.wait_for(listener.messages.get(), 10))["method"] != "spot_order_new":
            pass
        assert message["params"][0]["order_id"] == order["order_id"]


async def test_row_58_pybotters_hears_an_order_though_its_first_poll_has_no_time_token(open_desk, amount):
    desk = open_desk()
    async with private_store(desk) as store:
        order = await asyncio.to_thread(desk.order, "buy", amount(), PRICE - 10)
        await comes_true(lambda: [row["order_id"] for row in store.spot_order.find()] == [order["order_id"]])


def test_row_59_a_wrong_or_expired_token_is_403_and_a_fresh_one_works(poll):
    wrong = poll.once(auth="nonsense")
    assert (wrong.status_code, wrong.json()["message"]) == (403, "Forbidden")
    poll.desk.twin.act("expire_tokens", user=poll.desk.account.user)
    expired = poll.once()
    assert (expired.status_code, expired.json()["message"]) == (403, "Token is expired.")
    _, poll.token = poll.desk.get("/user/subscribe").values()
    poll.tt = "0"
    assert poll.messages() == []


def test_row_59_a_poll_that_is_held_ends_when_its_token_expires(open_desk, twin_with):
    poll = Poll(open_desk(twin_with(token_life=1_500)))
    poll.messages()
    assert poll.once().status_code == 403


async def test_row_59_pubnubs_sdk_reports_access_denied(open_desk, amount):
    desk = open_desk()
    async with pubnub(desk, AsyncioSubscriptionManager) as (_, _, listener):
        await listener.category(PNStatusCategory.PNConnectedCategory)
        await asyncio.to_thread(desk.twin.act, "expire_tokens", user=desk.account.user)
        await listener.category(PNStatusCategory.PNAccessDeniedCategory)


async def test_row_59_pubnubs_sdk_goes_on_with_a_fresh_token(open_desk, amount):
    desk = open_desk()
    async with pubnub(desk) as (client, _, listener):
        await listener.category(PNStatusCategory.PNConnectedCategory)
        await asyncio.to_thread(desk.twin.act, "expire_tokens", user=desk.account.user)
        await asyncio.sleep(1.5)  # the poll under way is refused, and will be tried again
        client.set_token((await asyncio.to_thread(desk.get, "/user/subscribe"))["pubnub_token"])
        await asyncio.to_thread(desk.order, "buy", amount(), PRICE - 10)
        assert (await asyncio.wait_for(listener.messages.get(), 15))["method"]


async def comes_true(condition, seconds: float = 8.0) -> None:
    """Wait until a store shows what it should."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)


@asynccontextmanager
async def private_store(desk):
    """pybotters' private store, fed by its own helper."""
    store = pybotters.bitbankPrivateDataStore()
    async with botters(desk) as client:
        task = asyncio.create_task(
            subscribe_with_callback(
                client, store.onmessage, bitbank_server=desk.twin.rest, pubnub_server=desk.twin.rest
            )
        )
        await asyncio.sleep(0.5)
        try:
            yield store
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, aiohttp.ClientError):
                await task


async def test_row_59_pybotters_gets_a_new_token_by_itself(open_desk, amount):
    desk = open_desk()
    async with private_store(desk) as store:
        await asyncio.to_thread(desk.twin.act, "expire_tokens", user=desk.account.user)
        await asyncio.sleep(1.5)
        await asyncio.to_thread(desk.order, "buy", amount(), PRICE - 10)
        await comes_true(lambda: len(store.spot_order.find()) == 1)


async def test_row_60_pybotters_stores_follow_a_round_trip(open_desk, rival, amount):
    desk, size = open_desk(), amount()
    async with private_store(desk) as store:
        await asyncio.to_thread(opened, desk, rival, size)
        resting = await asyncio.to_thread(desk.order, "buy", size, PRICE - 10)
        await comes_true(lambda: [row["order_id"] for row in store.spot_order.find()] == [resting["order_id"]])
        (position,) = [row for row in store.margin_position.find() if row["position_side"] == "long"]
        assert number(position["open"]) == size
        await asyncio.to_thread(rival.order, "buy", size, PRICE)
        await asyncio.to_thread(desk.order, "sell", size, position_side="long")
        await asyncio.to_thread(desk.cancel, resting["order_id"])
        await comes_true(lambda: not store.spot_order.find() and len(store.spot_trade.find()) == 2)
        (position,) = [row for row in store.margin_position.find() if row["position_side"] == "long"]
        assert number(position["open"]) == 0
        jpy = next(row for row in store.asset.find() if row["asset"] == "jpy")
        assert jpy["onhand_amount"] == (await asyncio.to_thread(desk.assets))["jpy"]["onhand_amount"]


def test_row_60_a_round_trip_sends_its_set_of_messages(poll, rival, amount):
    size = amount()
    poll.desk.order("buy", size, PRICE, position_side="long", post_only=True)
    rival.order("sell", size)
    rival.order("buy", size, PRICE)
    poll.desk.order("sell", size, position_side="long")
    got = poll.until("asset_update")
    methods = [message["method"] for message in got]
    assert set(methods) >= {"spot_order_new", "spot_order", "spot_trade", "asset_update", "margin_position_update"}
    assert all(isinstance(message["params"], list) for message in got)
    trades = [message["params"][0] for message in got if message["method"] == "spot_trade"]
    assert [trade["trade_id"] for trade in trades] == sorted(row["trade_id"] for row in poll.desk.trades())


def test_row_60_on_the_stream_spot_trades_have_null_margin_fields(poll, rival, amount):
    size = amount()
    rival.order("sell", size, PRICE)
    poll.desk.order("buy", size, PRICE)
    (trade,) = [m["params"][0] for m in poll.until("spot_trade") if m["method"] == "spot_trade"]
    assert [trade[name] for name in ("position_side", "profit_loss", "interest")] == [None] * 3


@pytest.mark.parametrize("style", ["live", "docs"])
async def test_row_61_names_of_fields_follow_the_wire_or_the_documents(open_desk, twin_with, amount, style):
    twin = quiet(twin_with(key_style=style))
    desk, other = open_desk(twin), open_desk(twin, jpy="10000000000", btc="1000")
    poll, size = Poll(desk), amount()
    poll.messages()
    opened(desk, other, size)
    desk.order("buy", size, PRICE - 5)
    got = poll.until("asset_update")
    position = next(m["params"][0] for m in got if m["method"] == "margin_position_update")
    asset = next(m["params"][0] for m in got if m["method"] == "asset_update")
    assert ("open" in position, "open_amount" in position) == ((True, False) if style == "live" else (False, True))
    assert ("free_amount" in asset, "freeAmount" in asset) == ((True, False) if style == "live" else (False, True))
    async with private_store(desk) as store:
        await asyncio.to_thread(desk.order, "buy", size, PRICE - 6)
        await comes_true(lambda: any(row["asset"] == "jpy" for row in store.asset.find()))


async def test_row_62_an_invalidation_has_an_object_of_ids(open_desk, amount):
    desk = open_desk()
    async with pubnub(desk) as (_, _, listener):
        await listener.category(PNStatusCategory.PNConnectedCategory)
        ids = {desk.order("buy", amount(), PRICE - 10 - i)["order_id"] for i in range(2)}
        await asyncio.to_thread(desk.twin.act, "invalidate", user=desk.account.user)
        while (message := await asyncio.wait_for(listener.messages.get(), 10))["method"] != "spot_order_invalidation":
            pass
        assert set(message["params"]["order_id"]) == ids
    assert desk.active() == []
