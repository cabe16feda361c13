"""Only the review makes an order, and what it made does not change."""

import copy
import pickle

import numpy as np
import pytest

from src.core.domain.account import Prediction, PredictionStatus
from src.core.domain.market import Lots, Side, Ticks
from src.core.domain.orders import Reason
from src.core.domain.time import Millis
from src.trading.decision import wanted_probability
from src.trading.risk import ApprovedOrder, ModelParams, approve, break_even, refusal
from tests.strategies.made_rows import AT
from tests.trading.situations import WILLING, changed, decided

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


@pytest.mark.parametrize(
    ("stop", "target", "cost", "edge", "wanted"),
    [
        (1.0, 1.0, 0.0, 0.0, 0.5),
        (1.0, 3.0, 0.0, 0.0, 0.25),
        (1.0, 3.0, 0.2, 0.0, 0.3),
        (1.0, 3.0, 0.2, 0.4, 0.4),
        (1.0, 0.0, 0.0, 0.0, 1 / 3),  # without a target: twice the stop
        (1.0, 1.0, 1.5, 0.0, 1.25),  # costs above the gain: no probability is enough
        (0.0, 0.0, 0.1, 0.0, 2.0),
    ],
)
def test_the_break_even_is_where_gains_pay_for_losses_and_costs(stop, target, cost, edge, wanted):
    found = break_even(stop, target, cost, ModelParams(min_edge=edge))
    assert found == pytest.approx(wanted)
    if target:
        assert found * (target - cost) - (1 - found) * (stop + cost) == pytest.approx(edge * stop)


def test_by_value_a_trade_is_held_to_its_own_break_even():
    by_value = changed(WILLING, {"params.model": ModelParams(used=True, by_value=True)})
    decision = decided(WILLING)[1]
    wanted = wanted_probability(decision.vote, decision.signals, by_value.account, by_value.params)
    assert 0.3 < wanted < 0.65
    at, below = (Prediction(int(PredictionStatus.GOOD), p) for p in (wanted, np.nextafter(wanted, 0.0)))
    assert decided(by_value, prediction=at)[1].reason == Reason.ENTER
    assert decided(by_value, prediction=below)[1].reason == Reason.MODEL_REFUSES
    dearer = decided(by_value, prediction=at, account__taker_fee_ppm=WILLING.account.taker_fee_ppm + 100)
    assert dearer[1].reason == Reason.MODEL_REFUSES


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
