"""One bounded queue: private events wait for room, public ones are dropped and their loss is told."""

import asyncio

import pytest

from src.core.clock import ManualClock
from src.core.domain.events import ModeSeen, PositionSeen, StreamUp
from src.core.domain.time import Millis
from src.data.event_queue import EventQueue

NOW = Millis(7)


def queue(longest: int = 3) -> EventQueue:
    return EventQueue(ManualClock(NOW), longest)


async def test_events_come_in_order():
    events = queue()
    events.offer(ModeSeen("a"))
    await events.put(PositionSeen("b"))
    assert [await events.get(), await events.get()] == [ModeSeen("a"), PositionSeen("b")]


async def test_a_private_event_waits_for_room():
    events = queue(1)
    await events.put(PositionSeen("a"))
    waiting = asyncio.create_task(events.put(PositionSeen("b")))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await events.get() == PositionSeen("a")
    await waiting
    assert await events.get() == PositionSeen("b")


async def test_dropped_public_events_are_told_as_a_connection_that_missed_something():
    events = queue(2)
    for name in ("a", "b", "lost", "lost"):
        events.offer(ModeSeen(name))
    assert [await events.get(), await events.get()] == [ModeSeen("a"), ModeSeen("b")]
    events.offer(ModeSeen("c"))
    assert [await events.get(), await events.get()] == [StreamUp(False, NOW), ModeSeen("c")]


async def test_it_is_idle_unless_somebody_is_about_to_read_what_is_there():
    events = queue()
    assert events.idle
    reading = asyncio.create_task(events.get())
    await asyncio.sleep(0)
    assert events.idle
    events.offer(ModeSeen("a"))
    assert not events.idle
    await reading
    events.offer(ModeSeen("b"))
    assert events.idle  # the reader still deals with the one before, and may wait for time


@pytest.mark.parametrize("longest", [1, 3])
async def test_what_ended_a_stream_comes_after_everything_before_it_and_again(longest: int):
    events = queue(longest)
    events.offer(ModeSeen("a"))
    events.fail(KeyError("a fault"))
    assert await events.get() == ModeSeen("a")
    for _ in range(2):
        with pytest.raises(KeyError, match="a fault"):
            await events.get()


async def test_a_reader_that_waits_hears_of_a_stream_that_ended():
    events = queue()
    reading = asyncio.create_task(events.get())
    await asyncio.sleep(0)
    events.fail(KeyError("a fault"))
    with pytest.raises(KeyError):
        await reading
