"""A stop follows and never retreats; the close says when a position is to be left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market import Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis
from src.trading.exits import NO_PLAN, Plan, exit_at_close, follow, plan_from_fill

sides = st.sampled_from([Side.BUY, Side.SELL])
prices = st.integers(1, 10**9)
distances = st.integers(1, 10**8)


def plan(side=Side.BUY, fill=1_000, stop=100, target=200, trail=0, hold=0, opened_at=5_000):
    return plan_from_fill(
        side, Ticks(fill), Millis(opened_at), 2, Ticks(stop), Ticks(target), Ticks(trail), hold, Money(7)
    )


@pytest.mark.parametrize(("side", "stop", "target"), [(Side.BUY, 900, 1_200), (Side.SELL, 1_100, 800)])
def test_the_levels_hang_on_the_fill(side, stop, target):
    made = plan(side, hold=60)
    assert made == Plan(2, Ticks(stop), False, Ticks(target), Ticks(0), Ticks(1_000), Millis(5_060), Money(7))


def test_what_was_not_asked_for_is_not_there():
    made = plan(target=0, hold=0)
    assert (made.target, made.trail, made.expires_at) == (0, 0, 0)


@pytest.mark.parametrize(("side", "stop", "target"), [(Side.BUY, 1_500, 10), (Side.SELL, 10, 1_500)])
def test_a_level_is_never_below_one_tick(side, stop, target):
    made = plan(side, stop=stop, target=target)
    assert min(made.stop, made.target) == 1


@given(sides, prices, distances, st.integers(0, 10**8), st.lists(st.tuples(prices, prices), max_size=20))
def test_a_stop_never_retreats_and_moves_only_for_a_new_best_price(side, fill, stop, trail, bars):
    now = plan(side, fill, stop, 0, trail)
    for one, other in bars:
        high, low = max(one, other), min(one, other)
        after = follow(now, side, Ticks(high), Ticks(low))
        assert (after.stop - now.stop) * side >= 0
        assert (after.extreme - now.extreme) * side >= 0
        assert after.moved == (now.moved or after.stop != now.stop)
        assert after._replace(stop=now.stop, extreme=now.extreme, moved=now.moved) == now
        if after.stop != now.stop:
            assert after.stop == max(after.extreme - side * trail, 1)
        now = after


def test_without_a_trail_a_stop_stays():
    after = follow(plan(), Side.BUY, Ticks(5_000), Ticks(1_000))
    assert (after.stop, after.moved, after.extreme) == (900, False, 5_000)


def test_a_trail_follows_a_short_down():
    after = follow(plan(Side.SELL, trail=50), Side.SELL, Ticks(1_010), Ticks(700))
    assert (after.stop, after.moved, after.extreme) == (750, True, 700)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize(("moved", "why"), [(False, ExitReason.STOP), (True, ExitReason.TRAIL)])
def test_a_close_at_or_past_the_stop_leaves(side, moved, why):
    made = plan(side)._replace(moved=moved)
    for past in (0, 1):
        assert exit_at_close(made, side, Ticks(made.stop - side * past), Millis(0), True) == why
    assert exit_at_close(made, side, Ticks(made.stop + side), Millis(0), True) == ExitReason.NONE


def test_the_holding_time_ends_at_its_last_close():
    made = plan(hold=900)
    assert exit_at_close(made, Side.BUY, Ticks(1_000), Millis(5_899), True) == ExitReason.NONE
    assert exit_at_close(made, Side.BUY, Ticks(1_000), Millis(5_900), True) == ExitReason.MAX_HOLD


def test_without_a_holding_time_none_ends():
    assert exit_at_close(plan(hold=0), Side.BUY, Ticks(1_000), Millis(10**15), True) == ExitReason.NONE


def test_a_reason_that_ended_leaves_after_all_else():
    made = plan(hold=900)
    assert exit_at_close(made, Side.BUY, Ticks(1_000), Millis(0), False) == ExitReason.REASON_ENDED
    assert exit_at_close(made, Side.BUY, Ticks(1_000), Millis(9_000), False) == ExitReason.MAX_HOLD
    assert exit_at_close(made, Side.BUY, Ticks(800), Millis(9_000), False) == ExitReason.STOP


def test_no_plan_has_no_levels():
    assert (NO_PLAN.stop, NO_PLAN.target, NO_PLAN.trail, NO_PLAN.expires_at) == (0, 0, 0, 0)
