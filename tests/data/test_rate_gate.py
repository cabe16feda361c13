"""Requests stay inside the limit in any second, and the most urgent go first."""

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st

from src.core.clock import ManualClock
from src.core.domain.time import SECOND, Millis
from src.data.rate_gate import WINDOW, RateGate


async def driven(clock: ManualClock, work: Awaitable[object]) -> None:
    """Run `work` on a clock that jumps to the next wake-up whenever nobody can go on."""
    task = asyncio.ensure_future(work)
    while not task.done():
        for _ in range(50):
            await asyncio.sleep(0)
        wake = clock.next_wake()
        if wake is not None and not task.done():
            clock.advance_to(wake)
    await task


def run(work: Callable[[ManualClock], Awaitable[object]]) -> None:
    clock = ManualClock(Millis(1_000_000))
    asyncio.run(driven(clock, work(clock)))


@given(
    limit=st.integers(1, 6),
    requests=st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 2_500), st.integers(0, 3)), max_size=25),
)
def test_the_exchange_never_counts_more_than_the_limit_in_any_second(limit, requests):
    spans: list[tuple[int, int]] = []

    async def one(clock: ManualClock, gate: RateGate, begins: int, lasts: int, urgency: int) -> None:
        await clock.sleep_until(Millis(1_000_000 + begins))
        async with gate.turn(urgency):
            begun = clock.now()
            await clock.sleep_until(Millis(begun + lasts))
            spans.append((begun, clock.now()))

    async def all_(clock: ManualClock) -> None:
        gate = RateGate(clock, limit)
        await asyncio.gather(*(one(clock, gate, *request) for request in requests))
        await gate.close()

    run(all_)
    assert len(spans) == len(requests)
    for at in {moment for span in spans for moment in span}:  # whenever within its span the exchange counted each
        possible = [span for span in spans if span[0] <= at and span[1] > at - SECOND]
        assert len(possible) <= limit


def test_the_urgent_go_first_and_equals_in_the_order_in_which_they_came():
    order: list[str] = []

    async def one(gate: RateGate, name: str, urgency: int) -> None:
        async with gate.turn(urgency):
            order.append(name)

    async def all_(clock: ManualClock) -> None:
        gate = RateGate(clock, 1)
        asked = [("first", 3), ("entry 1", 3), ("entry 2", 3), ("stop", 1), ("cancel", 0), ("close", 2)]
        await asyncio.gather(*(one(gate, name, urgency) for name, urgency in asked))

    run(all_)
    assert order == ["first", "cancel", "stop", "close", "entry 1", "entry 2"]


def test_after_too_many_requests_nobody_has_a_turn_for_a_while():
    begun: list[int] = []

    async def all_(clock: ManualClock) -> None:
        gate = RateGate(clock, 5)
        gate.hold(2 * SECOND)
        async with gate.turn():
            begun.append(clock.now())

    run(all_)
    assert begun == [1_000_000 + 2 * SECOND]


def test_a_turn_that_is_given_up_goes_to_the_next():
    begun: list[str] = []

    async def one(gate: RateGate, name: str) -> None:
        async with gate.turn():
            begun.append(name)

    async def all_(clock: ManualClock) -> None:
        gate = RateGate(clock, 1)
        await one(gate, "first")
        waiting = [asyncio.create_task(one(gate, name)) for name in ("second", "third")]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert clock.now() == 1_000_000 + WINDOW

    run(all_)
    assert begun == ["first", "third"]


async def test_closing_ends_those_who_wait():
    gate = RateGate(ManualClock(Millis(1_000_000)), 1)

    async def one() -> None:
        async with gate.turn():
            pass

    await one()
    waiting = asyncio.create_task(one())
    await asyncio.sleep(0)
    await gate.close()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
