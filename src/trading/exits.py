"""What happens to an open position at a bar's close: its stop follows, or the position is to be closed.

Together with `backtest.fills.exit_in_bar` (what happens inside a bar) this is the whole truth about
exits; live trading, backtest and labels all call these two.
"""

from typing import NamedTuple

from src.core.domain.market import Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis


class Plan(NamedTuple):
    """The exits of the open position. Levels are set from the actual fill."""

    leader: int  # the strategy whose geometry this is
    stop: Ticks  # trigger price of the resting stop
    moved: bool  # whether the stop has been trailed
    target: Ticks  # 0: none
    trail: Ticks  # distance at which the stop follows; 0: it does not
    extreme: Ticks  # the most favourable price since the fill
    expires_at: Millis  # 0: no time limit
    risk: Money  # planned loss at the first stop, costs included


NO_PLAN = Plan(-1, Ticks(0), False, Ticks(0), Ticks(0), Ticks(0), Millis(0), Money(0))


def plan_from_fill(
    side: Side,
    fill: Ticks,
    opened_at: Millis,
    leader: int,
    stop: Ticks,
    target: Ticks,
    trail: Ticks,
    hold: int,
    risk: Money,
) -> Plan:
    """Return the plan of a position filled at `fill`.

    Parameters
    ----------
    stop, target, trail
        Distances from the fill; target and trail may be 0 for none.
    hold
        Longest holding time, milliseconds; 0 for none.
    """
    level = Ticks(max(fill - side * stop, 1))
    goal = Ticks(max(fill + side * target, 1)) if target > 0 else Ticks(0)
    expires_at = Millis(opened_at + hold) if hold > 0 else Millis(0)
    return Plan(leader, level, False, goal, trail, fill, expires_at, risk)


def follow(plan: Plan, side: Side, high: Ticks, low: Ticks) -> Plan:
    """Return the plan with its stop trailed after a bar with this high and low; a stop never retreats."""
    favourable = high if side == Side.BUY else low
    extreme = favourable if (favourable - plan.extreme) * side > 0 else plan.extreme
    stop, moved = plan.stop, plan.moved
    if plan.trail > 0:
        trailed = Ticks(max(extreme - side * plan.trail, 1))
        if (trailed - stop) * side > 0:
            stop, moved = trailed, True
    return Plan(plan.leader, stop, moved, plan.target, plan.trail, extreme, plan.expires_at, plan.risk)


def exit_at_close(plan: Plan, side: Side, close: Ticks, closed_at: Millis, reason_holds: bool) -> ExitReason:
    """Return why the position is to be closed with the next order, or NONE.

    A trailed stop that the close has already passed would fire at once, and the exchange refuses such an
    order: the position is closed instead.
    """
    if (close - plan.stop) * side <= 0:
        return ExitReason.TRAIL if plan.moved else ExitReason.STOP
    if plan.expires_at > 0 and closed_at >= plan.expires_at:
        return ExitReason.MAX_HOLD
    if not reason_holds:
        return ExitReason.REASON_ENDED
    return ExitReason.NONE
