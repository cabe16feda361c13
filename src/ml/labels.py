"""What became of each proposed trade: triple barriers, that is the leader's own stop, target, trail and holding time.

A label is a trade that the backtest itself makes: `label_at` puts the proposed entry into an account of its own and
lets the fold's `live_through` and the core's `follow` and `close_reason` carry it to its end, with today's costs. The
account has so much equity that the exchange never closes it by force, and no halt: a label speaks of the market alone.
Everything else, the exits at the end of a reason and by an opposing vote included, is the trade as it would have been.

Runs interpreted and compiled alike (see backtest/compiled.py).
"""

from typing import Final, NamedTuple

import numpy as np

from src.backtest.fold import (
    TRADE_FIELDS,
    Floats,
    Ints,
    MarketParams,
    Tape,
    World,
    at_close,
    bar_at,
    fresh_world,
    live_through,
    no_trade,
    with_order,
    write_trade,
)
from src.core.domain.account import Trade
from src.core.domain.market import Bar, Lots, Money, Side, Ticks
from src.core.domain.orders import Reason
from src.core.domain.time import Millis
from src.ml.votes import Votes
from src.trading.decision import Params, State, close_reason, readable, speaks_against
from src.trading.exits import follow
from src.trading.position_sizing import MAX_EQUITY, stopped_loss
from src.trading.risk import Verdict

LABEL_LOTS: Final = 10_000
"""1 BTC: so much that the rounding of fees and interest, always up to a whole unit, is nothing."""

_CASH: Final = MAX_EQUITY


class Labels(NamedTuple):
    """One entry a proposed bar in each."""

    bar: Ints  # number of the bar that proposed
    resolved: Ints  # 1 if the trade was entered and ended before the tape did; else there is no label
    entered: Ints  # number of the bar of the fill; -1 if it never came
    left: Ints  # number of the last bar looked at: the one in which it ended
    trades: Ints  # (labels, len(TRADE_FIELDS)); zeros unless resolved


def write_labels(
    tape: Tape, votes: Votes, lots: int, params: Params, market: MarketParams, out: Labels, start: int, stop: int
) -> None:
    """Write labels number `start` to `stop`, each of the bar that `out.bar` names.

    Parameters
    ----------
    votes
        Of every bar of the tape.
    lots
        Size of each trade.
    """
    for n in range(start, stop):
        resolved, entered, left, trade = label_at(tape, votes, out.bar[n], lots, params, market)
        out.entered[n] = entered
        out.left[n] = left
        if resolved:
            out.resolved[n] = 1
            write_trade(out.trades, n, trade)


def label_at(
    tape: Tape, votes: Votes, i: int, lots: int, params: Params, market: MarketParams
) -> tuple[bool, int, int, Trade]:
    """Return what becomes of the trade that bar `i` proposes: whether it ended, its first and last bar, and the trade.

    Parameters
    ----------
    i
        A bar whose vote has a side.
    """
    world = ordered(tape, votes, i, lots, params, market)
    entered, left = -1, i
    for j in range(i + 1, len(tape.closed_at)):
        left = j
        bar = bar_at(tape, j)
        world, closed, trade = live_through(world, bar, tape.maker_fee_ppm[j], tape.taker_fee_ppm[j], params, market)
        if entered < 0 and (closed or world.book.position.side != Side.NONE):
            entered = j
        if closed:
            return True, entered, left, trade
        if entered >= 0:
            world = manage(world, votes, bar, tape.quality[j], j, params)
        elif not world.waiting:
            break
    return False, entered, left, no_trade()


def ordered(tape: Tape, votes: Votes, i: int, lots: int, params: Params, market: MarketParams) -> World:
    """Return the world of a flat account in which the entry that bar `i` proposes waits for its fill."""
    stop = Ticks(votes.stop[i])
    loss = stopped_loss(Ticks(tape.close[i]), stop, tape.taker_fee_ppm[i], params.costs.slippage_ppm)
    order = Verdict(
        Reason.ENTER,
        Side.BUY if votes.side[i] > 0 else Side.SELL,
        Lots(lots),
        stop,
        Ticks(votes.target[i]),
        Ticks(votes.trail[i]),
        votes.hold[i],
        votes.leader[i],
        Money(lots * loss),
    )
    world = fresh_world(Money(_CASH))
    return with_order(world, world.state, order, bar_at(tape, i), market)


def manage(world: World, votes: Votes, bar: Bar, quality: int, j: int, params: Params) -> World:
    """Return the world after the close of bar `j`: the stop has followed, and an exit may wait for the next open."""
    side = world.book.position.side
    plan = follow(world.state.plan, side, bar.high, bar.low)
    column = 2 * plan.leader if side == Side.BUY else 2 * plan.leader + 1
    against = speaks_against(side, votes.side[j], votes.confidence[j], votes.support[j], params.vote.min_confidence)
    legible = readable(quality)
    holds = votes.holds[j][column] == 1
    leaving = close_reason(plan, side, bar.close, Millis(bar.closed_at), legible, holds, against, params.exits)
    return at_close(world, State(plan, world.state.risk), leaving)


def empty_labels(bars: Ints) -> Labels:
    """Return arrays for the labels of the bars whose numbers are given."""
    n = len(bars)
    return Labels(
        bar=np.asarray(bars, np.int64),
        resolved=np.zeros(n, np.int64),
        entered=np.full(n, -1, np.int64),
        left=np.zeros(n, np.int64),
        trades=np.zeros((n, len(TRADE_FIELDS)), np.int64),
    )


def uniqueness(first: Ints, last: Ints) -> Floats:
    """Return the average uniqueness of labels that span the bars `first` to `last`, each in 0..1.

    A bar under c labels gives each of them 1 / c; a label's weight is the mean over its span. Labels that overlap tell
    the same story, and together should not count as more than it.

    Parameters
    ----------
    first, last
        Numbers of the first and the last bar of each label, `first <= last`.

    Notes
    -----
    Lopez de Prado, Advances in Financial Machine Learning (2018), 4.4.
    """
    if len(first) == 0:
        return np.zeros(0)
    base = int(first.min())
    edges = np.zeros(int(last.max()) - base + 2, np.int64)
    np.add.at(edges, first - base, 1)
    np.add.at(edges, last - base + 1, -1)
    live = np.cumsum(edges)[:-1]
    shares = np.zeros(len(live))
    np.divide(1.0, live, out=shares, where=live > 0)
    summed = np.concatenate((np.zeros(1), np.cumsum(shares)))
    found: Floats = (summed[last - base + 1] - summed[first - base]) / (last - first + 1)
    return found
