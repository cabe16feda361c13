"""What must hold in every cell, said by somebody who trusts neither the trader nor its journal."""

from collections.abc import Sequence
from typing import Final

from src.core.domain.journal import Json, Kind, Stored
from src.core.domain.time import SECOND
from src.core.orchestration.drill.faulty_port import FaultyPort
from src.core.orchestration.drill.venue import CASH, PAIR, Venue
from src.trading.book import Book
from src.trading.outgoing import OutgoingOrder

RESTART_MS: Final = 2 * SECOND  # from the kill until the next process is ready
LOST_CLOSE_MS: Final = 5 * SECOND  # for which a stop or close that nobody has seen is waited for
NAKED_MS: Final = 10 * SECOND  # what a position may be naked for by itself: `max_naked_seconds`
MONEY: Final = 10_000  # units in a yen


def naked_bound(allowance_ms: int, killed: bool) -> int:
    """Return for how long a position may be without a stop or close."""
    return NAKED_MS + LOST_CLOSE_MS + allowance_ms + (RESTART_MS if killed else 0)


def findings(venue: Venue, port: FaultyPort, book: Book, entries: Sequence[Stored], bound_ms: int) -> list[str]:
    """Return what is wrong; empty is what every cell has to be."""
    found = [*_orders(venue, port, entries), *_ledger(venue, book, entries), *_end(venue, port, book)]
    if venue.watch.longest > bound_ms:
        found.append(f"naked for {venue.watch.longest} ms, the bound is {bound_ms}")
    return found


def _orders(venue: Venue, port: FaultyPort, entries: Sequence[Stored]) -> list[str]:
    """Each order that was sent has one intent of its own, written before; each that traded is known."""
    found = []
    intents = [stored.entry.body for stored in entries if stored.entry.kind is Kind.INTENT]
    left = iter(intents)
    for order in port.sent:
        if not any(_describes(body, order) for body in left):
            found.append(f"{order} was sent without an intent of its own")
    known = _known_orders(entries)
    for order_id in port.created:
        view = venue.exchange.order(venue.user, PAIR, order_id)
        if order_id not in known and view.executed_lots:
            found.append(f"order {order_id} has traded and is unknown to the journal")
    return found


def _describes(body: object, order: OutgoingOrder) -> bool:
    names = ("purpose", "side", "position", "type", "lots", "price", "trigger")
    return isinstance(body, dict) and all(body[name] == getattr(order, name) for name in names)


def _known_orders(entries: Sequence[Stored]) -> set[Json]:
    known: set[Json] = set()
    for stored in entries:
        if stored.entry.kind is Kind.OUTCOME:
            orders = stored.entry.body.get("orders")
            known.update(orders if isinstance(orders, list) else [stored.entry.body.get("order_id")])
    return known


def _ledger(venue: Venue, book: Book, entries: Sequence[Stored]) -> list[str]:
    """Trades, fees, interest and cash agree to the unit."""
    found = []
    truth = venue.exchange.trade_history(venue.user)
    booked = [stored.entry.body for stored in entries if stored.entry.kind is Kind.FILL]
    if sorted(t.trade_id for t in truth) != sorted(_number(body["trade_id"]) for body in booked):
        found.append(f"the exchange has {len(truth)} trades, the journal {len(booked)}")
    trades = [stored.entry.body for stored in entries if stored.entry.kind is Kind.TRADE]
    sums = {
        "fee": (sum(t.fee_quote for t in truth), sum(_number(body["fee"]) for body in trades)),
        "interest": (sum(t.interest or 0 for t in truth), sum(_number(body["interest"]) for body in trades)),
        "cash": (venue.cash(), int(CASH * MONEY) + sum(_number(body["net"]) for body in trades)),
        "book's cash": (venue.cash(), book.cash),
    }
    found += [f"{name}: the exchange has {a}, we {b}" for name, (a, b) in sums.items() if a != b]
    if not venue.exchange.balance_sheet().balanced:
        found.append("the exchange's own books do not balance")
    return found


def _end(venue: Venue, port: FaultyPort, book: Book) -> list[str]:
    """In the end nothing is open, on its way or left behind."""
    found = []
    if any(row.lots for row in venue.exchange.margin_positions(venue.user).positions):
        found.append("a position is still open")
    rest = {o.order_id for o in venue.exchange.active_orders(venue.user)} - port.strangers
    if rest:
        found.append(f"orders {sorted(rest)} still rest")
    gone = port.strangers - {o.order_id for o in venue.exchange.active_orders(venue.user)}
    if gone:
        found.append(f"a stranger's orders {sorted(gone)} were touched")
    if book.pending is not None or book.orders or book.holding.entered:
        found.append(f"the book is not at rest: {book.pending}, {book.orders}, {book.holding}")
    return found


def _number(value: Json) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number of the journal")
    return value
