"""The next thing to do so that the exchange has what it should have: desired against actual, as a pure function.

`next_action` looks at the book and at what the exchange shows and names one action, or none when all is as it should
be. The executor does it, reads again and asks again. Nothing is remembered here, so repeating it changes nothing.

1. Every open lot of ours has a stop of ours resting at the plan's level, or the position is being closed.
2. A position is closed only when it can be: a stop is not taken away while the exchange refuses market orders.
3. A close is sent only when nothing of ours reserves the position, and never two at a time.
4. What is not ours is never touched; it is reported, and it forbids new positions.
"""

from enum import IntEnum
from typing import Final, NamedTuple

from src.core.domain.exchange import (
    LIVING,
    POSITION_OF,
    AccountReport,
    CircuitMode,
    MarketReport,
    OrderReport,
    OrderType,
    PairReport,
    PairStatus,
    PositionReport,
)
from src.core.domain.market import Lots, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import DAY, Millis
from src.trading.book import Book, Working
from src.trading.ledger import worse
from src.trading.outgoing import Purpose

RENEW_BEFORE: Final = 7 * DAY  # a resting stop that expires sooner is replaced
NO_MARKET_ORDERS: Final = frozenset({"stop_order", "stop_order_and_cancel", "stop_market_order"})
NO_CANCELS: Final = frozenset({"stop_order_and_cancel"})
NO_STOPS: Final = frozenset({"stop_order", "stop_order_and_cancel", "stop_stop_order"})


class Act(IntEnum):
    """What is to be done."""

    NOTHING = 0
    PLACE_STOP = 1
    CANCEL = 2
    CLOSE = 3
    FINISH = 4  # the position is gone: record the trade
    STAY = 5  # the close is no longer wanted: protect again
    WAIT = 6  # something of ours is on its way: read again soon
    QUOTE = 7  # send the entry, or what is left of it
    DROP = 8  # the entry is over


class Action(NamedTuple):
    """One thing to do."""

    act: Act
    why: str
    order_id: int = 0  # to be cancelled
    lots: Lots = Lots(0)
    price: Ticks | None = None  # of a close: the worst that is accepted
    trigger: Ticks | None = None


class Facts(NamedTuple):
    """What the exchange shows, read together."""

    now: Millis
    active: tuple[OrderReport, ...]
    account: AccountReport
    market: MarketReport
    pair: PairReport


class Limits(NamedTuple):
    """How long things may take, and how often they are tried."""

    quotes: int = 5  # of one entry as a maker
    quote_ms: int = 10_000  # after which a quote that is no longer at the touch is replaced
    close_ms: int = 3_000  # a limit close that has not filled by then is taken back
    thin_ppm: int = 10_000  # what a second attempt to close gives away beyond the touch


NONE: Final = Action(Act.NOTHING, "")
_QUOTING: Final = (EntryKind.MAKER, EntryKind.MAKER_THEN_TAKER)


def next_action(book: Book, facts: Facts, limits: Limits) -> Action:
    """Return the next thing to do, or `NONE`."""
    if book.pending is not None:
        return Action(Act.WAIT, "an order's outcome is not known")
    if book.holding.lots == 0:
        return _when_flat(book, facts, limits)
    listed = {order.order_id for order in facts.active}
    if any(order.purpose is Purpose.STOP and order.order_id not in listed for order in book.orders):
        return Action(Act.WAIT, "a stop is no longer listed: it has fired, or its end is being read")
    if book.leaving.reason != ExitReason.NONE:
        return _leave(book, facts, limits)
    lingering = _first(book, Purpose.CLOSE)
    if lingering is not None:
        return Action(Act.CANCEL, "the position is to stay", order_id=lingering.order_id)
    protect = _protect(book, facts)
    return protect if protect.act != Act.NOTHING else _work_entry(book, facts, limits)


def entry_is_over(book: Book, now: Millis) -> bool:
    """Return whether what rests of the entry is to be cancelled."""
    return now >= book.entry.expires_at or book.halted


def can_close(facts: Facts) -> bool:
    """Return whether the exchange takes market orders and cancels now."""
    quiet = facts.market.mode is CircuitMode.NONE and facts.pair.status not in {None, PairStatus.HALT}
    return quiet and not facts.pair.flags & NO_MARKET_ORDERS


def can_cancel(facts: Facts) -> bool:
    """Return whether the exchange takes cancels now."""
    return facts.pair.status is not PairStatus.HALT and not facts.pair.flags & NO_CANCELS


def can_protect(facts: Facts) -> bool:
    """Return whether the exchange takes stops now."""
    return facts.pair.status not in {None, PairStatus.HALT} and not facts.pair.flags & NO_STOPS


def protected(book: Book, active: tuple[OrderReport, ...]) -> Lots:
    """Return how much of the position has a living stop of ours at the plan's level."""
    return Lots(sum(order.remaining or 0 for order in _stops(book, active) if order.trigger == book.state.plan.stop))


def foreign_orders(book: Book, active: tuple[OrderReport, ...]) -> tuple[OrderReport, ...]:
    """Return living orders on the pair that are not ours."""
    ours = {order.order_id for order in book.orders}
    return tuple(order for order in active if order.order_id not in ours)


def foreign_lots(book: Book, account: AccountReport) -> tuple[Lots, Lots]:
    """Return by how many lots the exchange's long and short differ from the book's."""
    held = book.holding
    long = held.lots if held.side == Side.BUY else 0
    short = held.lots if held.side == Side.SELL else 0
    return Lots(account.long.lots - long), Lots(account.short.lots - short)


def position_of(account: AccountReport, side: Side) -> PositionReport:
    """Return the exchange's position on a side."""
    return account.long if side == Side.BUY else account.short


def _when_flat(book: Book, facts: Facts, limits: Limits) -> Action:
    leaving = book.leaving.reason != ExitReason.NONE
    for order in book.orders:
        if order.purpose is not Purpose.ENTRY or leaving or book.holding.entered > 0:
            return Action(Act.CANCEL, "there is no position", order_id=order.order_id)
    if book.holding.entered > 0:
        return Action(Act.FINISH, "the position is closed")
    if leaving:
        return Action(Act.STAY, "there is nothing to close")
    return _work_entry(book, facts, limits)


def _work_entry(book: Book, facts: Facts, limits: Limits) -> Action:
    """Send, replace or end the entry: one order at a time."""
    plan = book.entry
    if not plan.open:
        return NONE
    resting = _first(book, Purpose.ENTRY)
    over = entry_is_over(book, facts.now)
    if resting is not None:
        if over and resting.price is not None:  # what takes the market's price does not rest: it is on its way
            return Action(Act.CANCEL, "the entry's time is over", order_id=resting.order_id)
        if plan.kind in _QUOTING and facts.now >= resting.sent_at + limits.quote_ms:
            touch = _touch(plan.verdict.side, facts)
            if touch is not None and touch != resting.price:
                return Action(Act.CANCEL, "the touch has moved", order_id=resting.order_id)
        return NONE
    if book.unfilled < max(facts.pair.min_lots, 1):
        return Action(Act.DROP, "the entry is filled")
    return _quote(book, facts, limits, over)


def _quote(book: Book, facts: Facts, limits: Limits, over: bool) -> Action:
    plan, left = book.entry, book.unfilled
    as_maker = plan.kind in _QUOTING and plan.quotes < limits.quotes and not over
    if as_maker:
        touch = _touch(plan.verdict.side, facts)
        if touch is None or not can_protect(facts):
            return NONE
        return Action(Act.QUOTE, "at the touch", lots=left, price=touch)
    if plan.kind == EntryKind.MAKER_THEN_TAKER and plan.quotes <= limits.quotes and not book.halted:
        return Action(Act.QUOTE, "what is left takes liquidity", lots=left)
    if plan.quotes > 0 or over:
        return Action(Act.DROP, "the entry is over")
    price = plan.limit if plan.kind == EntryKind.LIMIT else None
    return Action(Act.QUOTE, "as decided", lots=left, price=price)


def _touch(side: Side, facts: Facts) -> Ticks | None:
    """Return the price at which a maker on `side` stands first in line with others."""
    return facts.market.bid if side == Side.BUY else facts.market.ask


def _leave(book: Book, facts: Facts, limits: Limits) -> Action:
    """Cancel, confirm, close: the position is naked from the first cancel to the last fill."""
    entry = _first(book, Purpose.ENTRY)
    if entry is not None:
        return Action(Act.CANCEL, "the position is to be closed", order_id=entry.order_id)
    closing = _first(book, Purpose.CLOSE)
    if closing is not None:
        if closing.price is None or facts.now < closing.sent_at + limits.close_ms:
            return Action(Act.WAIT, "the close is on its way")
        return Action(Act.CANCEL, "the close found nobody at its price", order_id=closing.order_id)
    if book.leaving.reason == ExitReason.TARGET and book.leaving.tries > 0:
        return Action(Act.STAY, "the price left the target again")
    if not can_close(facts):
        return _protect(book, facts)
    stops = _stops(book, facts.active)
    if stops:
        return Action(Act.CANCEL, "its lots are to be closed", order_id=stops[0].order_id)
    return Action(Act.CLOSE, book.leaving.reason.name, lots=book.holding.lots, price=_close_price(book, facts, limits))


def _close_price(book: Book, facts: Facts, limits: Limits) -> Ticks | None:
    """Return the worst price to accept: the wanted one, the market's, or after a refusal one beyond the touch."""
    if book.leaving.tries == 0:
        return book.leaving.price
    touch = facts.market.bid if book.holding.side == Side.BUY else facts.market.ask
    if touch is None:
        return None
    return worse(touch, Side(-book.holding.side), limits.thin_ppm * book.leaving.tries)


def _protect(book: Book, facts: Facts) -> Action:
    held, plan = book.holding, book.state.plan
    stops = _stops(book, facts.active)
    good = [order for order in stops if order.trigger == plan.stop and not _expires(order, facts.now)]
    bad = [order for order in stops if order not in good]
    missing = held.lots - sum(order.remaining or 0 for order in good)
    if missing > 0:
        if bad and book.stops_reserve and can_protect(facts) and can_cancel(facts):
            return Action(Act.CANCEL, "the stop moves", order_id=bad[0].order_id)
        if held.lots < facts.pair.min_lots:
            return Action(Act.CLOSE, "too small to protect", lots=held.lots)
        return Action(Act.PLACE_STOP, "unprotected lots", lots=Lots(missing), trigger=plan.stop)
    if bad and can_cancel(facts):
        return Action(Act.CANCEL, "replaced", order_id=bad[0].order_id)
    if missing < 0 and len(good) > 1 and can_cancel(facts):
        return Action(Act.CANCEL, "more is protected than open", order_id=good[-1].order_id)
    return NONE


def _expires(order: OrderReport, now: Millis) -> bool:
    return order.expire_at is not None and order.expire_at - now < RENEW_BEFORE


def _stops(book: Book, active: tuple[OrderReport, ...]) -> list[OrderReport]:
    """Return the living stops of ours on the open position, oldest first."""
    ours = {order.order_id for order in book.orders if order.purpose is Purpose.STOP}
    side = POSITION_OF.get(book.holding.side)
    return [
        order
        for order in active
        if order.order_id in ours and order.position is side and order.type is OrderType.STOP and order.status in LIVING
    ]


def _first(book: Book, purpose: Purpose) -> Working | None:
    return next((order for order in book.orders if order.purpose is purpose), None)
