"""A program that drives a twin in lock-step: time waits for its work, its threads, its calls and its messages."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from src.core.domain.events import ExchangeEvent, FillSeen, TradeSeen
from src.core.domain.market import Side
from src.core.domain.time import SECOND, Millis
from src.core.exceptions import ConfigError
from src.core.lock_step_clock import LockStepClock
from src.twin.process import RunningTwin
from tests.contracts.bitbank_world import TwinWorld, opened
from tests.contracts.exchange_contract import ASK, BID, PRICE, entry_of
from tests.twin_process import TwinMaker

START = "2026-03-01T00:00"


def clock_of(twin: RunningTwin) -> LockStepClock:
    said = twin.announced
    return LockStepClock(Millis(twin.control("GET", "/state")["market"]), said["control"], said["control_token"])


@pytest.fixture
def twin(shared_twin: TwinMaker) -> RunningTwin:
    return shared_twin(lock_step=True, start=START)


@pytest.fixture
async def world(twin: RunningTwin) -> AsyncIterator[TwinWorld]:
    clock = clock_of(twin)
    async with opened(twin, clock=clock, heartbeat=False) as world:
        clock.watch(world.port)
        world.clock = clock
        yield world


async def driven(clock: LockStepClock, work: Awaitable[Any]) -> Any:
    """Do something while the clock runs."""
    drive, task = asyncio.create_task(clock.run()), asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({drive, task}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert done
        if drive in done:
            await drive
        return await task
    finally:
        for one in (drive, task):
            one.cancel()
        await asyncio.gather(drive, task, return_exceptions=True)


async def test_several_sleepers_wake_in_order_and_at_their_own_times(twin: RunningTwin):
    clock = clock_of(twin)
    start = clock.now()
    woken: list[tuple[int, str]] = []

    async def sleeper(name: str, every: int) -> None:
        for i in range(1, 6):
            await clock.sleep_until(Millis(start + i * every))
            woken.append((clock.now() - start, name))

    await driven(clock, asyncio.gather(sleeper("slow", 7_000), sleeper("fast", 3_000)))
    assert woken == sorted([*((i * 7_000, "slow") for i in range(1, 6)), *((i * 3_000, "fast") for i in range(1, 6))])
    assert twin.control("GET", "/state")["market"] >= start + 35_000


async def test_time_stands_still_while_a_thread_works(twin: RunningTwin):
    clock = clock_of(twin)
    start = clock.now()

    async def work() -> tuple[int, int]:
        ticking = asyncio.create_task(clock.sleep_until(Millis(start + 60_000)))
        await asyncio.to_thread(time.sleep, 0.3)
        during = clock.now() - start
        await ticking
        return during, clock.now() - start

    assert await driven(clock, work()) == (0, 60_000)


async def test_time_stands_still_while_other_work_goes_on(twin: RunningTwin):
    clock = clock_of(twin)
    start = clock.now()
    working = True
    clock.watch_work(lambda: working)

    async def work() -> int:
        nonlocal working
        ticking = asyncio.create_task(clock.sleep_until(Millis(start + 60_000)))
        await asyncio.sleep(0.3)
        during = clock.now() - start
        working = False
        await ticking
        return during

    assert await driven(clock, work()) == 0


async def test_an_answer_comes_at_the_time_of_its_question(world: TwinWorld):
    clock = world.clock

    async def work() -> list[int]:
        start = clock.now()
        ticking = asyncio.create_task(clock.sleep_until(Millis(start + 3_600_000)))
        times = []
        for _ in range(3):
            await world.port.account()
            times.append(clock.now() - start)
        await ticking
        return times

    times = await driven(clock, work())
    assert times[0] == 0
    assert times[-1] < 3 * SECOND  # only the pace of requests takes time


async def story(world: TwinWorld) -> list[tuple[int, str]]:
    """Trade for two hours, and return what was heard and when."""
    clock, start, heard = world.clock, world.clock.now(), []
    world.rest(Side.SELL, ASK, 10_000)
    world.rest(Side.BUY, BID, 10_000)

    async def listen() -> None:
        while True:
            event = await world.port.next_event()
            heard.append((clock.now() - start, type(event).__name__))

    async def trade() -> None:
        for i in range(1, 9):
            await clock.sleep_until(Millis(start + i * 900_000 // 2))
            sent = await world.port.submit(entry_of(Side.BUY, 1))
            await clock.sleep_until(Millis(clock.now() + 1_500))
            assert (await world.port.fills(0, Millis(0)))[-1].order_id == sent.order_id

    listening = asyncio.create_task(listen())
    await driven(clock, trade())
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return heard


async def test_the_same_story_is_heard_at_the_same_times_again(start_twin: TwinMaker):
    stories = []
    for _ in range(2):
        twin = start_twin(lock_step=True, start=START)
        clock = clock_of(twin)
        async with opened(twin, clock=clock, heartbeat=False) as world:
            clock.watch(world.port)
            world.clock = clock
            heard = await story(world)
            stories.append((sorted(heard), clock.now()))
    assert stories[0] == stories[1]
    assert sum(name == "FillSeen" for _, name in stories[0][0]) == 8


async def test_a_message_is_read_before_time_goes_on(world: TwinWorld):
    clock = world.clock

    async def until(wanted: Callable[[ExchangeEvent], bool]) -> int:
        while not wanted(await world.port.next_event()):
            pass
        return clock.now()

    async def work() -> tuple[int, int]:
        world.rest(Side.SELL, ASK, 100)
        heard = asyncio.create_task(until(lambda event: isinstance(event, FillSeen)))
        await clock.sleep_until(Millis(clock.now() + 10_000))
        sent_at = clock.now()
        ticking = asyncio.create_task(clock.sleep_until(Millis(sent_at + 600_000)))
        await world.port.submit(entry_of(Side.BUY, 1))
        result = await heard - sent_at
        reading = asyncio.create_task(until(lambda _: False))  # whoever does not read holds time up
        await ticking
        reading.cancel()
        return result, clock.now() - sent_at

    assert await driven(clock, work()) == (0, 600_000)


@pytest.mark.parametrize("fault", [(36, "lost"), (36, "duplicated"), (33, "disconnect"), (36, "expired"), (36, "5xx")])
async def test_time_goes_on_whatever_happens_to_a_stream(world: TwinWorld, fault: tuple[int, str]):
    clock = world.clock
    seen: list[ExchangeEvent] = []

    async def listen() -> None:
        while True:
            seen.append(await world.port.next_event())

    async def work() -> int:
        listening = asyncio.create_task(listen())
        start = clock.now()
        await clock.sleep_until(Millis(start + 5_000))
        world.arm(*fault)
        for i in range(4):
            world.trade(PRICE + i)
            await world.port.submit(entry_of(Side.BUY, 1, BID - i))
            await clock.sleep_until(Millis(clock.now() + 60_000))
        world.trade(PRICE + 100)
        await clock.sleep_until(Millis(clock.now() + 5_000))
        listening.cancel()
        return clock.now() - start

    assert await driven(clock, work()) >= 250_000
    assert any(isinstance(event, TradeSeen) and event.price == PRICE + 100 for event in seen)


async def test_a_twin_that_runs_by_itself_is_not_driven(shared_twin: TwinMaker):
    with pytest.raises(ConfigError, match="lock-step"):
        await driven(clock_of(shared_twin()), asyncio.sleep(30))
