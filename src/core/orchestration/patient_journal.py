"""The journal through a short outage of its database: nothing is sent meanwhile, and the lease bounds the waiting."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from src.core.domain.journal import Command, Entry, Kind, Stored
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import SECOND, Millis
from src.core.exceptions import JournalFailed
from src.core.protocols import Clock, Journal, Notifier

T = TypeVar("T")

RETRY: Final = SECOND  # between two attempts


class PatientJournal:
    """A `Journal` that repeats what failed until the lease would be lost, and fails then.

    Whoever writes waits for it, and what is to be sent is written first: so from the first failure on nothing is sent.
    Repeating an append is safe: the journal settles first what became of the one before (`SqlJournal.append`).
    Without the lease, as before the first `acquire`, nothing is repeated.

    Parameters
    ----------
    inner
        The journal.
    clock
        Whose time passes between attempts.
    lease_ms
        For how long a renewal of the lease holds.
    notifier
        Is told of an outage and of its end.
    """

    def __init__(self, inner: Journal, clock: Clock, lease_ms: int, notifier: Notifier) -> None:
        self._inner = inner
        self._clock = clock
        self._lease_ms = lease_ms
        self._notifier = notifier
        self._held_until = Millis(0)
        self._failing = False

    async def append(self, *entries: Entry) -> int:
        """Write all entries or none; see `Journal.append`."""
        return await self._patiently(lambda: self._inner.append(*entries))

    async def last(self, kind: Kind) -> Stored | None:
        """Return the newest entry of a kind."""
        return await self._patiently(lambda: self._inner.last(kind))

    async def entries(self, kinds: Sequence[Kind] = (), *, after: int = 0, limit: int = 1_000) -> list[Stored]:
        """Return entries, oldest first."""
        return await self._patiently(lambda: self._inner.entries(kinds, after=after, limit=limit))

    async def commands(self) -> list[Command]:
        """Return what people asked for and nobody has yet done."""
        return await self._patiently(self._inner.commands)

    async def acquire(self) -> bool:
        """Take or renew the lease."""
        began = self._clock.now()

        async def take() -> bool:
            nonlocal began
            began = self._clock.now()  # of the attempt that works: from then on the lease counts
            return await self._inner.acquire()

        taken = await self._patiently(take)
        self._held_until = Millis(began + self._lease_ms if taken else 0)
        return taken

    async def release(self) -> None:
        """Give the lease up; once."""
        self._held_until = Millis(0)
        await self._inner.release()

    async def close(self) -> None:
        """Close the database."""
        await self._inner.close()

    async def _patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                done = await act()
            except JournalFailed as e:
                at = Millis(self._clock.now() + RETRY)
                if at >= self._held_until:
                    raise
                self._tell(Tier.CRITICAL, e.what)
                await self._clock.sleep_until(at)
            else:
                self._tell(Tier.INFO, "")
                return done

    def _tell(self, tier: Tier, what: str) -> None:
        """Tell when an outage begins, and when it is over."""
        failing = tier is Tier.CRITICAL
        if failing is not self._failing:
            self._failing = failing
            values = {"what": what or "the database takes part again"}
            self._notifier.tell(Notice(tier, Topic.JOURNAL, self._clock.now(), values))
