"""The journal port over a database: one thread, one transaction an append, nothing believed that was not read back."""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, Engine, RowMapping, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from src.core.domain.journal import Command, Entry, Kind, Stored, Verb
from src.core.domain.time import Millis
from src.core.exceptions import JournalFailed
from src.core.logger import get_logger
from src.core.protocols import Clock
from src.trading.journal.chain import Line, Link, link, to_line, to_stored
from src.trading.journal.database import describe, in_our_words, open_database, remedy_for, sqlite_file, writing
from src.trading.journal.lease import Lease, LeaseTerms
from src.trading.journal.schema import commands, entries, head
from src.trading.journal.verification import Verified, check_end, verify

T = TypeVar("T")

DONE: Final = "number"
"""The name, in the body of an entry of `Kind.COMMAND`, of the number of the command that was done."""

_log = get_logger(__name__)


async def open_journal(
    url: URL, clock: Clock, *, owner: str | None = None, terms: LeaseTerms = LeaseTerms()
) -> "SqlJournal":
    """Open the journal, making or migrating its tables. It can be read at once; to write, take the lease.

    Parameters
    ----------
    url
        See `database_url`.
    clock
        Decides whether a lease has ended.
    owner
        Name of this process in the lease; a random one if not given. See `Lease`.

    Raises
    ------
    JournalFailed
        If the database cannot be opened, or its last entry is not as it was written.
    """
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
    try:
        engine = await asyncio.get_running_loop().run_in_executor(thread, _open, url)
    except BaseException:
        thread.shutdown(wait=False)
        raise
    file = sqlite_file(url)
    lock = None if file is None else file.with_name(f"{file.name}.lease")
    return SqlJournal(engine, thread, clock, Lease(owner or secrets.token_hex(16), terms, lock))


class SqlJournal:
    """The `Journal` port; made by `open_journal`.

    Every call runs in one thread, in the order of the calls, never in the event loop. A cancelled call is finished by
    the thread all the same, so what it wrote is in the journal for the next reader.

    Notes
    -----
    When a commit fails nobody knows whether it took effect. `append` then reads back before it answers: written is
    success, not written is `JournalFailed`. If even that fails the append stays *in doubt*, and every later one first
    settles it; repeating the same entries then returns their number instead of writing them twice.
    """

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor, clock: Clock, lease: Lease) -> None:
        self._engine = engine
        self._thread = thread
        self._clock = clock
        self._lease = lease
        self._doubt: list[Link] = []
        self._closed = False

    @property
    def owner(self) -> str:
        """Name of this process in the lease."""
        return self._lease.owner

    @property
    def in_doubt(self) -> bool:
        """Whether it is unknown if the last append was written."""
        return bool(self._doubt)

    def holds_lease(self) -> bool:
        """Return whether the lease is held now, as far as this process knows; to be asked before anything is sent.

        Costs nothing: the end of the lease is compared with the clock.
        """
        return self._lease.holds(self._clock.now())

    async def append(self, *entries: Entry) -> int:
        """Write all entries or none, durably, and return the number of the last.

        Raises
        ------
        LeaseLost
            The lease is not held: nothing was written, nothing may be sent.
        JournalFailed
            Nothing was written, or (`in_doubt`) that is unknown: nothing may be sent.
        """
        if not entries:
            raise ValueError("an append needs at least one entry")
        return await self._run(self._append, [_line(entry) for entry in entries])

    async def last(self, kind: Kind) -> Stored | None:
        """Return the newest entry of a kind."""
        return await self._run(self._read, lambda c: newest(c, kind))

    async def entries(self, kinds: Sequence[Kind] = (), *, after: int = 0, limit: int = 1_000) -> list[Stored]:
        """Return entries with a number above `after`, oldest first; of every kind if none is given."""
        return await self._run(self._read, lambda c: read_entries(c, kinds, after, limit))

    async def commands(self) -> list[Command]:
        """Return what people asked for and nobody has yet done, oldest first.

        An entry of `Kind.COMMAND` whose body has the command's number under `DONE` marks it as done.
        """
        return await self._run(self._read, undone)

    async def acquire(self) -> bool:
        """Try to take the lease, or renew it; return whether it is held now."""
        return await self._run(self._acquire)

    async def release(self) -> None:
        """Give the lease up, if it is held."""
        await self._run(self._release)

    async def verify(self) -> Verified:
        """Walk the whole chain and name the first entry that is not as it was written."""
        return await self._run(self._read, verify)

    async def close(self) -> None:
        """Close the database; a lease still held is left as by a process that has ended. `release` gives it up."""
        if not self._closed:
            self._closed = True
            await self._run(self._engine.dispose)
            self._thread.shutdown(wait=False)
            self._lease.given_back()  # the lock that says it lives; who closed cannot write

    async def _run(self, what: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, what, *given)

    # In the thread from here on.

    def _append(self, lines: list[Line]) -> int:
        if self._doubt:
            doubtful = self._doubt
            if self._settle() and [Line(r.kind, r.at, r.body) for r in doubtful] == lines:
                return doubtful[-1].number
        rows: list[Link] = []
        try:
            with writing(self._engine) as connection:
                self._lease.check(connection, self._clock.now())
                end = connection.execute(select(head.c.number, head.c.hash).with_for_update()).one()
                rows = link(end.hash, end.number + 1, lines)
                connection.execute(insert(entries), [row._asdict() for row in rows])
                connection.execute(update(head).values(number=rows[-1].number, hash=rows[-1].hash))
        except (SQLAlchemyError, sqlite3.Error, OSError) as e:
            self._doubt = rows
            if rows and self._settle():
                return rows[-1].number
            raise JournalFailed(
                f"the journal did not take {len(lines)} entries: {describe(e)}",
                remedy=f"{remedy_for(e)}; nothing was written",
            ) from e
        return rows[-1].number

    def _settle(self) -> bool:
        """Find out whether the append in doubt was written; JournalFailed while that cannot be found out.

        Taking the head's lock waits for a commit that the server may still be working on.
        """
        last = self._doubt[-1]
        with in_our_words("find out whether the last append was written"), writing(self._engine) as connection:
            connection.execute(select(head.c.number).with_for_update()).one()
            found = connection.execute(select(entries.c.hash).where(entries.c.number == last.number)).scalar()
        written = bool(found == last.hash)
        self._doubt = []
        _log.warning("an append in doubt was settled", number=last.number, written=written)
        return written

    def _read(self, query: Callable[[Connection], T]) -> T:
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return query(connection)

    def _acquire(self) -> bool:
        now = self._clock.now()
        with in_our_words("take the journal's lease"), writing(self._engine) as connection:
            token = self._lease.take(connection, now)
        self._lease.taken(token, now)
        return token is not None

    def _release(self) -> None:
        try:
            with in_our_words("give the journal's lease up"), writing(self._engine) as connection:
                self._lease.give_back(connection)
        finally:
            self._lease.given_back()


def newest(connection: Connection, kind: Kind) -> Stored | None:
    """Return the newest entry of a kind."""
    rows = select(entries).where(entries.c.kind == kind.value).order_by(entries.c.number.desc()).limit(1)
    row = connection.execute(rows).one_or_none()
    return None if row is None else stored(Link(*row))


def read_entries(connection: Connection, kinds: Sequence[Kind], after: int, limit: int) -> list[Stored]:
    """Return entries with a number above `after`, oldest first; of every kind if none is given."""
    rows = select(entries).where(entries.c.number > after).order_by(entries.c.number).limit(limit)
    if kinds:
        rows = rows.where(entries.c.kind.in_([kind.value for kind in kinds]))
    return [stored(Link(*row)) for row in connection.execute(rows)]


def undone(connection: Connection) -> list[Command]:
    """Return the commands that no entry marks as done, oldest first."""
    marks = connection.execute(select(entries).where(entries.c.kind == Kind.COMMAND.value)).all()
    done = {stored(Link(*row)).entry.body.get(DONE) for row in marks}
    left = connection.execute(select(commands).order_by(commands.c.number)).mappings()
    return [_command(row) for row in left if row["number"] not in done]


def stored(row: Link) -> Stored:
    """Return a row as an entry.

    Raises
    ------
    JournalFailed
        If this program did not write it.
    """
    try:
        return to_stored(row)
    except ValueError as e:
        raise JournalFailed(
            f"entry {row.number} cannot be read: {e}",
            remedy="`python main.py journal verify` names the first damaged entry; a newer version's need that version",
        ) from e


def _command(row: RowMapping) -> Command:
    try:
        return Command(row["number"], Verb(row["verb"]), Millis(row["at"]), row["reason"])
    except ValueError as e:
        raise JournalFailed(
            f"command {row['number']} is not one this version knows: {row['verb']!r}", remedy="start the newer version"
        ) from e


def _line(entry: Entry) -> Line:
    try:
        return to_line(entry)
    except (ValueError, TypeError, RecursionError) as e:
        raise JournalFailed(
            f"an entry of kind {entry.kind!r} cannot be written down: {e}",
            remedy="this is a defect of the program: report it with the log; nothing was written",
        ) from e


def _open(url: URL) -> Engine:
    engine = open_database(url)
    try:
        with in_our_words("read the journal"), engine.connect() as connection:
            wrong = check_end(connection)
    except BaseException:
        engine.dispose()
        raise
    if wrong:
        engine.dispose()
        raise JournalFailed(
            f"the journal was changed from outside: {wrong}",
            remedy="keep the database as evidence, run `python main.py journal verify`, restore its latest copy, "
            "and compare with the exchange before trading goes on",
        )
    return engine
