"""Pauses run out by time; the halt waits for a person; the record forgets slowly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market import Money
from src.core.domain.time import DAY, HOUR, Millis
from src.trading.drawdown_manager import RiskParams, RiskState, fresh_risk, lift_halt, observe, record_trade

PARAMS = RiskParams()
T = Millis(1_700_000_000_000)


def after_losses(n, at=T, params=PARAMS):
    state = fresh_risk(Money(1_000_000))
    for _ in range(n):
        state = record_trade(state, Money(-10), Money(100), at, params)
    return state


def test_the_peak_follows_equity_up_and_stays_when_it_falls():
    state = fresh_risk(Money(100))
    for equity, peak in ((90, 100), (150, 150), (140, 150)):
        state = observe(state, Money(equity), T, PARAMS)
        assert state.peak_equity == peak


@pytest.mark.parametrize(("equity", "halted"), [(80_001, False), (80_000, True), (0, True), (-5, True)])
def test_the_halt_comes_at_the_limit_measured_on_equity(equity, halted):
    assert observe(fresh_risk(Money(100_000)), Money(equity), T, PARAMS).halted is halted


def test_neither_recovery_nor_a_new_peak_nor_time_lifts_a_halt():
    state = observe(fresh_risk(Money(100)), Money(70), T, PARAMS)
    for day, equity in enumerate((90, 100, 500, 1_000)):
        state = observe(state, Money(equity), Millis(T + 1_000 * day * DAY), PARAMS)
        assert state.halted
    state = record_trade(state, Money(50), Money(10), T, PARAMS)
    assert state.halted


def test_a_person_lifts_the_halt_and_the_mark_starts_anew():
    halted = observe(after_losses(5), Money(1), T, PARAMS)
    lifted = lift_halt(halted, Money(70))
    assert lifted == RiskState(
        Money(70),
        False,
        0,
        Millis(0),
        Millis(0),
        halted.trades,
        halted.wins,
        halted.gained,
        halted.lost,
    )
    assert not observe(lifted, Money(60), T, PARAMS).halted
    assert observe(lifted, Money(56), T, PARAMS).halted


def test_a_losing_trade_starts_a_cooldown_and_a_winning_one_does_not():
    state = fresh_risk(Money(100))
    assert record_trade(state, Money(-1), Money(10), T, PARAMS).cooldown_until == T + HOUR
    assert record_trade(state, Money(1), Money(10), T, PARAMS).cooldown_until == 0
    assert record_trade(state, Money(0), Money(10), T, PARAMS).cooldown_until == 0


def test_the_streak_pauses_at_its_limit_and_the_pause_runs_out_by_time():
    assert after_losses(4).streak_until == 0
    paused = after_losses(5)
    assert (paused.losses, paused.streak_until) == (5, T + DAY)
    still = observe(paused, Money(10**6), Millis(T + DAY - 1), PARAMS)
    assert (still.losses, still.streak_until) == (5, T + DAY)
    over = observe(paused, Money(10**6), Millis(T + DAY), PARAMS)
    assert (over.losses, over.streak_until) == (0, 0)


def test_the_loss_after_a_pause_is_the_first_of_a_new_streak():
    over = observe(after_losses(5), Money(10**6), Millis(T + DAY), PARAMS)
    again = record_trade(over, Money(-1), Money(10), Millis(T + 2 * DAY), PARAMS)
    assert (again.losses, again.streak_until) == (1, 0)


def test_a_win_ends_a_streak_but_not_a_pause_that_has_begun():
    assert record_trade(after_losses(4), Money(1), Money(10), T, PARAMS).losses == 0
    won = record_trade(after_losses(5), Money(1), Money(10), T, PARAMS)
    assert (won.losses, won.streak_until) == (0, T + DAY)


def test_a_trade_that_breaks_even_ends_a_streak_and_is_no_win():
    state = record_trade(after_losses(2), Money(0), Money(10), T, PARAMS)
    assert (state.losses, state.wins, state.gained) == (0, 0.0, 0.0)


def test_the_record_counts_results_in_planned_risks():
    state = record_trade(fresh_risk(Money(100)), Money(30), Money(10), T, PARAMS)
    assert (state.trades, state.wins, state.gained, state.lost) == (1.0, 1.0, 3.0, 0.0)
    state = record_trade(fresh_risk(Money(100)), Money(-5), Money(10), T, PARAMS)
    assert (state.trades, state.wins, state.gained, state.lost) == (1.0, 0.0, 0.0, 0.5)


def test_a_trade_without_a_planned_risk_counts_but_measures_nothing():
    state = record_trade(fresh_risk(Money(100)), Money(30), Money(0), T, PARAMS)
    assert (state.trades, state.wins, state.gained) == (1.0, 1.0, 0.0)


def test_a_result_counts_half_after_the_trades_of_memory():
    state = record_trade(fresh_risk(Money(100)), Money(10), Money(10), T, PARAMS)
    for _ in range(PARAMS.memory_trades):
        state = record_trade(state, Money(0), Money(10), T, PARAMS)
    assert state.gained == pytest.approx(0.5, abs=0.01)
    assert state.wins == pytest.approx(0.5, abs=0.01)


@given(st.lists(st.tuples(st.integers(-1_000, 1_000), st.integers(1, 1_000)), max_size=50))
def test_the_record_is_bounded_by_its_memory_and_consistent(trades):
    state = fresh_risk(Money(10**6))
    for net, risk in trades:
        state = record_trade(state, Money(net), Money(risk), T, PARAMS)
    assert 0.0 <= state.wins <= state.trades <= min(len(trades), 1.4427 * PARAMS.memory_trades) + 1e-9
    assert state.gained >= 0.0
    assert state.lost >= 0.0
    assert (state.gained > 0.0) == any(net > 0 for net, _ in trades)


@given(
    st.lists(st.tuples(st.integers(-100, 100), st.integers(0, 2 * HOUR)), min_size=1, max_size=40),
    st.integers(1, 4),
)
def test_every_pause_runs_out_whatever_the_trades_were(trades, streak):
    params = RiskParams(max_losses=streak)
    state, now = fresh_risk(Money(10**9)), T
    for net, wait in trades:
        now = Millis(now + wait)
        state = record_trade(observe(state, Money(10**9), now, params), Money(net), Money(10), now, params)
    later = Millis(now + params.streak_pause_ms + params.cooldown_ms)
    state = observe(state, Money(10**9), later, params)
    assert later >= state.streak_until
    assert later >= state.cooldown_until
    assert not state.halted


def test_a_loss_and_the_number_of_trades_fade_like_a_gain():
    lost, won = (record_trade(fresh_risk(Money(100)), Money(net), Money(10), T, PARAMS) for net in (-10, 10))
    for _ in range(PARAMS.memory_trades):
        lost, won = (record_trade(state, Money(0), Money(10), T, PARAMS) for state in (lost, won))
    assert lost.lost == won.gained == won.wins == pytest.approx(0.5, abs=0.01)
    assert lost.trades == won.trades == pytest.approx(0.5 + 0.5 * 1.4427 * PARAMS.memory_trades, rel=0.01)


def test_the_smallest_gain_is_a_win_and_the_smallest_loss_is_a_loss():
    won = record_trade(fresh_risk(Money(100)), Money(1), Money(10), T, PARAMS)
    lost = record_trade(after_losses(2), Money(-1), Money(10), T, PARAMS)
    assert (won.wins, won.gained, won.lost) == (1.0, 0.1, 0.0)
    assert (lost.losses, lost.wins, lost.cooldown_until) == (3, 0.0, T + HOUR)


def test_a_planned_risk_of_one_unit_is_a_measure():
    assert record_trade(fresh_risk(Money(100)), Money(3), Money(1), T, PARAMS).gained == 3.0


def test_looking_at_the_account_between_losses_does_not_end_a_streak():
    state = fresh_risk(Money(10**6))
    for n in range(1, PARAMS.max_losses + 1):
        state = observe(record_trade(state, Money(-1), Money(10), T, PARAMS), Money(10**6), T, PARAMS)
        assert state.losses == n
    assert state.streak_until == T + DAY


def test_a_streak_pause_from_the_first_millisecond_on_runs_out_too():
    paused = record_trade(
        fresh_risk(Money(100)), Money(-1), Money(10), Millis(0), RiskParams(max_losses=1, streak_pause_ms=1)
    )
    assert paused.streak_until == 1
    over = observe(paused, Money(100), Millis(1), PARAMS)
    assert (over.losses, over.streak_until) == (0, 0)


def test_a_fresh_state_is_free_to_trade_and_remembers_nothing():
    assert fresh_risk(Money(7)) == RiskState(Money(7), False, 0, Millis(0), Millis(0), 0.0, 0.0, 0.0, 0.0)
