"""The text of an entry and the hash that ties it to all before it. Pure.

The hash of an entry is the SHA-256 of five lines: the hash before it, its number, its kind, its time and its body as
canonical JSON (sorted keys, no spaces, ASCII only, floats as the shortest text that reads back to the same bits).
None of the first four can contain a line break, and neither can the body, so the five lines are unambiguous.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from src.core.domain.journal import Entry, Json, Kind, Stored
from src.core.domain.time import Millis

GENESIS: Final = "0" * 64
"""What the first entry names as the hash before it."""


class Line(NamedTuple):
    """An entry as text, not yet in the chain."""

    kind: str
    at: int
    body: str


class Link(NamedTuple):
    """A row of the table of entries."""

    number: int
    kind: str
    at: int
    body: str
    hash: str


def to_line(entry: Entry) -> Line:
    """Return `entry` as it will be stored.

    Raises
    ------
    ValueError
        If the body is not JSON: NaN, an infinity, a key that is not text, a value of another type.
    """
    body = json.dumps(
        _plain(entry.body), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )  # fmt: skip
    return Line(Kind(entry.kind).value, int(entry.at), body)


def link(before: str, number: int, lines: Sequence[Line]) -> list[Link]:
    """Return `lines` chained to the entry whose hash is `before`, numbered from `number` on."""
    links = []
    for line in lines:
        before = entry_hash(before, number, line)
        links.append(Link(number, *line, before))
        number += 1
    return links


def entry_hash(before: str, number: int, line: Line) -> str:
    """Return the hash of one entry, 64 hexadecimal digits."""
    return hashlib.sha256(f"{before}\n{number}\n{line.kind}\n{line.at}\n{line.body}".encode()).hexdigest()


def to_stored(row: Link) -> Stored:
    """Return a row as an entry.

    Raises
    ------
    ValueError
        If the row was not written by this program, or by a newer version of it.
    """
    body = json.loads(row.body)
    if not isinstance(body, dict):
        raise ValueError(f"entry {row.number} has no object as its body")
    return Stored(row.number, Entry(Kind(row.kind), Millis(row.at), body), row.hash)


def _plain(value: object) -> Json:
    """Return `value` in JSON's own types, refusing what `json` would silently turn into something else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        odd = [key for key in value if not isinstance(key, str)]
        if odd:
            raise ValueError(f"a key must be text, not {odd[0]!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise ValueError(f"{type(value).__name__} is not JSON")
