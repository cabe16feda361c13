"""Walking the chain: every entry as it was written, none missing, the last one where the head says."""

from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from src.core.domain.journal import Kind
from src.trading.journal.chain import GENESIS, Line, Link, entry_hash
from src.trading.journal.schema import entries, head

_BATCH: Final = 5_000  # entries in memory at once


class Verified(NamedTuple):
    """What a walk found."""

    entries: int  # that are as they were written, from the first on
    hash: str  # of the last of them
    broken: int | None  # number of the first that is not; None: all are
    why: str  # "" if none is broken


def verify(connection: Connection) -> Verified:
    """Walk the whole chain, oldest first, and stop at the first entry that is not as it was written."""
    end = connection.execute(select(head.c.number, head.c.hash)).one_or_none()
    if end is None:
        return Verified(0, GENESIS, 1, "the head, which says where the journal ends, is missing")
    number, before = 0, GENESIS
    while rows := _after(connection, number):
        for row in rows:
            why = _fault(row, number, before)
            if why:
                return Verified(number, before, number + 1, why)
            number, before = row.number, row.hash
    if number < end.number:
        return Verified(
            number, before, number + 1, f"the journal had {end.number:,} entries: the last ones are missing"
        )
    if (number, before) != (end.number, end.hash):
        return Verified(number, before, end.number + 1, f"the head says that the journal ends at {end.number:,}")
    return Verified(number, before, None, "")


def check_end(connection: Connection) -> str:
    """Return what is wrong with the last entry and the head, "" if they agree. Costs the same however long it is."""
    end = connection.execute(select(head.c.number, head.c.hash)).one_or_none()
    if end is None:
        return "the head, which says where the journal ends, is missing"
    newest = connection.execute(select(entries).order_by(entries.c.number.desc()).limit(2)).all()
    if not newest:
        return "" if tuple(end) == (0, GENESIS) else f"all {end.number:,} entries are missing"
    row = Link(*newest[0])
    before = newest[1].hash if len(newest) > 1 else GENESIS
    if (row.number, row.hash) != tuple(end):
        return f"the journal ends at entry {row.number:,}, the head says at {end.number:,}"
    return _fault(row, newest[1].number if len(newest) > 1 else 0, before)


def _after(connection: Connection, number: int) -> list[Link]:
    rows = select(entries).where(entries.c.number > number).order_by(entries.c.number).limit(_BATCH)
    return [Link(*row) for row in connection.execute(rows)]


def _fault(row: Link, number: int, before: str) -> str:
    if row.number != number + 1:
        return f"entry {number + 1:,} is missing: the next one is {row.number:,}"
    if entry_hash(before, row.number, Line(row.kind, row.at, row.body)) != row.hash:
        return f"entry {row.number:,}, or its hash, is not as it was written"
    if row.kind not in set(Kind):
        return f"entry {row.number:,} is of a kind that this version does not know: {row.kind!r}"
    return ""
