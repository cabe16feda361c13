"""What becomes of an open position at a close, and what fills do to the state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.account import Trade
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import HOUR, Millis, bar_end, bar_open
from src.features.row import COLUMNS, Quality
from src.strategies.implementations.atr_based import AtrBased
from src.strategies.implementations.fibonacci_retracement import FibonacciRetracement
from src.strategies.implementations.mochipoy_alert import MochipoyAlert
from src.strategies.implementations.multi_timeframe import MultiTimeframe
from src.trading.decision import decide, entered, exited, fresh_state
from src.trading.drawdown_manager import RiskParams
from src.trading.exits import NO_PLAN, Plan
from src.trading.risk import Verdict, refusal
from tests.strategies.made_rows import AT, PRICE
from tests.trading.situations import EQUITY, WILLING, changed, decided, holding

SELLERS = {  # the follower and the alert both want to sell; the fade is silent
    "row.rsi_14": 50.0,
    "row.slow_momentum_4h": -0.5,
    "row.close_before": PRICE + 1,
    "row.ema_20": PRICE + 1,
    "row.ema_20_4h": PRICE - 100_000,
    "row.macd_4h": -20.0,
    "row.macd_signal_4h": -10.0,
    "row.rci_9_before": 90.0,
    "row.rci_9": 70.0,
}
BREAKDOWN = {  # and the retracement makes three of four
    "row.swing_high_4h": PRICE + 300_000,
    "row.swing_low_4h": PRICE - 300_000,
    "row.swing_turn_4h": -1.0,
    "row.high": PRICE + 3_000,
    "row.open": PRICE + 2_000,
    "row.close": PRICE - 2_000,
}


def why(situation, **changes):
    return decided(situation, **changes)[1].exit_reason


def test_a_position_whose_reason_holds_is_held():
    state, decision = decided(holding())
    assert decision.reason == Reason.HOLD_POSITION
    assert state.plan.extreme == PRICE + 5_000


def test_the_stop_of_a_trailing_position_follows_the_bar():
    state, decision = decided(holding(trail=100_000), row__high=PRICE + 60_000)
    assert decision.reason == Reason.HOLD_POSITION
    assert (state.plan.stop, state.plan.moved) == (PRICE - 40_000, True)


def test_a_trailed_stop_that_the_close_has_passed_leaves_as_a_trail():
    assert why(holding(trail=100_000), row__high=PRICE + 100_000) == ExitReason.TRAIL


def test_a_position_is_left_when_its_leader_no_longer_sees_its_reason():
    assert why(holding(), row__ema_50=PRICE - 1) == ExitReason.REASON_ENDED
    assert why(holding(), row__ema_50=PRICE - 1, params__exits__when_reason_ends=False) == ExitReason.NONE


def test_only_the_leader_is_asked():
    trend_follower = holding(leader=3)
    assert why(trend_follower, row__slow_momentum_4h=0.1) == ExitReason.NONE
    assert why(trend_follower, row__slow_momentum_4h=-0.1) == ExitReason.REASON_ENDED


@pytest.mark.parametrize("quality", [Quality.COLD, Quality.NOT_FINITE])
def test_a_row_that_cannot_be_read_ends_no_reason(quality):
    blind = {f"row.{name}": float("nan") for name in COLUMNS if name not in {"open", "high", "low", "close"}}
    situation = changed(holding(), {**blind, "row.quality": int(quality)})
    assert decided(situation)[1].reason == Reason.HOLD_POSITION


@pytest.mark.parametrize("quality", [Quality.QUIET, Quality.AFTER_GAP, Quality.STALE_VIEW])
def test_a_row_that_only_forbids_entries_still_ends_a_reason(quality):
    assert why(holding(), row__quality=int(quality), row__ema_50=PRICE - 1) == ExitReason.REASON_ENDED


def test_the_holding_time_is_kept_whatever_the_row_says():
    blind = changed(holding(hold=HOUR), {"row.quality": int(Quality.COLD)})
    assert why(blind) == ExitReason.MAX_HOLD
    assert why(blind, state__plan__expires_at=Millis(AT + 1)) == ExitReason.NONE


def test_half_of_the_strategies_cannot_close_the_position_of_another():
    situation = changed(holding(), {**SELLERS, "row.ema_50": PRICE + 150_000})
    decision = decided(situation)[1]
    assert (decision.vote.side, decision.vote.support) == (Side.SELL, 0.5)
    assert decision.reason == Reason.HOLD_POSITION


def test_half_of_the_weight_is_no_majority_however_its_sum_is_rounded():
    """0.15 + 0.35 over 0.15 + 0.15 + 0.35 + 0.35 is 0.5000000000000001 in floats."""
    situation = changed(holding(leader=1), {**SELLERS, "row.ema_50": PRICE + 150_000})
    sellers_first_and_third = (MochipoyAlert(), AtrBased(), MultiTimeframe(), FibonacciRetracement())
    decision = decided(situation, params__strategies=sellers_first_and_third, params__weights=(0.15, 0.15, 0.35, 0.35))[
        1
    ]
    assert decision.vote.support > 0.5
    assert decision.reason == Reason.HOLD_POSITION


def test_a_majority_of_the_strategies_closes_it():
    situation = changed(holding(), {**SELLERS, **BREAKDOWN, "row.ema_50": PRICE + 150_000})
    assert decided(situation)[1].vote.support == 0.75
    assert why(situation) == ExitReason.OPPOSITE
    assert why(situation, params__exits__when_opposite=False) == ExitReason.NONE
    assert why(situation, params__vote__min_confidence=0.99) == ExitReason.NONE


def test_a_vote_on_a_row_that_cannot_be_read_closes_nothing():
    situation = changed(holding(), {**SELLERS, **BREAKDOWN, "row.quality": int(Quality.NOT_FINITE)})
    assert why(situation) == ExitReason.NONE


def test_a_vote_for_the_same_side_closes_nothing():
    situation = changed(holding(Side.SELL, leader=3), {**SELLERS, **BREAKDOWN})
    assert why(situation) == ExitReason.NONE


def test_the_drawdown_halt_closes_the_position_before_anything_else():
    fallen = changed(holding(), {"account.equity": Money(EQUITY * 8 // 10)})
    assert why(fallen) == ExitReason.HALT
    assert why(fallen, state__plan__expires_at=Millis(1)) == ExitReason.HALT
    assert why(fallen, params__exits__when_halted=False) == ExitReason.NONE
    assert decided(fallen)[0].risk.halted


def test_an_account_that_is_not_known_moves_neither_the_plan_nor_the_risk_state():
    situation = changed(holding(trail=100_000), {"account.known": False, "account.equity": Money(1)})
    state, decision = decided(situation, row__high=PRICE + 60_000)
    assert decision.reason == Reason.ACCOUNT_UNKNOWN
    assert state == situation.state


def test_what_is_seen_of_equity_is_remembered_on_every_bar():
    for situation in (WILLING, changed(WILLING, {"account.waiting": True}), holding()):
        assert decided(situation, account__equity=Money(EQUITY + 5))[0].risk.peak_equity == EQUITY + 5


@given(st.integers(1_000_000, 10**8), st.sampled_from([Side.BUY, Side.SELL]))
def test_exits_hang_on_the_actual_fill(fill, side):
    order = decided(WILLING)[1].verdict._replace(side=side)
    state = entered(fresh_state(EQUITY), order, Ticks(fill), Millis(AT))
    assert state.plan == Plan(
        order.leader,
        Ticks(max(fill - side * order.stop, 1)),
        False,
        Ticks(max(fill + side * order.target, 1)),
        Ticks(0),
        Ticks(fill),
        Millis(bar_open(AT) + order.hold),
        order.risk,
    )


def test_a_closed_trade_is_remembered_by_the_risk_state_and_its_plan_is_gone():
    state = holding().state
    zero, at = Money(0), Millis(AT)
    lost = Trade(
        at, at, Side.BUY, Lots(1), Ticks(1), Ticks(1), zero, zero, zero, zero, Money(-500_000),
        ExitReason.STOP, 0, Money(10**6), Ticks(0), Ticks(0),
    )  # fmt: skip
    after = exited(state, lost, RiskParams())
    assert after.plan == NO_PLAN
    assert (after.risk.losses, after.risk.cooldown_until, after.risk.lost) == (1, bar_end(AT) + HOUR, 0.5)


def test_deciding_changes_nothing_it_was_given():
    for situation in (WILLING, holding(trail=100)):
        copied = type(situation)(*situation)
        assert decide(*situation) == decide(*situation)
        assert situation == copied


def test_a_refusal_carries_no_size():
    nothing = refusal(Reason.MARGIN, Side.BUY)
    assert nothing == Verdict(Reason.MARGIN, Side.BUY, Lots(0), Ticks(0), Ticks(0), Ticks(0), 0, -1, Money(0))
