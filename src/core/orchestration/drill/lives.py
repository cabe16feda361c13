"""The lives of an order that the drill goes through: what the market does, and what is decided, by the second."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from src.core.domain.account import Account
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason, Reason
from src.core.domain.time import SECOND, Millis
from src.core.orchestration.drill.venue import PRICE, Venue
from src.trading.executor import Executor
from src.trading.risk import Verdict

LOTS: Final = Lots(20)
STOP: Final = Ticks(100_000)
TARGET: Final = Ticks(150_000)
TRAILED: Final = Ticks(20_000)
END_MS: Final = 40 * SECOND  # after which whatever is left is closed


class Act(NamedTuple):
    """Something that is decided, once."""

    at: int  # milliseconds after the life's begin
    do: Callable[[Executor, Millis], Awaitable[None]]


class Move(NamedTuple):
    """Something the market does."""

    at: int  # milliseconds after the life's begin
    do: Callable[[Venue], None]


class Life(NamedTuple):
    """One order from its decision to its end."""

    name: str
    kind: EntryKind
    acts: tuple[Act, ...]
    moves: tuple[Move, ...]


def verdict(side: Side) -> Verdict:
    """Return an approved entry."""
    return Verdict(Reason.ENTER, side, LOTS, STOP, TARGET, Ticks(0), 0, 0, Money(LOTS * STOP))


def _enter(side: Side) -> Callable[[Executor, Millis], Awaitable[None]]:
    async def act(executor: Executor, now: Millis) -> None:
        account: Account = executor.account(PRICE, now)
        await executor.enter(verdict(side), account.mark, now)

    return act


async def _trail(executor: Executor, now: Millis) -> None:
    """Move the stop of an open position nearer, as a bar's decision does."""
    state, side = executor.book.state, executor.book.holding.side
    if state.plan.stop and executor.book.holding.lots:
        nearer = state.plan._replace(stop=Ticks(state.plan.stop + side * TRAILED), moved=True)
        await executor.record(state=state._replace(plan=nearer))


async def _leave(executor: Executor, now: Millis) -> None:
    await executor.leave(ExitReason.REASON_ENDED)


def _trades_at(price: int) -> Callable[[Venue], None]:
    return lambda venue: venue.trade(Ticks(price))


def _quotes_at(price: int) -> Callable[[Venue], None]:
    return lambda venue: venue.quote(Ticks(price))


LIVES: Final = (
    Life(
        "taker, trailed, left",
        EntryKind.MARKET,
        (Act(0, _enter(Side.BUY)), Act(8 * SECOND, _trail), Act(20 * SECOND, _leave)),
        (),
    ),
    Life(
        "maker in parts, target",
        EntryKind.MAKER,
        (Act(0, _enter(Side.BUY)),),
        (
            Move(1_500, lambda venue: venue.fill(8)),
            Move(4_500, _quotes_at(PRICE + 2_000)),
            Move(9_500, _trades_at(PRICE - 3_000)),
            Move(22 * SECOND, _trades_at(PRICE + TARGET + 5_000)),
        ),
    ),
    Life(
        "maker then taker, stopped over a gap",
        EntryKind.MAKER_THEN_TAKER,
        (Act(0, _enter(Side.SELL)),),
        (
            Move(1_500, lambda venue: venue.fill(3, Side.BUY)),
            Move(22 * SECOND, _trades_at(PRICE + STOP + 60_000)),
        ),
    ),
)
