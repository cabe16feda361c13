"""Three clocks behind one port: the machine's, one that runs behind another, and one that a driver moves."""

import asyncio
import heapq
import itertools
import time
from typing import Final

from src.core.domain.time import SECOND, Millis, format_jst
from src.core.protocols import Clock

HELD_STEP: Final = SECOND
"""The largest step back of the machine's clock that `SystemClock.now` hides, in milliseconds."""

LONGEST_NAP: Final = SECOND
"""How long a wait may trust the event loop, which neither sees clock corrections nor time in suspension."""

_NANOS_PER_MILLI: Final = 1_000_000


class SystemClock:
    """The machine's clock, UTC.

    `now` never goes back by a correction of up to `HELD_STEP`: it stands still until the machine's clock has caught
    up. A larger step back is followed, since requests to the exchange are signed with this time and a clock that
    stands still for minutes would have every one of them refused.
    """

    def __init__(self) -> None:
        self._latest = 0

    def now(self) -> Millis:
        """Return the present time."""
        read = time.time_ns() // _NANOS_PER_MILLI
        if not self._latest - HELD_STEP <= read < self._latest:
            self._latest = read
        return Millis(self._latest)

    async def sleep_until(self, at: Millis) -> None:
        """Return at `at` or later, never earlier; if it has passed, after other tasks have had their turn.

        A corrected clock or a suspended machine is noticed within `LONGEST_NAP`.
        """
        await asyncio.sleep(0)
        while (left := at - self.now()) > 0:  # noqa: ASYNC110 - no event tells that time has passed
            await asyncio.sleep(min(left, LONGEST_NAP) / SECOND)


class DelayedClock:
    """A clock that runs a fixed time behind another: for who lives on data that come so much later.

    Parameters
    ----------
    by
        Milliseconds.
    """

    def __init__(self, clock: Clock, by: int) -> None:
        self._clock = clock
        self._by = by

    def now(self) -> Millis:
        """Return the other clock's time, less the delay."""
        return Millis(self._clock.now() - self._by)

    async def sleep_until(self, at: Millis) -> None:
        """Return when this clock shows `at` or later."""
        await self._clock.sleep_until(Millis(at + self._by))


class ManualClock:
    """A clock that a simulation's driver moves; everyone else reads it and waits on it.

    Parameters
    ----------
    start
        The time it shows first.

    Notes
    -----
    A driver that must not skip anyone's wake-up advances to `next_wake()` at most, lets the loop run, and repeats.
    """

    def __init__(self, start: Millis) -> None:
        self._now = start
        self._arrivals = itertools.count()  # equal wake-ups happen in the order the sleepers came
        self._sleepers: list[tuple[Millis, int, asyncio.Future[None]]] = []

    def now(self) -> Millis:
        """Return the time the driver has set."""
        return self._now

    async def sleep_until(self, at: Millis) -> None:
        """Return once the driver has set `at` or later; if it has passed, after other tasks have had their turn."""
        if at <= self._now:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at, next(self._arrivals), woken))
        await woken

    def next_wake(self) -> Millis | None:
        """Return the earliest time someone waits for; None if nobody waits."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled while waiting
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def advance_to(self, at: Millis) -> None:
        """Set the time and wake everyone who waited for it, the earliest first.

        Raises
        ------
        ValueError
            If `at` is before the time shown: what was decided since then cannot be undone.
        """
        if at < self._now:
            raise ValueError(
                f"a clock at {format_jst(self._now)} cannot go back to {format_jst(at)}; start a new simulation instead"
            )
        self._now = at
        while (wake := self.next_wake()) is not None and wake <= at:
            heapq.heappop(self._sleepers)[2].set_result(None)
