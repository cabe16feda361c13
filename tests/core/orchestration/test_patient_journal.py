"""A short outage of the journal's database: nothing goes on meanwhile, and the lease ends the waiting."""

import pytest

from src.core.domain.journal import Entry, Kind
from src.core.domain.notices import Tier, Topic
from src.core.domain.time import SECOND, Millis
from src.core.exceptions import JournalFailed, LeaseLost
from src.core.orchestration.patient_journal import PatientJournal
from tests.parity.test_live_engine import JumpingClock, Listener

LEASE = 20 * SECOND
LINE = Entry(Kind.STOPPED, Millis(0), {})


class Database:
    """A journal that fails so many times."""

    def __init__(self) -> None:
        self.fails = 0
        self.written = []
        self.is_free = True

    def _take_part(self) -> None:
        if self.fails:
            self.fails -= 1
            raise JournalFailed("the database is away", remedy="wait")

    async def append(self, *entries):
        self._take_part()
        self.written += entries
        return len(self.written)

    async def acquire(self) -> bool:
        self._take_part()
        return self.is_free

    async def commands(self):
        self._take_part()
        return []

    async def release(self) -> None:
        self._take_part()


class Desk:
    def __init__(self) -> None:
        self.clock, self.inner, self.listener = JumpingClock(0), Database(), Listener()
        self.journal = PatientJournal(self.inner, self.clock, LEASE, self.listener)

    def told(self):
        return [(notice.tier, notice.topic) for notice in self.listener.told]


@pytest.mark.parametrize("call", ["append", "acquire", "commands"])
async def test_an_outage_shorter_than_the_lease_is_waited_out_and_told(call):
    desk = Desk()
    assert await desk.journal.acquire()
    desk.inner.fails = 5
    await getattr(desk.journal, call)(*([LINE] if call == "append" else []))
    assert desk.clock.now() == 5 * SECOND
    assert desk.told() == [(Tier.CRITICAL, Topic.JOURNAL), (Tier.INFO, Topic.JOURNAL)]


async def test_it_fails_before_the_lease_is_over():
    desk = Desk()
    assert await desk.journal.acquire()
    desk.inner.fails = 1_000
    with pytest.raises(JournalFailed):
        await desk.journal.append(LINE)
    assert LEASE - SECOND <= desk.clock.now() < LEASE
    assert desk.inner.written == []


async def test_the_lease_counts_from_the_renewal_that_worked():
    desk = Desk()
    assert await desk.journal.acquire()
    desk.clock.reach(10 * SECOND)
    desk.inner.fails = 3
    assert await desk.journal.acquire()
    desk.inner.fails = 1_000
    with pytest.raises(JournalFailed):
        await desk.journal.commands()
    assert 13 * SECOND + LEASE - SECOND <= desk.clock.now() < 13 * SECOND + LEASE


async def test_without_the_lease_nothing_is_repeated():
    desk = Desk()
    desk.inner.fails = 1
    with pytest.raises(JournalFailed):
        await desk.journal.acquire()
    desk.inner.is_free = False
    assert not await desk.journal.acquire()
    desk.inner.fails = 1
    with pytest.raises(JournalFailed):
        await desk.journal.append(LINE)
    assert desk.clock.now() == 0
    assert desk.told() == []


async def test_a_lost_lease_is_told_at_once():
    desk = Desk()
    assert await desk.journal.acquire()

    async def lost(*entries):
        raise LeaseLost("another has it", remedy="stop")

    desk.inner.append = lost
    with pytest.raises(LeaseLost):
        await desk.journal.append(LINE)
    assert desk.clock.now() == 0
