"""The clock of a program that drives a simulated exchange in lock-step: nobody's time moves while anybody works."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import aiohttp

from src.core.clock import ManualClock
from src.core.domain.time import MINUTE, Millis
from src.core.exceptions import ConfigError

SPINS: Final = 100  # turns of the event loop in which an answer from this machine is expected
NAP_S: Final = 0.001
PATIENCE_S: Final = 1.0  # for a message that was sent and does not come: a stream that lost it
QUIET_S: Final = 0.03  # without a message: what was sent before a connection was made has come
HORIZON: Final = MINUTE  # how far time moves at once while nobody waits for it


class Watched(Protocol):
    """What the clock must know of a client: whether it works, and what it has read."""

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited or a connection is being made."""
        ...

    @property
    def idle(self) -> bool:
        """Whether nobody is about to read an event."""
        ...

    @property
    def received(self) -> int:
        """How many stream messages came so far."""
        ...

    @property
    def connections(self) -> int:
        """How often a stream was connected so far."""
        ...

    @property
    def joins(self) -> int:
        """How many rooms it asked to join so far."""
        ...


class LockStepClock:
    """A `Clock` whose time is the simulated exchange's.

    `run` moves it. It does so only when nothing on the event loop is ready to run, no watched client is busy, no call
    runs in a thread and every message was dealt with; it moves at most to what the next sleeper waits for, or to the
    first moment before it at which a stream says something. So a run repeats exactly, at whatever speed.

    Parameters
    ----------
    start
        The exchange's time.
    control_url, token
        Where it is driven, as it announced.
    """

    def __init__(self, start: Millis, control_url: str, token: str) -> None:
        self._clock = ManualClock(start)
        self._control = control_url.rstrip("/")
        self._headers = {"X-Twin-Token": token}
        self._watched: list[Watched] = []
        self._working: list[Callable[[], bool]] = []
        self._threads = 0
        self._offset: int | None = None  # messages that were sent and that nobody here was to read
        self._connections = 0
        self._joins = 0  # that the exchange had heard before we came
        self.waits = 0  # how often the exchange was asked to move

    def now(self) -> Millis:
        """Return the exchange's time, as it was when it last moved."""
        return self._clock.now()

    async def sleep_until(self, at: Millis) -> None:
        """Return at `at` or later; if it has passed, after other tasks have had their turn."""
        await self._clock.sleep_until(at)

    def watch(self, client: Watched) -> None:
        """Let time stand still while a client of the exchange is busy or has events to deal with."""
        self._watched.append(client)

    def watch_work(self, is_working: Callable[[], bool]) -> None:
        """Let time stand still while something else works."""
        self._working.append(is_working)

    async def run(self) -> None:
        """Move the time until cancelled.

        Raises
        ------
        ConfigError
            If the exchange does not let itself be driven.
        """
        loop: Any = asyncio.get_running_loop()
        ready: deque[Any] = loop._ready  # the only place that tells whether anybody could run now
        in_executor = loop.run_in_executor
        loop.run_in_executor = self._counted(in_executor)
        try:
            async with aiohttp.ClientSession(headers=self._headers) as session:
                self._joins = await self._heard_joins(session)
                while True:
                    await self._settled(ready)
                    await self._move(session)
        finally:
            loop.run_in_executor = in_executor

    def _counted(self, in_executor: Callable[..., Any]) -> Callable[..., Any]:
        """Return `run_in_executor` with a count of the calls that are not done."""

        def ended(_future: Any) -> None:
            self._threads -= 1

        def counted(*arguments: Any) -> Any:
            future = in_executor(*arguments)
            self._threads += 1
            future.add_done_callback(ended)
            return future

        return counted

    @property
    def _quiet(self) -> bool:
        return not (
            self._threads
            or any(client.busy or not client.idle for client in self._watched)
            or any(is_working() for is_working in self._working)
        )

    async def _settled(self, ready: "deque[Any]") -> None:
        """Return once nobody can go on before time does."""
        turns = 0
        while True:
            await asyncio.sleep(0)
            if ready:
                continue
            if self._quiet:
                return
            turns += 1
            if turns > SPINS:
                await asyncio.sleep(NAP_S)

    async def _move(self, session: aiohttp.ClientSession) -> None:
        now, connections = self.now(), sum(client.connections for client in self._watched)
        if self._offset is None or connections != self._connections:
            self._connections = connections
            await self._count_anew(session)
            return
        wake = self._clock.next_wake()
        until = Millis(now + HORIZON) if wake is None else wake
        woken = await self._ask(session, until, self._received() + self._offset)
        self._offset = min(self._offset, woken["sent"] - self._received())  # nobody reads more than was sent
        if woken["now"] > now:
            self._clock.advance_to(Millis(woken["now"]))
        if woken["reason"] == "in_flight":
            await asyncio.sleep(NAP_S)
        elif woken["reason"] != "reached":
            await self._all_read(woken["sent"])

    async def _all_read(self, sent: int) -> None:
        """Return once every message that was sent has come, or plainly does not come any more."""
        loop = asyncio.get_running_loop()
        newest, came_at, turns = self._received(), loop.time(), 0
        while self._offset is not None and self._received() + self._offset < sent:
            turns += 1
            await asyncio.sleep(0 if turns < SPINS else NAP_S)
            if self._received() > newest:
                newest, came_at = self._received(), loop.time()
            elif loop.time() - came_at > PATIENCE_S:
                self._offset = None

    async def _count_anew(self, session: aiohttp.ClientSession) -> None:
        """Learn how many messages there were that are not for us, once joins were heard and nothing is on its way."""
        self._offset = None
        before = self._received()
        await asyncio.sleep(QUIET_S)
        asked = sum(client.joins for client in self._watched)
        if self._received() == before and self._quiet and await self._heard_joins(session) >= self._joins + asked:
            woken = await self._ask(session, self.now(), None)
            self._offset = woken["sent"] - self._received()

    async def _heard_joins(self, session: aiohttp.ClientSession) -> int:
        async with session.get(f"{self._control}/state") as reply:
            state: dict[str, Any] = await reply.json()
        return int(state.get("joins", 0))

    def _received(self) -> int:
        return sum(client.received for client in self._watched)

    async def _ask(self, session: aiohttp.ClientSession, until: Millis, seen: int | None) -> dict[str, Any]:
        self.waits += 1
        async with session.post(f"{self._control}/wait", json={"until": until, "seen": seen}) as reply:
            answer: dict[str, Any] = await reply.json()
        if reply.status != 200:
            raise ConfigError(
                f"the simulated exchange does not let itself be driven: {answer.get('error')}",
                remedy="start it with --lock-step, and give the control address and token that it announced",
            )
        return answer
