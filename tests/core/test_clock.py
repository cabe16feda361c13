import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.clock import HELD_STEP, DelayedClock, ManualClock, SystemClock
from src.core.domain.time import HOUR, MINUTE, Millis
from src.core.protocols import Clock

START = Millis(1_700_000_000_000)


def at(offset: int) -> Millis:
    return Millis(START + offset)


@pytest.fixture
def machine(monkeypatch):
    """The machine's own clock, in a test's hands: set it with `machine.append(millis)`."""
    readings = [START]
    monkeypatch.setattr(time, "time_ns", lambda: readings[-1] * 1_000_000 + 999_999)
    return readings


def test_both_clocks_are_clocks():
    clocks: list[Clock] = [SystemClock(), ManualClock(START)]
    assert all(isinstance(clock.now(), int) for clock in clocks)


def test_the_system_clock_shows_the_machines_time_in_whole_milliseconds_utc():
    before = time.time_ns() // 1_000_000
    shown = SystemClock().now()
    assert before <= shown <= time.time_ns() // 1_000_000


def test_a_small_step_back_of_the_machines_clock_is_not_seen(machine):
    clock = SystemClock()
    shown = []
    for offset in (0, 500, 500 - HELD_STEP, 499, 501):
        machine.append(START + offset)
        shown.append(clock.now() - START)
    assert shown == [0, 500, 500, 500, 501]


def test_a_large_step_back_of_the_machines_clock_is_followed(machine):
    clock = SystemClock()
    clock.now()
    machine.append(START - HELD_STEP - 1)
    assert clock.now() == START - HELD_STEP - 1


async def test_waiting_on_the_system_clock_never_ends_early():
    clock = SystemClock()
    for wait in (1, 7, 20):
        wake = Millis(clock.now() + wait)
        await clock.sleep_until(wake)
        assert clock.now() >= wake


async def test_a_wait_ends_soon_after_the_machines_clock_has_jumped_ahead(machine):
    clock = SystemClock()
    waiting = asyncio.create_task(clock.sleep_until(at(HOUR)))
    await asyncio.sleep(0.01)
    machine.append(at(HOUR))
    await asyncio.wait_for(waiting, timeout=5)


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(START)])
async def test_a_wait_for_the_past_lets_others_run_once(clock):
    ran = []

    async def other():
        ran.append(True)

    task = asyncio.create_task(other())
    await clock.sleep_until(Millis(START - HOUR))
    assert ran == [True]
    await task


async def test_a_manual_clock_stands_still_until_it_is_moved():
    clock = ManualClock(START)
    waiting = asyncio.create_task(clock.sleep_until(at(MINUTE)))
    await asyncio.sleep(0.01)
    assert clock.now() == START
    assert not waiting.done()
    clock.advance_to(at(MINUTE - 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance_to(at(MINUTE))
    await asyncio.wait_for(waiting, timeout=5)


async def test_the_driver_is_told_the_next_wake_up_anyone_waits_for():
    clock = ManualClock(START)
    assert clock.next_wake() is None
    later = asyncio.create_task(clock.sleep_until(at(2 * MINUTE)))
    sooner = asyncio.create_task(clock.sleep_until(at(MINUTE)))
    await asyncio.sleep(0)
    assert clock.next_wake() == at(MINUTE)
    sooner.cancel()
    await asyncio.sleep(0)
    assert clock.next_wake() == at(2 * MINUTE)
    clock.advance_to(at(HOUR))
    await later
    assert clock.next_wake() is None


@given(wakes=st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_sleepers_wake_by_time_and_then_in_the_order_they_came(wakes):
    async def order() -> list[int]:
        clock = ManualClock(START)
        woken: list[int] = []

        async def sleeper(number: int, wake: int) -> None:
            await clock.sleep_until(at(wake))
            woken.append(number)

        tasks = [asyncio.create_task(sleeper(*pair)) for pair in enumerate(wakes)]
        await asyncio.sleep(0)
        clock.advance_to(at(5))
        await asyncio.gather(*tasks)
        return woken

    assert asyncio.run(order()) == sorted(range(len(wakes)), key=lambda i: (wakes[i], i))


def test_a_manual_clock_cannot_be_moved_back():
    clock = ManualClock(START)
    with pytest.raises(ValueError, match="start a new simulation"):
        clock.advance_to(at(-1))
    assert clock.now() == START


async def test_a_delayed_clock_shows_and_waits_for_an_earlier_time():
    clock = ManualClock(Millis(10_000))
    late = DelayedClock(clock, 4_000)
    assert late.now() == 6_000
    sleeper = asyncio.create_task(late.sleep_until(Millis(6_500)))
    await asyncio.sleep(0)
    assert clock.next_wake() == 10_500
    clock.advance_to(Millis(10_500))
    await sleeper
    assert late.now() == 6_500
