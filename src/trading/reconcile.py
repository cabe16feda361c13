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
    PairReport,
    PairStatus,
)
from src.core.domain.market import Lots, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import DAY, Millis
from src.trading.book import Book, Working, average
from src.trading.decision import entered
from src.trading.ledger import worse
from src.trading.outgoing import Purpose

RENEW_BEFORE: Final = 7 * DAY  # a resting stop that expires sooner is replaced
GONE_READS: Final = 3  # a stop's end is believed after so many reads while its position is still there
THIN_TRIES: Final = 5  # attempts to close after which nothing more is given away
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
    WAIT = 6  # something of ours is on its way, or the exchange does not let us: read again soon
    QUOTE = 7  # send the entry, or what is left of it
    DROP = 8  # the entry is over
    LEAVE = 9  # the position cannot be protected: close it


class Action(NamedTuple):
    """One thing to do."""

    act: Act
    why: str
    order_id: int = 0  # to be cancelled
    lots: Lots = Lots(0)
    price: Ticks | None = None  # of a close: the worst that is accepted
    trigger: Ticks | None = None
    reason: ExitReason = ExitReason.NONE  # of a LEAVE


class Unbooked(NamedTuple):
    """Lots that an entry's order has executed and that no trade in the list of trades shows yet."""

    side: Side
    lots: Lots
    price: Ticks  # at which they were bought or sold, as near as it can be told
    since: Millis  # when the order was sent


ALL_BOOKED: Final = Unbooked(Side.NONE, Lots(0), Ticks(0), Millis(0))


class Facts(NamedTuple):
    """What the exchange shows, read together."""

    now: Millis
    active: tuple[OrderReport, ...]
    account: AccountReport
    market: MarketReport
    pair: PairReport
    strange: bool = False  # something on the account is not ours, or the clock is off: nothing new is opened
    no_cancels: bool = False  # a moment ago cancels were refused because they are suspended
    unbooked: Unbooked = ALL_BOOKED


class Limits(NamedTuple):
    """How long things may take, and how often they are tried."""

    quotes: int = 5  # of one entry as a maker
    quote_ms: int = 10_000  # after which a quote that is no longer at the touch is replaced
    close_ms: int = 3_000  # a limit close that has not filled by then is taken back
    thin_ppm: int = 10_000  # what each further attempt to close gives away beyond the touch


NONE: Final = Action(Act.NOTHING, "")
_QUOTING: Final = (EntryKind.MAKER, EntryKind.MAKER_THEN_TAKER)


def next_action(book: Book, facts: Facts, limits: Limits) -> Action:
    """Return the next thing to do, or `NONE`."""
    if book.pending is not None:
        return Action(Act.WAIT, "an order's outcome is not known")
    if facts.unbooked.lots > 0 and (book.holding.lots == 0 or book.leaving.reason == ExitReason.NONE):
        return _guard(book, facts)
    if book.holding.lots == 0:
        return _when_flat(book, facts, limits)
    if _is_ending(book, facts, Purpose.STOP):
        return Action(Act.WAIT, "a stop is no longer listed: it has fired, or its end is being read")
    if book.leaving.reason != ExitReason.NONE:
        return _leave(book, facts, limits)
    lingering = _first(book, Purpose.CLOSE)
    if lingering is not None and can_cancel(facts):
        return Action(Act.CANCEL, "the position is to stay", order_id=lingering.order_id)
    protect = _protect(book, facts)
    return protect if protect.act != Act.NOTHING else _work_entry(book, facts, limits)


def _guard(book: Book, facts: Facts) -> Action:
    """Protect what an order says that it executed, before its trades are listed; all else has to wait for them."""
    missing = Lots(book.holding.lots + facts.unbooked.lots - protected(book, facts.active))
    if missing >= max(facts.pair.min_lots, 1) and can_protect(facts):
        return Action(
            Act.PLACE_STOP, "lots whose trades are not listed", lots=missing, trigger=_stop_level(book, facts)
        )
    resting = _first(book, Purpose.ENTRY)
    listed = {order.order_id for order in facts.active}
    if resting is not None and resting.order_id in listed and resting.price is not None and entry_is_over(book, facts):
        return _take_back(resting, "the entry is over", facts)
    return Action(Act.WAIT, "trades are not listed yet")


def _stop_level(book: Book, facts: Facts) -> Ticks:
    """Return the level of the stop: the plan's, or the one it will have once the entry is booked."""
    if book.state.plan.stop > 0:
        return book.state.plan.stop
    return entered(book.state, book.entry.verdict, facts.unbooked.price, facts.unbooked.since).plan.stop


def entry_is_over(book: Book, facts: Facts) -> bool:
    """Return whether what rests of the entry is to be cancelled."""
    return not book.entry.open or facts.now >= book.entry.expires_at or _forbidden(book, facts)


def can_close(facts: Facts) -> bool:
    """Return whether the exchange takes market orders now."""
    quiet = facts.market.mode is CircuitMode.NONE and facts.pair.status not in {None, PairStatus.HALT}
    return quiet and not facts.pair.flags & NO_MARKET_ORDERS


def can_cancel(facts: Facts) -> bool:
    """Return whether the exchange takes cancels now."""
    return not facts.no_cancels and facts.pair.status is not PairStatus.HALT and not facts.pair.flags & NO_CANCELS


def can_protect(facts: Facts) -> bool:
    """Return whether the exchange takes stops now."""
    return facts.pair.status not in {None, PairStatus.HALT} and not facts.pair.flags & NO_STOPS


def protected(book: Book, active: tuple[OrderReport, ...]) -> Lots:
    """Return how many lots living stops of ours would close, at whichever level."""
    return Lots(sum(order.remaining or 0 for order in _stops(book, active)))


def foreign_orders(book: Book, active: tuple[OrderReport, ...]) -> tuple[OrderReport, ...]:
    """Return living margin orders on the pair that are not ours; spot orders do not concern a margin position."""
    ours = {order.order_id for order in book.orders}
    return tuple(order for order in active if order.order_id not in ours and order.position is not None)


def foreign_lots(book: Book, account: AccountReport, unbooked: Unbooked = ALL_BOOKED) -> tuple[Lots, Lots]:
    """Return by how many lots the exchange's long and short differ from ours, those without a trade included."""
    held = book.holding
    long = sum(each.lots for each in (held, unbooked) if each.side == Side.BUY)
    short = sum(each.lots for each in (held, unbooked) if each.side == Side.SELL)
    return Lots(account.long.lots - long), Lots(account.short.lots - short)


def unbooked_of(book: Book, shown: tuple[OrderReport, ...], account: AccountReport, market: MarketReport) -> Unbooked:
    """Return what orders of ours have executed beyond the trades that are booked: entries less stops and closes.

    Parameters
    ----------
    shown
        Every order of ours that could be read, living or ended.
    """
    executed = {order.order_id: order.executed for order in shown}
    lots, sent_at = 0, []
    for order in book.orders:
        more = max(executed.get(order.order_id, order.executed) - order.executed, 0)
        lots += more if order.purpose is Purpose.ENTRY else -more
        sent_at += [order.sent_at] if more and order.purpose is Purpose.ENTRY else []
    side = book.entry.verdict.side
    if lots <= 0 or not sent_at or side == Side.NONE:
        return ALL_BOOKED
    held = account.long if side == Side.BUY else account.short
    quoted = market.ask if side == Side.BUY else market.bid
    price = average(held.product, held.lots, side) if held.lots > 0 else quoted or market.last
    return ALL_BOOKED if price is None else Unbooked(side, Lots(lots), price, min(sent_at))


def _forbidden(book: Book, facts: Facts) -> bool:
    """Return whether nothing new may be opened, whatever the time."""
    quiet = facts.market.mode is CircuitMode.NONE and can_protect(facts)
    return book.halted or facts.strange or not quiet


def _when_flat(book: Book, facts: Facts, limits: Limits) -> Action:
    leaving = book.leaving.reason != ExitReason.NONE
    for order in book.orders:
        if order.purpose is not Purpose.ENTRY or leaving or book.holding.entered > 0:
            if _is_ending(book, facts, order.purpose):
                return Action(Act.WAIT, "the end of an order is being read")
            return _take_back(order, "there is no position", facts)
    if book.holding.entered > 0:
        return Action(Act.FINISH, "the position is closed")
    if leaving:
        return Action(Act.STAY, "there is nothing to close")
    return _work_entry(book, facts, limits)


def _work_entry(book: Book, facts: Facts, limits: Limits) -> Action:
    """Send, replace or end the entry: one order at a time."""
    plan, resting = book.entry, _first(book, Purpose.ENTRY)
    if resting is not None:
        if entry_is_over(book, facts) and resting.price is not None:  # at the market's price it is on its way
            return _take_back(resting, "the entry is over", facts)
        if plan.kind in _QUOTING and facts.now >= resting.sent_at + limits.quote_ms:
            touch = _touch(plan.verdict.side, facts)
            if touch is not None and touch != resting.price:
                return _take_back(resting, "the touch has moved", facts)
        return NONE
    if not plan.open:
        return NONE
    if book.unfilled < max(facts.pair.min_lots, 1):
        return Action(Act.DROP, "the entry is filled")
    return _quote(book, facts, limits)


def _quote(book: Book, facts: Facts, limits: Limits) -> Action:
    plan, left = book.entry, book.unfilled
    if not entry_is_over(book, facts):
        if plan.kind in _QUOTING and plan.quotes < limits.quotes:
            touch = _touch(plan.verdict.side, facts)
            return NONE if touch is None else Action(Act.QUOTE, "at the touch", lots=left, price=touch)
        if plan.kind not in _QUOTING and plan.quotes == 0:
            price = plan.limit if plan.kind == EntryKind.LIMIT else None
            return Action(Act.QUOTE, "as decided", lots=left, price=price)
    takes = facts.now < plan.take_until and plan.quotes <= limits.quotes
    if takes and can_close(facts) and not _forbidden(book, facts):
        return Action(Act.QUOTE, "what is left takes liquidity", lots=left)
    return Action(Act.DROP, "the entry is over")


def _touch(side: Side, facts: Facts) -> Ticks | None:
    """Return the price at which a maker on `side` stands first in line with others."""
    return facts.market.bid if side == Side.BUY else facts.market.ask


def _leave(book: Book, facts: Facts, limits: Limits) -> Action:
    """Cancel, confirm, close: the position is naked from the first cancel to the last fill."""
    resting = _first(book, Purpose.ENTRY)
    if resting is not None and can_cancel(facts):
        return Action(Act.CANCEL, "the position is to be closed", order_id=resting.order_id)
    closing = _first(book, Purpose.CLOSE)
    if closing is not None:
        if closing.price is None or facts.now < closing.sent_at + limits.close_ms:
            return Action(Act.WAIT, "the close is on its way")
        return _take_back(closing, "the close found nobody at its price", facts)
    if book.leaving.reason == ExitReason.TARGET and book.leaving.tries > 0:
        return Action(Act.STAY, "the price left the target again")
    stops = _stops(book, facts.active)
    stuck = (stops or resting is not None) and not can_cancel(facts)
    too_small = book.holding.lots < facts.pair.min_lots  # the exchange would refuse it; a stop that rests still works
    if not can_close(facts) or stuck or (stops and too_small):
        return _protect(book, facts)
    if stops:
        return Action(Act.CANCEL, "its lots are to be closed", order_id=stops[0].order_id)
    return Action(Act.CLOSE, book.leaving.reason.name, lots=book.holding.lots, price=_close_price(book, facts, limits))


def _close_price(book: Book, facts: Facts, limits: Limits) -> Ticks | None:
    """Return the worst price to accept: the wanted one, the market's, or after a refusal one beyond the touch."""
    tries = min(book.leaving.tries, THIN_TRIES)
    if tries == 0:
        return book.leaving.price
    touch = facts.market.bid if book.holding.side == Side.BUY else facts.market.ask
    if touch is None:
        return None
    return worse(touch, Side(-book.holding.side), limits.thin_ppm * tries)


def _protect(book: Book, facts: Facts) -> Action:
    """Bring the stops to the plan's level and the position's size; add before taking away where that is possible."""
    stops = _stops(book, facts.active)
    good = [o for o in stops if o.trigger == book.state.plan.stop and not _expires(o, facts.now)]
    bad = [o for o in stops if o not in good]
    missing = Lots(book.holding.lots - sum(order.remaining or 0 for order in good))
    if missing > 0:
        return _cover(book, facts, missing, good, bad)
    if bad and can_cancel(facts):
        return Action(Act.CANCEL, "replaced", order_id=bad[0].order_id)
    if missing < 0 and can_cancel(facts) and can_protect(facts):
        spare = [order for order in good if (order.remaining or 0) <= -missing]
        return Action(Act.CANCEL, "more is protected than open", order_id=(spare or good)[-1].order_id)
    return NONE


def _cover(book: Book, facts: Facts, missing: Lots, good: list[OrderReport], bad: list[OrderReport]) -> Action:
    """Protect `missing` lots, or say that it cannot be done."""
    held, least = book.holding.lots, facts.pair.min_lots
    leaving = book.leaving.reason != ExitReason.NONE
    if held < least or not can_protect(facts):
        if protected(book, facts.active) >= held:
            return NONE  # by older stops; better levels have to wait
        if leaving or not can_close(facts):
            return Action(Act.WAIT, "the exchange takes neither a stop nor a close")
        reason = ExitReason.DUST if held < least else ExitReason.NAKED
        return Action(Act.LEAVE, "it cannot be protected", reason=reason)
    if bad and book.stops_reserve and can_cancel(facts):
        return Action(Act.CANCEL, "the stop moves", order_id=bad[0].order_id)
    if missing < least and good and can_cancel(facts):
        return Action(Act.CANCEL, "what is missing is too small for a stop of its own", order_id=good[-1].order_id)
    return Action(Act.PLACE_STOP, "unprotected lots", lots=missing, trigger=book.state.plan.stop)


def _take_back(order: Working, why: str, facts: Facts) -> Action:
    if not can_cancel(facts):
        return Action(Act.WAIT, "the exchange takes no cancels")
    return Action(Act.CANCEL, why, order_id=order.order_id)


def _expires(order: OrderReport, now: Millis) -> bool:
    return order.expire_at is not None and order.expire_at - now < RENEW_BEFORE


def _stops(book: Book, active: tuple[OrderReport, ...]) -> list[OrderReport]:
    """Return the living stops of ours on the open position, oldest first; what is listed lives, whatever its status."""
    ours = {order.order_id for order in book.orders if order.purpose is Purpose.STOP}
    side = POSITION_OF.get(book.holding.side if book.holding.lots > 0 else book.entry.verdict.side)
    return [
        order
        for order in active
        if order.order_id in ours and order.position is side and (order.status is None or order.status in LIVING)
    ]


def _is_ending(book: Book, facts: Facts, purpose: Purpose) -> bool:
    """Return whether an order is no longer listed, and what became of it is not yet believed."""
    listed = {order.order_id for order in facts.active}
    return any(o.purpose is purpose and o.order_id not in listed and o.gone < GONE_READS for o in book.orders)


def _first(book: Book, purpose: Purpose) -> Working | None:
    return next((order for order in book.orders if order.purpose is purpose), None)
