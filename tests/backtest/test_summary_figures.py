"""The figures of a summary, on runs small enough to compute by hand."""

import numpy as np
import pytest

from src.backtest.evaluator import count_exits, count_reasons, count_sides, evaluate, max_drawdown
from src.core.domain.account import Trade
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import DAY, HOUR, Millis


def trade(net, risk=100, side=Side.BUY, hours=2, why=ExitReason.STOP):
    zero = Money(0)
    return Trade(
        Millis(0), Millis(hours * HOUR), side, Lots(1), Ticks(1), Ticks(1), zero, zero, zero,
        Money(net), Money(net), why, 0, Money(risk), Ticks(0), Ticks(0),
    )  # fmt: skip


def figures(trades=(), equity=(1_000,), position=(0,), initial=1_000):
    closed_at = np.arange(1, len(equity) + 1, dtype=np.int64) * DAY
    return evaluate(
        Money(initial), closed_at, np.array(equity, np.int64), np.array(position, np.int64), 100, 150, list(trades)
    )


def test_the_return_is_that_of_the_trades_and_the_comparison_that_of_holding():
    got = figures([trade(100), trade(-50)])
    assert (got.return_pct, got.buy_and_hold_pct) == (5.0, 50.0)


def test_results_of_trades():
    got = figures([trade(100), trade(50), trade(-50, hours=8), trade(0)])
    assert got.win_rate_pct == 50.0
    assert got.profit_factor == 3.0
    assert got.expectancy_r == 0.25
    assert got.average_hours == pytest.approx(3.5)


def test_without_trades_there_is_nothing_to_measure():
    got = figures()
    assert (got.win_rate_pct, got.profit_factor, got.expectancy_r, got.average_hours) == (None, None, None, None)
    assert got.return_pct == 0.0


def test_the_drawdown_is_a_share_of_the_high_before_it():
    assert max_drawdown(np.array([100, 200, 150, 300, 240])) == 0.25
    assert max_drawdown(np.array([], np.int64)) == 0.0
    assert figures(equity=(1_000, 1_500, 900), position=(0, 1, 1)).max_drawdown_pct == pytest.approx(40.0)


def test_exposure_is_the_share_of_bars_with_a_position():
    assert figures(equity=(1, 1, 1, 1), position=(0, 1, -1, 0)).exposure_pct == 50.0


def test_one_day_has_no_sharpe_ratio():
    assert figures().sharpe is None


def test_counts_name_every_reason_and_every_exit_that_occurred():
    codes = np.array([Reason.ENTER, Reason.TOO_SMALL, Reason.TOO_SMALL])
    counts = count_reasons(codes)
    assert set(counts) == {reason.name for reason in Reason}
    assert (counts["ENTER"], counts["TOO_SMALL"], sum(counts.values())) == (1, 2, 3)
    made = [trade(1), trade(1, side=Side.SELL), trade(1, why=ExitReason.TARGET)]
    assert count_exits(made) == {"STOP": 2, "TARGET": 1}
    assert count_sides(made) == {"long": 2, "short": 1}
