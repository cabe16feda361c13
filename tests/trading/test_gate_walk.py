"""What stopped a bar, and the nearest change that would have traded: each found by asking the core again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.config import load_config
from src.core.domain.account import Prediction, PredictionStatus
from src.core.domain.market import Money, Side
from src.core.domain.orders import Reason
from src.core.orchestration.wiring import core_params
from src.features.row import Quality
from src.trading.decision import fresh_state, wanted_probability
from src.trading.gate_walk import Gate, Inputs, asked, gate_of, nearest, passages
from src.trading.risk import ModelParams
from tests.trader_journal import ALONE


@pytest.fixture(scope="module")
def params():
    return core_params(load_config("config/paper/base.yaml", ALONE))


@pytest.fixture(scope="module")
def entering(traded):
    """The inputs of a decision that entered."""
    judged = next(each for each in traded.desk.cycle.judged if each.decision.reason == Reason.ENTER)
    return Inputs(judged.before, judged.row, judged.prediction, judged.account)


def worse(inputs, **changed):
    return inputs._replace(**{name: getattr(inputs, name)._replace(**fields) for name, fields in changed.items()})


def test_every_reason_belongs_to_one_gate_but_the_one_that_enters():
    assert gate_of(Reason.ENTER) is None
    assert all(gate_of(reason) is not None for reason in Reason if reason != Reason.ENTER)


def test_the_gates_before_the_one_that_stopped_are_passed_and_those_after_it_were_not_asked():
    found = {each.gate: each.passed for each in passages(Reason.SPREAD)}
    assert [found[gate] for gate in Gate] == [True, True, True, True, False, None, None, None]
    assert all(each.passed for each in passages(Reason.ENTER))


@pytest.mark.no_cover
def test_a_decision_that_entered_needs_no_change(entering, params):
    assert nearest(entering, params) == ((), Reason.ENTER)


@pytest.mark.parametrize(
    ("changed", "reason", "name"),
    [
        ({"account": {"spread_ppm": 9_999}}, Reason.SPREAD, "spread"),
        ({"account": {"latency_ms": 9_999}}, Reason.LATENCY, "latency"),
        ({"account": {"known": False}}, Reason.ACCOUNT_UNKNOWN, "known"),
        ({"account": {"waiting": True}}, Reason.ENTRY_WAITING, "position"),
        ({"row": {"quality": int(Quality.AFTER_GAP)}}, Reason.AFTER_GAP, "quality"),
        ({"row": {"volume_ratio": 99.0}}, Reason.VOLUME_SPIKE, "volume_ratio"),
        ({"row": {"high": 9e9}}, Reason.PRICE_SPIKE, "move_atr"),
    ],
)
def test_one_input_beyond_its_limit_is_the_nearest_change(entering, params, changed, reason, name):
    inputs = worse(entering, **changed)
    assert asked(inputs, params).reason == reason
    found = nearest(inputs, params)
    assert found.left == Reason.ENTER
    assert [change.name for change in found.changes] == [name]


def test_spread_and_latency_are_taken_to_their_limit_and_no_farther(entering, params):
    found = nearest(worse(entering, account={"spread_ppm": 9_999, "latency_ms": 9_999}), params)
    assert [tuple(change) for change in found.changes] == [
        ("spread", 9_999, params.gates.max_spread_ppm),
        ("latency", 9_999, params.gates.max_latency_ms),
    ]


def test_pauses_end_at_the_bar_and_a_halt_is_lifted_as_a_person_does_it(entering, params):
    at = entering.row.closed_at
    risk = entering.state.risk
    paused = entering._replace(state=entering.state._replace(risk=risk._replace(cooldown_until=at + 1)))
    assert [tuple(c) for c in nearest(paused, params).changes] == [("cooldown_until", at + 1, at)]
    pausing = entering._replace(state=entering.state._replace(risk=risk._replace(streak_until=at + 1, losses=5)))
    assert [tuple(c) for c in nearest(pausing, params).changes] == [("streak_until", at + 1, at)]
    high = risk._replace(halted=True, peak_equity=Money(2 * entering.account.equity))
    halted = entering._replace(state=entering.state._replace(risk=high))
    assert [c.name for c in nearest(halted, params).changes] == ["halted"]


def test_confidence_and_model_are_set_against_their_thresholds(entering, params):
    stricter = params._replace(vote=params.vote._replace(min_confidence=0.99))
    (change,) = nearest(entering, stricter).changes
    assert (change.name, change.was, change.needed) == ("confidence", asked(entering, params).vote.confidence, 0.99)
    judged = params._replace(model=ModelParams(used=True))
    refused = entering._replace(prediction=Prediction(int(PredictionStatus.GOOD), 0.5))
    assert [tuple(c) for c in nearest(refused, judged).changes] == [("probability", 0.5, 0.65)]
    (absent,) = nearest(entering, judged).changes
    assert (absent.name, absent.needed) == ("probability", 0.65)
    by_value = params._replace(model=ModelParams(used=True, by_value=True))
    unlikely = entering._replace(prediction=Prediction(int(PredictionStatus.GOOD), 0.1))
    (change,) = nearest(unlikely, by_value).changes
    assert change.needed == wanted_probability(*asked(entering, params)[3:], entering.account, by_value)


def test_the_equity_asked_for_is_the_least_to_the_money_unit(entering, params):
    few = Money(5_000_000)  # 500 JPY
    poor = worse(entering, account={"equity": few})._replace(state=fresh_state(few))
    assert asked(poor, params).reason == Reason.TOO_SMALL
    (change,) = nearest(poor, params).changes
    assert (change.name, change.was) == ("equity", few)
    assert asked(worse(poor, account={"equity": Money(change.needed)}), params).reason == Reason.ENTER
    assert asked(worse(poor, account={"equity": Money(change.needed - 1)}), params).reason == Reason.TOO_SMALL


def test_costs_beyond_the_limit_are_stated_as_their_share(entering, params):
    stricter = params._replace(size=params.size._replace(max_cost_bps=1))
    (change,) = nearest(entering, stricter).changes
    assert (change.name, change.needed) == ("cost_share", 1)
    allowed = params._replace(size=params.size._replace(max_cost_bps=int(change.was)))
    assert asked(entering, allowed).reason == Reason.ENTER


def test_where_nothing_was_proposed_no_number_would_have_traded(traded, params):
    quiet = next(each for each in traded.desk.cycle.judged if each.decision.reason == Reason.NO_SIGNAL)
    inputs = Inputs(quiet.before, quiet.row, quiet.prediction, quiet.account)
    assert nearest(inputs, params) == ((), Reason.NO_SIGNAL)


@settings(max_examples=60)
@given(
    spread=st.integers(-5, 10_000),
    latency=st.integers(-5, 10_000),
    side=st.sampled_from(Side),
    known=st.booleans(),
    quality=st.sampled_from(Quality),
    equity=st.integers(1, 10**11),
    fee=st.integers(-200, 20_000),
)
def test_what_is_said_to_trade_has_been_tried(entering, params, spread, latency, side, known, quality, equity, fee):
    account = {
        "spread_ppm": spread, "latency_ms": latency, "side": side, "known": known, "equity": equity,
        "taker_fee_ppm": fee,
    }  # fmt: skip
    inputs = worse(entering, account=account, row={"quality": int(quality)})
    found = nearest(inputs, params)
    names = [change.name for change in found.changes]
    assert len(set(names)) == len(names)
    assert (found.left == Reason.ENTER) == (gate_of(found.left) is None)
    if asked(inputs, params).reason == Reason.ENTER:
        assert found.changes == ()
