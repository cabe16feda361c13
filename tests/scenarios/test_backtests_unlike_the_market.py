"""Backtests that promised what no account could keep: what was seen, survived."""

from datetime import UTC, datetime

import numpy as np
import pytest

from src.backtest import fold
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import BAR_4H, BAR_15M, HOUR, JST, to_millis
from src.core.orchestration import cycle
from src.features.feature_generator import BarColumns, feature_matrix
from src.features.row import COLUMNS
from src.trading import book, decision, executor
from src.trading.drawdown_manager import RiskParams
from src.trading.fee_schedule import fees_at
from src.trading.ledger import CostParams
from src.trading.position_sizing import SizeParams, round_trip_cost
from tests.backtest.made_worlds import made_world, run_fold
from tests.backtest.scripted import FREE, Scripted, scripted
from tests.features.made_bars import random_bars, without
from tests.trading.situations import WILLING, changed, decided

CALM = (1_000, 1_010, 990, 1_000)


def test_the_backtest_has_an_engine_of_its_own():
    assert fold.decide is cycle.decide is decision.decide
    assert fold.entered is book.entered is decision.entered
    assert fold.exited is executor.exited is decision.exited


def test_a_target_in_yen_depends_on_the_size_of_the_mode():
    small, large = (decided(WILLING, account__equity=WILLING.account.equity * k)[1].verdict for k in (1, 3))
    assert large.lots > small.lots
    assert (large.stop, large.target) == (small.stop, small.target)


def test_the_stop_is_tested_against_the_entry_candle_only_from_the_open_on():
    """The deciding candle's own high and low once closed the position it had just opened."""
    crash = (1_000, 2_000, 1, 1_000)
    (trade,) = run_fold(scripted([crash, CALM, CALM], {0: 1})).trades
    assert trade.exit_reason == ExitReason.END_OF_DATA


def test_the_same_candle_reaches_both_levels_and_the_stop_comes_first():
    (trade,) = run_fold(scripted([CALM, CALM, (1_000, 1_500, 500, 1_200)], {0: 1})).trades
    assert (trade.exit_reason, trade.net < 0) == (ExitReason.STOP, True)


def test_stops_are_tested_on_the_close_only():
    (trade,) = run_fold(scripted([CALM, CALM, (1_000, 1_010, 899, 1_005), CALM], {0: 1})).trades
    assert trade.exit_reason == ExitReason.STOP


def test_a_stop_always_fills_at_its_price_even_on_a_gap():
    (trade,) = run_fold(scripted([CALM, CALM, (700, 720, 690, 710)], {0: 1})).trades
    assert trade.exit == 700


def test_a_closed_position_lives_on_as_a_ghost():
    made = made_world(3)
    run = run_fold(made)
    closed = {trade.closed_at // BAR_15M * BAR_15M for trade in run.trades}
    assert closed
    assert run.world.book.position.lots == 0
    assert run.world.book.cash == made.cash + sum(trade.net for trade in run.trades)


def test_drawdown_is_measured_on_equity_not_on_profit():
    """333 JPY lost after 158 JPY gained once showed as a drawdown of 211 %."""
    gained, lost = 1_000_000 + 158, 1_000_000 + 158 - 333
    state, _ = decided(WILLING, account__equity=gained * 10_000)
    after, decision = decided(WILLING, state=state, account__equity=lost * 10_000)
    assert not after.risk.halted
    assert decision.reason == Reason.ENTER


def test_a_drawdown_that_live_would_stop_at_is_accepted_in_the_backtest():
    bars = [CALM, CALM, (1_000, 1_000, 700, 705), *[CALM] * 20]
    made = scripted(bars, {i: 1 for i in range(23) if i != 1}, strategy=Scripted(stop=900.0))
    size = made.params.size._replace(losscut_distance_bps=0, risk_ppm=10**6, gap_ppm=0)
    made = made._replace(params=made.params._replace(size=size, risk=RiskParams()), cash=1_400)
    run = run_fold(made)
    assert [trade.exit_reason for trade in run.trades] == [ExitReason.HALT]
    assert set(run.output.reason[4:].tolist()) == {Reason.DRAWDOWN_HALT}


def test_the_risk_state_is_not_updated_by_the_backtest():
    fall = (1_000, 1_000, 850, 860)
    made = scripted([CALM, CALM, fall, CALM, CALM], dict.fromkeys(range(5), 1))
    made = made._replace(params=made.params._replace(risk=RiskParams(cooldown_ms=HOUR)))
    run = run_fold(made)
    assert run.world.state.risk.losses == 1
    assert Reason.COOLDOWN in run.output.reason


def test_a_fee_is_charged_in_four_places():
    (trade,) = run_fold(scripted([CALM] * 3, {0: 1}, (1,), fee_ppm=10_000)).trades
    assert (trade.fee, trade.net) == (10 + 10, -20)


def test_the_required_margin_is_a_constant():
    """It is a setting, and the size follows it."""
    loose, tight = (
        decided(
            changed(
                WILLING,
                {
                    "params.costs.requirement_bps": bps,
                    "params.size": SizeParams(kelly=False, risk_ppm=50_000, losscut_distance_bps=100_000),
                },
            )
        )[1].verdict.lots
        for bps in (2_500, 10_000)
    )
    assert 0 < tight < loose


def test_the_higher_timeframe_is_sliced_by_row_number():
    """It is joined by time: with bars missing, row numbers would show the future."""
    bars = without(random_bars(3_000, seed=5), *range(700, 733), *range(1_500, 1_509))
    matrix = feature_matrix(bars)
    column = matrix.values[:, COLUMNS.index("close_4h")]
    seen = np.flatnonzero(np.isfinite(column))
    assert len(seen) > 1_000
    for i in seen[::37].tolist():
        now = int(bars.closed_at[i])
        last = now // BAR_4H * BAR_4H
        closes = [c for at, c in zip(bars.closed_at.tolist(), bars.close.tolist(), strict=True) if at <= last]
        ends = int(bars.closed_at[len(closes) - 1])
        if ends == last and np.count_nonzero((bars.closed_at > last - BAR_4H) & (bars.closed_at <= last)) == 16:
            assert column[i] == closes[-1]


def test_what_comes_later_does_not_change_a_row():
    bars = random_bars(1_500, seed=6)
    whole, part = feature_matrix(bars), feature_matrix(BarColumns(*(column[:1_111] for column in bars)))
    np.testing.assert_array_equal(part.values, whole.values[:1_111])


@pytest.mark.parametrize(
    ("at", "fees"),
    [
        (datetime(2026, 2, 1, 12, tzinfo=JST), (-200, 1_200)),
        (datetime(2026, 2, 2, 0, tzinfo=JST), (0, 1_000)),
        (datetime(2026, 9, 1, tzinfo=UTC), (0, 1_000)),
    ],
)
def test_the_rebate_that_designs_relied_on_vanished(at, fees):
    assert fees_at(to_millis(at)) == fees


def test_a_stop_is_never_a_maker():
    costs = FREE._replace(slippage_ppm=0)
    made = scripted([CALM, CALM, (1_000, 1_010, 890, 900)], {0: 1}, costs=costs)
    rebate = made.tape._replace(maker_fee_ppm=np.full(3, -200), taker_fee_ppm=np.full(3, 1_000_000 // 100))
    (trade,) = run_fold(made._replace(tape=rebate)).trades
    assert (trade.exit_reason, trade.fee) == (ExitReason.STOP, 10 + 9)
    assert round_trip_cost(10_000_000, 1_000, 0) == 20_000  # 0.20 % in and out


def test_interest_is_charged_at_midnight_in_japan():
    costs = FREE._replace(interest_ppm_per_day=400, first_day_charged=False)
    bars = [(10_000_000,) * 4] * 80
    made = scripted(bars, {0: 1}, strategy=Scripted(stop=9e6, target=0.0), costs=costs)
    run = run_fold(made._replace(cash=10**13))  # from 09:00 JST on
    before, after = 15 * 4 - 2, 15 * 4 - 1  # the bars that close at 23:45 and 00:00 JST
    assert run.output.equity[before] - run.output.equity[after] == 4_000


def test_fees_are_four_times_the_gross_profit():
    """A stop so near that costs eat it is refused before it is traded."""
    near = changed(WILLING, {"row.atr_14_4h": 40_000.0, "row.ema_50": 10_100_000.0})
    assert decided(near)[1].reason == Reason.COST_TOO_HIGH
    free = decided(near, params__costs=CostParams(slippage_ppm=0), account__taker_fee_ppm=0)
    assert free[1].reason == Reason.ENTER


def test_exit_tuning_is_judged_without_the_excursions_of_the_entries():
    for trade in run_fold(made_world(11)).trades:
        assert trade.worst <= 0 <= trade.best
