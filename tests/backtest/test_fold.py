"""A bar's day, bar by bar on markets of a few bars: what acts when, at what price, and what is written down."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.fold import TRADE_FIELDS, MarketParams, Tape, empty_output, no_trade
from src.core.domain.market import Side
from src.core.domain.orders import EntryKind, ExitReason, Reason
from src.core.domain.time import BAR_15M
from src.trading.drawdown_manager import RiskParams
from src.trading.ledger import CostParams
from tests.backtest.made_worlds import START, made_world, run_fold
from tests.backtest.scripted import FREE, Scripted, scripted

CALM = (1_000, 1_010, 990, 1_000)
REST = MarketParams(entry=EntryKind.LIMIT, wait_ms=4 * BAR_15M)


def only_trade(made):
    (trade,) = run_fold(made).trades
    return trade


def reasons(run):
    return [Reason(code).name for code in run.output.reason]


def test_a_decision_at_a_close_acts_at_the_next_open():
    run = run_fold(scripted([CALM, (1_020, 1_030, 1_010, 1_020), CALM], {0: 1}))
    (trade,) = run.trades
    assert (trade.entry, trade.opened_at) == (1_020, START + BAR_15M)
    assert run.output.position.tolist() == [0, 1, 1]
    assert reasons(run) == ["ENTER", "HOLD_POSITION", "HOLD_POSITION"]


def test_what_the_deciding_bar_did_cannot_close_the_position_it_decided():
    wild = (1_000, 5_000, 1, 1_000)
    assert only_trade(scripted([wild, CALM, CALM], {0: 1})).exit_reason == ExitReason.END_OF_DATA


def test_the_stop_is_tested_in_the_entry_bar():
    trade = only_trade(scripted([CALM, (1_000, 1_010, 880, 990)], {0: 1}))
    assert (trade.exit_reason, trade.exit) == (ExitReason.STOP, 900)
    assert (trade.opened_at, trade.closed_at) == (START + BAR_15M, START + 2 * BAR_15M - 1)


def test_the_target_counts_in_the_entry_bar_of_a_market_order():
    assert only_trade(scripted([CALM, (1_000, 1_201, 950, 990)], {0: 1})).exit_reason == ExitReason.TARGET


def test_the_target_does_not_count_in_the_entry_bar_of_a_resting_order():
    first = (1_000, 1_500, 950, 990)  # may have been at 1,500 before it was at 1,000
    made = scripted([CALM, first, (1_000, 1_201, 990, 1_000)], {0: 1}, market=REST)
    trade = only_trade(made)
    assert (trade.exit_reason, trade.closed_at) == (ExitReason.TARGET, START + 3 * BAR_15M - 1)


def test_a_bar_that_reaches_both_levels_stops_the_position_first():
    assert only_trade(scripted([CALM, CALM, (1_000, 1_300, 800, 1_000)], {0: 1})).exit_reason == ExitReason.STOP


def test_a_stop_gaps_to_the_open():
    trade = only_trade(scripted([CALM, CALM, (800, 820, 790, 810)], {0: 1}))
    assert (trade.exit, trade.closed_at) == (800, START + 2 * BAR_15M)


def test_levels_hang_on_the_slipped_fill():
    costs = FREE._replace(slippage_ppm=10_000)
    trade = only_trade(scripted([CALM, CALM, (1_000, 1_010, 910, 920)], {0: 1}, costs=costs))
    assert (trade.entry, trade.exit_reason) == (1_010, ExitReason.STOP)
    assert trade.exit == 910 - 10  # the stop at 1,010 - 100, then 1 % of 910 rounded up
    assert trade.slippage == 10 + 10


def test_an_exit_at_a_close_is_a_taker_at_the_next_open():
    run = run_fold(scripted([CALM, CALM, (1_000, 1_060, 990, 1_050), (1_040, 1_050, 1_030, 1_040)], {0: 1}, (2,)))
    (trade,) = run.trades
    assert (trade.exit_reason, trade.exit) == (ExitReason.REASON_ENDED, 1_040)
    assert trade.closed_at == trade.opened_at + 2 * BAR_15M
    assert reasons(run) == ["ENTER", "HOLD_POSITION", "EXIT_POSITION", "NO_SIGNAL"]


def test_a_holding_time_ends_at_its_close_and_leaves_at_the_next_open():
    trade = only_trade(scripted([CALM] * 5, {0: 1}, strategy=Scripted(hold_bars=2)))
    assert (trade.exit_reason, trade.closed_at - trade.opened_at) == (ExitReason.MAX_HOLD, 2 * BAR_15M)


def test_a_trailed_stop_acts_from_the_next_bar_on():
    rise, fall = (1_000, 1_500, 1_000, 1_490), (1_490, 1_490, 1_350, 1_360)
    trade = only_trade(scripted([CALM, CALM, rise, fall], {0: 1}, strategy=Scripted(target=0.0, trail=100.0)))
    assert (trade.exit_reason, trade.exit) == (ExitReason.TRAIL, 1_400)


def test_what_is_still_open_at_the_end_is_closed_at_the_last_price_and_counted():
    run = run_fold(scripted([CALM, CALM, (1_000, 1_010, 990, 1_005)], {0: 1}, fee_ppm=1_000))
    (trade,) = run.trades
    assert (trade.exit_reason, trade.exit, trade.net) == (ExitReason.END_OF_DATA, 1_005, 5 - 1 - 2)
    assert run.world.book.cash == 10**9 + trade.net
    assert run.output.equity[-1] == 10**9 + 5 - 1  # before the closing fee


def test_a_flat_end_closes_nothing():
    assert run_fold(scripted([CALM, CALM], {1: 1})).trades == []
    assert no_trade().side == Side.NONE


@pytest.mark.parametrize(("low", "filled"), [(1_000, False), (999, True)])
def test_a_resting_entry_is_filled_only_by_a_trade_through_it_and_at_its_own_price(low, filled):
    run = run_fold(scripted([CALM, (1_010, 1_020, low, 1_010), (1_010, 1_020, 1_005, 1_010)], {0: 1}, market=REST))
    assert [trade.entry for trade in run.trades] == ([1_000] if filled else [])
    assert reasons(run)[1] == ("HOLD_POSITION" if filled else "ENTRY_WAITING")


def test_a_resting_entry_is_cancelled_when_its_time_is_over():
    above = (1_010, 1_020, 1_001, 1_010)
    run = run_fold(scripted([CALM, *[above] * 4, (1_000, 1_010, 900, 1_000)], {0: 1}, market=REST))
    assert run.trades == []
    assert reasons(run) == ["ENTER", *["ENTRY_WAITING"] * 3, "NO_SIGNAL", "NO_SIGNAL"]


def test_a_resting_entry_is_not_filled_by_a_bar_that_opened_after_its_time_was_over():
    """Between the two bars lies a gap longer than the order was to wait."""
    made = scripted([CALM, (1_000, 1_010, 900, 1_000)], {0: 1}, market=REST, times=[0, 40])
    assert run_fold(made).trades == []
    soon = scripted([CALM, (1_000, 1_010, 950, 1_000)], {0: 1}, market=REST, times=[0, 3])
    assert len(run_fold(soon).trades) == 1


def test_a_position_beyond_its_floor_is_closed_by_the_exchange():
    costs = FREE._replace(losscut_bps=10_000)
    made = scripted([CALM, CALM, (1_000, 1_010, 250, 900)], {0: 1}, strategy=Scripted(stop=990.0), costs=costs)
    params = made.params._replace(size=made.params.size._replace(losscut_distance_bps=0, risk_ppm=10**6, gap_ppm=0))
    trade = only_trade(made._replace(params=params, cash=1_200))
    floor = 500  # the whole requirement of 50 %
    assert trade.exit_reason == ExitReason.LOSSCUT
    assert 1_200 + (trade.exit - trade.entry) < floor <= 1_200 + (trade.exit + 1 - trade.entry)


def test_a_bar_that_reaches_stop_and_forced_close_is_taken_to_reach_the_worse_stop():
    costs = FREE._replace(losscut_bps=10_000)
    made = scripted([CALM, CALM, (1_000, 1_010, 5, 900)], {0: 1}, strategy=Scripted(stop=990.0), costs=costs)
    params = made.params._replace(size=made.params.size._replace(losscut_distance_bps=0, risk_ppm=10**6, gap_ppm=0))
    trade = only_trade(made._replace(params=params, cash=1_200))
    assert (trade.exit_reason, trade.exit) == (ExitReason.STOP, 10)


def test_the_drawdown_is_measured_on_marked_equity_and_closes_the_position():
    fall = (1_000, 1_000, 800, 810)
    made = scripted([CALM, CALM, fall, CALM, CALM], {0: 1, 4: 1}, strategy=Scripted(stop=900.0))
    size = made.params.size._replace(losscut_distance_bps=0, risk_ppm=10**6, gap_ppm=0)
    made = made._replace(params=made.params._replace(size=size, risk=RiskParams(max_drawdown_bps=1_000)), cash=1_500)
    run = run_fold(made)
    assert [trade.exit_reason for trade in run.trades] == [ExitReason.HALT]
    assert run.output.halted.tolist() == [0, 0, 1, 1, 1]
    assert reasons(run)[-1] == "DRAWDOWN_HALT"


def test_excursions_are_those_of_the_prices_the_position_lived_through():
    bars = [CALM, (1_000, 1_040, 970, 1_010), (1_010, 1_100, 880, 1_000)]
    trade = only_trade(scripted(bars, {0: 1}))
    assert (trade.exit, trade.best, trade.worst) == (900, 40, -100)
    short = only_trade(scripted(bars, {0: -1}))
    assert (short.exit, short.best, short.worst) == (1_100, 30, -100)


def test_a_short_is_the_mirror_of_a_long():
    bars = [CALM, (1_000, 1_030, 950, 1_020), (1_020, 1_050, 985, 990), (990, 1_205, 960, 1_190)]
    upside_down = [(2_000 - o, 2_000 - low, 2_000 - h, 2_000 - c) for o, h, low, c in bars]
    long, short = only_trade(scripted(bars, {0: 1})), only_trade(scripted(upside_down, {0: -1}))
    assert long.exit_reason == short.exit_reason == ExitReason.TARGET
    assert (long.entry, long.exit) == (2_000 - short.entry, 2_000 - short.exit)
    assert (long.gross, long.worst, long.best) == (short.gross, short.worst, short.best)


def test_what_is_written_of_a_decision_is_what_was_planned():
    out = run_fold(scripted([CALM, CALM], {0: -1})).output
    assert (out.side[0], out.lots[0], out.stop[0], out.target[0], out.leader[0]) == (-1, 1, 1_100, 800, 0)
    assert (out.votes[0, 0], out.confidence[0]) == (-1.0, 1.0)
    assert (out.stop[1], out.target[1], out.lots[1]) == (0, 0, 0)


def test_without_a_target_none_is_written():
    out = run_fold(scripted([CALM, CALM], {0: 1}, strategy=Scripted(target=0.0))).output
    assert (out.stop[0], out.target[0]) == (900, 0)


@given(st.integers(0, 10_000))
def test_equity_is_cash_whenever_the_account_is_flat_and_leads_from_trade_to_trade(seed):
    made = made_world(seed, bars=60)
    run = run_fold(made)
    cash, trades = made.cash, list(run.trades)
    for i, closed_at in enumerate(made.tape.closed_at.tolist()):
        while trades and trades[0].closed_at < closed_at and trades[0].exit_reason != ExitReason.END_OF_DATA:
            cash += trades.pop(0).net
        if run.output.position[i] == 0:
            assert run.output.equity[i] == cash
    assert run.world.book.cash == made.cash + sum(trade.net for trade in run.trades)


@given(st.integers(0, 10_000), st.integers(1, 59))
def test_the_future_cannot_change_the_past(seed, known):
    made = made_world(seed, bars=60)
    whole = run_fold(made).output
    cut = made._replace(tape=Tape(*(part if isinstance(part, tuple) else part[:known] for part in made.tape)))
    for name, past, all_ in zip(whole._fields, run_fold(cut).output, whole, strict=True):
        if name != "trades":
            np.testing.assert_array_equal(past, all_[:known], err_msg=name)


def test_every_bar_has_one_reason_and_every_trade_follows_an_entry():
    for seed in range(20):
        run = run_fold(made_world(seed))
        entries = np.count_nonzero(run.output.reason == Reason.ENTER)
        assert len(run.trades) <= entries
        assert set(run.output.reason.tolist()) <= set(Reason)


def test_costs_are_in_the_trade_and_in_the_cash():
    costs = CostParams(slippage_ppm=10_000, interest_ppm_per_day=10_000)
    run = run_fold(scripted([CALM, CALM, CALM], {0: 1}, (1,), costs=costs, fee_ppm=10_000))
    (trade,) = run.trades
    assert (trade.entry, trade.exit, trade.fee, trade.interest) == (1_010, 990, 11 + 10, 11)
    assert (trade.gross, trade.net, trade.slippage) == (-20, -52, 20)


def test_the_table_of_trades_begins_as_zeros_of_its_own():
    one, other = empty_output(7, 2), empty_output(7, 2)
    one.trades[3] = 5
    assert one.trades.shape == (8, len(TRADE_FIELDS))
    assert not other.trades.any()
    assert one.trades.sum() == 5 * len(TRADE_FIELDS)
    assert one.trades.flags.c_contiguous
    assert one.trades.flags.writeable


def test_what_is_not_cleared_is_written_at_every_bar(monkeypatch):
    made = made_world(3)
    clean = run_fold(made)

    def used_memory(bars, strategies):
        output = empty_output(bars, strategies, cleared=False)
        for name in set(output._fields) - {"lots", "stop", "target", "trades"}:
            getattr(output, name)[...] = 77
        return output

    monkeypatch.setattr("tests.backtest.made_worlds.empty_output", used_memory)
    assert [column.tobytes() for column in run_fold(made).output] == [column.tobytes() for column in clean.output]
    assert len(clean.trades) > 5
