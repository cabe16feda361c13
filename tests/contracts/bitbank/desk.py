"""A user at the twin, over plain HTTP: signs as the documents say, in any of the byte formats clients use."""

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import requests

from src.twin.process import Account, RunningTwin

PAIR = "btc_jpy"
PRICE = 10_000_000  # JPY, where every test begins


class Refusal(AssertionError):
    """The twin answered with an error code."""

    def __init__(self, code: int, status: int) -> None:
        super().__init__(f"code {code}, HTTP {status}")
        self.code = code
        self.status = status


class Desk:
    """One user with one key."""

    def __init__(
        self, twin: RunningTwin, account: Account, *, spaced: bool = False, clock: Callable[[], int] | None = None
    ) -> None:
        self.twin = twin
        self.account = account
        self.session = requests.Session()
        self.spaced = spaced  # JSON with a space after colon and comma, as two of the clients send it
        self.patience = 20.0  # seconds until a call is given up
        self.clock = clock or (lambda: int(time.time() * 1000))
        self._nonces = itertools.count(time.time_ns() // 1_000_000)

    def sign(self, text: bytes) -> str:
        return hmac.new(self.account.secret.encode(), text, hashlib.sha256).hexdigest()

    def headers(self, signed: str, *, at: int | None = None, window: str | None = "5000") -> dict[str, str]:
        moment = str(self.clock() if at is None else at)
        head = {"ACCESS-KEY": self.account.key, "ACCESS-REQUEST-TIME": moment}
        if window is not None:
            head["ACCESS-TIME-WINDOW"] = window
        return {**head, "ACCESS-SIGNATURE": self.sign(f"{moment}{window or ''}{signed}".encode())}

    def nonce_headers(self, signed: str, nonce: int | None = None) -> dict[str, str]:
        number = next(self._nonces) if nonce is None else nonce
        signature = self.sign(f"{number}{signed}".encode())
        return {"ACCESS-KEY": self.account.key, "ACCESS-NONCE": str(number), "ACCESS-SIGNATURE": signature}

    def send(self, method: str, target: str, body: str = "", headers: dict[str, str] | None = None):
        signed = body if method == "POST" else target
        return self.session.request(
            method,
            self.twin.rest + target,
            data=body.encode() if method == "POST" else None,
            headers=self.headers(signed) if headers is None else headers,
            timeout=self.patience,
        )

    def get(self, path: str, **parameters: Any) -> Any:
        query = f"?{urlencode(parameters)}" if parameters else ""
        return data(self.send("GET", f"/v1{path}{query}"))

    def post(self, path: str, **fields: Any) -> Any:
        return data(self.send("POST", f"/v1{path}", self.encode(fields)))

    def encode(self, fields: dict[str, Any]) -> str:
        return json.dumps(fields) if self.spaced else json.dumps(fields, separators=(",", ":"))

    def order(self, side: str, amount: Any, price: Any = None, **more: Any) -> dict[str, Any]:
        """Order a limit, or (without a price) at market."""
        fields: dict[str, Any] = {"pair": PAIR, "side": side, "type": "market" if price is None else "limit"}
        if amount is not None or self.spaced:  # the official client always sends the amount
            fields["amount"] = None if amount is None else str(amount)
        if price is not None:
            fields["price"] = str(price)
        result: dict[str, Any] = self.post("/user/spot/order", **{**fields, **more})
        return result

    def cancel(self, order_id: Any, pair: str = PAIR) -> Any:
        return self.post("/user/spot/cancel_order", pair=pair, order_id=order_id)

    def read(self, order_id: Any, pair: str = PAIR) -> Any:
        return self.get("/user/spot/order", pair=pair, order_id=order_id)

    def active(self, **which: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get("/user/spot/active_orders", **{"pair": PAIR, **which})["orders"]
        return rows

    def trades(self, **which: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get("/user/spot/trade_history", **{"pair": PAIR, **which})["trades"]
        return rows

    def assets(self) -> dict[str, dict[str, Any]]:
        return {row["asset"]: row for row in self.get("/user/assets")["assets"]}

    def margin(self) -> Any:
        return self.get("/user/margin/status")

    def position(self, side: str) -> dict[str, Any]:
        rows = self.get("/user/margin/positions")["positions"]
        (found,) = [row for row in rows if row["pair"] == PAIR and row["position_side"] == side]
        return dict(found)

    def public(self, path: str):
        return self.session.get(f"{self.twin.rest}/{path}", timeout=20)


def data(reply: requests.Response) -> Any:
    """Return the data of a successful envelope."""
    envelope = reply.json()
    assert set(envelope) == {"success", "data"}
    if envelope["success"] != 1:
        assert set(envelope["data"]) == {"code"}
        raise Refusal(envelope["data"]["code"], reply.status_code)
    assert reply.status_code == 200
    return envelope["data"]


def code(call: Any, *arguments: Any, **named: Any) -> int:
    """Return the code that a call is refused with, by HTTP 200; 0 if it is not refused."""
    try:
        call(*arguments, **named)
    except Refusal as refusal:
        return refusal.code if refusal.status == 200 else -refusal.status
    return 0


def number(text: str) -> Decimal:
    assert isinstance(text, str)
    return Decimal(text)
