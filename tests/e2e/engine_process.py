"""The order engine as a process of its own: bitbank's client against a twin, a journal on disk, and SIGKILL at a step.

A server forks it from one that has imported everything, so a process costs milliseconds; it is a real process all the
same, and SIGKILL leaves it no last word.
"""

import asyncio
import importlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import aiohttp

from src.core.domain.journal import Kind
from src.core.domain.market import BTC_JPY, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import DAY, SECOND, Millis
from src.core.lock_step_clock import LockStepClock
from src.core.orchestration.drill.lives import verdict
from src.core.orchestration.drill.tripwire import TripClock, TripJournal, TripPort, Tripwire
from src.data.api_keys import ApiKeys
from src.data.bitbank_margin import BitbankMargin, Terms
from src.trading.book import fresh_book
from src.trading.book_record import read_book
from src.trading.decision import fresh_state
from src.trading.drawdown_manager import RiskParams
from src.trading.executor import Executor, ExecutorParams
from src.trading.intents import Patience
from src.trading.journal import LeaseTerms, database_url, open_journal
from src.trading.reconcile import Limits

importlib.import_module("ccxt.async_support")  # what the client would import when it is made: forked, not repeated

PRICE = Ticks(10_000_000)
LIFE_MS = 4 * SECOND  # after which the position is left
LOOK_MS = 2 * SECOND
END_MS = 180 * SECOND
DEADLINE_S = 2.0  # real seconds that a request may take: an answer that never comes is waited for so long


class Job(NamedTuple):
    """What a process is to do."""

    file: str  # of the journal
    control: str
    token: str
    rest: str
    streams: tuple[str, str]
    key: str
    secret: str
    begin: int  # of the life, the exchange's time
    kill_at: int  # step; 0: none
    kill_after: bool
    steps_file: str  # where the steps of a life that was not killed are written


class SuddenDeath(Tripwire):
    """Kills the whole process."""

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        self.steps.append(name)
        number = len(self.steps)
        if number == self._at and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            yield
        finally:
            if number == self._at and self._after:
                os.kill(os.getpid(), signal.SIGKILL)


class Deaf:
    def tell(self, notice) -> None:
        pass

    async def close(self) -> None:
        pass


def run(job: Job) -> None:
    """Be the process."""
    asyncio.run(_run(job))


async def _run(job: Job) -> None:
    clock = await _clock(job)
    terms = Terms(job.rest, job.rest, *job.streams, deadline_s=DEADLINE_S)
    port = BitbankMargin(clock, ApiKeys(job.key, job.secret), BTC_JPY, terms)
    clock.watch(port)
    driving = asyncio.create_task(clock.run())
    await asyncio.sleep(0)  # from now on it knows of calls in threads
    try:
        await _trade(job, clock, port)
    finally:
        driving.cancel()
        with suppress(asyncio.CancelledError):
            await driving
        await port.close()


async def _clock(job: Job) -> LockStepClock:
    async with (
        aiohttp.ClientSession(headers={"X-Twin-Token": job.token}) as session,
        session.get(f"{job.control}/state") as reply,
    ):
        state = await reply.json(content_type=None)
    return LockStepClock(Millis(int(state["market"])), job.control, job.token)


async def _trade(job: Job, clock: LockStepClock, port: BitbankMargin) -> None:
    wire = SuddenDeath(job.kill_at, after=job.kill_after)
    plain = await open_journal(database_url(Path(job.file), {}), clock, owner="e2e", terms=LeaseTerms(length_ms=DAY))
    await plain.acquire()
    stored = await plain.last(Kind.STATE)
    if stored is None:
        cash = (await port.account()).cash
        known = await port.fills(0, Millis(0))
        book = fresh_book(fresh_state(cash), cash, 0, max((f.trade_id for f in known), default=0), clock.now())
    else:
        book = read_book(stored)
    params = ExecutorParams(
        EntryKind.MARKET,
        60 * SECOND,
        60 * SECOND,
        10 * SECOND,
        5 * SECOND,
        500,
        Limits(),
        Patience(lurk_ms=30 * SECOND),
    )
    executor = Executor(
        TripPort(port, wire), TripJournal(plain, wire), TripClock(clock, wire), Deaf(), params, RiskParams(), book
    )
    await executor.settle()
    if stored is None:
        await executor.enter(verdict(Side.BUY), PRICE, clock.now())
    while clock.now() < job.begin + END_MS:
        await clock.sleep_until(Millis(clock.now() + LOOK_MS))
        await executor.settle()
        if clock.now() >= job.begin + LIFE_MS:
            await executor.leave(ExitReason.COMMAND)
            after = executor.book
            if executor.is_whole() and not (after.orders or after.ghosts or after.holding.entered or after.entry.open):
                break
    _say(job.steps_file, wire.steps)
    await plain.close()


def _say(file: str, steps: list[str]) -> None:
    Path(file).write_text("\n".join(steps), encoding="utf-8")
