"""What every journal promises. Each database's test module gives the class below an address to run on."""

import asyncio
import hashlib
import math
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError

from src.core.clock import ManualClock
from src.core.domain.journal import Command, Entry, Kind, Verb
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError, JournalFailed, LeaseLost, NoJournal
from src.trading.journal import CommandDesk, JournalReader, LeaseTerms, SqlJournal, open_journal
from src.trading.journal.schema import metadata

START = Millis(1_700_000_000_000)
TERMS = LeaseTerms(length_ms=20_000, grace_ms=5_000)
BODY: dict[str, Any] = {
    "text": "買い \u2028 \x00 \ud800 '\"\\",
    "whole": 2**70,
    "share": 0.1,
    "tiny": 5e-324,
    "minus_zero": -0.0,
    "flag": True,
    "nothing": None,
    "list": [1, [2.5, {"deep": "ok"}]],
}

Open = Callable[..., Awaitable[SqlJournal]]
WRITER = "tests.contracts.journal_writer"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def opened(url: URL, clock: ManualClock) -> AsyncIterator[Open]:
    """Opens journals on the same database, as different processes would, and closes them at the end."""
    journals: list[SqlJournal] = []

    async def make(**given: Any) -> SqlJournal:
        journals.append(await open_journal(url, given.pop("clock", clock), **{"terms": TERMS} | given))
        return journals[-1]

    yield make
    for journal in journals:
        await journal.close()


@pytest.fixture
async def journal(opened: Open) -> SqlJournal:
    made = await opened()
    assert await made.acquire()
    return made


def entry(number: int = 0, kind: Kind = Kind.BAR, **body: Any) -> Entry:
    return Entry(kind, Millis(START + number), {"number": number} | body)


def tamper(url: URL, *statements: str, **values: object) -> None:
    """Change rows as someone with the database's password would: the triggers go first."""
    engine = create_engine(url)
    with engine.begin() as connection:
        if url.drivername == "sqlite":
            for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement), values)
    engine.dispose()


class JournalContract:
    """The suite; a subclass's module has the fixture `url`: the address of an empty database."""

    # -------------------------------------------------------------------------------------------- what is written

    async def test_entries_come_back_as_they_were_written_numbered_from_one(self, journal):
        assert await journal.append(Entry(Kind.DECISION, START, BODY), entry(1)) == 2
        assert await journal.append(entry(2, Kind.FILL)) == 3
        stored = await journal.entries()
        assert [s.number for s in stored] == [1, 2, 3]
        assert stored[0].entry == Entry(Kind.DECISION, START, BODY)
        assert math.copysign(1, stored[0].entry.body["minus_zero"]) == -1
        assert len({s.hash for s in stored}) == 3

    async def test_every_kind_of_entry_can_be_written_and_read(self, journal):
        await journal.append(*(entry(n, kind) for n, kind in enumerate(Kind)))
        assert [s.entry.kind for s in await journal.entries()] == list(Kind)

    async def test_entries_are_filtered_by_kind_number_and_count(self, journal):
        await journal.append(*(entry(n, Kind.BAR if n % 2 else Kind.FILL) for n in range(1, 11)))
        assert [s.number for s in await journal.entries([Kind.BAR], after=3, limit=2)] == [5, 7]
        assert [s.number for s in await journal.entries([Kind.BAR, Kind.FILL], after=8)] == [9, 10]
        assert await journal.entries([Kind.ALARM]) == []

    async def test_the_newest_of_a_kind_is_found_and_none_is_none(self, journal):
        await journal.append(entry(1), entry(2, Kind.STATE), entry(3, Kind.STATE), entry(4))
        newest = await journal.last(Kind.STATE)
        assert newest is not None
        assert newest.number == 3
        assert await journal.last(Kind.TRADE) is None

    @pytest.mark.parametrize(
        "value", [math.nan, math.inf, -math.inf, {1: "a"}, {"a": {"b": math.nan}}, b"bytes", {1, 2}, object()]
    )
    async def test_what_is_not_json_is_refused_and_nothing_of_the_append_is_written(self, journal, value):
        with pytest.raises(JournalFailed, match="cannot be written down"):
            await journal.append(entry(1), entry(2, odd=value))
        assert await journal.entries() == []

    async def test_an_append_of_nothing_is_a_mistake_of_the_caller(self, journal):
        with pytest.raises(ValueError, match="at least one"):
            await journal.append()

    async def test_a_reopened_journal_goes_on_where_it_ended(self, journal, opened):
        await journal.append(entry(1), entry(2))
        await journal.release()
        again = await opened()
        assert await again.acquire()
        assert await again.append(entry(3)) == 3
        assert (await again.verify()).broken is None

    async def test_appends_of_many_tasks_at_once_leave_one_chain(self, journal):
        numbers = await asyncio.gather(*(journal.append(entry(n), entry(n)) for n in range(40)))
        assert sorted(numbers) == list(range(2, 82, 2))
        assert (await journal.verify()).entries == 80

    async def test_a_cancelled_append_is_there_whole_or_not_at_all_and_the_chain_goes_on(self, journal):
        await journal.append(entry(1))
        waiting = asyncio.create_task(journal.append(entry(2), entry(3)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await journal.append(entry(4)) in {2, 4}
        assert (await journal.verify()).broken is None

    async def test_the_database_is_never_touched_by_the_thread_of_the_loop(self, journal):
        threads = set()
        event.listen(journal._engine, "before_cursor_execute", lambda *_: threads.add(threading.current_thread().name))
        await journal.append(entry(1))
        await journal.entries()
        await journal.acquire()
        assert threads == {"journal_0"}

    async def test_the_migrations_make_the_tables_that_the_program_works_with(self, journal):
        with journal._engine.connect() as connection:
            migrated = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(migrated, metadata) == []

    async def test_a_reader_may_be_shared_by_threads(self, journal, url):
        await journal.append(*(entry(n) for n in range(100)))
        with JournalReader(url) as reader:
            found = await asyncio.gather(*(asyncio.to_thread(reader.entries) for _ in range(30)))
        assert {len(entries) for entries in found} == {100}

    # --------------------------------------------------------------------------------------------- what is refused

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE journal_entries SET body = '{}'",
            "DELETE FROM journal_entries",
            "UPDATE journal_commands SET verb = 'resume'",
            "DELETE FROM journal_commands",
            "DELETE FROM journal_head",
            "DELETE FROM journal_lease",
            "UPDATE journal_head SET number = number - 1",
            "UPDATE journal_lease SET token = token - 1",
        ],
    )
    async def test_the_database_itself_refuses_to_change_or_drop_what_was_written(self, journal, url, statement):
        await journal.append(entry(1), entry(2))
        with CommandDesk(url) as desk:
            desk.leave(Verb.HALT, "a test", START)
        engine = create_engine(url)
        with pytest.raises(DatabaseError, match="journal_"), engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()
        assert (await journal.verify()).entries == 2

    # --------------------------------------------------------------------------------------------------- tampering

    @pytest.mark.parametrize(
        ("statements", "broken"),
        [
            (["UPDATE journal_entries SET body = replace(body, '4', '5') WHERE number = 4"], 4),
            (["UPDATE journal_entries SET at = at + 1 WHERE number = 4"], 4),
            (["UPDATE journal_entries SET kind = 'fill' WHERE number = 4"], 4),
            (["UPDATE journal_entries SET hash = replace(hash, substr(hash, 1, 1), '~') WHERE number = 4"], 4),
            (["DELETE FROM journal_entries WHERE number = 4"], 4),
            (["DELETE FROM journal_entries WHERE number = 1"], 1),
            (["DELETE FROM journal_entries WHERE number > 7"], 8),
            (["DELETE FROM journal_entries"], 1),
            (["DELETE FROM journal_head"], 1),
            (["UPDATE journal_head SET number = 3"], 4),
            (
                [
                    f"UPDATE journal_entries SET number = {new} WHERE number = {old}"
                    for old, new in [(4, 99), (5, 4), (99, 5)]
                ],
                4,
            ),
        ],
        ids=["body", "time", "kind", "hash", "row", "first row", "tail", "all rows", "head", "head back", "swapped"],
    )
    async def test_the_first_entry_that_is_not_as_it_was_written_is_named(self, journal, url, statements, broken):
        await journal.append(*(entry(n) for n in range(1, 11)))
        before = await journal.verify()
        assert before.entries == 10
        assert before.broken is None
        tamper(url, *statements)
        found = await journal.verify()
        assert found.broken == broken
        assert found.why

    async def test_an_entry_slipped_in_at_the_end_with_a_right_hash_but_no_head_is_found(self, journal, url):
        await journal.append(entry(1))
        last = (await journal.entries())[-1]
        tamper(
            url, "INSERT INTO journal_entries VALUES (2, 'bar', 5, '{}', :hash)", hash=chained(last.hash, 2, 5, "{}")
        )
        assert (await journal.verify()).broken == 2

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM journal_entries WHERE number = 3",
            "DELETE FROM journal_entries",
            "DELETE FROM journal_head",
            "UPDATE journal_entries SET body = '{}' WHERE number = 3",
        ],
    )
    async def test_a_journal_whose_end_was_changed_does_not_open(self, journal, opened, url, statement):
        await journal.append(entry(1), entry(2), entry(3))
        tamper(url, statement)
        with pytest.raises(JournalFailed, match="changed from outside"):
            await opened()

    # -------------------------------------------------------------------------------------------------- the lease

    async def test_without_the_lease_nothing_is_written(self, opened):
        journal = await opened()
        assert not journal.holds_lease()
        with pytest.raises(LeaseLost, match="never taken"):
            await journal.append(entry(1))
        assert await journal.entries() == []

    async def test_of_two_instances_one_writes_and_the_other_waits(self, journal, opened, clock):
        other = await opened()
        for _ in range(20):  # a rolling deploy that takes long: the first renews, the second asks
            clock.advance_to(Millis(clock.now() + 5_000))
            assert await journal.acquire()
            assert not await other.acquire()
            await journal.append(entry(1))
            with pytest.raises(LeaseLost):
                await other.append(entry(2))
        await journal.release()
        assert await other.acquire()
        assert await other.append(entry(3)) == 21
        with pytest.raises(LeaseLost, match="another process"):
            await journal.append(entry(4))
        assert not await journal.acquire()

    async def test_a_lease_ends_for_its_owner_before_another_may_take_it(self, journal, opened, clock):
        other = await opened()
        clock.advance_to(Millis(START + TERMS.length_ms - 1))
        assert journal.holds_lease()
        await journal.append(entry(1))
        clock.advance_to(Millis(START + TERMS.length_ms))
        assert not journal.holds_lease()
        with pytest.raises(LeaseLost, match="ended 0 ms ago"):
            await journal.append(entry(2))
        clock.advance_to(Millis(START + TERMS.length_ms + TERMS.grace_ms - 1))
        assert not await other.acquire()
        clock.advance_to(Millis(START + TERMS.length_ms + TERMS.grace_ms))
        assert await other.acquire()
        assert not await journal.acquire()
        with pytest.raises(LeaseLost):
            await journal.append(entry(3))

    async def test_an_owner_that_was_held_up_takes_an_ended_lease_again_if_nobody_else_has(self, journal, clock):
        clock.advance_to(Millis(START + 10 * TERMS.length_ms))
        assert await journal.acquire()
        assert await journal.append(entry(1)) == 1

    async def test_two_that_race_for_an_ended_lease_do_not_both_get_it(self, journal, opened, clock):
        others = [await opened() for _ in range(4)]
        clock.advance_to(Millis(START + TERMS.length_ms + TERMS.grace_ms))
        assert sum(await asyncio.gather(*(other.acquire() for other in others))) == 1

    async def test_a_clock_that_runs_behind_keeps_its_owner_from_a_valid_lease(self, journal, opened):
        behind = await opened(clock=ManualClock(Millis(START - 3_600_000)))
        assert not await behind.acquire()

    async def test_a_clock_ahead_by_less_than_the_grace_steals_no_valid_lease(self, journal, opened, clock):
        ahead_clock = ManualClock(Millis(START + TERMS.grace_ms))
        ahead = await opened(clock=ahead_clock)
        for _ in range(10):
            assert not await ahead.acquire()
            clock.advance_to(Millis(clock.now() + TERMS.length_ms - 1))
            ahead_clock.advance_to(Millis(ahead_clock.now() + TERMS.length_ms - 1))
            assert not await ahead.acquire()
            assert await journal.acquire()

    async def test_a_lease_that_ends_in_a_far_future_is_taken_once_it_was_seen_unchanged_for_its_length(
        self, opened, clock
    ):
        wrong = await opened(clock=ManualClock(Millis(START + 86_400_000)))
        assert await wrong.acquire()
        other = await opened()
        for _ in range(5):
            assert not await other.acquire()
            clock.advance_to(Millis(clock.now() + (TERMS.length_ms + TERMS.grace_ms) // 5))
        assert await other.acquire()

    async def test_the_name_of_a_dead_owner_takes_its_lease_over_and_fences_it_off(self, opened):
        first = await opened(owner="bot")
        assert await first.acquire()
        second = await opened(owner="bot")
        assert await second.acquire()
        with pytest.raises(LeaseLost):
            await first.append(entry(1))
        assert not await first.acquire()
        assert await second.append(entry(2)) == 1

    async def test_giving_up_a_lease_that_another_holds_leaves_it_alone(self, journal, opened):
        other = await opened()
        await other.release()
        assert await journal.append(entry(1)) == 1

    # ------------------------------------------------------------------------------------------------- commands

    async def test_a_command_left_by_another_process_waits_until_an_entry_says_it_is_done(self, journal, url):
        with CommandDesk(url) as desk:
            halt = desk.leave(Verb.HALT, "  maintenance\n tonight ", START)
            resume = desk.leave(Verb.RESUME, "over", Millis(START + 1))
            assert halt == Command(1, Verb.HALT, START, "maintenance tonight")
            assert await journal.commands() == [halt, resume]
            await journal.append(Entry(Kind.COMMAND, START, {"number": halt.number}))
            assert await journal.commands() == desk.undone() == [resume]
            await journal.append(Entry(Kind.COMMAND, START, {"number": resume.number}))
            assert await journal.commands() == []

    @pytest.mark.parametrize("reason", ["", " \n ", "x" * 501, "a\x07bell"])
    async def test_a_command_without_a_readable_reason_is_refused(self, journal, url, reason):
        with CommandDesk(url) as desk, pytest.raises(ConfigError, match="--reason"):
            desk.leave(Verb.HALT, reason, START)
        assert await journal.commands() == []

    # -------------------------------------------------------------------------------------------------- reading

    async def test_a_command_for_a_journal_that_nobody_has_made_is_refused_and_makes_none(self, url):
        with pytest.raises(NoJournal, match="there is no journal"):
            CommandDesk(url)
        with pytest.raises(NoJournal, match="there is no journal"):
            JournalReader(url)

    async def test_the_desk_knows_whether_a_trader_holds_the_lease(self, journal, url):
        with CommandDesk(url) as desk:
            assert desk.trader_until() == START + TERMS.length_ms
            await journal.release()
            assert desk.trader_until() is None

    async def test_a_reader_finds_decisions_alarms_and_naked_intervals_by_time_while_another_writes(self, journal, url):
        await journal.append(
            entry(10, Kind.DECISION), entry(20, Kind.DECISION), entry(25, Kind.ALARM), entry(30, Kind.NAKED)
        )
        with JournalReader(url) as reader:
            await journal.append(entry(40, Kind.DECISION), entry(50, Kind.STATE))
            found = reader.decisions(Millis(START + 20), Millis(START + 40))
            assert [s.entry.body["number"] for s in found] == [20, 40]
            assert [s.number for s in reader.alarms(START)] == [3]
            assert reader.alarms(Millis(START + 26)) == []
            assert [s.number for s in reader.naked(START)] == [4]
            newest = reader.newest(Kind.STATE)
            assert newest is not None
            assert newest.entry.body["number"] == 50
            assert reader.verify().entries == 6

    async def test_intents_without_a_certain_outcome_are_open(self, journal, url):
        await journal.append(*(entry(n, Kind.INTENT) for n in (1, 2, 3)))
        await journal.append(entry(1, Kind.OUTCOME, intent=1, outcome="accepted"))
        await journal.append(entry(2, Kind.OUTCOME, intent=2, outcome="unknown"))
        await journal.append(entry(2, Kind.OUTCOME, decided_at=START, outcome="sent"))
        with JournalReader(url) as reader:
            assert [s.entry.body["number"] for s in reader.open_intents()] == [2, 3]
        await journal.append(entry(2, Kind.OUTCOME, intent=2, outcome="absent"))
        with JournalReader(url) as reader:
            assert [s.entry.body["number"] for s in reader.open_intents()] == [3]

    # ------------------------------------------------------------------------------------------- failing databases

    async def test_a_failed_write_leaves_nothing_and_the_journal_goes_on(self, journal):
        await journal.append(entry(1))
        with failing(journal, "UPDATE journal_head"), pytest.raises(JournalFailed, match="did not take 2 entries"):
            await journal.append(entry(2), entry(3))
        assert not journal.in_doubt
        assert await journal.append(entry(4)) == 2
        assert (await journal.verify()).entries == 2

    async def test_a_commit_whose_answer_was_lost_is_read_back_and_counts_as_written(self, journal):
        await journal.append(entry(1))
        with losing_commits(journal, 1):
            assert await journal.append(entry(2)) == 2
        assert not journal.in_doubt
        assert (await journal.verify()).entries == 2

    async def test_while_nothing_can_be_read_back_the_append_stays_in_doubt_and_a_repeat_writes_it_once(self, journal):
        await journal.append(entry(1))
        with (
            losing_commits(journal, 1),
            failing(journal, "SELECT journal_entries.hash"),
            pytest.raises(JournalFailed, match="whether the last append was written"),
        ):
            await journal.append(entry(2), entry(3))
        assert journal.in_doubt
        assert await journal.append(entry(2), entry(3)) == 3
        assert await journal.append(entry(4)) == 4
        assert (await journal.verify()).entries == 4

    async def test_a_process_killed_in_mid_append_loses_no_acknowledged_entry(self, url, opened):
        acknowledged = 0
        for round_ in range(6):
            acknowledged = kill_a_writer(url, after=3 + 5 * round_, least=acknowledged)
            journal = await opened(owner="writer")
            found = await journal.verify()
            assert found.broken is None, found
            assert found.entries >= acknowledged
            stored = await journal.entries(limit=100_000)
            # Each append wrote three entries that name it: none is there in part.
            assert len(stored) % 3 == 0
            for first in range(0, len(stored), 3):
                assert len({s.entry.body["append"] for s in stored[first : first + 3]}) == 1
            await journal.close()


@contextmanager
def failing(journal: SqlJournal, statement: str) -> Iterator[None]:
    """The database breaks off in front of every statement that begins so."""

    def refuse(connection: Any, cursor: Any, sql: str, *rest: Any) -> None:
        if sql.startswith(statement):
            raise OperationalError(sql, {}, RuntimeError("the disk broke"))

    event.listen(journal._engine, "before_cursor_execute", refuse)
    yield
    event.remove(journal._engine, "before_cursor_execute", refuse)


@contextmanager
def losing_commits(journal: SqlJournal, count: int) -> Iterator[None]:
    """The next commits take effect, and their answers are lost."""
    left = count

    def lose(connection: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            driver = connection.connection.driver_connection
            driver.execute("COMMIT")
            raise OperationalError("COMMIT", {}, ConnectionResetError("connection reset"))

    event.listen(journal._engine, "commit", lose)
    yield
    event.remove(journal._engine, "commit", lose)


def kill_a_writer(url: URL, *, after: int, least: int) -> int:
    """Run a process that appends without pause, kill it after so many answers; return the last number it was given."""
    command = [sys.executable, "-m", WRITER, url.render_as_string(hide_password=False)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        for _ in range(after):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout:  # what it said before the signal reached it
            if line.endswith("\n"):
                acknowledged = int(line)
    assert writer.returncode == -signal.SIGKILL
    assert acknowledged > least
    return acknowledged


def chained(before: str, number: int, at: int, body: str) -> str:
    """Repeats the rule of the chain independently of the program."""
    return hashlib.sha256("\n".join([before, str(number), "bar", str(at), body]).encode()).hexdigest()
