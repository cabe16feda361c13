"""Bytes that are hardly HTTP, sent to a twin that runs: an answer that is no 500, or the end; it stays as it was."""

import json
import socket
from typing import Any

import pytest

from src.twin.process import RunningTwin
from tests.contracts.bitbank.desk import Desk
from tests.fuzz.budget import Dice, fuzz
from tests.fuzz.odd_values import broken_bytes, odd_text, odd_value

PATHS = (
    *(
        "/v1/user/spot/order",
        "/v1/user/assets",
        "/btc_jpy/ticker",
        "/socket.io/?EIO=4&transport=websocket",
        "/twin/act",
    ),
    *("/v2/subscribe/x/y/0?tt=0", "/", "*", "http://bitbank.cc/", "//", "/\xff", "/%zz", "/" + "a" * 9_000),
)
HEADERS = (
    *(
        "ACCESS-KEY: x",
        "ACCESS-KEY: x\r\nACCESS-KEY: y",
        "ACCESS-NONCE: 1",
        "Content-Type: text/plain",
        "Host: a\r\nHost: b",
    ),
    *("Content-Length: -1", "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 99999999999999999999", "X"),
    *("Transfer-Encoding: chunked", "Content-Encoding: gzip", "Content-Encoding: deflate", "Content-Encoding: br"),
    *(
        "Expect: 100-continue",
        "Connection: upgrade\r\nUpgrade: websocket",
        "Sec-WebSocket-Key: x",
        "Cookie: " + "a" * 9_000,
    ),
)
CHUNKS = (b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"5\r\nhel", b"ffffffffffffffff\r\n", b"0\r\n\r\n", b"-1\r\n")


def request_bytes(dice: Dice) -> bytes:
    """Return a request that is a little, or thoroughly, wrong."""
    method = dice.choice(("GET", "POST", "POST", "PUT", "OPTIONS", "CONNECT", "g", odd_text(dice)))
    path = dice.choice((*PATHS, "/" + odd_text(dice)))
    body = json.dumps(odd_value(dice)).encode("utf-8", "surrogatepass")
    if dice.random() < 0.1:
        body = b"{" + b'"a":1,' * 40_000
    headers = [dice.choice(HEADERS) for _ in range(dice.randrange(4))]
    if any(header.startswith("Transfer") for header in headers):
        body = dice.choice(CHUNKS)
    elif dice.random() < 0.8:
        headers.append(f"Content-Length: {len(body) + dice.choice((0, 0, 0, -1))}")
    version = dice.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9.9", ""))
    head = "\r\n".join([f"{method} {path} {version}", *headers, "Connection: close"])
    whole = head.encode("latin-1", "replace") + b"\r\n\r\n" + body
    return broken_bytes(dice, whole) if dice.random() < 0.3 else whole


def answer(twin: RunningTwin, content: bytes) -> bytes:
    """Return what comes back until the other side is done, or has nothing to say for a moment."""
    address = "127.0.0.1", int(twin.rest.rpartition(":")[2])
    with socket.create_connection(address, timeout=5) as sock:
        heard = b""
        try:
            sock.sendall(content)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(0.5)
            while chunk := sock.recv(65_536):
                heard += chunk
        except OSError:  # cut, or nothing more to hear
            pass
    return heard


def test_bytes_that_are_hardly_http_are_answered_or_hung_up_on(shared_twin):
    twin = shared_twin(poll_hold=10)
    desk = Desk(twin, twin.accounts[0])
    desk.order("buy", "0.01", 9_000_000)

    def state() -> Any:
        return desk.assets(), desk.active(), desk.margin(), twin.control("GET", "/state")["users"]

    before = state()

    def check(content: bytes) -> None:
        heard = answer(twin, content)
        # who names no version is answered as of the first, which had none
        assert not heard or heard.startswith((b"HTTP/1.", b"HTTP/0.9 ")), heard[:200]
        assert heard[9:10] != b"5", heard[:500]
        assert twin.process.poll() is None

    assert fuzz("raw requests", request_bytes, check)
    assert state() == before


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity"])
def test_an_announced_encoding_is_no_reason_to_touch_the_body(shared_twin, encoding):
    twin = shared_twin(poll_hold=10)
    desk = Desk(twin, twin.accounts[0])
    body = desk.encode({"pair": "btc_jpy", "side": "buy", "type": "limit", "amount": "0.01", "price": "8000000"})
    headers = {**desk.headers(body), "Content-Encoding": encoding}
    assert desk.send("POST", "/v1/user/spot/order", body, headers).json()["success"] == 1


def test_a_body_larger_than_any_real_one_is_refused_as_malformed(shared_twin):
    twin = shared_twin(poll_hold=10)
    desk = Desk(twin, twin.accounts[0])
    for size in (100_001, 3_000_000):
        reply = desk.send("POST", "/v1/user/spot/order", '{"a":"' + "x" * size + '"}')
        assert (reply.status_code, reply.json()) == (200, {"success": 0, "data": {"code": 10002}})
