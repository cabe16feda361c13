"""The same trades, dealt otherwise."""

import itertools

import numpy as np
import pytest

from src.backtest.monte_carlo import MIN_TRADES, QUANTILES, trade_order

TRADES = np.random.default_rng(4).normal(500, 8_000, 120)


def test_the_same_trades_in_another_order_end_the_same_and_fall_otherwise():
    found = trade_order(1_000_000, TRADES, 1)
    assert found.shuffled_drawdown.quantiles == tuple(sorted(found.shuffled_drawdown.quantiles))
    assert found.shuffled_drawdown.quantiles[0] < found.shuffled_drawdown.quantiles[-1]
    assert found.redrawn_balance.real == pytest.approx(1_000_000 + TRADES.sum())
    assert found.redrawn_balance.quantiles[0] < found.redrawn_balance.real < found.redrawn_balance.quantiles[-1]


def test_losses_that_came_last_and_together_are_the_deepest_fall_there_is():
    results = np.array([10_000.0] * 15 + [-9_000.0] * 15)
    found = trade_order(1_000_000, results, 1)
    assert found.shuffled_drawdown.percentile > 99
    alternating = np.array(list(itertools.chain(*zip([10_000.0] * 15, [-9_000.0] * 15, strict=True))))
    assert trade_order(1_000_000, alternating, 1).shuffled_drawdown.percentile < 1


def test_the_real_drawdown_of_a_random_order_is_nothing_special():
    seen = [
        trade_order(1e6, np.random.default_rng(seed).normal(0, 5_000, 60), 1, worlds=300).shuffled_drawdown.percentile
        for seed in range(100)
    ]
    assert 40 < np.mean(seen) < 60
    assert 20 < np.std(seen) < 37  # uniform: 28.9


def test_equal_trades_are_in_the_middle_of_equal_worlds():
    found = trade_order(1_000_000, np.full(20, 1_000.0), 1)
    assert found.shuffled_drawdown.percentile == 50
    assert found.share_losing == 0
    assert found.share_halved == 0


def test_a_trader_who_bets_too_much_sees_in_how_many_worlds_it_halves():
    results = 1_000_000 * np.diff(np.cumprod(np.append(1, np.where(np.arange(40) % 2, 1.6, 0.7))))
    found = trade_order(1_000_000, results, 1)
    assert found.share_halved > 0.5
    assert 0 < found.share_losing < 0.5


def test_the_same_seed_deals_the_same():
    assert trade_order(1e6, TRADES, 7) == trade_order(1e6, TRADES, 7)
    assert trade_order(1e6, TRADES, 7) != trade_order(1e6, TRADES, 8)
    assert len(trade_order(1e6, TRADES, 7).redrawn_balance.quantiles) == len(QUANTILES)


@pytest.mark.parametrize(
    ("initial", "results"),
    [(1e6, np.ones(MIN_TRADES - 1)), (1e6, np.empty(0)), (1e6, np.append(np.full(10, 1.0), -2e6))],
    ids=["too few", "none", "ruin"],
)
def test_too_few_trades_or_ruin_have_no_other_worlds(initial, results):
    assert trade_order(initial, results, 1) is None
