"""What is to be done next: safe in every state, and at its goal in a few steps from any."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.domain.exchange import POSITION_OF, CircuitMode, OrderStatus, PairStatus
from src.core.domain.market import Lots, Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import DAY, Millis
from src.trading.book import EntryPlan, Leaving
from src.trading.outgoing import Purpose
from src.trading.reconcile import (
    NONE,
    Act,
    can_cancel,
    can_close,
    can_protect,
    foreign_lots,
    foreign_orders,
    next_action,
    protected,
)
from tests.trading.made_books import (
    LIMITS,
    NOW,
    PRICE,
    SPREAD,
    Ideal,
    facts,
    flat_book,
    holding,
    intent,
    report,
    situations,
    verdict,
    with_order,
)

STEPS = 40


def protected_book(lots=20, stop_lots=20, side=Side.BUY, **changes):
    """A position with one stop at its plan's level."""
    book = holding(flat_book(), side, lots)
    shown = report(101, Purpose.STOP, side, stop_lots, None, book.state.plan.stop, **changes)
    return with_order(book, shown), shown


def leaving(book, reason=ExitReason.REASON_ENDED, tries=0, price=None):
    return book._replace(leaving=Leaving(reason, price, NOW, tries))


def planned(kind=EntryKind.MARKET, quotes=0, lots=20, expires=60_000, take=0):
    plan = EntryPlan(verdict(lots=lots), kind, NOW, PRICE, Millis(NOW + expires), Millis(NOW + take), quotes, True)
    return flat_book()._replace(entry=plan)


# ---- properties


@given(situations())
def test_the_same_state_gives_the_same_action(situation):
    book, shown = situation
    assert next_action(book, shown, LIMITS) == next_action(book, shown, LIMITS)


@given(situations())
def test_a_close_is_named_only_when_nothing_of_ours_reserves_the_position(situation):
    book, shown = situation
    action = next_action(book, shown, LIMITS)
    if action.act == Act.CLOSE:
        ours = {order.order_id for order in book.orders}
        assert not ours & {order.order_id for order in shown.active}
        assert action.lots == book.holding.lots > 0
        assert book.leaving.reason != ExitReason.NONE
        assert can_close(shown)


@given(situations())
def test_a_stop_is_named_only_for_lots_that_have_none_at_their_level(situation):
    book, shown = situation
    action = next_action(book, shown, LIMITS)
    if action.act == Act.PLACE_STOP:
        good = [o for o in shown.active if book.find(o.order_id) and o.trigger == book.state.plan.stop]
        assert 0 < action.lots == book.holding.lots - sum(o.remaining for o in good)
        assert action.trigger == book.state.plan.stop
        assert can_protect(shown)


@given(situations())
def test_only_orders_of_ours_are_cancelled(situation):
    book, shown = situation
    action = next_action(book, shown, LIMITS)
    if action.act == Act.CANCEL:
        assert book.find(action.order_id) is not None
        assert can_cancel(shown)


@given(situations())
def test_nothing_is_sent_while_an_order_is_on_its_way(situation):
    book, shown = situation
    doubtful = book._replace(pending=intent())
    assert next_action(doubtful, shown, LIMITS).act == Act.WAIT


@given(situations())
def test_an_entry_is_sent_only_while_nothing_speaks_against_it(situation):
    book, shown = situation
    action = next_action(book, shown, LIMITS)
    if action.act == Act.QUOTE:
        assert book.entry.open
        assert not book.halted
        assert not shown.strange
        assert shown.market.mode is CircuitMode.NONE
        assert can_protect(shown)
        assert book.leaving.reason == ExitReason.NONE
        assert not any(order.purpose is Purpose.ENTRY for order in book.orders)
        assert 0 < action.lots <= book.entry.verdict.lots - book.holding.entered
        assert protected(book, shown.active) >= book.holding.lots


@given(situations())
def test_no_stop_is_taken_away_for_a_close_that_the_exchange_would_refuse(situation):
    book, shown = situation
    action = next_action(book, shown, LIMITS)
    order = book.find(action.order_id) if action.act == Act.CANCEL else None
    if order is not None and order.purpose is Purpose.STOP and book.holding.lots > 0 and not can_close(shown):
        assert action.why != "its lots are to be closed"


@settings(max_examples=400)
@given(situations(quiet=True), st.booleans(), st.booleans())
def test_from_any_state_an_ideal_exchange_is_where_it_should_be_in_a_few_steps(situation, reserve, sells):
    book, shown = situation
    now = Ideal(book, shown, reserve, sells)
    for _ in range(STEPS):
        action = next_action(now.book, now.facts, LIMITS)
        if action.act == Act.NOTHING:
            break
        now = now.done(action)
    else:
        raise AssertionError(f"still {action}")
    held = now.book.holding
    if held.lots:
        assert protected(now.book, now.facts.active) == held.lots
        assert now.book.leaving.reason == ExitReason.NONE
    else:
        assert held.entered == 0
        assert all(order.purpose is Purpose.ENTRY for order in now.book.orders)
    assert [o for o in now.facts.active if o.order_id == 50] == [o for o in shown.active if o.order_id == 50]


@settings(max_examples=300)
@given(situations(), st.booleans())
def test_a_restricted_exchange_is_waited_for_and_never_hurried(situation, reserve):
    book, shown = situation
    now = Ideal(book, shown, reserve, True)
    sent = 0
    for _ in range(STEPS):
        action = next_action(now.book, now.facts, LIMITS)
        if action.act == Act.NOTHING:
            return
        sent += action.act in {Act.PLACE_STOP, Act.CLOSE, Act.QUOTE, Act.CANCEL}
        now = now.done(action)
    assert action.act == Act.WAIT
    assert sent < STEPS // 2


# ---- protection


def test_open_lots_without_a_stop_get_one_at_the_plans_level():
    book = holding(flat_book(), lots := Side.BUY, 20)
    action = next_action(book, facts(book), LIMITS)
    assert (action.act, action.lots, action.trigger) == (Act.PLACE_STOP, 20, book.state.plan.stop)
    assert lots is Side.BUY


def test_a_partial_fill_adds_a_stop_of_its_own():
    book, shown = protected_book(lots=20, stop_lots=8)
    action = next_action(book, facts(book, [shown]), LIMITS)
    assert (action.act, action.lots) == (Act.PLACE_STOP, 12)


def test_a_protected_position_is_left_alone():
    book, shown = protected_book()
    assert next_action(book, facts(book, [shown]), LIMITS) == NONE


def trailed(reserve):
    book, shown = protected_book()
    plan = book.state.plan._replace(stop=Ticks(book.state.plan.stop + 5_000), moved=True)
    return book._replace(state=book.state._replace(plan=plan), stops_reserve=reserve), shown


@pytest.mark.parametrize("reserve", [None, False])
def test_a_stop_moves_by_adding_the_new_one_first(reserve):
    book, shown = trailed(reserve)
    assert next_action(book, facts(book, [shown]), LIMITS).act == Act.PLACE_STOP


def test_a_stop_that_reserves_is_taken_away_before_the_new_one_is_placed():
    book, shown = trailed(True)
    action = next_action(book, facts(book, [shown]), LIMITS)
    assert (action.act, action.order_id) == (Act.CANCEL, 101)


def test_a_stop_that_reserves_stays_while_stops_or_cancels_are_refused():
    book, shown = trailed(True)
    assert next_action(book, facts(book, [shown], flags=["stop_stop_order"]), LIMITS) == NONE
    assert next_action(book, facts(book, [shown], no_cancels=True), LIMITS).act == Act.PLACE_STOP


def test_a_stop_that_expires_within_a_week_is_renewed():
    book, shown = protected_book(expire_at=Millis(NOW + 6 * DAY))
    assert next_action(book, facts(book, [shown]), LIMITS).act == Act.PLACE_STOP


def test_what_a_stop_protects_beyond_the_position_is_taken_back_without_a_gap_where_possible():
    book, first = protected_book(lots=10, stop_lots=10)
    second = report(102, Purpose.STOP, Side.BUY, 5, None, book.state.plan.stop)
    book = with_order(book, second)
    action = next_action(book, facts(book, [first, second]), LIMITS)
    assert (action.act, action.order_id) == (Act.CANCEL, 102)


def test_one_stop_that_is_larger_than_the_position_is_replaced():
    book, shown = protected_book(lots=10, stop_lots=20)
    action = next_action(book, facts(book, [shown]), LIMITS)
    assert (action.act, action.order_id) == (Act.CANCEL, 101)


def test_a_stop_that_is_no_longer_listed_is_waited_for():
    book, _ = protected_book()
    assert next_action(book, facts(book), LIMITS).act == Act.WAIT


def test_a_stop_whose_end_stays_unclear_is_not_waited_for_for_ever():
    book, _ = protected_book()
    unclear = book._replace(orders=(book.orders[0]._replace(gone=3),))
    assert next_action(unclear, facts(unclear), LIMITS).act == Act.PLACE_STOP


def test_a_listed_stop_with_an_unknown_status_protects():
    book, shown = protected_book(status=None)
    assert next_action(book, facts(book, [shown]), LIMITS) == NONE


def test_dust_is_closed_and_not_protected():
    book = holding(flat_book(), Side.BUY, 5)
    action = next_action(book, facts(book, min_lots=8), LIMITS)
    assert (action.act, action.reason) == (Act.LEAVE, ExitReason.DUST)


def test_dust_that_a_stop_covers_stays():
    book, shown = protected_book(lots=5, stop_lots=5)
    assert next_action(book, facts(book, [shown], min_lots=8), LIMITS) == NONE


def test_a_remainder_too_small_for_a_stop_of_its_own_is_merged():
    book, shown = protected_book(lots=20, stop_lots=15)
    action = next_action(book, facts(book, [shown], min_lots=8), LIMITS)
    assert (action.act, action.order_id) == (Act.CANCEL, 101)


def test_what_cannot_be_protected_is_closed():
    book = holding(flat_book())
    action = next_action(book, facts(book, flags=["stop_stop_order"]), LIMITS)
    assert (action.act, action.reason) == (Act.LEAVE, ExitReason.NAKED)


@pytest.mark.parametrize(
    "shut",
    [{"flags": ["stop_order"]}, {"status": PairStatus.HALT}, {"status": None}, {"flags": ["stop_order_and_cancel"]}],
)
def test_what_can_be_neither_protected_nor_closed_is_waited_with(shut):
    book = holding(flat_book())
    assert next_action(book, facts(book, **shut), LIMITS).act == Act.WAIT


# ---- leaving


def test_a_close_waits_until_the_stop_is_gone():
    book, shown = protected_book()
    book = leaving(book)
    assert next_action(book, facts(book, [shown]), LIMITS).act == Act.CANCEL
    book = book._replace(orders=())
    action = next_action(book, facts(book), LIMITS)
    assert (action.act, action.lots, action.price) == (Act.CLOSE, 20, None)


@pytest.mark.parametrize("mode", [CircuitMode.CIRCUIT_BREAK, CircuitMode.RESUMPTION, None])
def test_the_stop_stays_while_market_orders_are_refused(mode):
    book, shown = protected_book()
    assert next_action(leaving(book), facts(book, [shown], mode=mode), LIMITS) == NONE


def test_a_position_is_protected_again_when_the_breaker_comes_between_cancel_and_close():
    book = leaving(holding(flat_book()))
    assert next_action(book, facts(book, mode=CircuitMode.CIRCUIT_BREAK), LIMITS).act == Act.PLACE_STOP


def test_the_stop_stays_while_cancels_are_suspended():
    book, shown = protected_book()
    assert next_action(leaving(book), facts(book, [shown], no_cancels=True), LIMITS) == NONE


def test_a_stop_stays_when_the_close_would_be_too_small():
    book, shown = protected_book(lots=5, stop_lots=5)
    assert next_action(leaving(book), facts(book, [shown], min_lots=8), LIMITS) == NONE


def test_a_target_closes_at_its_worst_price_and_gives_up_after_one_try():
    book = leaving(holding(flat_book()), ExitReason.TARGET, price=Ticks(PRICE + 100))
    assert next_action(book, facts(book), LIMITS).price == PRICE + 100
    tried = leaving(book, ExitReason.TARGET, tries=1)
    assert next_action(tried, facts(tried), LIMITS).act == Act.STAY


@pytest.mark.parametrize(("side", "touch"), [(Side.BUY, PRICE - SPREAD), (Side.SELL, PRICE + SPREAD)])
def test_a_close_that_found_nobody_goes_on_beyond_the_touch_but_not_for_ever(side, touch):
    prices = []
    for tries in (1, 2, 5, 50):
        book = leaving(holding(flat_book(), side), tries=tries)
        prices.append(next_action(book, facts(book), LIMITS).price)
    given_away = [(touch - price) * side for price in prices]
    assert 0 < given_away[0] < given_away[1] < given_away[2] == given_away[3] < touch // 10


def test_a_limit_close_is_taken_back_in_time_and_a_market_close_is_not():
    shown = report(101, Purpose.CLOSE, Side.BUY, 20, PRICE)
    book = with_order(leaving(holding(flat_book())), shown, Purpose.CLOSE)
    late = Millis(NOW + LIMITS.close_ms)
    assert next_action(book, facts(book, [shown]), LIMITS).act == Act.WAIT
    assert next_action(book, facts(book, [shown], now=late), LIMITS).act == Act.CANCEL
    market = report(101, Purpose.CLOSE, Side.BUY, 20)
    book = with_order(leaving(holding(flat_book())), market, Purpose.CLOSE)
    assert next_action(book, facts(book, [market], now=late), LIMITS).act == Act.WAIT


def test_a_close_that_is_no_longer_wanted_is_taken_back():
    shown = report(101, Purpose.CLOSE, Side.BUY, 20, PRICE)
    book = with_order(holding(flat_book()), shown, Purpose.CLOSE)
    assert next_action(book, facts(book, [shown]), LIMITS).act == Act.CANCEL


def test_a_closed_position_is_recorded_after_its_orders_are_gone():
    book = holding(flat_book(), entered=20, closed=20)
    shown = report(101, Purpose.STOP, Side.BUY, 20, None, book.state.plan.stop)
    resting = with_order(book, shown)
    assert next_action(resting, facts(resting, [shown]), LIMITS).act == Act.CANCEL
    assert next_action(resting, facts(resting), LIMITS).act == Act.WAIT
    assert next_action(book, facts(book), LIMITS).act == Act.FINISH


# ---- entries


@pytest.mark.parametrize(
    ("kind", "price"),
    [
        (EntryKind.MARKET, None),
        (EntryKind.LIMIT, PRICE),
        (EntryKind.MAKER, PRICE - SPREAD),
        (EntryKind.MAKER_THEN_TAKER, PRICE - SPREAD),
    ],
)
def test_an_entry_is_sent_as_its_kind_says(kind, price):
    book = planned(kind)
    action = next_action(book, facts(book), LIMITS)
    assert (action.act, action.lots, action.price) == (Act.QUOTE, 20, price)


def test_a_quote_follows_the_touch_and_not_before_its_time():
    shown = report(101, Purpose.ENTRY, Side.BUY, 20, Ticks(PRICE - 5_000))
    book = with_order(planned(EntryKind.MAKER, quotes=1), shown, Purpose.ENTRY)
    assert next_action(book, facts(book, [shown]), LIMITS) == NONE
    late = Millis(NOW + LIMITS.quote_ms)
    assert next_action(book, facts(book, [shown], now=late), LIMITS).act == Act.CANCEL


def test_quotes_are_counted():
    book = planned(EntryKind.MAKER, quotes=LIMITS.quotes)
    assert next_action(book, facts(book), LIMITS).act == Act.DROP


def test_what_a_maker_leaves_takes_liquidity_once_its_time_is_over():
    book = planned(EntryKind.MAKER_THEN_TAKER, quotes=2, expires=-1, take=30_000)
    action = next_action(book, facts(book), LIMITS)
    assert (action.act, action.price) == (Act.QUOTE, None)


def test_what_a_maker_leaves_takes_nothing_after_a_long_absence():
    book = planned(EntryKind.MAKER_THEN_TAKER, quotes=2, expires=-3_600_000, take=-3_540_000)
    assert next_action(book, facts(book), LIMITS).act == Act.DROP


@pytest.mark.parametrize(
    "change",
    [
        {"mode": CircuitMode.CIRCUIT_BREAK},
        {"flags": ["stop_stop_order"]},
        {"strange": True},
        {"status": PairStatus.HALT, "mode": CircuitMode.NONE},
    ],
)
def test_nothing_rests_and_nothing_is_sent_when_the_exchange_or_the_account_is_not_in_order(change):
    book = planned(EntryKind.LIMIT)
    assert next_action(book, facts(book, **change), LIMITS).act == Act.DROP
    shown = report(101, Purpose.ENTRY, Side.BUY, 20, PRICE)
    book = with_order(book, shown, Purpose.ENTRY)
    wanted = Act.WAIT if change.get("status") is PairStatus.HALT else Act.CANCEL
    assert next_action(book, facts(book, [shown], **change), LIMITS).act == wanted


def test_an_entry_order_whose_plan_is_over_is_taken_back():
    shown = report(101, Purpose.ENTRY, Side.BUY, 20, PRICE)
    book = with_order(flat_book(), shown, Purpose.ENTRY)
    assert next_action(book, facts(book, [shown]), LIMITS).act == Act.CANCEL


def test_a_wish_to_leave_before_anything_is_filled_ends_the_entry():
    shown = report(101, Purpose.ENTRY, Side.BUY, 20, PRICE)
    book = with_order(leaving(planned(EntryKind.LIMIT, quotes=1)), shown, Purpose.ENTRY)
    assert next_action(book, facts(book, [shown]), LIMITS).act == Act.CANCEL
    assert next_action(leaving(flat_book()), facts(flat_book()), LIMITS).act == Act.STAY


# ---- strangers


def test_margin_orders_of_others_are_seen_and_spot_orders_are_not():
    book, ours = protected_book()
    spot = report(7, Purpose.ENTRY, position=None)
    other = report(8, Purpose.ENTRY)
    assert foreign_orders(book, (spot, other, ours)) == (other,)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_lots_of_others_are_what_the_exchange_has_beyond_the_book(side):
    book = holding(flat_book(), side, 20)
    shown = facts(book)
    assert foreign_lots(book, shown.account) == (0, 0)
    long = shown.account.long._replace(lots=Lots(shown.account.long.lots + 3))
    assert foreign_lots(book, shown.account._replace(long=long)) == (3, 0)


def test_a_partly_filled_stop_protects_what_is_left_of_it():
    book, shown = protected_book(lots=20, stop_lots=20, remaining=Lots(12), status=OrderStatus.PARTIALLY_FILLED)
    assert protected(book, (shown,)) == 12
    assert shown.position is POSITION_OF[Side.BUY]
