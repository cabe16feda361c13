"""Labels by hand, their weights, and what they must not know."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.fold import TRADE_FIELDS
from src.core.domain.market import Side
from src.core.domain.orders import ExitReason
from src.core.domain.time import BAR_15M
from src.core.orchestration.labelling import label_all, vote_all
from src.ml.barriers import barrier_hash, barrier_terms, differing_terms
from src.ml.labels import uniqueness
from src.ml.votes import proposing
from src.trading.ledger import CostParams
from tests.backtest.scripted import FREE, Scripted, scripted

FLAT = [(1_000, 1_000, 1_000, 1_000)] * 3


def label(bars, wants, **kinds):
    made = scripted(bars, wants, **kinds)
    votes = vote_all(made.tape, made.params)
    labels = label_all(made.tape, votes, np.array(sorted(wants)), made.params, made.market, 1)
    return labels, [dict(zip(TRADE_FIELDS, trade, strict=True)) for trade in labels.trades.tolist()]


def test_a_long_and_a_short_of_the_same_bar_are_labelled_by_their_own_barriers():
    bars = [*FLAT, (1_000, 1_250, 990, 1_200), *FLAT]
    for side, reason, price in ((1, ExitReason.TARGET, 1_200), (-1, ExitReason.STOP, 1_100)):
        labels, (trade,) = label(bars, {1: side})
        assert labels.resolved.tolist() == [1]
        assert (labels.entered[0], labels.left[0]) == (2, 3)
        assert (trade["side"], trade["exit_reason"], trade["entry"]) == (side, reason, 1_000)
        assert abs(trade["exit"] - price) <= 1  # one tick of slippage at least


def test_stop_before_target_in_a_bar_that_reaches_both():
    _, (trade,) = label([*FLAT, (1_000, 1_300, 800, 1_000), *FLAT], {1: 1})
    assert trade["exit_reason"] == ExitReason.STOP


def test_costs_decide_who_won():
    bars = [*FLAT, (1_000, 1_003, 1_000, 1_003), (1_003, 1_003, 1_003, 1_003), *FLAT]
    for fee, won in ((0, True), (1_500, False)):
        _, (trade,) = label(bars, {1: 1}, leaves=(3,), costs=FREE, fee_ppm=fee)
        assert trade["exit_reason"] == ExitReason.REASON_ENDED
        assert (trade["net"] > 0) == won
    _, (dear,) = label(bars, {1: 1}, leaves=(3,), costs=CostParams(slippage_ppm=0, interest_ppm_per_day=400))
    assert dear["interest"] > 0


def test_holding_time_ends_a_trade_at_the_next_open():
    labels, (trade,) = label([*FLAT, *FLAT, *FLAT], {1: 1}, strategy=Scripted(hold_bars=3))
    assert trade["exit_reason"] == ExitReason.MAX_HOLD
    assert trade["closed_at"] - trade["opened_at"] == 3 * BAR_15M
    assert labels.left[0] - labels.entered[0] == 3


def test_rows_are_bars_of_good_data_that_propose_with_confidence():
    made = scripted([*FLAT, *FLAT], {1: 1, 2: -1, 4: 1})
    quality = np.array([0, 0, 1, 0, 0, 0])
    votes = vote_all(made.tape, made.params)
    assert votes.side.tolist() == [0, 1, -1, 0, 1, 0]
    assert proposing(votes, quality, 0.4).tolist() == [1, 4]
    assert proposing(votes, quality, 1.1).tolist() == []
    assert int(Side.BUY) == 1


spans = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60)), min_size=1, max_size=60)


@given(spans)
def test_uniqueness_is_the_mean_share_of_each_bar_a_label_lives_through(found):
    first = np.array(sorted(begin for begin, _ in found))
    last = first + np.array([length for _, length in found])
    live = [sum(a <= bar <= b for a, b in zip(first, last, strict=True)) for bar in range(int(last.max()) + 1)]
    by_hand = [np.mean([1 / live[bar] for bar in range(a, b + 1)]) for a, b in zip(first, last, strict=True)]
    weights = uniqueness(first, last)
    assert weights == pytest.approx(by_hand)
    assert (weights > 0).all()
    assert (weights <= 1 + 1e-12).all()


def test_a_label_alone_counts_in_full_and_twins_count_half():
    assert uniqueness(np.array([3, 10, 10]), np.array([5, 12, 12])) == pytest.approx([1.0, 0.5, 0.5])
    assert uniqueness(np.array([], np.int64), np.array([], np.int64)).tolist() == []


def test_the_terms_of_a_label_name_what_the_result_depends_on_and_nothing_else():
    made = scripted([*FLAT], {})
    terms = barrier_terms(made.params, made.market, 0, 1_000)
    same = made.params._replace(
        size=made.params.size._replace(max_lots=5), risk=made.params.risk._replace(max_losses=9)
    )
    assert barrier_hash(barrier_terms(same, made.market, 0, 1_000)) == barrier_hash(terms)
    assert barrier_terms(made.params, made.market._replace(spread_ppm=5), 0, 1_000) == terms
    others = {
        "taker_fee_ppm": barrier_terms(made.params, made.market, 0, 1_001),
        "slippage_ppm": barrier_terms(
            made.params._replace(costs=made.params.costs._replace(slippage_ppm=9)), made.market, 0, 1_000
        ),
        "strategies": barrier_terms(made.params._replace(strategies=(Scripted(stop=101.0),)), made.market, 0, 1_000),
        "exits": barrier_terms(
            made.params._replace(exits=made.params.exits._replace(when_opposite=not made.params.exits.when_opposite)),
            made.market,
            0,
            1_000,
        ),
    }
    for name, other in others.items():
        assert differing_terms(terms, other) == [name]
        assert barrier_hash(other) != barrier_hash(terms)
