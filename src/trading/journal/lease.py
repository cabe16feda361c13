"""The lease: one process at a time may write, and what another wrote before it is fenced off by a number that grows.

Who holds it renews it several times before it ends. Another may take it
- when it was given back,
- when it ended `grace_ms` ago by the taker's clock: the grace covers clocks that differ (each trading process keeps
  its own within a second of the exchange's, or the exchange refuses its requests) and a request that is on its way,
- when it was seen unchanged for its whole length and the grace: then its end lies in a future that only a clock that
  was wrong can have written, and its owner no longer renews it,
- on one machine, as soon as its owner is dead: an owner holds a lock on a file beside the database, which the system
  frees when the process ends, however it ends.
Every change of owner raises the token; `check` compares it in the transaction of each write.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, select, update

from src.core.domain.time import SECOND, Millis
from src.core.exceptions import LeaseLost
from src.trading.journal.schema import lease

NOBODY: Final = ""


class LeaseTerms(NamedTuple):
    """How long a lease lasts."""

    length_ms: int = 20 * SECOND
    grace_ms: int = 5 * SECOND  # after its end, before another takes it


class _Row(NamedTuple):
    owner: str
    until: int
    length: int
    token: int
    watched: int


class Lease:
    """One process's side of the lease; every method runs inside the caller's transaction.

    Parameters
    ----------
    owner
        Unique to this process. One that never held the lease and gives the name of the present owner takes it over at
        once: the earlier one of that name is fenced off.
    file
        The lock file; None where several machines share the database.
    """

    def __init__(self, owner: str, terms: LeaseTerms, file: Path | None) -> None:
        self.owner = owner
        self.terms = terms
        self._watch = _Watch(file) if file is not None else None
        self._token = 0
        self._until = 0
        self._seen: _Row | None = None  # another's lease, as it was seen first …
        self._seen_at = 0  # … and when

    def holds(self, now: Millis) -> bool:
        """Return whether the lease is held at `now`, as far as this process knows. Asks nobody."""
        return now < self._until

    def take(self, connection: Connection, now: Millis) -> int | None:
        """Take or renew the lease in the database; return its token, None if another holds it. See `taken`."""
        row = _read(connection)
        mine = row.owner == self.owner and row.token == self._token
        if not mine and not self._is_free(row, now):
            self._lose()
            return None
        watched = self._watch is not None and self._watch.hold()
        token = row.token if mine else row.token + 1
        changed = {
            "owner": self.owner,
            "until": now + self.terms.length_ms,
            "length": self.terms.length_ms,
            "token": token,
            "watched": int(watched),
        }
        connection.execute(update(lease).values(changed))
        return token

    def taken(self, token: int | None, now: Millis) -> None:
        """Remember what `take` returned, once its transaction is committed. `now` is the time given to it."""
        self._until = 0 if token is None else now + self.terms.length_ms
        if token is None:
            return
        self._token = token
        self._seen = None

    def check(self, connection: Connection, now: Millis) -> None:
        """Lock the lease until the transaction ends.

        Raises
        ------
        LeaseLost
            If it is not this process's, or has ended.
        """
        row = _read(connection)
        if row.owner != self.owner or row.token != self._token:
            self._lose()
            raise LeaseLost(
                "another process holds the journal's lease" if self._token else "the journal's lease was never taken",
                remedy="let one process trade an account; this one sends nothing and may wait for the lease",
            )
        if now >= row.until:
            self._until = 0
            raise LeaseLost(
                f"the journal's lease ended {now - row.until} ms ago without having been renewed",
                remedy="find out what held this process up (disk, database, sleep); it may take the lease again",
            )

    def give_back(self, connection: Connection) -> None:
        """Let another take it at once; does nothing if it is not held."""
        row = _read(connection)
        if row.owner == self.owner and row.token == self._token:
            connection.execute(update(lease).values(owner=NOBODY, until=0, length=0, watched=0))

    def given_back(self) -> None:
        """Forget it, once the transaction of `give_back` is committed or has failed."""
        self._lose()

    def _lose(self) -> None:
        self._until = 0
        if self._watch is not None:
            self._watch.let_go()

    def _is_free(self, row: _Row, now: Millis) -> bool:
        if row.owner == NOBODY or (row.owner == self.owner and not self._token):
            return True
        if now >= row.until + self.terms.grace_ms:
            return True
        if row.watched and self._watch is not None and self._watch.hold():
            return True
        if row != self._seen or now < self._seen_at:
            self._seen, self._seen_at = row, now
        return now - self._seen_at >= row.length + self.terms.grace_ms


class _Watch:
    """A lock on a file: held while this process lives."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handle: int | None = None

    def hold(self) -> bool:
        """Return whether this process holds the lock, now if it can."""
        if self._handle is not None:
            return True
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def let_go(self) -> None:
        """Free the lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def held_until(connection: Connection) -> Millis | None:
    """Return how long the lease still lasts, by its owner's clock; None if nobody holds it."""
    until = connection.execute(select(lease.c.until).where(lease.c.owner != NOBODY)).scalar()
    return None if until is None else Millis(until)


def _read(connection: Connection) -> _Row:
    row = connection.execute(
        select(lease.c.owner, lease.c.until, lease.c.length, lease.c.token, lease.c.watched).with_for_update()
    ).one()
    return _Row(*row)
