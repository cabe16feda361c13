"""Frames of Engine.IO 4 with Socket.IO in them, as far as bitbank's public stream uses them: texts in, values out.

python-socketio is not used: it hands every message to a task of its own without bound, hides frames that it cannot
read in a log, and lets an odd first frame raise whatever it raises. Here all of that is a value.
"""

import json
from enum import Enum, auto
from typing import Any, Final, NamedTuple

PONG: Final = "3"
CONNECT: Final = "40"
_EVENT: Final = "42"
LONGEST_PATIENCE_S: Final = 120.0
MILLIS: Final = 1_000


class FrameKind(Enum):
    """What a frame says."""

    OPEN = auto()  # the first one
    PING = auto()
    CONNECTED = auto()  # rooms may be joined now
    MESSAGE = auto()
    CLOSE = auto()
    OTHER = auto()
    BROKEN = auto()


class Frame(NamedTuple):
    """One frame."""

    kind: FrameKind
    content: Any = None  # of a message


def read_frame(text: object) -> Frame:
    """Return what a frame says; `BROKEN` if it is none."""
    if not isinstance(text, str) or not text:
        return Frame(FrameKind.BROKEN)
    if text.startswith("0"):
        return Frame(FrameKind.OPEN, _json(text[1:]))
    if text.startswith("2"):
        return Frame(FrameKind.PING)
    if text.startswith(CONNECT):
        return Frame(FrameKind.CONNECTED)
    if text.startswith(_EVENT):
        event = _json(text[len(_EVENT) :])
        if not isinstance(event, list) or not event:
            return Frame(FrameKind.BROKEN)
        return (
            Frame(FrameKind.MESSAGE, event[1]) if event[0] == "message" and len(event) > 1 else Frame(FrameKind.OTHER)
        )
    if text[0] == "1" or text.startswith(("41", "44")):
        return Frame(FrameKind.CLOSE)
    return Frame(FrameKind.OTHER if text[0] in "3456" else FrameKind.BROKEN)


def join(room: str) -> str:
    """Return the frame that joins a room."""
    return _EVENT + json.dumps(["join-room", room], separators=(",", ":"))


def patience_s(opening: Any) -> float:
    """Return after how many seconds without any frame a connection is dead, by its first frame's own terms."""
    total = 0
    for name in ("pingInterval", "pingTimeout"):
        term = opening.get(name) if isinstance(opening, dict) else None
        if not isinstance(term, int) or term <= 0:
            return LONGEST_PATIENCE_S
        total += term
    return min(total / MILLIS, LONGEST_PATIENCE_S)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
