"""Requests inside a limit of so many in any second, the most urgent first."""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from src.core.domain.time import SECOND, Millis
from src.core.protocols import Clock

WINDOW: Final = SECOND + 20
"""Milliseconds in which the limit is counted; whole milliseconds hide up to one at each end, timers are not exact."""


NEVER: Final = Millis(2**62)


class RateGate:
    """Lets at most `limit` requests reach the exchange in any second.

    A request counts from its start until `WINDOW` after its end. The exchange counted it somewhere in between, so the
    promise holds whatever the network does, for a sliding and for a fixed second.

    Parameters
    ----------
    clock
        Whose seconds are counted.
    limit
        Requests in a second.
    """

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._running = 0
        self._ended: deque[Millis] = deque()
        self._held_until = Millis(0)
        self._arrivals = itertools.count()  # equal urgency: first come, first served
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def turn(self, urgency: int = 0) -> AsyncIterator[None]:
        """Wait for a turn and hold it while a request runs.

        Parameters
        ----------
        urgency
            A lower number goes first.
        """
        await self._enter(urgency)
        try:
            yield
        finally:
            self._running -= 1
            self._ended.append(self._clock.now())
            self._changed.set()

    def hold(self, milliseconds: int) -> None:
        """Give no turn for a while: the exchange says that there were too many."""
        self._held_until = Millis(max(self._held_until, self._clock.now() + milliseconds))

    async def close(self) -> None:
        """Cancel whoever waits."""
        for _, _, turn in self._waiting:
            turn.cancel()
        self._waiting.clear()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None

    async def _enter(self, urgency: int) -> None:
        if not self._waiting and self._free_at() <= self._clock.now():
            self._running += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (urgency, next(self._arrivals), turn))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._give_turns(), name="rate gate")
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn was given in the same moment: it goes to another
                self._running -= 1
                self._changed.set()
            raise

    async def _give_turns(self) -> None:
        """Give turns while somebody waits; only the sleep of this task knows about time."""
        while self._waiting:
            if self._waiting[0][2].done():  # given up
                heapq.heappop(self._waiting)
            elif (at := self._free_at()) <= self._clock.now():
                self._running += 1
                heapq.heappop(self._waiting)[2].set_result(None)
            elif at < NEVER:
                await self._clock.sleep_until(at)
            else:  # every place is taken by a running request
                self._changed.clear()
                await self._changed.wait()

    def _free_at(self) -> Millis:
        """Return when the next place is free; `NEVER` if that depends on a running request."""
        now = self._clock.now()
        while self._ended and self._ended[0] + WINDOW <= now:
            self._ended.popleft()
        taken = self._running + len(self._ended)
        if taken < self._limit:
            return self._held_until
        first = taken - self._limit  # so many of the ended ones must grow old
        if first >= len(self._ended):
            return NEVER
        return Millis(max(self._held_until, self._ended[first] + WINDOW))
