"""The journal on PostgreSQL: the contract, and what a server adds to it. Runs where TEST_DATABASE_URL names one."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.pool import NullPool

from src.core.clock import ManualClock
from src.core.exceptions import JournalFailed
from src.trading.journal import database_url, open_journal
from tests.contracts.journal_contract import START, JournalContract, clock, entry, journal, opened

__all__ = ["clock", "journal", "opened"]

DATABASE_VARIABLE = "TEST_DATABASE_URL"


def administrator() -> Connection:
    """A connection to the server the variable names. Not given: skipped. Given and unreachable: the test fails."""
    given = os.environ.get(DATABASE_VARIABLE)
    if given is None:
        pytest.skip(f"{DATABASE_VARIABLE} is not set: no PostgreSQL to test on")
    engine = create_engine(server(given), poolclass=NullPool, connect_args={"connect_timeout": 5})
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def server(given: str) -> URL:
    return database_url(Path("unused"), {"DATABASE_URL": given})


@pytest.fixture
def url() -> Iterator[URL]:
    """The address of a database of its own."""
    with administrator() as connection:
        name = f"journal_{secrets.token_hex(8)}"
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        yield server(os.environ[DATABASE_VARIABLE]).set(database=name)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def cut_connections(url: URL) -> None:
    with administrator() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": url.database}
        )


class TestPostgresJournal(JournalContract):
    async def test_a_commit_waits_for_the_disk_and_a_lock_is_not_waited_for_for_ever(self, journal):
        with journal._engine.connect() as connection:
            shown = {
                name: connection.exec_driver_sql(f"SHOW {name}").scalar()
                for name in ("synchronous_commit", "lock_timeout", "statement_timeout")
            }
        assert shown == {"synchronous_commit": "on", "lock_timeout": "5s", "statement_timeout": "10s"}

    async def test_a_connection_cut_by_the_server_fails_one_append_and_the_next_connects_again(self, journal, url):
        await journal.append(entry(1))
        cut_connections(url)
        with pytest.raises(JournalFailed, match="nothing was written"):
            await journal.append(entry(2))
        assert await journal.append(entry(3)) == 2
        assert (await journal.verify()).entries == 2

    async def test_a_writer_held_up_by_anothers_lock_gives_up_and_writes_nothing(self, journal, url):
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("SELECT * FROM journal_lease FOR UPDATE"))
            with pytest.raises(JournalFailed, match="lock timeout"):
                await journal.append(entry(1))
        engine.dispose()
        assert await journal.append(entry(1)) == 1

    async def test_several_processes_may_open_an_empty_database_at_once(self, url):
        clock = ManualClock(START)
        journals = await asyncio.gather(*(open_journal(url, clock) for _ in range(6)))
        assert sum(await asyncio.gather(*(j.acquire() for j in journals))) == 1
        await asyncio.gather(*(j.close() for j in journals))

    async def test_a_server_that_is_not_there_is_an_error_that_does_not_repeat_the_password(self):
        url = database_url(Path("unused"), {"DATABASE_URL": "postgres://trader:canary-pass-1@127.0.0.1:1/none\n"})
        with pytest.raises(JournalFailed, match="could not open the journal") as caught:
            await open_journal(url, ManualClock(START))
        assert "canary-pass-1" not in str(caught.value)
