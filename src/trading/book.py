"""What the running trader knows and must not forget: one value, with pure transitions.

The exchange's account is the truth; the book is what cannot be read from it: why a position is open, which orders are
ours, what was sent and not yet answered. It is written to the journal together with everything that changed it, so a
start after a crash goes on from the last line.
"""

from typing import Final, NamedTuple

from src.core.domain.account import Trade
from src.core.domain.exchange import POSITION_OF, FillReport, OrderReport, OrderType, PositionSide
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason, Reason
from src.core.domain.time import Millis
from src.trading.decision import State, entered
from src.trading.outgoing import OutgoingOrder, Purpose
from src.trading.risk import Verdict, refusal

NO_VERDICT: Final = refusal(Reason.NO_SIGNAL, Side.NONE)
REMEMBERED: Final = 64  # ended orders of ours whose ids are kept
BOOKED: Final = 256  # trades whose ids are kept: one may be listed after a later one


class Intent(NamedTuple):
    """An order that was written down and sent; how it ended is not known until its outcome is."""

    number: int  # of ours, from 1
    purpose: Purpose
    side: Side
    position: PositionSide
    type: OrderType
    lots: Lots
    price: Ticks | None
    trigger: Ticks | None
    sent_at: Millis
    after_order: int  # the highest order id that was known
    after_trade: int  # the highest trade id that was known
    doubt: str  # why its outcome is not known; empty while it is in flight


class Working(NamedTuple):
    """An order of ours that may still trade."""

    intent: int
    purpose: Purpose
    order_id: int
    position: PositionSide
    lots: Lots
    executed: Lots  # as booked from trades
    price: Ticks | None
    trigger: Ticks | None
    sent_at: Millis
    gone: int  # how many reads in a row said that it has ended
    withdrawn: bool  # its cancel was sent: its end is no surprise


class Holding(NamedTuple):
    """The open position as its trades made it; side NONE and zeros when flat."""

    side: Side
    entered: Lots  # by all opening fills
    paid: Money  # sum of their notionals
    closed: Lots  # by all closing fills
    received: Money  # sum of their notionals
    opened_at: Millis
    closed_at: Millis  # of the last closing fill
    fee: Money  # collected so far; the opening fee is collected at the close
    interest: Money
    profit: Money  # as billed, net of both
    maker: Lots  # of all fills, those that were billed as maker
    highest: Ticks  # prices seen since the entry
    lowest: Ticks
    why: ExitReason  # of the last closing fill

    @property
    def lots(self) -> Lots:
        """What is open now."""
        return Lots(self.entered - self.closed)


FLAT: Final = Holding(
    Side.NONE, Lots(0), Money(0), Lots(0), Money(0), Millis(0), Millis(0), Money(0), Money(0), Money(0),
    Lots(0), Ticks(0), Ticks(0), ExitReason.NONE,
)  # fmt: skip


class Leaving(NamedTuple):
    """A close that is wanted; reason NONE if none is."""

    reason: ExitReason
    price: Ticks | None  # the worst that is accepted; None: the market's
    since: Millis
    tries: int  # closes that were sent for it


STAYING: Final = Leaving(ExitReason.NONE, None, Millis(0), 0)


class EntryPlan(NamedTuple):
    """The entry that is being worked, or that led to the open position."""

    verdict: Verdict
    kind: EntryKind
    decided_at: Millis  # close of the bar that decided it
    limit: Ticks  # price of a LIMIT entry
    expires_at: Millis  # nothing rests after it
    take_until: Millis  # until when what is left may take liquidity after that; 0: it may not
    quotes: int  # orders that were sent for it
    open: bool  # whether anything may still be filled


NO_ENTRY: Final = EntryPlan(NO_VERDICT, EntryKind.MARKET, Millis(0), Ticks(0), Millis(0), Millis(0), 0, False)


class Book(NamedTuple):
    """Everything the running trader remembers."""

    state: State  # the decision core's own
    entry: EntryPlan
    holding: Holding
    leaving: Leaving
    orders: tuple[Working, ...]
    pending: Intent | None  # sent, outcome not known
    ghosts: tuple[Intent, ...]  # intents that nobody has seen: known for ours should they appear after all
    answered: tuple[int, ...]  # newest orders of ours that have ended: they answer no other intent
    intents: int  # how many were ever sent
    last_order: int  # highest order id seen
    last_trade: int  # highest trade id booked
    read_at: Millis  # when the account was last read and agreed
    cash: Money  # JPY on the account after the last booked trade; unexplained changes are deposits or withdrawals
    halted: bool  # by a person
    naked_since: Millis  # 0: fully protected, or flat
    stops_reserve: bool | None  # whether a waiting stop was seen to reserve its part of the position
    booked: tuple[int, ...] = ()  # newest trades that were looked at, ascending: all others above the first are new

    @property
    def floor(self) -> int:
        """The trade id up to which every trade has been looked at."""
        return self.booked[0] if self.booked else self.last_trade

    @property
    def waiting(self) -> bool:
        """Whether an entry is being worked."""
        return self.entry.open

    @property
    def unfilled(self) -> Lots:
        """What of the entry has not been filled."""
        return Lots(self.entry.verdict.lots - self.holding.entered)

    def find(self, order_id: int) -> Working | None:
        """Return the working order with that id."""
        return next((order for order in self.orders if order.order_id == order_id), None)


def fresh_book(state: State, cash: Money, last_order: int, last_trade: int, at: Millis) -> Book:
    """Return the book of a trader that starts flat."""
    return Book(
        state=state,
        entry=NO_ENTRY,
        holding=FLAT,
        leaving=STAYING,
        orders=(),
        pending=None,
        ghosts=(),
        answered=(),
        intents=0,
        last_order=last_order,
        last_trade=last_trade,
        read_at=at,
        cash=cash,
        halted=False,
        naked_since=Millis(0),
        stops_reserve=None,
    )


def intended(book: Book, order: OutgoingOrder, at: Millis) -> Book:
    """Return the book with `order` as the one that is about to be sent.

    Raises
    ------
    ValueError
        If another is not settled: there is one at a time.
    """
    if book.pending is not None:
        raise ValueError(f"intent {book.pending.number} has no outcome yet")
    number = book.intents + 1
    intent = Intent(
        number=number,
        purpose=order.purpose,
        side=order.side,
        position=order.position,
        type=order.type,
        lots=order.lots,
        price=order.price,
        trigger=order.trigger,
        sent_at=at,
        after_order=book.last_order,
        after_trade=book.last_trade,
        doubt="",
    )
    return book._replace(pending=intent, intents=number)


def doubted(book: Book, why: str) -> Book:
    """Return the book whose pending order has no certain outcome."""
    return book if book.pending is None else book._replace(pending=book.pending._replace(doubt=why))


def refused(book: Book) -> Book:
    """Return the book whose pending order was refused for certain."""
    return book._replace(pending=None)


def lost(book: Book) -> Book:
    """Return the book whose pending order nobody has seen: nothing waits for it, but it will be known if it appears."""
    if book.pending is None:
        return book
    return book._replace(pending=None, ghosts=(*book.ghosts, book.pending))


def without_ghost(book: Book, number: int) -> Book:
    """Return the book without a lost intent that can no longer appear."""
    return book._replace(ghosts=tuple(ghost for ghost in book.ghosts if ghost.number != number))


def accepted(book: Book, report: OrderReport) -> Book:
    """Return the book whose pending order the exchange has as `report`."""
    if book.pending is None:
        raise ValueError(f"order {report.order_id} answers no intent")
    return adopted(book._replace(pending=None), book.pending, report)


def adopted(book: Book, intent: Intent, report: OrderReport) -> Book:
    """Return the book with `report` as the order that `intent` became."""
    working = Working(
        intent=intent.number,
        purpose=intent.purpose,
        order_id=report.order_id,
        position=intent.position,
        lots=intent.lots,
        executed=Lots(0),
        price=intent.price,
        trigger=intent.trigger,
        sent_at=intent.sent_at,
        gone=0,
        withdrawn=False,
    )
    last = max(book.last_order, report.order_id)
    return without_ghost(book._replace(orders=(*book.orders, working), last_order=last), intent.number)


def ended(book: Book, order_id: int) -> Book:
    """Return the book without an order that can no longer trade."""
    left = tuple(order for order in book.orders if order.order_id != order_id)
    return book._replace(orders=left, answered=(*book.answered, order_id)[-REMEMBERED:])


def changed(book: Book, order: Working) -> Book:
    """Return the book with a working order as it is now."""
    return book._replace(orders=tuple(order if o.order_id == order.order_id else o for o in book.orders))


def is_opening(fill: FillReport) -> bool:
    """Return whether a margin fill opened or added to a position."""
    return fill.position is not None and POSITION_OF[fill.side] is fill.position


def filled(book: Book, fill: FillReport) -> Book:
    """Return the book after one of our orders traded.

    The plan hangs on the average price of what was filled when it is first booked; later fills of the same entry add
    lots at the same levels. A fill of a position we do not hold is not booked here: it is foreign. What was opened is
    naked from that instant on, until a stop of its own is seen.
    """
    order = book.find(fill.order_id)
    if order is not None:
        book = changed(book, order._replace(executed=Lots(order.executed + fill.lots)))
    book = looked_at(book, fill.trade_id)._replace(cash=Money(book.cash + cash_flow(fill)))
    held = book.holding
    if is_opening(fill):
        return book._replace(holding=_more(held, fill), naked_since=book.naked_since or fill.executed_at)
    reason = _exit_reason(book, order, fill)
    return book._replace(holding=_less(held, fill, reason))


def looked_at(book: Book, trade_id: int) -> Book:
    """Return the book after a trade was taken notice of: it is not looked at again."""
    booked = sorted({book.floor, *book.booked, trade_id})[-BOOKED:]
    return book._replace(booked=tuple(booked), last_trade=max(book.last_trade, trade_id))


def is_new(book: Book, trade_id: int) -> bool:
    """Return whether a trade has not been looked at: later ones may have been."""
    return trade_id > book.floor and trade_id not in book.booked


def cash_flow(fill: FillReport) -> Money:
    """Return what a fill does to the cash: the net result of a close; an opening fill collects nothing."""
    return Money(0) if fill.profit is None else fill.profit


def opened(book: Book) -> Book:
    """Return the book with the exits of a position that has just been entered."""
    held = book.holding
    if held.entered == 0 or book.state.plan.stop > 0:
        return book
    price = average(held.paid, held.entered, held.side)
    state = entered(book.state, book.entry.verdict, price, held.opened_at)
    return book._replace(state=state, holding=held._replace(highest=price, lowest=price))


def average(product: Money, lots: Lots, side: Side) -> Ticks:
    """Return the average price of fills on `side`, rounded against the trader."""
    if side == Side.BUY:
        return Ticks(-(-product // lots))
    return Ticks(product // lots)


def seen(book: Book, high: Ticks, low: Ticks) -> Book:
    """Return the book after prices up to `high` and down to `low` were traded while a position was open."""
    held = book.holding
    if held.lots == 0:
        return book
    return book._replace(holding=held._replace(highest=max(held.highest, high), lowest=min(held.lowest, low)))


def trade_of(book: Book) -> Trade:
    """Return the record of the position that has just been closed, as it was billed.

    `slippage` is 0: the reference price of a live fill is not known to the exchange's bill.
    """
    held, plan = book.holding, book.state.plan
    entry = average(held.paid, held.entered, held.side)
    leave = average(held.received, held.closed, Side(-held.side))
    worst, best = (held.lowest, held.highest) if held.side == Side.BUY else (held.highest, held.lowest)
    return Trade(
        opened_at=held.opened_at,
        closed_at=held.closed_at,
        side=held.side,
        lots=held.closed,
        entry=entry,
        exit=leave,
        fee=held.fee,
        interest=held.interest,
        slippage=Money(0),
        gross=Money((held.received - held.paid) * held.side),
        net=held.profit,
        exit_reason=held.why,
        leader=book.entry.verdict.leader,
        risk=plan.risk,
        worst=Ticks((worst - entry) * held.side),
        best=Ticks((best - entry) * held.side),
    )


def _more(held: Holding, fill: FillReport) -> Holding:
    first = held.entered == 0
    return held._replace(
        side=fill.side,
        entered=Lots(held.entered + fill.lots),
        paid=Money(held.paid + fill.lots * fill.price),
        opened_at=fill.executed_at if first else held.opened_at,
        fee=Money(held.fee + fill.fee),
        maker=Lots(held.maker + (fill.lots if fill.maker else 0)),
        highest=fill.price if first else max(held.highest, fill.price),
        lowest=fill.price if first else min(held.lowest, fill.price),
    )


def _less(held: Holding, fill: FillReport, why: ExitReason) -> Holding:
    return held._replace(
        closed=Lots(held.closed + fill.lots),
        received=Money(held.received + fill.lots * fill.price),
        closed_at=fill.executed_at,
        fee=Money(held.fee + fill.fee),
        interest=Money(held.interest + fill.interest),
        profit=Money(held.profit + (fill.profit or 0)),
        maker=Lots(held.maker + (fill.lots if fill.maker else 0)),
        highest=max(held.highest, fill.price),
        lowest=min(held.lowest, fill.price),
        why=why,
    )


def _exit_reason(book: Book, order: Working | None, fill: FillReport) -> ExitReason:
    if fill.type is OrderType.LOSSCUT:
        return ExitReason.LOSSCUT
    if order is None:
        return ExitReason.FOREIGN
    if order.purpose is Purpose.STOP:
        return ExitReason.TRAIL if book.state.plan.moved else ExitReason.STOP
    return book.leaving.reason
