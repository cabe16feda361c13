"""Kills the trader at a chosen step: before or after the n-th time it waits for a port or writes to the journal."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from src.core.domain.events import ExchangeEvent
from src.core.domain.exchange import AccountReport, FillReport, MarketReport, OrderReport, PairReport
from src.core.domain.journal import Command, Entry, Kind, Stored
from src.core.domain.time import Millis
from src.core.protocols import Clock, ExchangePort, Journal
from src.trading.outgoing import OutgoingOrder


class Killed(BaseException):
    """The process ends here: nothing of it runs on, and what it had not written down is lost."""


class Step(NamedTuple):
    """One await on a port or one write, numbered as it happened."""

    number: int
    name: str


class Tripwire:
    """Counts steps and kills at one of them.

    Parameters
    ----------
    at
        Number of the step; 0 never kills.
    after
        Whether the step is done first.
    """

    def __init__(self, at: int = 0, *, after: bool = False) -> None:
        self._at, self._after = at, after
        self.steps: list[Step] = []
        self.fired = False

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Surround one step."""
        number = len(self.steps) + 1
        self.steps.append(Step(number, name))
        self._pull(number, after=False)
        try:
            yield
        finally:
            self._pull(number, after=True)

    def _pull(self, number: int, *, after: bool) -> None:
        if number == self._at and after is self._after and not self.fired:
            self.fired = True
            raise Killed


class TripClock:
    """A clock with a wire."""

    def __init__(self, inner: Clock, wire: Tripwire) -> None:
        self._inner, self._wire = inner, wire

    def now(self) -> Millis:
        """Return the present time."""
        return self._inner.now()

    async def sleep_until(self, at: Millis) -> None:
        """Wait."""
        async with self._wire.step("sleep"):
            await self._inner.sleep_until(at)


class TripJournal:
    """A journal with a wire. It knows which intent was written last: whatever is sent must be that one."""

    def __init__(self, inner: Journal, wire: Tripwire) -> None:
        self._inner, self._wire = inner, wire

    async def append(self, *entries: Entry) -> int:
        """Write."""
        kinds = " ".join(entry.kind.value for entry in entries if entry.kind is not Kind.STATE)
        async with self._wire.step(f"write {kinds or Kind.STATE.value}"):
            return await self._inner.append(*entries)

    async def last(self, kind: Kind) -> Stored | None:
        """Read the newest entry of a kind."""
        return await self._inner.last(kind)

    async def entries(self, kinds: Sequence[Kind] = (), *, after: int = 0, limit: int = 1_000) -> list[Stored]:
        """Read entries."""
        return await self._inner.entries(kinds, after=after, limit=limit)

    async def commands(self) -> list[Command]:
        """Read commands."""
        return await self._inner.commands()

    async def acquire(self) -> bool:
        """Take the lease."""
        return await self._inner.acquire()

    async def release(self) -> None:
        """Give the lease up."""
        await self._inner.release()

    async def close(self) -> None:
        """Close."""
        await self._inner.close()


class TripPort:
    """An exchange with a wire."""

    def __init__(self, inner: ExchangePort, wire: Tripwire) -> None:
        self._inner, self._wire = inner, wire

    async def submit(self, order: OutgoingOrder) -> OrderReport:
        """Send an order."""
        async with self._wire.step(f"submit {order.purpose.name.lower()}"):
            return await self._inner.submit(order)

    async def cancel(self, order_id: int) -> OrderReport:
        """Cancel an order."""
        async with self._wire.step("cancel"):
            return await self._inner.cancel(order_id)

    async def order(self, order_id: int) -> OrderReport:
        """Read an order."""
        async with self._wire.step("read order"):
            return await self._inner.order(order_id)

    async def active_orders(self) -> tuple[OrderReport, ...]:
        """Read the active orders."""
        async with self._wire.step("read active orders"):
            return await self._inner.active_orders()

    async def fills(self, after: int, since: Millis) -> tuple[FillReport, ...]:
        """Read our trades."""
        async with self._wire.step("read trades"):
            return await self._inner.fills(after, since)

    async def account(self) -> AccountReport:
        """Read the account."""
        async with self._wire.step("read account"):
            return await self._inner.account()

    async def market(self) -> MarketReport:
        """Read the market."""
        async with self._wire.step("read market"):
            return await self._inner.market()

    async def pair(self) -> PairReport:
        """Read the pair's rules."""
        async with self._wire.step("read pair"):
            return await self._inner.pair()

    async def next_event(self) -> ExchangeEvent:
        """Wait for an event."""
        async with self._wire.step("event"):
            return await self._inner.next_event()

    async def close(self) -> None:
        """Close."""
        await self._inner.close()
