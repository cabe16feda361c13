"""The journal with an eye on it: whatever is written down is counted, so that no count has a second source."""

import time
from collections.abc import Sequence

from src.core.domain.journal import Command, Entry, Kind, Stored
from src.core.domain.orders import Reason
from src.core.domain.time import SECOND, Millis
from src.core.protocols import Journal
from src.monitoring.metrics import Metrics
from src.trading.outgoing import Purpose


class MeasuredJournal:
    """A `Journal` that passes everything on to another and counts what was written.

    Parameters
    ----------
    inner
        The journal.
    metrics
        Where it is counted.
    """

    def __init__(self, inner: Journal, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics
        self._bar_at: Millis | None = None  # receipt of the newest bar, until an order answers it

    async def append(self, *entries: Entry) -> int:
        """Write all entries or none; see `Journal.append`."""
        began = time.perf_counter()
        number = await self._inner.append(*entries)
        self._metrics.appended(time.perf_counter() - began)
        for entry in entries:
            self._count(entry)
        return number

    async def last(self, kind: Kind) -> Stored | None:
        """Return the newest entry of a kind."""
        return await self._inner.last(kind)

    async def entries(self, kinds: Sequence[Kind] = (), *, after: int = 0, limit: int = 1_000) -> list[Stored]:
        """Return entries, oldest first."""
        return await self._inner.entries(kinds, after=after, limit=limit)

    async def commands(self) -> list[Command]:
        """Return what people asked for and nobody has yet done."""
        return await self._inner.commands()

    async def acquire(self) -> bool:
        """Take or renew the lease."""
        return await self._inner.acquire()

    async def release(self) -> None:
        """Give the lease up."""
        await self._inner.release()

    async def close(self) -> None:
        """Close the database."""
        await self._inner.close()

    def _count(self, entry: Entry) -> None:
        body = entry.body
        if entry.kind is Kind.BAR:
            self._bar_at = entry.at
        elif entry.kind is Kind.DECISION:
            decision = body["decision"]
            if isinstance(decision, dict):
                self._metrics.decided(Reason(int(str(decision["reason"]))))
        elif entry.kind is Kind.INTENT:
            self._answer(entry)
        elif entry.kind is Kind.OUTCOME:
            self._metrics.settled(str(body["outcome"]))
        elif entry.kind is Kind.FILL:
            self._metrics.filled(maker=bool(body["maker"]))
        elif entry.kind is Kind.NAKED:
            self._metrics.was_naked(int(str(body["ms"])) / SECOND)

    def _answer(self, entry: Entry) -> None:
        if entry.body["purpose"] == int(Purpose.ENTRY) and self._bar_at is not None:
            self._metrics.reacted((entry.at - self._bar_at) / SECOND)
            self._bar_at = None
