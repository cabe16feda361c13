"""The stationary bootstrap: its blocks, and that its intervals hold the truth as often as they say.

`COVERAGE_WORLDS=3000 pytest tests/backtest/test_bootstrap.py -k holds_the_truth` tries more worlds than the gate does.
"""

import math
import os

import numpy as np
import pytest

from src.backtest.bootstrap import (
    LEVEL,
    MIN_DAYS,
    block_length,
    bootstrap,
    draw,
    expanded_tail,
    mean_block,
    positions,
)
from src.backtest.evaluator import figures_of_days, figures_of_trades
from src.backtest.sharpe import analytic_interval, moments
from src.backtest.trade_figures import trade_columns
from tests.backtest.made_records import made_trade

WORLDS = int(os.environ.get("COVERAGE_WORLDS", "400"))
YEARLY = 1.5  # the true Sharpe ratio of the simulated worlds
DAILY = YEARLY / math.sqrt(365)


def autoregressive(random, n, phi):
    noise = random.standard_normal(n + 100) * math.sqrt(1 - phi**2)
    series = np.zeros(n + 100)
    for i in range(1, n + 100):
        series[i] = phi * series[i - 1] + noise[i]
    return series[100:]


KINDS = {
    "normal": lambda random, n: random.standard_normal(n),
    "student-t of 4": lambda random, n: random.standard_t(4, n) / math.sqrt(2),
    "AR(1) +0.2": lambda random, n: autoregressive(random, n, 0.2),
    "AR(1) -0.2": lambda random, n: autoregressive(random, n, -0.2),
}


def world(kind, seed, n):
    """Daily returns with unit variance in per cent and the true Sharpe ratio."""
    return 0.01 * (KINDS[kind](np.random.default_rng(seed), n) + DAILY)


def sharpe_interval(returns, seed):
    growth = 1 + returns
    return bootstrap(
        lambda where: figures_of_days(growth[where], len(growth)), len(growth), mean_block(returns), seed, resamples=400
    )["sharpe"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("days", [120, 365])
@pytest.mark.no_cover
def test_the_interval_of_the_sharpe_ratio_holds_the_truth_as_often_as_it_says(kind, days):
    found = [sharpe_interval(world(kind, 7_000 + seed, days), seed) for seed in range(WORLDS)]
    held = sum(interval.low <= YEARLY <= interval.high for interval in found) / WORLDS
    assert LEVEL == 0.90
    assert 0.85 <= held <= 0.95


@pytest.mark.parametrize("kind", ["normal", "student-t of 4"])
def test_the_analytic_interval_holds_the_truth_for_independent_days(kind):
    found = [analytic_interval(moments(world(kind, 9_000 + seed, 365)), 0.90) for seed in range(1_000)]
    held = sum(low <= DAILY <= high for low, high in found) / len(found)
    assert 0.86 <= held <= 0.94


def test_the_interval_of_the_expectancy_holds_the_truth_for_skewed_trades():
    held = 0
    for seed in range(WORLDS):
        random = np.random.default_rng(20_000 + seed)
        won = random.random(150) < 0.4
        results = np.where(won, 1.8, -1.0) * random.lognormal(-0.125, 0.5, 150)  # mean 0.4 * 1.8 - 0.6 = 0.12 R
        columns = trade_columns([made_trade(round(r * 1_000_000)) for r in results], 0.0001)
        interval = bootstrap(
            lambda where, c=columns: figures_of_trades(c, where), 150, mean_block(columns.net), seed, resamples=400
        )["expectancy_r"]
        held += interval.low <= 0.12 <= interval.high
    assert 0.85 <= held / WORLDS <= 0.95


REFERENCE = {  # computed with the package arch 8.0 (optimal_block_length, column "stationary")
    ("AR(1) 0.3", 365): 4.140948186242932,
    ("AR(1) 0.6", 365): 9.87247630815524,
    ("AR(1) 0.6", 2000): 17.97032656656123,
    ("AR(1) 0.9", 365): 20.172120583663006,
    ("AR(1) -0.4", 2000): 12.476311419515866,
    ("AR(1) 0.0", 365): 1.745289321771221,
}


@pytest.mark.parametrize(("name", "n"), REFERENCE)
def test_the_block_length_is_that_of_an_independent_program(name, n):
    random, phi = np.random.default_rng(0), float(name.split()[1])
    noise = random.standard_normal(n + 100)
    series = np.zeros(n + 100)
    for i in range(1, n + 100):
        series[i] = phi * series[i - 1] + noise[i]
    assert block_length(series[100:]) == pytest.approx(REFERENCE[name, n], rel=1e-9)


def test_days_that_hang_together_are_drawn_in_longer_blocks():
    lengths = [
        np.mean([block_length(autoregressive(np.random.default_rng(seed), 365, phi)) for seed in range(20)])
        for phi in (0.0, 0.5, 0.9)
    ]
    assert lengths == sorted(lengths)
    assert lengths[0] < 4 < lengths[2]


@pytest.mark.parametrize("series", [np.zeros(100), np.full(50, 0.1), np.arange(5.0), np.array([1.0]), np.empty(0)])
def test_what_shows_no_dependence_is_drawn_one_by_one(series):
    assert block_length(series) == 1.0


def test_a_series_that_never_comes_to_rest_is_drawn_in_thirds_at_most():
    assert block_length(np.cumsum(np.random.default_rng(0).standard_normal(90))) <= 30


def test_blocks_are_neighbours_of_the_mean_length_asked_for():
    drawn = positions(500, 8.0, 400, np.random.default_rng(1))
    assert drawn.shape == (400, 500)
    assert drawn.min() == 0
    assert drawn.max() == 499
    jumps = np.mean(np.diff(drawn, axis=1) % 500 != 1)
    assert jumps == pytest.approx(1 / 8, rel=0.03)
    counts = np.bincount(drawn.ravel(), minlength=500)
    assert counts.std() / counts.mean() < 0.25  # every day is as likely as any other


def test_single_draws_are_equally_likely_for_every_day():
    counts = np.bincount(positions(50, 1.0, 2_000, np.random.default_rng(1)).ravel(), minlength=50)
    assert counts == pytest.approx(2_000, rel=0.1)


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    first, again, other = (np.concatenate(list(draw(100, 3.0, seed, 300))) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (300, 100)


def test_an_interval_of_few_blocks_is_wider():
    assert expanded_tail(0.05, 10_000, 10_000) == pytest.approx(0.05, abs=1e-4)
    tails = [expanded_tail(0.05, 100, blocks) for blocks in (100, 30, 10, 3)]
    assert tails == sorted(tails, reverse=True)
    # Student's quantile for 10 degrees of freedom is 1.8125
    assert expanded_tail(0.05, 10**9, 11) == pytest.approx(0.5 * math.erfc(1.8125 / math.sqrt(2)), rel=1e-3)


def test_the_percentiles_taken_are_the_widened_ones():
    found = bootstrap(lambda where: {"even": where[:, 0] / 1_000}, 1_000, 150.0, 0)["even"]
    tail = expanded_tail(0.05, 1_000, 1_000 / 150)
    assert tail < 0.03
    assert found.low == pytest.approx(tail, abs=0.01)
    assert found.high == pytest.approx(1 - tail, abs=0.01)


def test_a_figure_that_resamples_often_leave_undefined_has_no_interval():
    values = np.zeros(MIN_DAYS)
    values[0] = 1.0

    def share(where):
        mean = values[where].mean(axis=1)
        return {"known": mean, "sometimes": np.where(mean > 0, mean, np.nan), "endless": np.full(len(mean), np.inf)}

    found = bootstrap(share, MIN_DAYS, 1.0, 0, resamples=500)
    assert found["known"] is not None
    assert found["sometimes"] is None
    assert found["endless"] is None


def test_an_upper_bound_beyond_all_numbers_is_none():
    def mostly(where):
        column = where[:, 0] / where.shape[1]
        return {"factor": np.where(column > 0.8, np.inf, column)}

    found = bootstrap(mostly, 100, 1.0, 0)["factor"]
    assert found.high is None
    assert found.low == pytest.approx(0.05, abs=0.03)
    assert not found.below(math.inf)
