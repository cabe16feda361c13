"""Lost orders are found by exact match, each for one intent, and given up only when nothing can come any more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.exchange import PositionSide
from src.core.domain.market import Lots, Side, Ticks
from src.core.domain.time import Millis
from src.trading.intents import (
    Fate,
    Patience,
    answers,
    candidates,
    find,
    forgotten_at,
    quarantined_until,
    waited_for,
)
from src.trading.outgoing import Purpose
from tests.trading.made_books import NOW, PRICE, fill, intent, report

PATIENCE = Patience()
TRIGGER = Ticks(9_900_000)
SOON = Millis(NOW + 100)


def stop(number=1, **changes):
    return intent(number, Purpose.STOP, trigger=TRIGGER)._replace(**changes)


def shown(order_id=101, **changes):
    return report(order_id, Purpose.STOP, trigger=TRIGGER)._replace(**changes)


def fates(findings):
    return [(finding.fate, [order.order_id for order in finding.orders]) for finding in findings]


@pytest.mark.parametrize(
    "difference",
    [
        {"order_id": 100},
        {"ordered_at": Millis(NOW - PATIENCE.skew_ms - 1)},
        {"side": Side.BUY},
        {"position": PositionSide.SHORT},
        {"position": None},
        {"type": None},
        {"start": Lots(19)},
        {"start": None},
        {"price": PRICE},
        {"trigger": Ticks(TRIGGER + 1)},
    ],
)
def test_an_order_that_differs_in_anything_is_not_ours(difference):
    assert answers(stop(), shown(), PATIENCE.skew_ms)
    assert not answers(stop(), shown()._replace(**difference), PATIENCE.skew_ms)


def test_one_match_is_ours_however_often_it_is_shown():
    assert fates(find([stop()], [shown(), shown(), shown(102, start=Lots(1))], [], SOON, PATIENCE)) == [
        (Fate.FOUND, [101])
    ]


def test_an_order_that_answers_another_intent_is_not_taken_twice():
    assert fates(find([stop()], [shown()], [101], SOON, PATIENCE)) == [(Fate.OPEN, [])]


@pytest.mark.parametrize(("purpose", "ms"), [(Purpose.ENTRY, 24_000), (Purpose.STOP, 5_000), (Purpose.CLOSE, 5_000)])
def test_what_nobody_has_seen_is_waited_for_by_its_purpose(purpose, ms):
    lost = intent(1, purpose)
    assert waited_for(lost, PATIENCE) == NOW + ms
    assert find([lost], [], [], Millis(NOW + ms - 1), PATIENCE)[0].fate is Fate.OPEN
    assert find([lost], [], [], Millis(NOW + ms), PATIENCE)[0].fate is Fate.ABSENT


def test_a_lost_stop_forbids_entries_longer_than_it_is_waited_for_and_is_known_longer_still():
    assert waited_for(stop(), PATIENCE) < quarantined_until(stop(), PATIENCE) < forgotten_at(stop(), PATIENCE)


def test_a_repeated_stop_and_the_lost_one_before_it_each_have_their_order():
    assert fates(find([stop(2), stop(1)], [shown(102), shown(101)], [], SOON, PATIENCE)) == [
        (Fate.FOUND, [101]),
        (Fate.FOUND, [102]),
    ]
    assert fates(find([stop(2), stop(1)], [shown(101)], [], SOON, PATIENCE)) == [(Fate.FOUND, [101]), (Fate.OPEN, [])]


def test_more_orders_than_intents_are_all_looked_after():
    orders = [shown(103), shown(101), shown(102)]
    assert fates(find([stop(1)], orders, [], SOON, PATIENCE)) == [(Fate.AMBIGUOUS, [101, 102, 103])]
    assert fates(find([stop(2), stop(1)], orders, [], SOON, PATIENCE)) == [
        (Fate.AMBIGUOUS, [101, 102]),
        (Fate.FOUND, [103]),
    ]


@given(
    st.lists(st.tuples(st.integers(95, 110), st.sampled_from([TRIGGER, Ticks(5)])), max_size=8),
    st.lists(st.sampled_from([TRIGGER, Ticks(5)]), min_size=1, max_size=4),
    st.sets(st.integers(95, 110)),
)
def test_no_order_answers_two_intents_and_none_that_fits_is_left_over(orders, triggers, known):
    intents = [stop(number)._replace(trigger=trigger) for number, trigger in enumerate(triggers, 1)]
    reports = [shown(order_id, trigger=trigger) for order_id, trigger in dict(orders).items()]
    findings = find(intents, reports, sorted(known), SOON, PATIENCE)
    taken = [order.order_id for finding in findings for order in finding.orders]
    assert len(taken) == len(set(taken))
    fitting = {o.order_id for o in reports if o.order_id not in known and any(answers(i, o, 2_000) for i in intents)}
    assert set(taken) == fitting
    for wanted, finding in zip(intents, findings, strict=True):
        assert all(answers(wanted, order, 2_000) for order in finding.orders)
        assert (finding.fate is Fate.AMBIGUOUS) == (len(finding.orders) > 1)


def test_trades_point_at_orders_that_could_be_the_lost_one():
    fills = [
        fill(201, 102, Side.SELL),
        fill(202, 103, Side.BUY),
        fill(203, 100, Side.SELL),
        fill(204, 104, Side.SELL),
        fill(205, 102, Side.SELL),
    ]
    assert candidates([stop()], fills, [104]) == (102,)
    assert candidates([], fills, []) == ()
