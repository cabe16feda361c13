"""Two clocks: the market may run fast while signatures keep the machine's time."""

from src.core.clock import ManualClock
from src.core.domain.time import Millis
from src.twin.twin_clock import FreeClock, LockStepClock


def test_a_free_market_runs_at_its_speed_and_the_service_does_not():
    machine = ManualClock(Millis(1_000))
    clock = FreeClock(machine, Millis(500_000), 60)
    machine.advance_to(Millis(1_500))
    assert (clock.market(), clock.service()) == (530_000, 1_500)
    clock.skip(7)
    clock.shift_service(-300)
    assert (clock.market(), clock.service()) == (530_007, 1_200)


def test_a_market_of_speed_zero_moves_only_by_skips():
    machine = ManualClock(Millis(0))
    clock = FreeClock(machine, Millis(9), 0)
    machine.advance_to(Millis(10_000))
    assert clock.market() == 9


def test_in_lock_step_there_is_one_time():
    clock = LockStepClock(Millis(5))
    clock.skip(10)
    assert (clock.market(), clock.service()) == (15, 15)
