"""The algebra of the vote: sides are treated alike, order does not matter, ties and dissent are no winners."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market import Side
from src.strategies.base.strategy_manager import NO_VOTE, VoteParams, combine, leader_holds, propose_all
from src.strategies.implementations.atr_based import AtrBased
from src.strategies.implementations.multi_timeframe import MultiTimeframe
from src.strategies.utils.constants import NO_SIGNAL, Signal
from tests.strategies.made_rows import PRICE, row

PARAMS = VoteParams()
EVEN = VoteParams(min_agreement=0.5)
CONFLICT = NO_VOTE._replace(conflict=True)


def buy(strength=0.8):
    return Signal(Side.BUY, strength, 1.0, 2.0, 0.0, 0)


def sell(strength=0.8):
    return buy(strength)._replace(side=Side.SELL)


def vote(signals, weights=None, params=PARAMS):
    return combine(tuple(signals), tuple(weights or [1.0] * len(signals)), params)


signals = st.one_of(
    st.just(NO_SIGNAL),
    st.builds(buy, st.integers(1, 100).map(lambda n: n / 100)),
    st.builds(sell, st.integers(1, 100).map(lambda n: n / 100)),
)
weights = st.integers(1, 100).map(lambda n: n / 100)
ballots = st.lists(st.tuples(signals, weights), min_size=1, max_size=5)


def flipped(signal):
    return signal._replace(side=Side(-signal.side))


@given(ballots, st.floats(0.5, 1.0))
def test_turning_every_side_turns_the_outcome(ballot, agreement):
    params = VoteParams(agreement)
    one = vote([s for s, _ in ballot], [w for _, w in ballot], params)
    other = vote([flipped(s) for s, _ in ballot], [w for _, w in ballot], params)
    assert other == one._replace(side=Side(-one.side))


@given(ballots, st.randoms(use_true_random=False))
def test_the_order_of_strategies_does_not_choose_the_winner(ballot, random):
    one = vote([s for s, _ in ballot], [w for _, w in ballot])
    shuffled = list(ballot)
    random.shuffle(shuffled)
    other = vote([s for s, _ in shuffled], [w for _, w in shuffled])
    assert (one.side, one.conflict) == (other.side, other.conflict)
    assert one.confidence == pytest.approx(other.confidence)
    assert one.support == pytest.approx(other.support)


@given(ballots)
def test_an_outcome_is_whole(ballot):
    got = vote([s for s, _ in ballot], [w for _, w in ballot])
    won = got.side != Side.NONE
    assert (got.leader >= 0) == won
    assert not (won and got.conflict)
    assert -1.0 <= got.confidence <= 1.0
    assert 0.0 <= got.support <= 1.0 + 1e-9
    if won:
        leader, weight = ballot[got.leader]
        assert leader.side == got.side
        assert weight * leader.strength == max(w * s.strength for s, w in ballot if s.side == got.side)
    else:
        assert got in {NO_VOTE, CONFLICT}


@given(ballots, weights)
def test_a_hold_changes_neither_the_winner_nor_its_confidence(ballot, weight):
    without = vote([s for s, _ in ballot], [w for _, w in ballot])
    with_hold = vote([*(s for s, _ in ballot), NO_SIGNAL], [*(w for _, w in ballot), weight])
    assert with_hold._replace(support=without.support) == without
    assert with_hold.support <= without.support


@given(ballots)
def test_no_side_wins_with_fewer_proposers_or_less_weight(ballot):
    got = vote([s for s, _ in ballot], [w for _, w in ballot], EVEN)
    heads = {side: sum(s.side == side for s, _ in ballot) for side in Side}
    weight = {side: sum(w for s, w in ballot if s.side == side) for side in Side}
    if got.side != Side.NONE:
        assert heads[got.side] >= heads[Side(-got.side)]
        assert weight[got.side] > weight[Side(-got.side)]


def test_nobody_proposing_is_no_signal_and_no_conflict():
    assert vote([NO_SIGNAL] * 4) == NO_VOTE


@pytest.mark.parametrize("agreement", [0.5, 0.6])
@pytest.mark.parametrize("ballot", [[buy(), sell()], [buy(1.0), sell(0.1)], [buy(), buy(), sell(), sell(), NO_SIGNAL]])
def test_a_tie_is_a_conflict_and_falls_to_neither_side(ballot, agreement):
    for order in itertools.permutations(ballot):
        assert vote(order, params=VoteParams(agreement)) == CONFLICT


def test_a_tie_is_a_tie_when_its_sums_differ_by_rounding():
    assert 0.1 + 0.2 > 0.3
    assert vote([buy(), buy(), sell()], [0.1, 0.2, 0.3], EVEN) == CONFLICT
    assert vote([sell(), sell(), buy()], [0.1, 0.2, 0.3], EVEN) == CONFLICT


def test_an_agreement_exactly_at_the_limit_is_enough_however_it_is_rounded():
    assert vote([buy(), buy(), buy(), sell()], [0.3, 0.2, 0.1, 0.4]).side == Side.BUY
    assert vote([buy(), buy(), buy(), sell()], [0.1, 0.2, 0.3, 0.4]).side == Side.BUY


def test_one_heavy_dissenter_cannot_beat_a_majority():
    assert vote([buy(), buy(), sell(1.0)], [0.2, 0.2, 0.6], EVEN) == CONFLICT


def test_one_loud_dissenter_lowers_the_confidence_of_a_majority():
    calm, loud = (vote([buy(0.5), buy(0.5), buy(0.5), sell(s)]) for s in (0.1, 1.0))
    assert calm.side == loud.side == Side.BUY
    assert loud.confidence < calm.confidence == pytest.approx(0.35)


def test_a_quiet_majority_against_a_loud_dissenter_has_no_confidence_to_act_on():
    got = vote([buy(0.1), buy(0.1), sell(1.0)])
    assert got.side == Side.BUY
    assert got.confidence < 0.0


def test_below_the_required_agreement_there_is_a_conflict():
    assert vote([buy(), buy(), sell()], params=VoteParams(0.7)) == CONFLICT
    assert vote([buy(), buy(), sell()], params=VoteParams(0.66)).side == Side.BUY


def test_support_counts_the_silent():
    assert vote([buy(), NO_SIGNAL, NO_SIGNAL, NO_SIGNAL]).support == 0.25
    assert vote([buy(), NO_SIGNAL], [0.75, 0.25]).support == 0.75


def test_of_equally_loud_proposers_the_first_leads():
    assert vote([sell(0.9), buy(0.4), buy(0.8), buy(0.8)]).leader == 2


@pytest.mark.parametrize(
    "bad",
    [
        buy(float("nan")),
        buy(0.0),
        buy(1.5),
        buy()._replace(stop=float("nan")),
        buy()._replace(stop=0.0),
        buy()._replace(target=float("inf")),
        buy()._replace(trail=-1.0),
        buy()._replace(hold=-1),
    ],
)
def test_a_signal_nobody_can_act_on_is_no_vote(bad):
    assert vote([bad, NO_SIGNAL]) == NO_VOTE
    got = vote([bad, sell(), bad])
    assert (got.side, got.leader, got.confidence) == (Side.SELL, 1, 0.8)


def test_strategies_propose_and_hold_in_their_order():
    pair = (AtrBased(), MultiTimeframe())
    fallen = row(ema_50=PRICE + 150_000, rsi_14=25.0)
    assert [s.side for s in propose_all(pair, fallen)] == [Side.BUY, Side.NONE]
    assert leader_holds(pair, 0, fallen, Side.BUY)
    assert not leader_holds(pair, 1, fallen, Side.BUY)
