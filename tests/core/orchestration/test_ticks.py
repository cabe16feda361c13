"""When the running trader looks around by itself."""

import asyncio
from types import SimpleNamespace

from src.core.clock import ManualClock
from src.core.config import load_config
from src.core.domain.time import SECOND, Millis
from src.core.orchestration.orchestrator import Orchestrator, Tick, _Ready
from src.core.orchestration.wiring import core_params

WATCH = 300 * SECOND


class Ticks:
    def __init__(self) -> None:
        self.clock = ManualClock(Millis(1_000_000))
        settings = load_config("config/paper/base.yaml")
        parts = SimpleNamespace(clock=self.clock, watch_ms=WATCH, params=core_params(settings))
        self.trader = Orchestrator(settings)
        self.ready = self.trader._ready = _Ready(parts, None)
        self.waiting = asyncio.create_task(self.trader._next_tick())

    async def pass_time(self, ms: int) -> bool:
        """Let time pass; return whether it is time to look."""
        for at in (0, ms):
            for _ in range(20):
                await asyncio.sleep(0)
            self.clock.advance_to(Millis(self.clock.now() + at))
        for _ in range(20):
            await asyncio.sleep(0)
        return self.waiting.done()


async def test_it_looks_when_the_watch_is_over():
    ticks = Ticks()
    assert not await ticks.pass_time(WATCH - 1)
    assert await ticks.pass_time(1)
    assert await ticks.waiting == Tick(Millis(1_000_000 + WATCH))


async def test_trouble_that_comes_in_the_middle_of_a_watch_is_looked_at_soon():
    ticks = Ticks()
    assert not await ticks.pass_time(10 * SECOND)
    ticks.ready.dirty = True  # an order whose outcome is not known, after a message of the stream
    assert not await ticks.pass_time(0)
    assert await ticks.pass_time(SECOND)


async def test_nobody_is_left_waiting():
    ticks = Ticks()
    before = asyncio.all_tasks() - {ticks.waiting}
    await ticks.pass_time(10)
    ticks.waiting.cancel()
    await asyncio.gather(ticks.waiting, return_exceptions=True)
    assert asyncio.all_tasks() == before
