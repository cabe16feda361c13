"""Books, facts and an exchange that does at once and exactly what it is told."""

from typing import NamedTuple

from hypothesis import strategies as st

from src.core.domain.exchange import (
    POSITION_OF,
    AccountReport,
    CircuitMode,
    FillReport,
    MarginState,
    MarketReport,
    OrderReport,
    OrderStatus,
    OrderType,
    PairReport,
    PairStatus,
    PositionReport,
    PositionSide,
)
from src.core.domain.market import BTC_JPY, Lots, Money, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason, Reason
from src.core.domain.time import DAY, Millis
from src.trading.book import (
    FLAT,
    NO_ENTRY,
    STAYING,
    Book,
    EntryPlan,
    Intent,
    Leaving,
    Working,
    ended,
    fresh_book,
)
from src.trading.decision import fresh_state
from src.trading.exits import plan_from_fill
from src.trading.outgoing import Purpose
from src.trading.reconcile import Act, Action, Facts, Limits
from src.trading.risk import Verdict

NOW = Millis(1_700_000_000_000)
PRICE = Ticks(10_000_000)
SPREAD = 1_000
CASH = Money(10**10)
LIMITS = Limits()


def verdict(side=Side.BUY, lots=20):
    return Verdict(Reason.ENTER, side, Lots(lots), Ticks(100_000), Ticks(150_000), Ticks(0), 0, 0, Money(2_000_000))


def flat_book():
    return fresh_book(fresh_state(CASH), CASH, 100, 200, NOW)


def holding(book, side=Side.BUY, entered=20, closed=0):
    """The book with a position of which `closed` lots are closed already."""
    plan = plan_from_fill(side, PRICE, NOW, 0, Ticks(100_000), Ticks(150_000), Ticks(0), 0, Money(2_000_000))
    held = FLAT._replace(
        side=side,
        entered=Lots(entered),
        paid=Money(entered * PRICE),
        closed=Lots(closed),
        received=Money(closed * PRICE),
        opened_at=NOW,
        closed_at=NOW,
        highest=PRICE,
        lowest=PRICE,
    )
    entry = NO_ENTRY._replace(verdict=verdict(side, entered))
    return book._replace(holding=held, state=book.state._replace(plan=plan), entry=entry)


def intent(number=1, purpose=Purpose.STOP, side=Side.BUY, lots=20, price=None, trigger=None, sent_at=NOW, after=100):
    """An intent about the position on `side`."""
    kind = {Purpose.STOP: OrderType.STOP}.get(purpose, OrderType.MARKET if price is None else OrderType.LIMIT)
    order_side = side if purpose is Purpose.ENTRY else Side(-side)
    return Intent(
        number, purpose, order_side, POSITION_OF[side], kind, Lots(lots), price, trigger, sent_at, after, 200, ""
    )


def report(order_id, purpose=Purpose.STOP, side=Side.BUY, lots=20, price=None, trigger=None, **changes):
    wanted = intent(1, purpose, side, lots, price, trigger)
    made = OrderReport(
        order_id, wanted.side, wanted.position, wanted.type,
        OrderStatus.INACTIVE if trigger else OrderStatus.UNFILLED,
        Lots(lots), Lots(lots), Lots(0), price, trigger, False, NOW, Millis(NOW + 180 * DAY),
    )  # fmt: skip
    return made._replace(**changes)


def working(shown, purpose=Purpose.STOP, gone=0):
    return Working(
        1, purpose, shown.order_id, shown.position, shown.start, Lots(0), shown.price, shown.trigger, NOW, gone, False
    )


def with_order(book, shown, purpose=Purpose.STOP, gone=0):
    return book._replace(orders=(*book.orders, working(shown, purpose, gone)))


def fill(trade_id, order_id, side=Side.BUY, position=PositionSide.LONG, lots=20, price=PRICE, **changes):
    opening = (side is Side.BUY) is (position is PositionSide.LONG)
    made = FillReport(
        trade_id, order_id, side, position, OrderType.MARKET, Ticks(price), Lots(lots), False, Money(0), Money(7),
        Money(0), Money(0) if opening else Money(-7), NOW,
    )  # fmt: skip
    return made._replace(**changes)


def facts(book, active=(), *, now=NOW, min_lots=1, flags=(), mode=CircuitMode.NONE, status=PairStatus.NORMAL, **more):
    held = book.holding
    long = held.lots if held.side == Side.BUY else 0
    short = held.lots if held.side == Side.SELL else 0
    zero = Money(0)
    positions = [
        PositionReport(which, Lots(lots), Money(lots * PRICE), PRICE, zero, zero)
        for which, lots in ((PositionSide.LONG, long), (PositionSide.SHORT, short))
    ]
    account = AccountReport(
        CASH, *positions, MarginState.NORMAL, CASH, zero, None, None, None, CASH, CASH, None, zero, now, 100
    )
    market = MarketReport(Ticks(PRICE - SPREAD), Ticks(PRICE + SPREAD), PRICE, mode, now)
    pair = PairReport(
        BTC_JPY, Lots(min_lots), status, frozenset(flags), True, 0, 1_000, 0, 1_000, 400, 400, 5_000, None, now
    )
    return Facts(now, tuple(active), account, market, pair, **more)


# ---- any state that can be reached


@st.composite
def situations(draw, quiet=False):
    """A book and the facts beside it, in any state in between; `quiet` leaves the exchange without restrictions."""
    side = draw(st.sampled_from([Side.BUY, Side.SELL]))
    entered = draw(st.integers(0, 20))
    closed = draw(st.integers(0, entered))
    book = holding(flat_book(), side, entered, closed) if entered else flat_book()
    stop, held = book.state.plan.stop, entered - closed
    active = []
    number = 101
    for _ in range(draw(st.integers(0, 3)) if entered else 0):
        trigger = draw(st.sampled_from([stop, stop, Ticks(stop - 5_000)]))
        shown = report(number, Purpose.STOP, side, draw(st.integers(1, 20)), None, trigger)
        book, number = with_order(book, shown), number + 1
        active.append(shown)
    if entered and held and draw(st.booleans()) and draw(st.booleans()):
        shown = report(number, Purpose.CLOSE, side, held, draw(st.sampled_from([None, PRICE])))
        book, number = with_order(book, shown, Purpose.CLOSE), number + 1
        active.append(shown)
    kind = draw(st.sampled_from(list(EntryKind)))
    open_ = draw(st.booleans())
    quotes = draw(st.integers(0, 6))
    expires = Millis(NOW + draw(st.sampled_from([-60_000, 60_000])))
    lots = draw(st.integers(max(entered, 1), 25))
    plan = EntryPlan(verdict(side, lots), kind, NOW, PRICE, expires, Millis(expires + 30_000), quotes, open_)
    if open_ or entered:
        book = book._replace(entry=plan)
    if open_ and draw(st.booleans()) and lots > entered:
        shown = report(number, Purpose.ENTRY, side, lots - entered, PRICE)
        book, number = with_order(book, shown, Purpose.ENTRY), number + 1
        active.append(shown)
    if draw(st.booleans()):
        book = book._replace(leaving=Leaving(draw(st.sampled_from(LEAVING)), None, NOW, draw(st.integers(0, 7))))
    book = book._replace(
        stops_reserve=draw(st.sampled_from([None, True, False])),
        halted=draw(st.booleans()),
        last_order=number,
    )
    foreign = [report(50, Purpose.ENTRY, side, 3, Ticks(1_000_000))] if draw(st.booleans()) else []
    if quiet:
        return book, facts(book, [*active, *foreign])
    return book, facts(
        book,
        [*active, *foreign],
        min_lots=draw(st.sampled_from([1, 1, 8])),
        flags=draw(st.sets(st.sampled_from(FLAGS), max_size=2)),
        mode=draw(st.sampled_from([CircuitMode.NONE, CircuitMode.CIRCUIT_BREAK, None])),
        status=draw(st.sampled_from([PairStatus.NORMAL, PairStatus.HALT, None])),
        strange=bool(foreign),
        no_cancels=draw(st.booleans()),
    )


LEAVING = [ExitReason.TARGET, ExitReason.REASON_ENDED, ExitReason.NAKED, ExitReason.COMMAND]
FLAGS = ["stop_order", "stop_order_and_cancel", "stop_market_order", "stop_stop_order"]


class Ideal(NamedTuple):
    """An exchange that does everything at once, and the book that follows it."""

    book: Book
    facts: Facts
    reserve: bool  # whether its waiting stops reserve
    sells: bool  # whether a close finds somebody at the wanted price; beyond the touch it always does

    def reserved(self) -> int:
        """Lots that closing orders of ours set aside."""
        ours = {order.order_id: order.purpose for order in self.book.orders}
        kinds = (Purpose.CLOSE, Purpose.STOP) if self.reserve else (Purpose.CLOSE,)
        return sum(o.remaining or 0 for o in self.facts.active if ours.get(o.order_id) in kinds)

    def done(self, action: Action) -> "Ideal":
        """What is after an action."""
        act = {
            Act.CANCEL: self._cancel,
            Act.PLACE_STOP: self._place_stop,
            Act.CLOSE: self._close,
            Act.QUOTE: self._quote,
            Act.WAIT: self._wait,
        }.get(action.act, self._decide)
        return act(action)._later(4_000 if action.act == Act.WAIT else 300)

    def _cancel(self, action: Action) -> "Ideal":
        return self._without(action.order_id)

    def _place_stop(self, action: Action) -> "Ideal":
        if self.reserve and self.reserved() + action.lots > self.book.holding.lots:
            return self._replace(book=self.book._replace(stops_reserve=True))
        return self._with(Purpose.STOP, self.book.holding.side, action)

    def _close(self, action: Action) -> "Ideal":
        assert self.reserved() == 0
        leaving = self.book.leaving._replace(tries=self.book.leaving.tries + 1)
        tried = self._replace(book=self.book._replace(leaving=leaving))
        if action.price is None or self.sells or leaving.tries > 1:
            return tried._closed()
        return tried._with(Purpose.CLOSE, self.book.holding.side, action)

    def _quote(self, action: Action) -> "Ideal":
        entry = self.book.entry._replace(quotes=self.book.entry.quotes + 1)
        return self._replace(book=self.book._replace(entry=entry))._with(Purpose.ENTRY, entry.verdict.side, action)

    def _wait(self, action: Action) -> "Ideal":
        """What takes the market's price is done after a while."""
        done = [o.order_id for o in self.book.orders if o.purpose is Purpose.CLOSE and o.price is None]
        return self._without(done[0])._closed() if done else self

    def _decide(self, action: Action) -> "Ideal":
        over = self.book.entry._replace(open=False)
        changes = {
            Act.FINISH: {"holding": FLAT, "leaving": STAYING, "entry": NO_ENTRY},
            Act.STAY: {"leaving": STAYING},
            Act.LEAVE: {"leaving": Leaving(action.reason, None, self.facts.now, 0), "entry": over},
            Act.DROP: {"entry": over},
        }[action.act]
        return self._replace(book=self.book._replace(**changes))

    def _with(self, purpose: Purpose, side: Side, action: Action) -> "Ideal":
        made = report(self.book.last_order + 1, purpose, side, action.lots, action.price, action.trigger)
        book = with_order(self.book, made, purpose)._replace(last_order=made.order_id)
        return self._replace(book=book, facts=self.facts._replace(active=(*self.facts.active, made)))

    def _without(self, order_id: int) -> "Ideal":
        shown = tuple(order for order in self.facts.active if order.order_id != order_id)
        return self._replace(book=ended(self.book, order_id), facts=self.facts._replace(active=shown))

    def _closed(self) -> "Ideal":
        held = self.book.holding
        return self._replace(book=self.book._replace(holding=held._replace(closed=held.entered)))

    def _later(self, ms: int) -> "Ideal":
        old = self.facts
        new = facts(
            self.book, old.active, now=Millis(old.now + ms), min_lots=old.pair.min_lots, flags=old.pair.flags,
            mode=old.market.mode, status=old.pair.status, strange=old.strange,
        )  # fmt: skip
        return self._replace(facts=new)
