from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.report.breakdown import by_hour, by_name
from src.backtest.report.costs import at_costs, break_even_percent, cost_split, paid_rates
from src.backtest.report.run_folder import read_run


def test_price_moves_less_all_costs_are_the_net_result(run):
    split = cost_split(run.trades)
    assert split.before - split.fee - split.interest - split.slippage == split.net == run.final - run.initial
    assert split.total > 0


def test_the_runs_own_costs_give_the_runs_own_result(run):
    same = at_costs(run.trades, 100)
    assert same.net == int(run.trades.net.sum())
    assert same.wins == int((run.trades.net > 0).sum())
    assert same.profit_factor == pytest.approx(run.summary["profit_factor"])


def test_without_costs_only_the_price_moves_are_left(run):
    assert at_costs(run.trades, 0).net == cost_split(run.trades).before


def test_half_of_an_odd_cost_is_rounded_against_the_trader(run):
    trades = run.trades
    nothing, one = np.zeros(len(trades), np.int64), np.ones(len(trades), np.int64)
    odd = replace(trades, fee=one, interest=nothing, slippage=nothing, net=nothing)
    assert at_costs(odd, 50).net == 0  # all of the unit is kept as cost
    assert at_costs(odd, 0).net == len(trades)


@given(st.integers(0, 400), st.integers(0, 400))
def test_dearer_is_never_better(run, one, two):
    low, high = sorted((one, two))
    assert at_costs(run.trades, high).net <= at_costs(run.trades, low).net


def test_at_the_break_even_level_almost_nothing_is_left(run):
    richer = replace(run.trades, net=run.trades.net + 10**8)  # moves that did pay
    level = break_even_percent(cost_split(richer))
    assert level is not None
    assert abs(at_costs(richer, round(level)).net) <= cost_split(richer).total // 100


def test_trades_that_lose_before_costs_have_no_break_even(run):
    assert break_even_percent(cost_split(replace(run.trades, net=run.trades.net - 10**9))) is None


def test_the_rates_paid_are_those_that_were_set(run):
    rates = paid_rates(run.trades)
    assert rates.fee == pytest.approx(1_000, abs=1)
    assert rates.slippage == pytest.approx(500, rel=0.01)
    assert rates.interest is not None
    assert rates.interest > 400  # every started day is charged whole


def test_nothing_was_paid_where_nothing_was_traded(idle):
    assert paid_rates(read_run(idle).trades) == (None, None, None)


def test_groups_hold_every_trade_once(run):
    trades = run.trades
    for groups in (
        by_name(trades.strategy, trades.net),
        by_name(trades.exit_reason, trades.net),
        by_hour(trades.opened_at, trades.net),
    ):
        assert sum(g.trades for g in groups) == len(trades)
        assert sum(g.net for g in groups) == int(trades.net.sum())
        assert sum(g.wins for g in groups) == int((trades.net > 0).sum())


def test_hours_are_those_of_japan():
    groups = by_hour(np.array([0, 15 * 3_600_000]), np.array([5, -7]))
    assert groups[9] == ("9", 1, 1, 5)  # midnight UTC
    assert groups[0] == ("0", 1, 0, -7)
    assert len(groups) == 24
