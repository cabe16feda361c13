"""The backtest of a journal's hours: the fold's own steps, bar by bar, with what went into each decision kept."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from src.backtest.fold import MarketParams, Tape, World, bar_at, live_through, schedule, snapshot
from src.backtest.gap import Deal, Leg
from src.core.domain.account import Prediction, Trade
from src.core.domain.market import Money, Side, notional
from src.core.domain.time import Millis, jst_day
from src.core.orchestration.questions.step import Step, asked_out, deciding
from src.features.feature_generator import row_at
from src.trading.decision import Params, decide
from src.trading.ledger import CostParams, equity, interest


class Supposed(NamedTuple):
    """What the backtest supposes."""

    steps: tuple[Step, ...]  # one for each bar of the tape
    trades: tuple[Trade, ...]
    deals: tuple[Deal, ...]  # the trades, and what is still open, valued at the last close
    change: Money  # of the equity, from the first close to the last


def suppose(tape: Tape, world: World, params: Callable[[Millis], Params], market: MarketParams) -> Supposed:
    """Run the backtest over a tape of lists, from the world before its first bar.

    Parameters
    ----------
    params
        Those of the bar that closes at a time: a size on trial changes while a trader runs.
    """
    steps: list[Step] = []
    trades: list[Trade] = []
    deals: list[Deal] = []
    rate = 0  # of the entry
    for i in range(len(tape.closed_at)):
        bar, maker, taker = bar_at(tape, i), tape.maker_fee_ppm[i], tape.taker_fee_ppm[i]
        given, before = params(bar.closed_at), world
        world, closed, trade = live_through(world, bar, maker, taker, given, market)
        if before.waiting and not world.waiting:
            rate = maker if before.limit else taker
        if closed:
            trades.append(trade)
            deals.append(_deal(trade, steps, rate, taker, given.costs))
        account = snapshot(world, bar, maker, taker, given, market)
        row = row_at(bar.closed_at, tape.quality[i], tape.rows, tape.places, i)
        prediction = Prediction(tape.prediction_status[i], tape.prediction[i])
        state, decision = decide(world.state, row, prediction, account, given)
        steps.append(Step(row, prediction, account, world.state, state, decision))
        world = schedule(world, state, decision, bar, market)
    if world.book.position.side != Side.NONE:
        deals.append(_open_deal(world, steps, rate, given.costs))
    change = Money(steps[-1].account.equity - steps[0].account.equity)
    return Supposed(tuple(steps), tuple(trades), tuple(deals), change)


def _deal(trade: Trade, steps: Sequence[Step], rate: int, taker: int, costs: CostParams) -> Deal:
    into, out = notional(trade.entry, trade.lots), notional(trade.exit, trade.lots)
    decided = deciding(steps, trade.opened_at)
    if decided is None:
        raise ValueError("a trade without a decision")
    level = asked_out(steps, trade.closed_at, trade.exit_reason, trade.entry)
    return Deal(
        decided.closed_at,
        trade.closed_at,
        trade.side,
        trade.lots,
        Leg(decided.account.mark, into, into * rate, 1),
        Leg(level, out, out * taker, 1),
        days_of(trade.opened_at, trade.closed_at, costs),
        costs.interest_ppm_per_day,
        trade.fee,
        trade.interest,
        trade.net,
    )


def _open_deal(world: World, steps: Sequence[Step], rate: int, costs: CostParams) -> Deal:
    held, last = world.book.position, steps[-1]
    decided = deciding(steps, held.opened_at)
    if decided is None:
        raise ValueError("a position without a decision")
    into, out = notional(held.entry, held.lots), notional(last.account.mark, held.lots)
    return Deal(
        decided.closed_at,
        last.closed_at,
        held.side,
        held.lots,
        Leg(decided.account.mark, into, into * rate, 1),
        Leg(last.account.mark, out, 0, 0),
        days_of(held.opened_at, last.closed_at, costs),
        costs.interest_ppm_per_day,
        held.fee_due,
        interest(held, last.closed_at, costs),
        Money(equity(world.book, last.account.mark, last.closed_at, costs) - world.book.cash),
    )


def days_of(opened_at: Millis, closed_at: Millis, costs: CostParams) -> int:
    """Return the days of interest that are charged for a position held so long."""
    days = jst_day(closed_at, costs.interest_hour) - jst_day(opened_at, costs.interest_hour)
    return days + 1 if costs.first_day_charged else days
