"""Questions to the journal by processes that do not trade: state, decisions, open intents, alarms, naked intervals."""

from collections.abc import Iterator, Sequence
from typing import Final, Self

from sqlalchemy import URL, select

from src.core.domain.journal import Command, Json, Kind, Stored
from src.core.domain.time import Millis
from src.trading.journal.chain import Link
from src.trading.journal.database import existing_database, in_our_words
from src.trading.journal.lease import held_until
from src.trading.journal.schema import entries
from src.trading.journal.sql_journal import newest, read_entries, stored, undone
from src.trading.journal.verification import Verified, verify

UNKNOWN: Final = "unknown"
"""The outcome of an intent that is being read back."""


class JournalReader:
    """Reads while another process writes; blocking, for the command line and for threads of a page.

    Raises
    ------
    NoJournal
        At the start, if no trader has made one.
    JournalFailed
        By every call, if the database does not take part.
    """

    def __init__(self, url: URL) -> None:
        self._engine = existing_database(url)

    def newest(self, kind: Kind) -> Stored | None:
        """Return the newest entry of a kind; of STATE, what the trader last knew."""
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return newest(connection, kind)

    def end(self) -> Stored | None:
        """Return the newest entry of any kind."""
        rows = select(entries).order_by(entries.c.number.desc()).limit(1)
        with in_our_words("read the journal"), self._engine.connect() as connection:
            row = connection.execute(rows).one_or_none()
        return None if row is None else stored(Link(*row))

    def walk(self, *kinds: Kind) -> Iterator[Stored]:
        """Yield every entry of these kinds, oldest first; few of them are in memory at once."""
        after = 0
        while found := self.entries(kinds, after=after):
            yield from found
            after = found[-1].number

    def trader_until(self) -> Millis | None:
        """Return how long the lease of a running trader still lasts, by the trader's clock; None if none holds it."""
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return held_until(connection)

    def entries(self, kinds: Sequence[Kind] = (), *, after: int = 0, limit: int = 1_000) -> list[Stored]:
        """Return entries with a number above `after`, oldest first; of every kind if none is given."""
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return read_entries(connection, kinds, after, limit)

    def between(self, kind: Kind, first: Millis, last: Millis) -> list[Stored]:
        """Return the entries of a kind stamped from `first` to `last`, both included, in the order of writing."""
        rows = (
            select(entries)
            .where(entries.c.kind == kind.value, entries.c.at >= first, entries.c.at <= last)
            .order_by(entries.c.number)
        )
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return [stored(Link(*row)) for row in connection.execute(rows)]

    def decisions(self, first: Millis, last: Millis) -> list[Stored]:
        """Return the decisions of the bars closed from `first` to `last`."""
        return self.between(Kind.DECISION, first, last)

    def open_intents(self) -> list[Stored]:
        """Return the intents whose fate no outcome states for certain, oldest first.

        An intent has its own `number` in its body; an outcome names it as `intent`, and an `outcome` of "unknown"
        leaves it open.
        """
        rows = (
            select(entries)
            .where(entries.c.kind.in_([Kind.INTENT.value, Kind.OUTCOME.value]))
            .order_by(entries.c.number)
            .execution_options(yield_per=1_000)
        )
        open_: dict[Json, Stored] = {}
        with in_our_words("read the journal"), self._engine.connect() as connection:
            for row in connection.execute(rows):
                found = stored(Link(*row))
                body = found.entry.body
                if found.entry.kind is Kind.INTENT:
                    open_[body["number"]] = found
                elif body["outcome"] != UNKNOWN:
                    open_.pop(body.get("intent"), None)  # the outcome of a decision names no intent
        return list(open_.values())

    def alarms(self, since: Millis) -> list[Stored]:
        """Return what a person should know, stamped `since` or later."""
        return self.between(Kind.ALARM, since, Millis(2**62))

    def naked(self, since: Millis) -> list[Stored]:
        """Return the intervals without full protection, stamped `since` or later."""
        return self.between(Kind.NAKED, since, Millis(2**62))

    def commands(self) -> list[Command]:
        """Return what people asked for and nobody has yet done, oldest first."""
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return undone(connection)

    def verify(self) -> Verified:
        """Walk the whole chain and name the first entry that is not as it was written."""
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return verify(connection)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
