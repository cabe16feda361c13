"""One tick is enough: of a better price, of a trail, of a stop that follows."""

import pytest

from src.core.domain.market import Money, Side, Ticks
from src.core.domain.time import Millis
from src.trading.exits import follow, plan_from_fill

SIDES = pytest.mark.parametrize("side", [Side.BUY, Side.SELL])


def plan(side, trail, stop):
    return plan_from_fill(side, Ticks(1_000), Millis(5), 0, Ticks(stop), Ticks(0), Ticks(trail), 0, Money(1))


def after_price(before, side, price):
    return follow(before, side, Ticks(price), Ticks(price))


@SIDES
def test_a_price_one_tick_better_is_the_new_best(side):
    assert after_price(plan(side, 0, 100), side, 1_000 + side).extreme == 1_000 + side
    assert after_price(plan(side, 0, 100), side, 1_000 - side).extreme == 1_000


@SIDES
def test_a_stop_follows_by_a_single_tick(side):
    followed = after_price(plan(side, trail=100, stop=100), side, 1_000 + side)
    assert (followed.stop, followed.moved) == (1_000 - 99 * side, True)


@SIDES
def test_a_stop_that_would_follow_to_where_it_is_has_not_moved(side):
    still = after_price(plan(side, trail=100, stop=100), side, 1_000)
    assert (still.stop, still.moved) == (1_000 - 100 * side, False)


@SIDES
def test_the_closest_trail_follows_one_tick_behind_the_best_price(side):
    assert after_price(plan(side, trail=1, stop=100), side, 1_000 + 50 * side).stop == 1_000 + 49 * side
