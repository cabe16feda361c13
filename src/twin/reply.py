"""What goes back over HTTP: bitbank's envelope and its statuses."""

import json
from typing import Final, NamedTuple

JSON_TYPE: Final = "application/json; charset=utf-8"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
NO_SUCH_URL: Final = 10000
TOO_MANY_REQUESTS: Final = 10009


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE


def encoded(value: object) -> bytes:
    """Return `value` as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def success(data: object) -> Reply:
    """Return `data` in the envelope of a call that worked."""
    return Reply(200, encoded({"success": 1, "data": data}))


def failure(code: int) -> Reply:
    """Return the envelope of a refused call; business errors and bad signatures have HTTP status 200."""
    status = 429 if code == TOO_MANY_REQUESTS else 200
    return Reply(status, encoded({"success": 0, "data": {"code": code}}))


def unknown_url() -> Reply:
    """Return the answer to an address that does not exist: 404, the envelope served as plain text."""
    return failure(NO_SUCH_URL)._replace(status=404, content_type=TEXT_TYPE)
