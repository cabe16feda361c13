"""A run judged as a whole: figures agree with one another, doubt is the default, praise is rare."""

import json
import time

import numpy as np
import pytest

from src.backtest.bootstrap import MIN_DAYS, MIN_TRADES
from src.backtest.evaluator import assess, evaluate, statistics
from src.backtest.ratios import sharpe
from src.backtest.sharpe import Trials, deflated_sharpe, moments, probabilistic_sharpe
from src.backtest.verdicts import Evidence
from src.core.domain.time import BAR_15M, DAY
from tests.backtest.made_records import INITIAL, NEW_YEAR, bar_record, daily_record, made_trade, record

HEADLINES = {
    "return_pct",
    "cagr_pct",
    "sharpe",
    "sortino",
    "max_drawdown_pct",
    "win_rate_pct",
    "profit_factor",
    "expectancy_jpy",
    "expectancy_r",
}


def noise(seed, days=365, drift=0.0, spread=0.01):
    return 1 + np.random.default_rng(seed).normal(drift, spread, days)


def test_every_headline_figure_has_an_interval_around_it():
    found = assess(daily_record(noise(1)), Trials(1, None))
    assert set(found.intervals) == HEADLINES
    measured = {
        "return_pct": found.balance.return_pct,
        "cagr_pct": found.balance.cagr_pct,
        "sharpe": found.ratios.sharpe,
        "sortino": found.ratios.sortino,
        "max_drawdown_pct": found.balance.max_drawdown_pct,
        **{name: getattr(found.trades, name) for name in HEADLINES if hasattr(found.trades, name)},
    }
    for name, interval in found.intervals.items():
        assert interval.low < measured[name] < interval.high, name


def test_the_figures_of_a_run_agree_with_one_another():
    run = daily_record(noise(2, 400))
    found = assess(run, Trials(1, None))
    short = evaluate(
        run.initial, run.closed_at, run.equity, run.position, run.first_open, int(run.close[-1]), run.trades
    )
    assert found.balance.return_pct == pytest.approx(short.return_pct)
    assert found.balance.max_drawdown_pct == pytest.approx(short.max_drawdown_pct)
    assert 100 * found.drawdowns.deepest.depth == pytest.approx(short.max_drawdown_pct)
    assert found.ratios.sharpe == short.sharpe
    assert found.trades.win_rate_pct == short.win_rate_pct
    assert found.period.exposure_pct == short.exposure_pct
    assert np.prod(run.days().growth) == pytest.approx(run.final / run.initial)
    compounded = np.prod([1 + m.growth for m in found.calendar.months])
    assert 100 * (compounded - 1) == pytest.approx(found.balance.return_pct)
    assert found.balance.final_jpy - found.balance.initial_jpy == pytest.approx(found.trades.net_jpy)
    assert found.sharpe_tests.daily_sharpe * np.sqrt(365) == pytest.approx(found.ratios.sharpe)


def test_the_cost_of_closing_the_last_position_is_part_of_the_last_day():
    marks = np.array([INITIAL + 1_000_000, INITIAL + 3_000_000])
    run = record(NEW_YEAR + DAY * np.array([1, 2]), marks, [made_trade(2_500_000)])
    assert run.days().growth[-1] == pytest.approx((INITIAL + 2_500_000) / (INITIAL + 1_000_000))
    assert assess(run, None).balance.max_drawdown_pct == pytest.approx(100 * 500_000 / (INITIAL + 3_000_000))


def test_the_period_tells_days_without_bars_and_days_without_a_result_apart():
    marks = np.array([INITIAL, INITIAL + 1_000_000, INITIAL + 1_000_000])
    found = assess(record(NEW_YEAR + DAY * np.array([1, 4, 5]), marks, [made_trade(1_000_000)]), None).period
    assert (found.days_counted, found.days_without_bars, found.days_active) == (5, 2, 1)
    assert found.bars == 3
    assert found.from_ms == NEW_YEAR + DAY - BAR_15M
    assert found.trades_a_day == pytest.approx(1 / (4 + 1 / 96))


def test_a_run_that_holds_the_coin_is_its_own_benchmark():
    growth = noise(3, 200, spread=0.03)
    run = daily_record(growth, prices=np.rint(4_000_000 * np.cumprod(growth)))
    found = assess(run, None).benchmark
    assert found.beta == pytest.approx(1, abs=1e-4)
    assert found.alpha == pytest.approx(0, abs=1e-3)
    assert found.correlation == pytest.approx(1)
    assert found.tracking_error == pytest.approx(0, abs=1e-3)


def test_costs_are_those_of_the_trades():
    trades = [made_trade(-500, fee=2_000_000, interest=1_000_000, slippage=3_000_000, gross=2_999_500)]
    run = record(NEW_YEAR + DAY * np.array([1, 2]), np.array([INITIAL, INITIAL - 500]), trades)
    found = assess(run, None).costs
    assert (found.fees_jpy, found.interest_jpy, found.slippage_jpy) == pytest.approx((200, 100, 300))
    assert found.turnover_jpy == pytest.approx(8_000)
    assert found.cost_bps == pytest.approx(1e4 * 600 / 8_000)


def test_the_same_record_and_seed_give_the_same_bits_and_plain_json():
    run = daily_record(noise(4))
    first, again = (json.dumps(statistics(assess(run, Trials(9, 0.002), 3)), allow_nan=False) for _ in range(2))
    assert first == again
    assert first != json.dumps(statistics(assess(run, Trials(9, 0.002), 4)), allow_nan=False)
    plain = json.loads(first)
    assert plain["verdict"]["evidence"] == "no_evidence"
    assert set(plain["verdicts"]) == {"ja", "en"}
    assert set(plain["intervals"]["sharpe"]) >= {"low", "high", "level"}


@pytest.mark.parametrize(
    "run",
    [
        record(np.array([NEW_YEAR + BAR_15M]), np.array([INITIAL]), []),
        record(NEW_YEAR + DAY * np.arange(1, 400), np.full(399, INITIAL), []),
        daily_record(np.array([1.01])),
        daily_record(np.append(np.full(20, 1.01), 0.0)),
    ],
    ids=["one bar", "a year without a trade", "one day", "ruin"],
)
def test_a_run_that_shows_nothing_still_has_a_report_without_invented_numbers(run):
    found = assess(run, Trials(1, None))
    json.dumps(statistics(found), allow_nan=False)
    assert set(found.intervals.values()) == {None}
    assert found.verdict.evidence in {Evidence.NO_TRADES, Evidence.TOO_FEW, Evidence.RUINED}


def test_an_account_that_was_lost_is_called_lost():
    found = assess(daily_record(np.append(np.full(80, 1.01), 0.0)), Trials(1, None))
    assert found.verdict.evidence is Evidence.RUINED
    assert found.balance.max_drawdown_pct == pytest.approx(100)
    assert found.ratios.sharpe is None
    assert found.balance.cagr_pct is None


@pytest.mark.parametrize(("days", "trades"), [(MIN_DAYS - 1, 100), (200, MIN_TRADES - 1)])
def test_a_record_that_is_too_short_has_no_interval_and_the_verdict_says_so(days, trades):
    steps = np.random.default_rng(5).normal(1.0005, 0.001, days * 96)
    found = assess(bar_record(steps, trades), Trials(1, None))
    assert found.verdict.evidence is Evidence.TOO_FEW
    if days < MIN_DAYS:
        assert found.intervals["sharpe"] is None
    else:
        assert found.intervals["expectancy_r"] is None


def test_many_idle_days_are_no_observations():
    growth = np.ones(400)
    growth[10 : 10 + MIN_TRADES - 1] = 1.01
    found = assess(daily_record(growth), Trials(1, None))
    assert found.intervals["sharpe"] is None
    assert found.period.days_active == MIN_TRADES - 1


@pytest.mark.no_cover
def test_two_hundred_random_strategies_on_noise_end_without_evidence():
    worlds, convinced, naive = 20, 0, 0
    for world in range(worlds):
        runs = np.random.default_rng(world).normal(0, 0.01, (200, 365))
        ratios = np.array([moments(returns).sharpe for returns in runs])
        best = runs[int(np.argmax(ratios))]
        trials = Trials(len(runs), float(np.var(ratios, ddof=1)))
        found = assess(daily_record(1 + best), trials, world)
        naive += probabilistic_sharpe(moments(best)) >= 0.95
        convinced += found.verdict.evidence is Evidence.PROFIT
        assert found.verdict.deflated_sharpe == pytest.approx(deflated_sharpe(moments(best), trials), rel=1e-3)
    assert naive == worlds  # each of these would have been sold as skill
    assert convinced <= 1  # 5 % of 20


def test_the_same_winner_alone_would_have_been_called_a_profit():
    """The deflation does the work: the record is the same, only the trials behind it are not."""
    runs = np.random.default_rng(0).normal(0, 0.01, (200, 365))
    ratios = np.array([sharpe(returns) for returns in runs])
    best = daily_record(1 + runs[int(np.argmax(ratios))])
    variance = float(np.var(ratios / np.sqrt(365), ddof=1))
    assert assess(best, Trials(1, None)).verdict.evidence is Evidence.PROFIT
    assert assess(best, Trials(200, variance)).verdict.evidence is Evidence.LUCK
    assert assess(best, None).verdict.evidence is Evidence.UNCOUNTED


def test_a_strategy_that_bleeds_is_told_so():
    found = assess(daily_record(noise(6, drift=-0.002)), Trials(1, None))
    assert found.verdict.evidence is Evidence.LOSS


def test_a_year_of_bars_is_judged_in_under_one_and_a_half_seconds():
    run = bar_record(np.random.default_rng(7).normal(1, 0.0005, 35_040), trades=600)
    assess(run, None)
    began = time.process_time()
    assess(run, Trials(100, 0.002))
    assert time.process_time() - began < 1.5
