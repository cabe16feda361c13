"""The trader's book: what fills make of it, what it remembers, and that it is read back as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.exchange import OrderType, PositionSide
from src.core.domain.journal import Entry, Kind, Stored
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.record import as_json
from src.core.exceptions import StoreDamaged
from src.trading.book import (
    REMEMBERED,
    Leaving,
    accepted,
    adopted,
    average,
    doubted,
    ended,
    filled,
    intended,
    lost,
    opened,
    refused,
    seen,
    trade_of,
    without_ghost,
)
from src.trading.book_record import read_book
from src.trading.outgoing import Purpose, close, protective_stop
from tests.trading.made_books import (
    CASH,
    NOW,
    PRICE,
    fill,
    flat_book,
    holding,
    intent,
    report,
    situations,
    verdict,
    with_order,
)

STOP = protective_stop(PositionSide.LONG, Lots(20), Ticks(9_900_000))


def entering(lots=20):
    """A flat book with an entry order of ours at work."""
    book = flat_book()
    book = book._replace(entry=book.entry._replace(verdict=verdict(lots=lots), open=True))
    return with_order(book, report(101, Purpose.ENTRY, lots=lots), Purpose.ENTRY)


# ---- written and read back


@given(situations(), st.booleans())
def test_a_book_is_read_back_as_it_was_written(situation, doubtful):
    book, _ = situation
    if doubtful:
        book = lost(doubted(intended(book, STOP, NOW), "no answer"))
        book = intended(ended(book, 101), close(PositionSide.LONG, Lots(3), None), NOW)
    again = read_book(Stored(1, Entry(Kind.STATE, NOW, as_json(book)), ""))
    assert again == book
    assert type(again) is type(book)
    assert [type(order.purpose) for order in again.orders] == [Purpose] * len(book.orders)


@pytest.mark.parametrize(
    "damage", [{"intents": "3"}, {"cash": 1.5}, {"unknown": 1}, {"orders": [{"intent": 1}]}, {"halted": 2}]
)
def test_a_book_that_was_not_written_like_this_is_refused(damage):
    body = {**as_json(flat_book()), **damage}
    with pytest.raises(StoreDamaged, match="journal line 7"):
        read_book(Stored(7, Entry(Kind.STATE, NOW, body), ""))


def test_a_book_without_one_of_its_fields_is_refused():
    body = as_json(flat_book())
    del body["cash"]
    with pytest.raises(StoreDamaged):
        read_book(Stored(7, Entry(Kind.STATE, NOW, body), ""))


# ---- intents


def test_there_is_one_order_on_its_way_at_a_time():
    book = intended(flat_book(), STOP, NOW)
    with pytest.raises(ValueError, match="no outcome yet"):
        intended(book, STOP, NOW)


def test_an_intent_has_a_number_of_its_own_and_says_what_was_known():
    first = intended(flat_book(), STOP, NOW)
    second = intended(refused(first), STOP, NOW)
    assert (first.pending.number, second.pending.number) == (1, 2)
    assert (first.pending.after_order, first.pending.after_trade) == (100, 200)


def test_an_accepted_order_is_the_intents_and_no_other_answers_it():
    book = accepted(intended(flat_book(), STOP, NOW), report(101, lots=20, trigger=Ticks(9_900_000)))
    assert book.pending is None
    assert [order.order_id for order in book.orders] == [101]
    assert book.last_order == 101
    with pytest.raises(ValueError, match="answers no intent"):
        accepted(book, report(102))


def test_a_lost_intent_lurks_until_it_is_found_or_forgotten():
    book = lost(intended(flat_book(), STOP, NOW))
    assert book.pending is None
    assert [ghost.number for ghost in book.ghosts] == [1]
    found = adopted(book, book.ghosts[0], report(101, trigger=Ticks(9_900_000)))
    assert found.ghosts == ()
    assert found.find(101) is not None
    assert without_ghost(book, 1).ghosts == ()
    assert lost(flat_book()) == flat_book()


def test_an_ended_order_is_remembered_for_a_while():
    book = flat_book()
    for order_id in range(101, 101 + 2 * REMEMBERED):
        book = ended(with_order(book, report(order_id)), order_id)
    assert book.orders == ()
    assert len(book.answered) == REMEMBERED
    assert book.answered[-1] == 100 + 2 * REMEMBERED


# ---- fills


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(9_000_000, 11_000_000)), min_size=1, max_size=6))
def test_fills_of_an_entry_add_up_whatever_their_number(parts):
    book = entering(lots=sum(lots for lots, _ in parts))
    for number, (lots, price) in enumerate(parts):
        book = filled(book, fill(201 + number, 101, lots=lots, price=price))
    held = book.holding
    assert held.lots == held.entered == sum(lots for lots, _ in parts)
    assert held.paid == sum(lots * price for lots, price in parts)
    assert book.orders[0].executed == held.entered
    assert book.unfilled == 0
    assert book.cash == CASH
    assert book.last_trade == 200 + len(parts)
    assert (held.highest, held.lowest) == (max(p for _, p in parts), min(p for _, p in parts))


def test_lots_are_naked_from_their_fill_on():
    book = filled(entering(), fill(201, 101, lots=5, executed_at=NOW + 7))
    assert book.naked_since == NOW + 7
    assert filled(book, fill(202, 101, lots=5, executed_at=NOW + 900)).naked_since == NOW + 7


def test_the_levels_hang_on_the_average_of_what_was_first_booked_and_stay():
    book = opened(filled(entering(), fill(201, 101, lots=5, price=PRICE + 10)))
    assert book.state.plan.stop == PRICE + 10 - 100_000
    later = opened(filled(book, fill(202, 101, lots=15, price=PRICE + 500)))
    assert later.state.plan == book.state.plan
    assert opened(flat_book()) == flat_book()


@pytest.mark.parametrize(("side", "expected"), [(Side.BUY, 4), (Side.SELL, 3)])
def test_an_average_is_rounded_against_the_trader(side, expected):
    assert average(Money(10), Lots(3), side) == expected


def closing(book, **changes):
    return fill(**{"trade_id": 301, "order_id": 900, "side": Side.SELL, "lots": 20, **changes})


def test_a_close_brings_its_net_result_into_cash():
    book = with_order(holding(flat_book()), report(900), Purpose.STOP)
    book = filled(book, closing(book, profit=Money(-1_234), fee=Money(40), interest=Money(8)))
    assert book.cash == CASH - 1_234
    assert (book.holding.lots, book.holding.profit) == (0, -1_234)
    assert (book.holding.fee, book.holding.interest) == (40, 8)


@pytest.mark.parametrize(
    ("purpose", "moved", "leaving", "kind", "why"),
    [
        (Purpose.STOP, False, ExitReason.NONE, OrderType.STOP, ExitReason.STOP),
        (Purpose.STOP, True, ExitReason.NONE, OrderType.STOP, ExitReason.TRAIL),
        (Purpose.CLOSE, False, ExitReason.TARGET, OrderType.LIMIT, ExitReason.TARGET),
        (Purpose.CLOSE, False, ExitReason.COMMAND, OrderType.MARKET, ExitReason.COMMAND),
        (None, False, ExitReason.NONE, OrderType.MARKET, ExitReason.FOREIGN),
        (None, False, ExitReason.NONE, OrderType.LOSSCUT, ExitReason.LOSSCUT),
    ],
)
def test_a_close_says_who_closed_and_why(purpose, moved, leaving, kind, why):
    book = holding(flat_book())
    book = book._replace(
        state=book.state._replace(plan=book.state.plan._replace(moved=moved)),
        leaving=Leaving(leaving, None, NOW, 1),
    )
    if purpose is not None:
        book = with_order(book, report(900), purpose)
    assert filled(book, closing(book, type=kind)).holding.why == why


def test_a_closed_position_is_recorded_as_billed():
    book = with_order(holding(flat_book(), Side.SELL), report(900), Purpose.STOP)
    book = seen(book, Ticks(PRICE + 300), Ticks(PRICE - 700))
    end = fill(301, 900, Side.BUY, PositionSide.SHORT, 20, PRICE + 100, profit=Money(-5_000), fee=Money(2_900),
               interest=Money(100))  # fmt: skip
    trade = trade_of(filled(book, end))
    assert (trade.side, trade.lots, trade.entry, trade.exit) == (Side.SELL, 20, PRICE, PRICE + 100)
    assert (trade.gross, trade.fee, trade.interest, trade.net) == (-2_000, 2_900, 100, -5_000)
    assert (trade.worst, trade.best) == (-300, 700)


def test_prices_seen_while_flat_are_nobodys():
    assert seen(flat_book(), Ticks(2), Ticks(1)) == flat_book()


def test_a_doubt_belongs_to_what_is_on_its_way():
    assert doubted(flat_book(), "no answer") == flat_book()
    assert doubted(intended(flat_book(), STOP, NOW), "no answer").pending.doubt == "no answer"
    assert intent().doubt == ""
