"""The edges of the review and of the core: what is exactly enough, and prices on another grid than 1 JPY."""

import numpy as np
import pytest

from src.core.domain.account import Prediction, PredictionStatus
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import Millis
from src.strategies.base.strategy_manager import NO_VOTE, combine, propose_all
from src.strategies.utils.constants import Signal
from src.trading.decision import ExitParams, State, close_reason, entered, fresh_state, wanted_probability
from src.trading.drawdown_manager import fresh_risk
from src.trading.exits import NO_PLAN, exit_at_close, plan_from_fill
from src.trading.fee_schedule import fee_columns
from src.trading.risk import ApprovedOrder, ModelParams, approve, break_even, refusal, risk_gate, shape_entry
from tests.strategies.made_rows import AT, PRICE
from tests.trading.situations import EQUITY, WILLING, changed, decided, holding
from tests.trading.test_decision import BREAKDOWN, SELLERS
from tests.trading.test_reasons import FORCED, ORDER

SIGNAL = Signal(Side.BUY, 1.0, 150_000.3, 200_000.1, 100_000.2, 3_600_000)  # JPY


def shaped(tick):
    """Return the entry `SIGNAL` asks for on a grid of `tick` JPY, in an account of the same worth."""
    vote, scale = decided(WILLING)[1].vote, round(1 / tick)
    account = WILLING.account._replace(equity=Money(EQUITY * scale), mark=Ticks(int(PRICE) * scale))
    params = WILLING.params
    return shape_entry(WILLING.row, account, WILLING.state.risk, vote, SIGNAL, tick, params.size, params.costs)


def test_a_core_starts_flat_with_its_equity_as_the_high_water_mark():
    assert fresh_state(EQUITY) == State(NO_PLAN, fresh_risk(EQUITY))
    assert fresh_state(EQUITY).risk.peak_equity == EQUITY


def test_an_entry_leaves_the_risk_state_as_it_was():
    assert entered(WILLING.state, decided(WILLING)[1].verdict, Ticks(1_000), Millis(AT)).risk == WILLING.state.risk


def test_distances_are_rounded_up_to_the_grid():
    whole, half = shaped(1.0), shaped(0.5)
    assert (whole.stop, whole.target, whole.trail) == (150_001, 200_001, 100_001)
    assert (half.stop, half.target, half.trail) == (300_001, 400_001, 200_001)
    assert half.lots == whole.lots > 0


def test_an_open_position_follows_the_bar_on_a_finer_grid():
    coarse = holding()
    plan = plan_from_fill(
        Side.BUY, Ticks(2 * int(PRICE)), Millis(AT), 0, Ticks(300_000), Ticks(0), Ticks(0), 0, Money(1)
    )
    fine = changed(
        coarse, {"state.plan": plan, "account.mark": Ticks(2 * int(PRICE)), "params.tick": 0.5, "row.high": PRICE + 0.5}
    )
    assert decided(fine)[0].plan.extreme == 2 * PRICE + 1


@pytest.mark.parametrize("reason", list(FORCED))
def test_every_decision_records_all_signals_and_the_vote_that_was_taken_from_them(reason):
    situation = changed(WILLING, FORCED[reason])
    _, decision = decided(situation)
    params = situation.params
    assert decision.signals == propose_all(params.strategies, situation.row)
    assert decision.vote == combine(decision.signals, params.weights, params.vote)
    assert decision.verdict.side == decision.vote.side


@pytest.mark.parametrize("reason", ORDER)
def test_a_refused_entry_gives_the_same_reason_in_its_verdict(reason):
    _, decision = decided(changed(WILLING, FORCED[reason]))
    assert decision.verdict == refusal(reason, decision.vote.side)


@pytest.mark.parametrize("situation", [holding(), changed(WILLING, {"account.waiting": True})])
def test_a_bar_that_considers_no_entry_orders_nothing(situation):
    assert decided(situation)[1].verdict == refusal(Reason.NO_SIGNAL, Side.BUY)


@pytest.mark.parametrize("reason", [Reason.ENTER, Reason.ENTRY_WAITING, *ORDER])
def test_only_a_fill_changes_the_plan_of_a_flat_account(reason):
    situation = changed(WILLING, FORCED[reason])
    assert decided(situation)[0].plan == situation.state.plan == NO_PLAN


def test_a_vote_of_exactly_the_least_confidence_enters():
    confidence = decided(WILLING)[1].vote.confidence
    assert decided(WILLING, params__vote__min_confidence=confidence)[1].reason == Reason.ENTER
    assert decided(WILLING, params__vote__min_confidence=confidence + 1e-9)[1].reason == Reason.LOW_CONFIDENCE


def test_a_vote_of_exactly_the_least_confidence_closes_the_opposite_position():
    situation = changed(holding(), {**SELLERS, **BREAKDOWN, "row.ema_50": PRICE + 150_000})
    confidence = decided(situation)[1].vote.confidence
    assert decided(situation, params__vote__min_confidence=confidence)[1].exit_reason == ExitReason.OPPOSITE
    assert decided(situation, params__vote__min_confidence=confidence + 1e-9)[1].exit_reason == ExitReason.NONE


def test_a_pause_is_over_at_its_instant_even_before_the_state_was_observed():
    state = fresh_risk(EQUITY)
    for name, reason in (("streak_until", Reason.LOSS_STREAK), ("cooldown_until", Reason.COOLDOWN)):
        paused = state._replace(**{name: Millis(AT)})
        assert risk_gate(paused, Millis(AT)) == Reason.ENTER
        assert risk_gate(paused, Millis(AT - 1)) == reason


def test_a_model_that_is_certain_of_a_loss_refuses():
    used = changed(WILLING, {"params.model": ModelParams(used=True)})
    assert decided(used, prediction=Prediction(int(PredictionStatus.GOOD), 0.0))[1].reason == Reason.MODEL_REFUSES


@pytest.mark.parametrize("equity", [4_000_000, 10**7])
def test_an_entry_without_a_size_names_the_side_it_was_for(equity):
    small = {"account.equity": Money(equity), "state.risk.peak_equity": Money(equity)}
    decision = decided(changed(WILLING, small))[1]
    assert decision.reason in {Reason.MARGIN, Reason.TOO_SMALL}
    assert decision.verdict == refusal(decision.reason, Side.BUY)


def test_the_smallest_order_with_the_nearest_stop_is_approved():
    smallest = decided(WILLING)[1].verdict._replace(lots=Lots(1), stop=Ticks(1))
    order = approve(smallest, Ticks(0), Millis(AT))
    assert isinstance(order, ApprovedOrder)
    assert order.verdict == smallest


def test_who_makes_an_order_by_hand_is_told_where_orders_come_from():
    with pytest.raises(TypeError, match=r"^an ApprovedOrder comes from trading\.risk\.approve and from nowhere else$"):
        ApprovedOrder(decided(WILLING)[1].verdict, Ticks(0), Millis(AT), None)


def test_the_shortest_holding_time_is_kept_from_the_first_millisecond_on():
    plan = plan_from_fill(Side.BUY, Ticks(1_000), Millis(0), 0, Ticks(100), Ticks(1), Ticks(0), 1, Money(1))
    assert (plan.expires_at, plan.target) == (1, 1_001)
    assert exit_at_close(plan, Side.BUY, Ticks(1_000), Millis(1), True) == ExitReason.MAX_HOLD
    assert exit_at_close(plan, Side.BUY, Ticks(1_000), Millis(0), True) == ExitReason.NONE


def test_fee_columns_have_the_type_the_fold_is_compiled_for():
    for column in fee_columns(np.array([], np.int64)):
        assert (column.dtype, column.shape) == (np.int64, (0,))


@pytest.mark.parametrize(
    ("readable", "asked", "why"),
    [
        (True, True, ExitReason.REASON_ENDED),
        (False, True, ExitReason.NONE),  # a row that says nothing does not say that the reason has ended
        (True, False, ExitReason.NONE),
        (False, False, ExitReason.NONE),
    ],
)
def test_a_reason_that_ended_closes_only_where_it_is_asked_for_and_can_be_read(readable, asked, why):
    plan = plan_from_fill(Side.BUY, Ticks(1_000), Millis(0), 0, Ticks(100), Ticks(0), Ticks(0), 0, Money(1))
    params = ExitParams(when_reason_ends=asked)
    found = close_reason(plan, Side.BUY, Ticks(1_000), Millis(1), readable, holds=False, against=False, params=params)
    assert found == why


def test_where_nothing_is_proposed_the_model_would_have_to_be_certain():
    assert wanted_probability(NO_VOTE, (), WILLING.account, WILLING.params) == 1.0


def test_a_trade_smaller_than_one_unit_has_a_break_even_too():
    assert break_even(0.25, 0.5, 0.0, ModelParams(min_edge=0.0)) == pytest.approx(1 / 3)
