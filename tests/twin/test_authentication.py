"""Signatures: the four reference vectors, the windows, the nonces."""

import hashlib
import hmac

import pytest

from src.core.domain.time import Millis
from src.twin.authentication import ApiKey, authenticate
from src.twin.refusal import CallRefused
from src.twin.request import Request

NOW = Millis(1_721_121_776_490)
ASSETS = "/v1/user/assets"
BODY = b'{"pair": "xrp_jpy", "price": "20", "amount": "1","side": "buy", "type": "limit"}'
WINDOWED = {"ACCESS-REQUEST-TIME": str(NOW), "ACCESS-TIME-WINDOW": "1000"}
NONCE = {"ACCESS-NONCE": str(NOW)}
VECTORS = [
    ("GET", b"", WINDOWED, "9ec5745960d05573c8fb047cdd9191bd0c6ede26f07700bb40ecf1a3920abae8"),
    ("POST", BODY, WINDOWED, "7868665738ae3f8a796224e0413c1351ddd7ec2af121db12815c0a5b74b8764c"),
    ("GET", b"", NONCE, "f957817b95c3af6cf5e2e9dfe1503ea8088f46879d4ab73051467fd7b94f1aba"),
    ("POST", BODY, NONCE, "8ef83c2b991765b18c95aade7678471747c06890a23a453c76238345b5c86fb8"),
]


def sign(text: str, secret: str = "hoge") -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def keys(**changed: object) -> dict[str, ApiKey]:
    key = ApiKey("k", "hoge", 1)  # type: ignore[arg-type]
    for name, value in changed.items():
        setattr(key, name, value)
    return {"k": key}


def code_of(headers: dict[str, str], now: int = NOW, *, target: str = ASSETS, known=None) -> int | None:
    try:
        authenticate(Request("GET", target, headers, b""), known or keys(), Millis(now), 20005)
    except CallRefused as e:
        return e.code
    return None


def windowed(at: int = NOW, window: str | None = "1000", *, target: str = ASSETS) -> dict[str, str]:
    headers = {"ACCESS-KEY": "k", "ACCESS-REQUEST-TIME": str(at)}
    if window is not None:
        headers["ACCESS-TIME-WINDOW"] = window
    return {**headers, "ACCESS-SIGNATURE": sign(f"{at}{window or ''}{target}")}


def by_nonce(nonce: int | str) -> dict[str, str]:
    return {"ACCESS-KEY": "k", "ACCESS-NONCE": str(nonce), "ACCESS-SIGNATURE": sign(f"{nonce}{ASSETS}")}


@pytest.mark.parametrize(("method", "body", "headers", "signature"), VECTORS)
def test_the_documented_signatures_are_accepted(method, body, headers, signature):
    request = Request(method, ASSETS, {"ACCESS-KEY": "k", "ACCESS-SIGNATURE": signature, **headers}, body)
    assert authenticate(request, keys(), NOW, 20005).key == "k"


@pytest.mark.parametrize(("method", "body", "headers", "signature"), VECTORS)
def test_one_other_byte_spoils_a_signature(method, body, headers, signature):
    target = ASSETS if method == "POST" else f"{ASSETS}?"
    request = Request(method, target, {"ACCESS-KEY": "k", "ACCESS-SIGNATURE": signature, **headers}, body + b" ")
    with pytest.raises(CallRefused) as refused:
        authenticate(request, keys(), NOW, 20005)
    assert refused.value.code == 20005


@pytest.mark.parametrize(("late", "code"), [(0, None), (1000, None), (1001, 20035), (-999, None), (-1000, 20034)])
def test_the_time_window_has_exact_edges(late, code):
    assert code_of(windowed(), NOW + late) == code


def test_an_absent_window_is_five_seconds_and_empty_in_the_signed_text():
    assert code_of(windowed(window=None), NOW + 5000) is None
    assert code_of(windowed(window=None), NOW + 5001) == 20035


@pytest.mark.parametrize(
    ("window", "code"),
    [("60000", None), ("60001", 20038), ("x", 20038), ("-1", 20038), ("1e3", 20038), ("\uff11", 20038)],
)
def test_a_window_is_a_whole_number_up_to_a_minute(window, code):
    assert code_of(windowed(window=window)) == code


@pytest.mark.parametrize("time", ["", "now", "1721121776490.0", "-5", "\uff19", "9" * 40])
def test_a_request_time_is_a_whole_number(time):
    assert code_of({**windowed(), "ACCESS-REQUEST-TIME": time}) == 20037


def test_time_wins_when_both_kinds_of_headers_are_there():
    assert code_of({**windowed(), "ACCESS-NONCE": "not even a number"}) is None


def test_a_nonce_must_grow_with_every_request_of_its_key():
    known = keys()
    assert [code_of(by_nonce(n), known=known) for n in (5, 5, 4, 6)] == [None, 20001, 20001, None]


def test_a_wrong_signature_uses_up_no_nonce():
    known = keys()
    assert code_of({**by_nonce(9), "ACCESS-SIGNATURE": "0" * 64}, known=known) == 20005
    assert code_of(by_nonce(7), known=known) is None


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 20003),
        ({"ACCESS-KEY": "k"}, 20036),
        ({"ACCESS-KEY": "k", "ACCESS-NONCE": "1"}, 20005),
        ({**windowed(), "ACCESS-KEY": "another"}, 20002),
        ({**windowed(), "ACCESS-SIGNATURE": "\udcff"}, 20005),
        (by_nonce("1.5"), 20004),
    ],
)
def test_each_missing_or_foreign_header_has_its_own_code(headers, code):
    assert code_of(headers) == code


def test_a_revoked_key_is_unknown():
    assert code_of(windowed(), known=keys(revoked=True)) == 20002


@pytest.mark.parametrize("odd", [chr(0xD800), chr(0xDC80), "署名"])
def test_a_signature_of_odd_characters_is_a_bad_signature(odd):
    assert code_of({**windowed(), "ACCESS-SIGNATURE": odd}) == 20005
