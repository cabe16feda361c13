"""The other side of `Journal.commands`: where a person's process leaves a wish for the trader. Needs no lease."""

from typing import Final, Self

from sqlalchemy import URL, insert

from src.core.domain.journal import Command, Verb
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError
from src.trading.journal.database import existing_database, in_our_words, writing
from src.trading.journal.lease import held_until
from src.trading.journal.schema import commands
from src.trading.journal.sql_journal import undone

LONGEST_REASON: Final = 500  # characters


class CommandDesk:
    """Leaves commands; blocking, for the command line.

    Raises
    ------
    NoJournal
        At the start, if no trader has made one.
    JournalFailed
        By every call, if the database does not take part.
    """

    def __init__(self, url: URL) -> None:
        self._engine = existing_database(url)

    def leave(self, verb: Verb, reason: str, at: Millis) -> Command:
        """Write a command down and return it; it is on the disk then, and done when the trader has journaled it.

        Raises
        ------
        ConfigError
            If the reason is empty or longer than `LONGEST_REASON`.
        """
        words = " ".join(reason.split())  # one line: it is shown in tables and notices
        if not words or len(words) > LONGEST_REASON or not words.isprintable():
            raise ConfigError(
                f"--reason needs 1 to {LONGEST_REASON} printable characters",
                remedy=f'say why, for whoever reads it later: {verb.value} --reason "exchange maintenance tonight"',
            )
        with in_our_words("leave the command"), writing(self._engine) as connection:
            added = connection.execute(insert(commands).values(verb=verb.value, at=at, reason=words))
            key = added.inserted_primary_key
        number = int(key[0]) if key is not None else 0
        return Command(number, verb, at, words)

    def undone(self) -> list[Command]:
        """Return what was asked for and is not yet done, oldest first."""
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return undone(connection)

    def trader_until(self) -> Millis | None:
        """Return how long the lease of a running trader still lasts, by the trader's clock; None if none holds it."""
        with in_our_words("read the journal"), self._engine.connect() as connection:
            return held_until(connection)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
