"""Only the review makes an order, and what it made does not change."""

import copy
import pickle

import pytest

from src.core.domain.market import Lots, Side, Ticks
from src.core.domain.orders import Reason
from src.core.domain.time import Millis
from src.trading.risk import ApprovedOrder, approve, refusal
from tests.strategies.made_rows import AT
from tests.trading.situations import WILLING, decided

VERDICT = decided(WILLING)[1].verdict


def test_an_entering_verdict_becomes_an_order():
    order = approve(VERDICT, Ticks(5), Millis(AT))
    assert isinstance(order, ApprovedOrder)
    assert (order.verdict, order.limit, order.closed_at) == (VERDICT, 5, AT)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason != Reason.ENTER])
def test_no_refusal_becomes_an_order(reason):
    assert approve(refusal(reason, Side.BUY), Ticks(0), Millis(AT)) is None
    assert approve(VERDICT._replace(reason=reason), Ticks(0), Millis(AT)) is None


@pytest.mark.parametrize("changed", [{"lots": Lots(0)}, {"lots": Lots(-1)}, {"stop": Ticks(0)}, {"stop": Ticks(-1)}])
def test_an_order_without_size_or_stop_is_not_approved(changed):
    assert approve(VERDICT._replace(**changed), Ticks(0), Millis(AT)) is None


@pytest.mark.parametrize("seal", [None, object(), "sealed"])
def test_nobody_else_can_make_an_order(seal):
    with pytest.raises(TypeError, match="from nowhere else"):
        ApprovedOrder(VERDICT, Ticks(0), Millis(AT), seal)


@pytest.mark.parametrize("name", ["verdict", "limit", "closed_at", "more"])
def test_an_approved_order_does_not_change(name):
    order = approve(VERDICT, Ticks(0), Millis(AT))
    with pytest.raises(AttributeError, match="does not change"):
        setattr(order, name, VERDICT._replace(lots=Lots(10**5)))
    assert order.verdict == VERDICT


def test_an_approved_order_cannot_be_copied_into_another():
    order = approve(VERDICT, Ticks(0), Millis(AT))
    for attempt in (copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))):
        with pytest.raises((TypeError, AttributeError)):
            attempt(order)
