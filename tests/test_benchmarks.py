"""The benchmark's own claims: its arithmetic, its judge, and that our engine does the work it is timed on."""

import math

import numpy as np
import pytest

from benchmarks import ours
from benchmarks.figures import Case, Line, as_table, paired_ratios, tabulate
from benchmarks.measure import Outcome, match
from benchmarks.reference import exit_price, signal, simulate
from benchmarks.work import (
    CASH,
    FEE,
    HISTORY,
    SIZE,
    SLIPPAGE,
    WARM_UP,
    Sample,
    make_bars,
    parameter_sets,
    reference_path,
)
from src.backtest.fold import brief_output
from src.core.domain.market import BTC_JPY

BARS = 6_000
ONE = Case("one", 1_000, 1)


def measured(warm: list[float], **other: object) -> dict[str, object]:
    line = {"version": "1", "import_s": 0.5, "cold_s": 9.0, "warm_s": warm, "trades": 4, "match": 1.0, "peak_mib": 50.0}
    return {**line, "parts_s": {}, **other}


@pytest.fixture
def lines() -> list[Line]:
    """The second round ran on a machine twice as slow."""
    return [
        Line(ONE, "ours", 0, measured([2.0, 1.0, 9.0], peak_mib=70.0)),
        Line(ONE, "base", 0, measured([8.0])),
        Line(ONE, "ours", 1, measured([4.0], cold_s=3.0)),
        Line(ONE, "base", 1, measured([16.0])),
        Line(ONE, "ours", 2, measured([3.0])),
    ]


def test_ratios_compare_what_ran_in_the_same_round(lines):
    assert paired_ratios(lines, ONE, "ours", "base") == [0.25, 0.25]


def test_a_row_has_the_median_of_the_rounds_medians_and_what_the_first_cold_start_took(lines):
    ours, base = tabulate(lines, "base", sets=100)
    assert (ours.peer, ours.rounds, ours.warm_s, ours.best_s) == ("ours", 3, 3.0, 1.0)
    assert (ours.first_cold_s, ours.cold_s) == (9.0, 9.0)
    assert (ours.first_peak_mib, ours.peak_mib) == (70.0, 50.0)
    assert (ours.ratio, ours.ratio_range) == (0.25, (0.25, 0.25))
    assert base.ratio == 1.0


def test_a_sweep_is_counted_per_bar_and_set():
    sweep = Case("sweep", 1_000, 1)
    (row,) = tabulate([Line(sweep, "ours", 0, measured([1.0], match=None))], "base", sets=100)
    assert row.ns_per_bar == pytest.approx(1e4)
    assert (row.ratio, row.ratio_range) == (None, None)


def test_the_table_has_one_line_a_row_and_as_many_cells_as_its_head(lines):
    table = as_table(tabulate(lines, "base", sets=100))
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1


def test_the_bars_are_candles_and_the_same_every_time():
    bars = make_bars(HISTORY, 500)
    assert np.array_equal(np.array(bars), np.array(make_bars(HISTORY, 500)))
    assert set(np.diff(bars.closed_at)) == {900_000}
    assert (bars.low > 0).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()


def test_the_sweep_has_a_hundred_different_sets():
    assert len(set(parameter_sets())) == 100


@pytest.mark.parametrize(
    ("above", "rsi", "side"), [(True, 60.0, 1), (True, 50.0, 0), (True, 70.0, 0), (False, 40.0, -1), (False, 29.0, 0)]
)
def test_the_judge_enters_only_inside_the_bounds_of_rsi(above, rsi, side):
    assert signal(above, rsi) == side


def test_the_judge_stops_before_it_takes_profit_and_fills_gaps_at_the_open():
    assert exit_price(1, 90.0, 110.0, 100.0, 111.0, 89.0) == 90.0 * (1 - SLIPPAGE)
    assert exit_price(1, 90.0, 110.0, 80.0, 85.0, 79.0) == 80.0 * (1 - SLIPPAGE)
    assert exit_price(-1, 110.0, 90.0, 100.0, 101.0, 89.0) == 90.0
    assert exit_price(-1, 110.0, 90.0, 85.0, 101.0, 84.0) == 85.0
    assert exit_price(1, 90.0, 110.0, 100.0, 109.0, 91.0) == 0.0


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Sample:
    """A short market and the judge's trades on it, where the peers look for them."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA", str(folder))
        bars = make_bars(HISTORY, BARS)
        np.save(folder / "bars.npy", np.array(bars))
        window = Sample(*(column[HISTORY:] for column in bars))
        np.save(reference_path(BARS), np.array([deal[:2] for deal in simulate(window)[0]]))
        yield window


def test_the_judge_s_cash_is_the_sum_of_its_trades(market):
    deals, equity = simulate(market)
    assert len(deals) > 40
    assert min(deal.entry_bar for deal in deals) > WARM_UP
    paid = sum(SIZE * (deal.side * (deal.exit - deal.entry) - FEE * (deal.exit + deal.entry)) for deal in deals)
    assert math.isclose(equity[deals[-1].exit_bar], CASH + paid)
    assert len(equity) == BARS


def test_our_engine_makes_the_judge_s_trades_and_loses_what_its_stricter_targets_cost(market):
    engine = ours.Engine(BARS, None)  # interpreted: what it does is what is in question, not how fast
    ran = engine.run(engine.tape())
    deals, equity = simulate(market)
    assert ran.trades == len(deals)
    assert match(BARS, Outcome(ran.trades, *ours.bars_of(ran))) == 1.0
    slipped = sum(deal.exit * SLIPPAGE * SIZE for deal in deals if deal.side * (deal.exit - deal.entry) > 0)
    assert slipped > 1_000
    balance = ran.output.equity[-1] * float(BTC_JPY.money_unit)
    assert balance == pytest.approx(equity[-1] - slipped, abs=0.2 * len(deals))  # JPY; ours counts in whole ticks


def test_a_brief_run_keeps_the_trades_and_the_account_of_a_full_one(market):
    engine = ours.Engine(BARS, None)
    tape = engine.tape()
    full, brief = engine.run(tape), engine.run(tape, output=brief_output(BARS, 1))
    assert brief.trades == full.trades
    for name in ("trades", "equity", "position", "halted"):
        assert getattr(brief.output, name).tobytes() == getattr(full.output, name).tobytes()
    assert brief.output.reason.size == 0
