"""The fold: bars through fills, ledger and `decide`, one after the other, into plain arrays.

A bar's day, in this order: what was decided at the last close happens at this open; inside the bar the
resting stop, the watched target, a resting entry and the exchange's forced close; at the close equity is
marked and the core decides. The same source runs interpreted and compiled.
"""

from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.fills import Exit, exit_in_bar, limit_is_filled
from src.core.domain.account import Account, Prediction, Trade
from src.core.domain.market import Bar, Lots, Money, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason, Reason
from src.core.domain.time import Millis
from src.features.feature_generator import row_at
from src.trading.decision import Decision, Params, State, decide, entered, exited, fresh_state
from src.trading.ledger import (
    FLAT,
    CostParams,
    Ledger,
    close_position,
    equity,
    losscut_price,
    open_position,
    worse,
)
from src.trading.risk import Verdict, refusal

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]


class MarketParams(NamedTuple):
    """What bar mode cannot know and therefore states."""

    bar_ms: int = 900_000
    spread_ppm: int = 100
    latency_ms: int = 200
    entry: int = 0  # an `EntryKind`, as a plain number
    wait_ms: int = 3_600_000  # a resting entry is cancelled after this


class Tape(NamedTuple):
    """The market as the fold reads it: one entry a bar in each, but for `places`."""

    closed_at: Ints
    open: Ints  # ticks
    high: Ints
    low: Ints
    close: Ints
    volume: Ints  # lots
    quality: Ints
    rows: Floats  # (bars, columns that are read and one of NaN)
    places: tuple[int, ...]  # in which column of `rows` each of `COLUMNS` stands
    prediction_status: Ints
    prediction: Floats
    maker_fee_ppm: Ints
    taker_fee_ppm: Ints


class Output(NamedTuple):
    """What the fold writes: a line a bar, and a line a trade; lots and levels over zeros, where there are any.

    A million bars are written once and read once, so memory is what they cost: codes are as narrow as can be.
    """

    reason: Codes
    exit_reason: Codes
    side: Codes  # of the planned entry, or of the vote that was refused
    lots: Ints
    stop: Ints  # planned level, ticks; 0: none
    target: Ints
    leader: Codes
    confidence: Floats
    votes: Floats  # (bars, strategies): side times strength
    halted: Codes  # 1 while the drawdown halt is on
    equity: Ints  # at the close
    position: Ints  # signed lots at the close
    trades: Ints  # (trades, len(TRADE_FIELDS))


TRADE_FIELDS: Final = Trade._fields


class World(NamedTuple):
    """Everything that lives from bar to bar."""

    book: Ledger
    state: State
    order: Verdict  # the entry that waits for its fill
    waiting: bool
    limit: Ticks  # its price when it rests; 0 for a market order
    expires_at: Millis
    leaving: ExitReason  # the exit that waits for the next open
    highest: Ticks  # since the entry
    lowest: Ticks


def fold(
    tape: Tape, world: World, params: Params, market: MarketParams, out: Output, start: int, stop: int, count: int
) -> tuple[World, int]:
    """Run bars `start` to `stop` and return the world after them and the number of trades so far.

    Parameters
    ----------
    tape, out
        Arrays of the same length; `out` is written at the same positions.
    world
        As the previous call left it.
    count
        Trades already written to `out.trades`.
    """
    for k in range(start, stop):
        i = place(k)
        bar = bar_at(tape, i)
        world, closed, trade = live_through(world, bar, tape.maker_fee_ppm[i], tape.taker_fee_ppm[i], params, market)
        if closed:
            write_trade(out.trades, count, trade)
            count += 1
        account = snapshot(world, bar, tape.maker_fee_ppm[i], tape.taker_fee_ppm[i], params, market)
        row = row_at(bar.closed_at, tape.quality[i], tape.rows, tape.places, i)
        prediction = Prediction(tape.prediction_status[i], tape.prediction[i])
        state, decision = decide(world.state, row, prediction, account, params)
        write_decision(out, i, decision, account, state)
        world = schedule(world, state, decision, bar, market)
    return world, count


def place(k: int) -> int:
    """Return `k`, a place in arrays that is never counted from their end: compiled code need not ask."""
    return k


def bar_at(tape: Tape, i: int) -> Bar:
    """Return bar `i` of the tape."""
    return Bar(
        Millis(tape.closed_at[i]),
        Ticks(tape.open[i]),
        Ticks(tape.high[i]),
        Ticks(tape.low[i]),
        Ticks(tape.close[i]),
        Lots(tape.volume[i]),
    )


def live_through(
    world: World, bar: Bar, maker_ppm: int, taker_ppm: int, params: Params, market: MarketParams
) -> tuple[World, bool, Trade]:
    """Return the world at the bar's close before anything is decided, and the trade the bar closed, if any."""
    opened_at = Millis(bar.closed_at - market.bar_ms)
    fresh, at_open, costs = False, True, params.costs
    if world.waiting:
        if world.limit == 0:
            fill = worse(bar.open, world.order.side, costs.slippage_ppm)
            world, fresh = fill_entry(world, fill, bar.open, taker_ppm, opened_at, costs), True
        elif opened_at >= world.expires_at:  # it ran out while no bar was seen
            world = without_order(world)
        elif limit_is_filled(world.order.side, world.limit, bar):
            world = fill_entry(world, world.limit, world.limit, maker_ppm, opened_at, costs)
            fresh, at_open = True, False
        elif bar.closed_at >= world.expires_at:
            world = without_order(world)
    held = world.book.position
    if held.side == Side.NONE:
        return world, False, no_trade()
    leave = find_exit(world, bar, opened_at, fresh, at_open, params)
    world = see_prices(world, bar, leave)
    if leave.reason == ExitReason.NONE:
        return world, False, no_trade()
    when = opened_at if leave.at_open else Millis(bar.closed_at - 1)
    return close_world(world, leave, taker_ppm, when, params)


def find_exit(world: World, bar: Bar, opened_at: Millis, fresh: bool, at_open: bool, params: Params) -> Exit:
    """Return what in this bar ends the open position, if anything."""
    held, plan, costs = world.book.position, world.state.plan, params.costs
    closing = Side.SELL if held.side == Side.BUY else Side.BUY
    if world.leaving != ExitReason.NONE and not fresh:
        return Exit(world.leaving, bar.open, worse(bar.open, closing, costs.slippage_ppm), True)
    found = exit_in_bar(held.side, plan.stop, plan.moved, plan.target, at_open or not fresh, bar, costs.slippage_ppm)
    if found.reason == ExitReason.STOP or found.reason == ExitReason.TRAIL:  # noqa: PLR1714 - a set does not compile
        return found
    worst = bar.low if held.side == Side.BUY else bar.high
    if equity(world.book, worst, bar.closed_at, costs) >= held.floor:
        return found
    cut = losscut_price(world.book, bar.closed_at, costs)
    forced = exit_in_bar(held.side, cut, False, Ticks(0), False, bar, costs.slippage_ppm)
    return Exit(ExitReason.LOSSCUT, forced.reference, forced.fill, forced.at_open)


def fill_entry(world: World, fill: Ticks, reference: Ticks, fee_ppm: int, at: Millis, costs: CostParams) -> World:
    """Return the world after the waiting entry was filled."""
    order = world.order
    book = open_position(world.book, order.side, order.lots, fill, reference, fee_ppm, at, costs)
    state = entered(world.state, order, fill, at)
    return World(book, state, order, False, Ticks(0), Millis(0), ExitReason.NONE, fill, fill)


def without_order(world: World) -> World:
    """Return the world after the waiting entry was cancelled."""
    return World(
        world.book, world.state, world.order, False, Ticks(0), Millis(0), world.leaving, world.highest, world.lowest
    )


def see_prices(world: World, bar: Bar, leave: Exit) -> World:
    """Return the world with the position's extreme prices updated by what it lived through of this bar."""
    high, low = bar.high, bar.low
    if leave.reason != ExitReason.NONE:  # after an exit the rest of the bar is not ours
        first = leave.reference if leave.at_open else bar.open
        high = max(first, leave.reference)
        low = min(first, leave.reference)
    return World(
        world.book,
        world.state,
        world.order,
        world.waiting,
        world.limit,
        world.expires_at,
        world.leaving,
        max(world.highest, high),
        min(world.lowest, low),
    )


def close_world(world: World, leave: Exit, taker_ppm: int, at: Millis, params: Params) -> tuple[World, bool, Trade]:
    """Return the world after the position was closed by `leave`, and the full record of the trade."""
    held, plan = world.book.position, world.state.plan
    book, made = close_position(world.book, leave.fill, leave.reference, taker_ppm, at, leave.reason, params.costs)
    worst, best = world.lowest, world.highest
    if held.side == Side.SELL:
        worst, best = world.highest, world.lowest
    trade = Trade(
        made.opened_at,
        made.closed_at,
        made.side,
        made.lots,
        made.entry,
        made.exit,
        made.fee,
        made.interest,
        made.slippage,
        made.gross,
        made.net,
        made.exit_reason,
        plan.leader,
        plan.risk,
        Ticks((worst - held.entry) * held.side),
        Ticks((best - held.entry) * held.side),
    )
    state = exited(world.state, trade, params.risk)
    return (
        World(book, state, world.order, False, Ticks(0), Millis(0), ExitReason.NONE, Ticks(0), Ticks(0)),
        True,
        trade,
    )


def snapshot(world: World, bar: Bar, maker_ppm: int, taker_ppm: int, params: Params, market: MarketParams) -> Account:
    """Return the account as the exchange would report it at the bar's close."""
    held = world.book.position
    return Account(
        True,
        equity(world.book, bar.close, bar.closed_at, params.costs),
        bar.close,
        held.side,
        held.lots,
        held.entry,
        held.opened_at,
        world.waiting,
        market.spread_ppm,
        market.latency_ms,
        maker_ppm,
        taker_ppm,
    )


def schedule(world: World, state: State, decision: Decision, bar: Bar, market: MarketParams) -> World:
    """Return the world in which what was decided waits for the next bar."""
    if decision.reason == Reason.ENTER:
        return with_order(world, state, decision.verdict, bar, market)
    leaving = decision.exit_reason if decision.reason == Reason.EXIT_POSITION else ExitReason.NONE
    return at_close(world, state, leaving)


def with_order(world: World, state: State, order: Verdict, bar: Bar, market: MarketParams) -> World:
    """Return the world in which the entry `order`, decided at the close of `bar`, waits for its fill."""
    limit = bar.close if market.entry == EntryKind.LIMIT else Ticks(0)
    expires_at = Millis(bar.closed_at + market.wait_ms)
    return World(world.book, state, order, True, limit, expires_at, ExitReason.NONE, world.highest, world.lowest)


def at_close(world: World, state: State, leaving: ExitReason) -> World:
    """Return the world with a new state, in which the exit `leaving`, unless NONE, waits for the next open."""
    return World(
        world.book,
        state,
        world.order,
        world.waiting,
        world.limit,
        world.expires_at,
        leaving,
        world.highest,
        world.lowest,
    )


def write_decision(out: Output, i: int, decision: Decision, account: Account, state: State) -> None:
    """Write the line of bar `i`; of a brief output, only what the account was."""
    out.halted[i] = 1 if state.risk.halted else 0
    out.equity[i] = account.equity
    out.position[i] = account.lots * account.side
    if len(out.reason) == 0:
        return
    verdict = decision.verdict
    out.reason[i] = decision.reason
    out.exit_reason[i] = decision.exit_reason
    out.side[i] = verdict.side
    if verdict.lots > 0:
        out.lots[i] = verdict.lots
        out.stop[i] = account.mark - verdict.side * verdict.stop
        out.target[i] = account.mark + verdict.side * verdict.target if verdict.target > 0 else 0
    out.leader[i] = decision.vote.leader
    out.confidence[i] = decision.vote.confidence
    for k in range(len(decision.signals)):
        out.votes[i, k] = decision.signals[k].side * decision.signals[k].strength


def write_trade(trades: Ints, k: int, trade: Trade) -> None:
    """Write the line of trade `k`, in the order of `TRADE_FIELDS`."""
    trades[k, 0] = trade.opened_at
    trades[k, 1] = trade.closed_at
    trades[k, 2] = trade.side
    trades[k, 3] = trade.lots
    trades[k, 4] = trade.entry
    trades[k, 5] = trade.exit
    trades[k, 6] = trade.fee
    trades[k, 7] = trade.interest
    trades[k, 8] = trade.slippage
    trades[k, 9] = trade.gross
    trades[k, 10] = trade.net
    trades[k, 11] = trade.exit_reason
    trades[k, 12] = trade.leader
    trades[k, 13] = trade.risk
    trades[k, 14] = trade.worst
    trades[k, 15] = trade.best


def no_trade() -> Trade:
    """Return the empty record that stands beside `closed = False`."""
    zero, at, price = Money(0), Millis(0), Ticks(0)
    return Trade(
        at, at, Side.NONE, Lots(0), price, price, zero, zero, zero, zero, zero, ExitReason.NONE, -1, zero, price, price
    )


def fresh_world(cash: Money) -> World:
    """Return the world before the first bar: an account that holds `cash` and nothing else."""
    nothing = refusal(Reason.NO_SIGNAL, Side.NONE)
    zero = Ticks(0)
    return World(Ledger(cash, FLAT), fresh_state(cash), nothing, False, zero, Millis(0), ExitReason.NONE, zero, zero)


def close_at_end(world: World, bar: Bar, taker_ppm: int, params: Params) -> tuple[World, bool, Trade]:
    """Return the world after whatever is still open was closed at the last bar's close, as a taker."""
    held = world.book.position
    if held.side == Side.NONE:
        return world, False, no_trade()
    closing = Side.SELL if held.side == Side.BUY else Side.BUY
    fill = worse(bar.close, closing, params.costs.slippage_ppm)
    leave = Exit(ExitReason.END_OF_DATA, bar.close, fill, False)
    return close_world(world, leave, taker_ppm, bar.closed_at, params)


def empty_output(bars: int, strategies: int, cleared: bool = True) -> Output:
    """Return arrays for a run of `bars` bars; a trade needs at least one bar of its own.

    Parameters
    ----------
    cleared
        False leaves what every bar writes as the memory was found: for who runs all the bars.
    """
    written = np.zeros if cleared else np.empty
    return Output(
        reason=written(bars, np.int8),
        exit_reason=written(bars, np.int8),
        side=written(bars, np.int8),
        lots=np.zeros(bars, np.int64),
        stop=np.zeros(bars, np.int64),
        target=np.zeros(bars, np.int64),
        leader=written(bars, np.int8),
        confidence=written(bars),
        votes=written((bars, strategies)),
        halted=written(bars, np.int8),
        equity=written(bars, np.int64),
        position=written(bars, np.int64),
        trades=_untouched(bars + 1, len(TRADE_FIELDS)),
    )


def _untouched(lines: int, fields: int) -> Ints:
    """Return zeros of which only what is written takes memory and time: there are far fewer trades than bars."""
    size = lines * fields * np.dtype(np.int64).itemsize
    whole = mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS)  # no file: fresh pages from the system
    return np.frombuffer(whole, np.int64).reshape(lines, fields)


def brief_output(bars: int, strategies: int) -> Output:
    """Return arrays for a run of which only trades, equity, position and halts are kept: a member of a sweep.

    The arrays of what was decided are empty; those that are kept hold what `empty_output` would.
    """
    kept = empty_output(bars, strategies)
    return empty_output(0, strategies)._replace(
        halted=kept.halted, equity=kept.equity, position=kept.position, trades=kept.trades
    )
