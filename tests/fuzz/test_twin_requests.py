"""Whatever is sent to the twin: the exchange's own kind of answer, and nothing changed where it refuses."""

import asyncio
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

from src.backtest.exchange.codes import MEANINGS
from src.twin.control import Control
from src.twin.frames import Frame, Kind, read_frame
from src.twin.lock_step import LockStep
from src.twin.poll import Polls
from src.twin.private_stream import SUBSCRIBE_KEY
from src.twin.reply import Reply
from src.twin.request import Request
from src.twin.service import Admitted, Service
from tests.fuzz.budget import Dice, fuzz
from tests.fuzz.odd_values import DEEP, broken, odd_text, odd_value
from tests.twin.made_services import START, still_service

PROTOCOL_CODES = {
    *(10000, 10001, 10002, 10009, 20001, 20002, 20003, 20004, 20005, 20018),
    *(20034, 20035, 20036, 20037, 20038, 40013, 50011),
}
FIELDS = ("pair", "side", "type", "amount", "price", "trigger_price", "post_only", "position_side")
FILTERS = ("pair", "count", "from_id", "end_id", "since", "end", "order", "order_id", "a")
GETS = (
    "/v1/user/assets", "/v1/user/spot/order", "/v1/user/spot/active_orders", "/v1/user/spot/trade_history",
    "/v1/user/margin/status", "/v1/user/margin/positions", "/v1/user/subscribe", "/v1/spot/status", "/spot/pairs",
)  # fmt: skip
POSTS = (
    "/v1/user/spot/order", "/v1/user/spot/cancel_order", "/v1/user/spot/cancel_orders", "/v1/user/spot/orders_info",
    "/v1/user/request_withdrawal", "/v1/user/spot/odrer",
)  # fmt: skip
PUBLIC = [
    "btc_jpy",
    "xyz",
    "tickers",
    "ticker",
    "depth",
    "transactions",
    "candlestick",
    "1min",
    "4hour",
    "2026",
    "20260304",
    "20269999",
    "00000000",
    "circuit_break_info",
    "..",
    "%2e",
    "%ff",
    "spot",
    "user",
    "v1",
    "",
]
HEADERS = ("ACCESS-KEY", "ACCESS-REQUEST-TIME", "ACCESS-TIME-WINDOW", "ACCESS-SIGNATURE", "ACCESS-NONCE")


class Counter:
    """A service with some orders and a position in it, and a key that signs."""

    def __init__(self) -> None:
        self.service = still_service()
        for name in ("one", "two"):
            self.service.accounts.open(name, {"jpy": Decimal(10_000_000), "btc": Decimal(1)})
        self.key = self.service.accounts.add_key("one", "key", "secret")
        self.service.accounts.add_key("two", "other", "secret")
        self.ids = [self.send_order("buy", 9_000_000 - i) for i in range(3)]
        self.send_order("sell", 10_000_000, key="other")
        self.send_order("buy", 10_000_000, position_side="long")

    def send_order(self, side: str, price: int, key: str = "key", **more: str) -> int:
        fields = {"pair": "btc_jpy", "side": side, "type": "limit", "amount": "0.01", "price": str(price), **more}
        reply = self.send("POST", "/v1/user/spot/order", json.dumps(fields).encode(), key=key)
        return int(json.loads(reply.body)["data"]["order_id"])

    def send(
        self, method: str, target: str, body: bytes = b"", key: str = "key", changed: dict[str, str] | None = None
    ) -> Reply:
        at = str(self.service.now)
        text = target.encode("utf-8", "surrogateescape") if method == "GET" else body
        signature = hmac.new(b"secret", at.encode() + b"5000" + text, hashlib.sha256).hexdigest()
        headers = {
            "ACCESS-KEY": key,
            "ACCESS-REQUEST-TIME": at,
            "ACCESS-TIME-WINDOW": "5000",
            "ACCESS-SIGNATURE": signature,
        }
        asked = Request(method, target, {**headers, **(changed or {})}, body)
        admitted = self.service.admit(asked)
        return self.service.carry_out(admitted) if isinstance(admitted, Admitted) else admitted

    def state(self) -> tuple[bytes, str]:
        return self.service.venue.exchange.snapshot(), json.dumps(self.service.accounts.dump())


def judged(reply: Reply) -> bool:
    """Return whether a call worked; fail if the answer is none that the exchange gives."""
    envelope = json.loads(reply.body)
    assert set(envelope) == {"success", "data"}
    if envelope["success"] == 1:
        assert reply.status == 200
        return True
    assert envelope["success"] == 0
    assert set(envelope["data"]) == {"code"}
    code = envelope["data"]["code"]
    assert code in MEANINGS.keys() | PROTOCOL_CODES
    assert reply.status == {10009: 429, 10000: reply.status}.get(code, 200)
    assert reply.status in {200, 404, 429}
    return False


def order_body(dice: Dice) -> dict[str, Any]:
    """Return an order that is mostly right."""
    body = {
        "pair": dice.choice(["btc_jpy"] * 5 + ["mona_jpy"]),
        "side": dice.choice(["buy", "sell"]),
        "type": dice.choice(["limit", "market", "stop", "stop_limit", "take_profit", "stop_loss"]),
        "amount": dice.choice(["0.01", "0.0001", "5", None, 1]),
        "price": dice.choice(["10000000", "9000000", "9000000.5", "1", 9_000_000]),
        "trigger_price": dice.choice(["9500000", "10500000"]),
    }
    if dice.random() < 0.5:
        body["position_side"] = dice.choice(["long", "short"])
    for name in dice.sample(FIELDS, dice.choice((0, 0, 1, 2))):
        body[name] = odd_value(dice)
    for name in dice.sample(FIELDS[:6], dice.choice((0, 0, 1))):
        body.pop(name, None)
    return body


def ids_body(dice: Dice, ids: list[int]) -> dict[str, Any]:
    one = lambda: dice.choice((dice.choice(ids), str(dice.choice(ids)), odd_value(dice)))  # noqa: E731
    many = [one() for _ in range(dice.choice((0, 1, 2, 30, 31)))]
    body = {"pair": dice.choice(("btc_jpy", "btc_jpy", odd_value(dice))), "order_id": one(), "order_ids": many}
    if dice.random() < 0.2:
        body["order_ids"] = odd_value(dice)
    return body


def body_of(dice: Dice, ids: list[int]) -> bytes:
    """Return a body: mostly JSON, and mostly of the right shape."""
    kind = dice.random()
    value = order_body(dice) if kind < 0.45 else ids_body(dice, ids) if kind < 0.8 else odd_value(dice)
    text = json.dumps(value)
    if kind > 0.97:
        text = dice.choice(
            (*DEEP, '{"pair":"btc_jpy","pair":"mona_jpy","side":"buy","type":"limit","amount":"1","price":"1"}')
        )
    elif dice.random() < 0.15:
        text = broken(dice, text)
    return dice.randbytes(20) if dice.random() < 0.02 else text.encode("utf-8", "surrogatepass")


def target_of(dice: Dice, ids: list[int]) -> str:
    kind = dice.random()
    if kind < 0.6:
        given = [
            (dice.choice(FILTERS), dice.choice(("btc_jpy", "1", str(dice.choice(ids)), odd_text(dice))))
            for _ in range(dice.randrange(5))
        ]
        return dice.choice(GETS) + "?" * bool(given) + "&".join(f"{name}={value}" for name, value in given)
    if kind < 0.9:
        return "/" + "/".join(dice.choice(PUBLIC) for _ in range(dice.randrange(5)))
    return broken(dice, dice.choice(GETS)) if kind < 0.97 else odd_text(dice)


Asked = tuple[str, str, bytes, dict[str, str]]


def test_any_signed_request_gets_an_answer_of_the_exchanges_and_a_refusal_changes_nothing():
    counter = Counter()
    before = counter.state()

    def make(dice: Dice) -> Asked:
        kind, changed = dice.random(), {}
        if kind < 0.6:
            return "POST", dice.choice(POSTS), body_of(dice, counter.ids), changed
        if kind < 0.9:
            return "GET", target_of(dice, counter.ids), b"", changed
        changed = {dice.choice(HEADERS): odd_text(dice) for _ in range(dice.randrange(3))}
        method = dice.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "get", ""))
        return (
            method,
            dice.choice((dice.choice(POSTS), target_of(dice, counter.ids))),
            body_of(dice, counter.ids),
            changed,
        )

    def check(asked: Asked) -> None:
        nonlocal counter, before
        method, target, body, changed = asked
        worked = judged(counter.send(method, target.replace("\ud800", "\udc80"), body, changed=changed))
        if worked and method == "POST":
            counter = Counter()  # whatever it did, the next one begins at the beginning
            before = counter.state()
        else:
            assert counter.state() == before

    assert fuzz("signed requests", make, check)


ACTS = [
    "flags",
    "mode",
    "status",
    "fees",
    "next_margin",
    "order",
    "cancel",
    "trade",
    "fill",
    "cross",
    "sweep",
    "clock",
    "revoke",
    "margin",
    "deposit",
    "switches",
    "publish",
    "invalidate",
    "sequence",
    "expire_tokens",
    "close_streams",
]
ACT_FIELDS = [
    "pair",
    "user",
    "price",
    "side",
    "amount",
    "asset",
    "flags",
    "fees",
    "terms",
    "mode",
    "status",
    "move_ppm",
    "order",
    "switches",
    "message",
    "pieces",
    "by",
    "min_lots",
    "act",
    "order_id",
    "itayose_upper",
]
CONTROL_FIELDS = ["name", "assets", "user", "key", "secret", "faults", "until", "seen"]
SENSIBLE = (
    "one",
    "btc_jpy",
    "buy",
    "10000000",
    "jpy",
    "0.1",
    "NONE",
    {"stop_order": True},
    {"price": "1"},
    {"jpy": "5"},
)


def test_any_control_call_gets_an_answer_that_says_what_is_wrong():
    service = still_service()
    service.accounts.open("one", {"jpy": Decimal(10_000_000), "btc": Decimal(1)})
    control = Control(service, LockStep(service))
    paths = sorted({path for _, path in control.calls} - {"/twin/wait"})  # which may wait for a hundred years

    def some(dice: Dice, names: list[str], most: int) -> dict[str, Any]:
        return {
            dice.choice(names): dice.choice(SENSIBLE) if dice.random() < 0.6 else odd_value(dice)
            for _ in range(dice.randint(0, most))
        }

    def make(dice: Dice) -> tuple[str, str]:
        if dice.random() < 0.7:
            path, content = "/twin/act", {"act": dice.choice(ACTS), **some(dice, ACT_FIELDS, 5)}
        else:
            path, content = dice.choice(paths), some(dice, CONTROL_FIELDS, 4)
        text = json.dumps(content)
        return path, broken(dice, text) if dice.random() < 0.1 else text

    def check(call: tuple[str, str]) -> None:
        path, text = call
        reply = control.answer(Request("POST", path, {}, text.encode("utf-8", "surrogatepass")))
        assert reply.status in {200, 400, 404}
        if reply.status != 200:
            assert json.loads(reply.body)["error"]
        assert service.venue.exchange.balance_sheet().balanced
        service.faults.clear()

    assert fuzz("control", make, check)


def polling_service() -> tuple[Service, str, str]:
    service = still_service(poll_hold=10)
    user = service.accounts.open("one", {"jpy": Decimal(1)})
    return service, *service.private.subscribe(user, START, 10**9).values()


def test_any_poll_gets_an_answer_of_pubnubs():
    service, channel, token = polling_service()
    polls = Polls(service)
    parts = ("v2", "subscribe", SUBSCRIBE_KEY, channel, "0", "time", "presence", "sub-key", "channel", "leave")

    def make(dice: Dice) -> str:
        path = f"/v2/subscribe/{SUBSCRIBE_KEY}/{channel}/0"
        if dice.random() < 0.4:
            path = "/" + "/".join(dice.choice((*parts, odd_text(dice))) for _ in range(dice.randrange(8)))
        given = [
            (dice.choice(("tt", "tr", "auth", "uuid")), dice.choice((token, "0", odd_text(dice)))) for _ in range(3)
        ]
        return path + "?" + "&".join(f"{name}={value}" for name, value in given)

    async def ask(target: str) -> None:
        reply = await polls.answer(target)
        assert reply.status in {200, 400, 403, 404}
        json.loads(reply.body)

    with asyncio.Runner() as runner:
        assert fuzz("polls", make, lambda target: runner.run(ask(target)))


def test_any_frame_means_something_or_ends_the_connection():
    def make(dice: Dice) -> str:
        event = json.dumps([dice.choice(("join-room", "leave-room", odd_value(dice))), odd_value(dice)])
        return dice.choice((odd_text(dice), f"42{event}", "42" + broken(dice, event), "42" + dice.choice(DEEP)))

    def check(text: str) -> None:
        frame = read_frame(text)
        assert isinstance(frame, Frame)
        assert (frame.room != "") <= (frame.kind in {Kind.JOIN, Kind.LEAVE})

    assert fuzz("frames", make, check)
