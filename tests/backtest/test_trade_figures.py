"""What a list of trades amounts to, counted by hand."""

import math

import numpy as np
import pytest

from src.backtest.trade_figures import (
    by_exit,
    by_side,
    by_strategy,
    excursions,
    kelly,
    longest_run,
    system_quality,
    trade_columns,
    trade_figures,
)
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.trading.drawdown_manager import RiskParams, fresh_risk, record_trade
from src.trading.position_sizing import kelly_fraction
from tests.backtest.made_records import PRICE, made_trade

UNIT = 0.0001
TRADES = [
    made_trade(2_000_000, hours=1),
    made_trade(1_000_000, hours=3, side=Side.SELL, leader=1),
    made_trade(-500_000, hours=2),
    made_trade(0, hours=10),
    made_trade(-1_500_000, hours=6, side=Side.SELL, exit_reason=ExitReason.LOSSCUT),
]


def test_the_figures_are_those_counted_by_hand():
    found = trade_figures(trade_columns(TRADES, UNIT))
    assert (found.trades, found.wins, found.losses, found.draws) == (5, 2, 2, 1)
    assert found.win_rate_pct == 40
    assert (found.net_jpy, found.gained_jpy, found.lost_jpy) == pytest.approx((100, 300, 200))
    assert found.profit_factor == pytest.approx(1.5)
    assert found.payoff == pytest.approx(1.5)
    assert found.expectancy_jpy == pytest.approx(20)
    assert found.expectancy_r == pytest.approx(0.2)
    assert (found.best_jpy, found.worst_jpy, found.best_r, found.worst_r) == pytest.approx((200, -150, 2, -1.5))
    assert (found.most_wins_in_a_row, found.most_losses_in_a_row) == (2, 1)
    assert (found.average_hours, found.longest_hours) == pytest.approx((4.4, 10))
    assert (found.average_hours_winners, found.longest_hours_winners) == pytest.approx((2, 3))
    assert (found.average_hours_losers, found.longest_hours_losers) == pytest.approx((4, 6))
    r = [2, 1, -0.5, 0, -1.5]
    assert found.sqn == pytest.approx(math.sqrt(5) * np.mean(r) / np.std(r, ddof=1))


def test_nothing_traded_is_nothing_measured():
    found = trade_figures(trade_columns([], UNIT))
    assert (found.trades, found.net_jpy, found.most_wins_in_a_row) == (0, 0, 0)
    measured = set(found._fields) - {"trades", "wins", "losses", "draws", "net_jpy", "gained_jpy", "lost_jpy"}
    measured -= {"most_wins_in_a_row", "most_losses_in_a_row"}
    assert {getattr(found, name) for name in measured} == {None}
    assert excursions(trade_columns([], UNIT))["all"].edge_ratio is None


def test_without_a_loss_there_is_no_profit_factor_and_no_payoff():
    found = trade_figures(trade_columns(TRADES[:2], UNIT))
    assert found.profit_factor is None
    assert found.payoff is None
    assert found.kelly_fraction is None


def test_the_kelly_fraction_is_the_position_sizers():
    forgetless = RiskParams(memory_trades=10**12)
    state = fresh_risk(Money(10**10))
    for trade in TRADES:
        state = record_trade(state, trade.net, trade.risk, trade.closed_at, forgetless)
    r = np.array([t.net / t.risk for t in TRADES])
    assert kelly(r) == pytest.approx(kelly_fraction(state), rel=1e-6)


def test_trades_without_a_planned_risk_count_in_jpy_and_not_in_r():
    trades = [*TRADES, made_trade(900_000, risk=Money(0))]
    found = trade_figures(trade_columns(trades, UNIT))
    assert found.net_jpy == pytest.approx(190)
    assert found.expectancy_r == pytest.approx(0.2)
    assert excursions(trade_columns(trades, UNIT))["all"].trades == 5


def test_groups_share_out_every_trade():
    columns = trade_columns(TRADES, UNIT)
    for groups in (by_side(columns), by_strategy(columns, ("one", "two", "three")), by_exit(columns)):
        assert sum(group.trades for group in groups.values()) == 5
        assert sum(group.net_jpy for group in groups.values()) == pytest.approx(100)
    assert by_strategy(columns, ("one", "two", "three"))["three"].trades == 0
    assert set(by_exit(columns)) == {"STOP", "TARGET", "LOSSCUT"}
    assert by_side(columns)["short"].trades == 2


def test_excursions_are_measured_in_planned_risks():
    trade = made_trade(1_000_000, lots=Lots(10), worst=Ticks(-30_000), best=Ticks(150_000))
    loser = made_trade(-1_000_000, lots=Lots(10), worst=Ticks(-100_000), best=Ticks(10_000))
    found = excursions(trade_columns([trade, loser], UNIT))
    assert found["winners"].mean_mae_r == pytest.approx(-0.3)
    assert found["winners"].mean_mfe_r == pytest.approx(1.5)
    assert found["losers"].worst_mae_r == pytest.approx(-1.0)
    assert found["all"].edge_ratio == pytest.approx(1.6 / 1.3)


def test_turnover_is_the_value_of_entry_and_exit():
    columns = trade_columns([made_trade(0, lots=Lots(5))], UNIT)
    assert columns.turnover[0] == pytest.approx(5 * 0.0001 * 2 * PRICE)


@pytest.mark.parametrize(
    ("happened", "length"), [([], 0), ([0, 0], 0), ([1], 1), ([1, 1, 0, 1], 2), ([0, 1, 0, 1, 1, 1], 3)]
)
def test_a_run_is_as_long_as_its_neighbours_agree(happened, length):
    assert longest_run(np.array(happened, bool)) == length


def test_quality_needs_results_that_differ():
    assert system_quality(np.array([1.0])) is None
    assert system_quality(np.array([1.0, 1.0])) is None
