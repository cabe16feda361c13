"""The line of figures that is kept of a set."""

import numpy as np
import pytest

from src.backtest.daily import daily
from src.backtest.evaluator import max_drawdown
from src.backtest.fold import empty_output
from src.backtest.set_figures import daily_returns, day_ends, set_figures
from src.backtest.sharpe import moments
from src.core.domain.market import BTC_JPY, Money
from tests.backtest.made_worlds import made_world, run_fold


def figures(initial, final, output, trades, closed_at):
    ends = day_ends(closed_at)
    returns = daily_returns(output.equity, initial, final, ends)
    return set_figures(initial, final, output, trades, returns, ends.days, BTC_JPY)


@pytest.mark.parametrize("seed", range(8))
def test_the_figures_are_those_of_the_runs_own_trades_and_marks(seed: int):
    made = made_world(seed, bars=2_000)
    run = run_fold(made)
    final, closed_at = run.world.book.cash, made.tape.closed_at
    found = figures(Money(made.cash), final, run.output, len(run.trades), closed_at)
    marks = np.concatenate(([made.cash], run.output.equity, [final]))
    assert found.trades == len(run.trades)
    assert found.final_balance_jpy == pytest.approx((made.cash + sum(t.net for t in run.trades)) / 10_000)
    assert found.fees_jpy == pytest.approx(sum(t.fee for t in run.trades) / 10_000)
    assert found.interest_jpy == pytest.approx(sum(t.interest for t in run.trades) / 10_000)
    assert found.slippage_jpy == pytest.approx(sum(t.slippage for t in run.trades) / 10_000)
    assert found.win_rate_pct == pytest.approx(100 * sum(t.net > 0 for t in run.trades) / len(run.trades))
    assert found.max_drawdown_pct == 100 * max_drawdown(marks)
    assert found.bars_halted == np.count_nonzero(run.output.halted)


@pytest.mark.parametrize("seed", range(8))
def test_daily_returns_are_in_the_bits_of_the_evaluators_days(seed: int):
    made = made_world(seed, bars=2_000)
    run = run_fold(made)
    closed_at, final = made.tape.closed_at, run.world.book.cash
    times, marks = np.append(closed_at, closed_at[-1]), np.append(run.output.equity, final)
    expected = daily(times, marks, made.cash).returns
    found = daily_returns(run.output.equity, Money(made.cash), final, day_ends(closed_at))
    assert found.tobytes() == expected.tobytes()
    assert moments(found) == moments(expected)


def test_without_a_trade_there_is_nothing_to_measure():
    output, closed_at = empty_output(200, 1), 900_000 * np.arange(1, 201)
    output.equity[:] = 5_000
    found = figures(Money(5_000), Money(5_000), output, 0, closed_at)
    assert (found.trades, found.return_pct, found.max_drawdown_pct) == (0, 0.0, 0.0)
    assert found.win_rate_pct is found.sharpe_daily is found.skew is found.kurtosis is None


def test_there_is_no_return_on_an_account_that_lost_everything():
    output, closed_at = empty_output(400, 1), 900_000 * np.arange(1, 401)
    output.equity[:] = np.linspace(5_000, -100, 400).astype(np.int64)
    found = figures(Money(5_000), Money(-100), output, 0, closed_at)
    assert found.sharpe_daily is None
    assert found.return_pct == pytest.approx(-102.0)


def test_a_day_without_bars_has_a_return_of_nothing():
    closed_at = np.array([1, 2, 200, 201]) * 900_000
    found = daily_returns(np.array([100, 110, 110, 121]), Money(100), Money(121), day_ends(closed_at))
    assert found == pytest.approx([0.1, 0.0, 0.1])
