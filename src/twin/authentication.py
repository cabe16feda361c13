"""Who sent a request: both of bitbank's signing modes, checked over the bytes that were sent."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from src.backtest.simulated_exchange import UserId
from src.core.domain.time import Millis
from src.twin.refusal import CallRefused
from src.twin.request import Request

DEFAULT_WINDOW: Final = 5_000  # milliseconds, when the header is absent
LONGEST_WINDOW: Final = 60_000
AHEAD: Final = 1_000  # milliseconds: a request time this far in the future, or more, is refused
LONGEST_INTEGER: Final = 18  # digits

AUTHENTICATION_FAILED: Final = 20001
UNKNOWN_KEY: Final = 20002
NO_KEY: Final = 20003
NO_NONCE: Final = 20004
NO_SIGNATURE: Final = 20005
AHEAD_OF_TIME: Final = 20034
OUT_OF_WINDOW: Final = 20035
NO_TIME_OR_NONCE: Final = 20036
BAD_TIME: Final = 20037
BAD_WINDOW: Final = 20038


@dataclass(slots=True)
class ApiKey:
    """One key of a user, with the last nonce it was used with."""

    key: str
    secret: str
    user: UserId
    last_nonce: int = -1
    revoked: bool = False


def authenticate(request: Request, keys: Mapping[str, ApiKey], now: Millis, bad_signature: int) -> ApiKey:
    """Return the key that signed `request`; a nonce is used up.

    Parameters
    ----------
    now
        The exchange's clock, milliseconds UTC.
    bad_signature
        The code of a wrong signature; not published: 20001 or 20005.

    Raises
    ------
    CallRefused
        With the code of the first check that fails: presence and form of the headers, the key, the time, the
        signature, and only then the nonce, so that nobody can use up the nonces of another's key.
    """
    headers = request.headers
    name = headers.get("ACCESS-KEY", "")
    if not name:
        raise CallRefused(NO_KEY)
    prefix, sent_at, window, nonce = _mode(headers)
    signature = headers.get("ACCESS-SIGNATURE", "")
    if not signature:
        raise CallRefused(NO_SIGNATURE)
    key = keys.get(name)
    if key is None or key.revoked:
        raise CallRefused(UNKNOWN_KEY)
    if sent_at is not None:
        _check_time(sent_at, window, now)
    if not hmac.compare_digest(_signature(key.secret, prefix, request), _raw(signature)):
        raise CallRefused(bad_signature)
    if nonce is not None:
        if nonce <= key.last_nonce:
            raise CallRefused(AUTHENTICATION_FAILED)
        key.last_nonce = nonce
    return key


def _mode(headers: Mapping[str, str]) -> tuple[str, int | None, int, int | None]:
    """Return what the signed text begins with, the request time, the window and the nonce; time wins over nonce."""
    time, window, nonce = (headers.get(f"ACCESS-{name}") for name in ("REQUEST-TIME", "TIME-WINDOW", "NONCE"))
    if time is not None:
        sent_at = _integer(time, BAD_TIME)
        length = DEFAULT_WINDOW if window is None else _integer(window, BAD_WINDOW)
        if length > LONGEST_WINDOW:
            raise CallRefused(BAD_WINDOW)
        return time + (window or ""), sent_at, length, None
    if nonce is None:
        raise CallRefused(NO_TIME_OR_NONCE)
    return nonce, None, 0, _integer(nonce, NO_NONCE)


def _integer(text: str, code: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_INTEGER):
        raise CallRefused(code)
    return int(text)


def _check_time(sent_at: int, window: int, now: Millis) -> None:
    if sent_at >= now + AHEAD:
        raise CallRefused(AHEAD_OF_TIME)
    if now - sent_at > window:
        raise CallRefused(OUT_OF_WINDOW)


def _signature(secret: str, prefix: str, request: Request) -> bytes:
    """Return the expected signature: over the target of a GET, over the raw body of anything else."""
    rest = _raw(request.target) if request.method == "GET" else request.body
    return hmac.new(secret.encode(), _raw(prefix) + rest, hashlib.sha256).hexdigest().encode()


def _raw(text: str) -> bytes:
    """Return the bytes that a text came from; half a character, which no HTTP parser makes, is kept as it is."""
    try:
        return text.encode("utf-8", "surrogateescape")  # the HTTP parser's way of keeping bytes that are not UTF-8
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
