"""Frames of the public stream: Engine.IO packets around Socket.IO events, read and written by hand."""

import json
from enum import Enum, auto
from typing import Any, Final, NamedTuple

LARGEST: Final = 1_000_000  # bytes of a frame, as the open packet says
PING: Final = "2"
PONG: Final = "3"
CLOSE: Final = "1"
CONNECT: Final = "40"
LONGEST_ROOM: Final = 100  # characters


class Kind(Enum):
    """What a client's frame asks for."""

    CONNECT = auto()
    PING = auto()
    PONG = auto()
    JOIN = auto()
    LEAVE = auto()
    CLOSE = auto()
    OTHER = auto()  # well formed, and nothing that concerns this server
    BROKEN = auto()  # the connection is cut


class Frame(NamedTuple):
    """A client's frame."""

    kind: Kind
    room: str = ""


def open_packet(sid: str, ping_interval: int, ping_timeout: int) -> str:
    """Return the server's first frame."""
    return "0" + _compact(
        {
            "sid": sid,
            "upgrades": [],
            "pingInterval": ping_interval,
            "pingTimeout": ping_timeout,
            "maxPayload": LARGEST,
        }
    )


def connected(sid: str) -> str:
    """Return the answer to a version 4 client's connect packet."""
    return CONNECT + _compact({"sid": sid})


def room_message(room: str, data: dict[str, Any]) -> str:
    """Return the frame that carries `data` to those who joined `room`."""
    return "42" + _compact(["message", {"room_name": room, "message": {"data": data}}])


def read_frame(text: str) -> Frame:
    """Return what a client's text frame means."""
    if text.startswith("42"):
        return _event(text[2:].lstrip("0123456789"))
    simple = {PING: Kind.PING, PONG: Kind.PONG, CLOSE: Kind.CLOSE, "41": Kind.CLOSE}
    if text in simple:
        return Frame(simple[text])
    if text.startswith(CONNECT):
        rest = text[2:]
        return Frame(Kind.CONNECT if not rest or rest.startswith("{") else Kind.BROKEN)
    if text.startswith(("2", "3", "6", "43", "44")):  # probes, no-ops, acknowledgements
        return Frame(Kind.OTHER)
    return Frame(Kind.BROKEN)


def _event(payload: str) -> Frame:
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return Frame(Kind.BROKEN)
    if not isinstance(event, list) or not event or not isinstance(event[0], str):
        return Frame(Kind.BROKEN)
    kind = {"join-room": Kind.JOIN, "leave-room": Kind.LEAVE}.get(event[0])
    room = event[1] if len(event) > 1 else None
    if kind is None or not isinstance(room, str) or len(room) > LONGEST_ROOM:
        return Frame(Kind.OTHER)
    return Frame(kind, room)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
