"""The journal on SQLite: the contract, and what a file on a disk adds to it."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, event

from src.core.clock import ManualClock
from src.core.exceptions import JournalFailed
from src.trading.journal import database_url, open_journal
from tests.contracts.journal_contract import (
    ROOT,
    START,
    WRITER,
    JournalContract,
    clock,
    entry,
    journal,
    opened,
)

__all__ = ["clock", "journal", "opened"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def url(file: Path) -> URL:
    return database_url(file, {})


class TestSqliteJournal(JournalContract):
    async def test_every_commit_is_synced_in_a_write_ahead_log(self, journal):
        with journal._engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    async def test_a_full_disk_is_an_error_that_writes_nothing_and_passes_when_there_is_room(self, journal):
        await journal.append(entry(1))
        limit_pages(journal, 0)
        with pytest.raises(JournalFailed, match="full") as caught:
            await journal.append(*(entry(n, text="x" * 10_000) for n in range(20)))
        assert "free some space" in str(caught.value)
        assert not journal.in_doubt
        limit_pages(journal, 100_000)
        assert await journal.append(entry(2)) == 2
        assert (await journal.verify()).entries == 2

    async def test_a_database_held_by_another_process_is_an_error_after_a_wait(self, journal, file):
        event.listen(journal._engine, "begin", lambda c: None)
        with journal._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalFailed, match="locked"):
            await journal.append(entry(1))
        other.execute("ROLLBACK")
        other.close()
        assert await journal.append(entry(1)) == 1

    async def test_the_lease_of_a_killed_process_is_free_at_once_and_of_a_living_one_is_not(self, url, opened, file):
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", WRITER, url.render_as_string(), stdout=subprocess.PIPE, cwd=ROOT
        )
        assert writer.stdout is not None
        await writer.stdout.readline()
        waiting = await opened()
        assert not await waiting.acquire()
        writer.kill()
        await writer.communicate()
        assert await waiting.acquire()

    async def test_several_processes_may_open_a_new_file_at_once(self, url):
        clock = ManualClock(START)
        journals = await asyncio.gather(*(open_journal(url, clock) for _ in range(8)))
        assert sum(await asyncio.gather(*(j.acquire() for j in journals))) == 1
        await asyncio.gather(*(j.close() for j in journals))

    @pytest.mark.parametrize("content", [b"not a database, not at all" * 100])
    async def test_a_file_that_is_no_database_is_an_error_that_leaves_it_alone(self, url, file, content):
        file.parent.mkdir()
        file.write_bytes(content)
        with pytest.raises(JournalFailed, match="not a database"):
            await open_journal(url, ManualClock(START))
        assert file.read_bytes() == content

    async def test_one_flipped_byte_in_the_file_is_found(self, journal, file, opened):
        await journal.append(*(entry(n, text=f"marker-{n:03}") for n in range(1, 31)))
        await journal.release()
        await journal.close()
        with sqlite3.connect(file) as plain:
            plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        plain.close()
        content = file.read_bytes()
        assert content.count(b"marker-017") == 1
        file.write_bytes(content.replace(b"marker-017", b"marker-018"))
        found = await (await opened()).verify()
        assert (found.entries, found.broken) == (16, 17)
        assert "17" in found.why

    async def test_tables_of_a_newer_version_are_left_alone(self, journal, file, opened):
        await journal.close()
        with sqlite3.connect(file) as plain:
            plain.execute("UPDATE alembic_version SET version_num = '9999'")
        plain.close()
        with pytest.raises(JournalFailed, match="9999") as caught:
            await opened()
        assert "newer version" in str(caught.value)

    async def test_a_folder_that_may_not_be_written_is_an_error_that_says_so(self, file, url):
        file.parent.mkdir(mode=0o500)
        with as_nobody(), pytest.raises(JournalFailed, match=r"unable to open|ermission") as caught:
            await open_journal(url, ManualClock(START))
        assert "give this user the right to write" in str(caught.value)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def limit_pages(journal, count: int) -> None:
    """SQLite's own limit, which fails as a full disk does; a limit below what is used is what is used."""
    with journal._engine.connect() as connection:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {max(used, count)}")
