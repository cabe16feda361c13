"""What the strategies say at every bar of a tape: the vote, its leader's geometry, and whose reason still holds.

Labels and a model's rows begin here: a row is a bar whose vote proposes a side. The vote is the one `decide` takes,
by the same two functions. Runs interpreted and compiled alike.
"""

from typing import NamedTuple

import numpy as np

from src.backtest.fold import Floats, Ints, Tape
from src.core.domain.market import Side
from src.core.domain.time import Millis
from src.features.feature_generator import row_at
from src.features.row import Quality
from src.strategies.base.strategy_manager import combine, leader_holds, propose_all
from src.trading.decision import Params, readable
from src.trading.risk import in_ticks


class Votes(NamedTuple):
    """One entry a bar in each; distances are in ticks from the fill, 0 for none."""

    side: Ints  # of the vote; 0: nobody proposed, or a conflict
    confidence: Floats
    support: Floats
    leader: Ints  # -1 without a winner
    strength: Floats  # of the leader's signal
    stop: Ints
    target: Ints
    trail: Ints
    hold: Ints  # milliseconds
    holds: Ints  # (bars, 2 x strategies): whether strategy k still sees its reason for a long (2k), a short (2k + 1)


def read_votes(tape: Tape, params: Params, out: Votes, start: int, stop: int) -> None:
    """Write the votes of bars `start` to `stop`."""
    for i in range(start, stop):
        row = row_at(Millis(tape.closed_at[i]), tape.quality[i], tape.rows, tape.places, i)
        signals = propose_all(params.strategies, row)
        vote = combine(signals, params.weights, params.vote)
        out.side[i] = vote.side
        out.confidence[i] = vote.confidence
        out.support[i] = vote.support
        out.leader[i] = vote.leader
        if vote.side != Side.NONE:
            signal = signals[vote.leader]
            out.strength[i] = signal.strength
            out.stop[i] = in_ticks(signal.stop, params.tick)
            out.target[i] = in_ticks(signal.target, params.tick)
            out.trail[i] = in_ticks(signal.trail, params.tick)
            out.hold[i] = signal.hold
        if readable(tape.quality[i]):
            for k in range(len(signals)):
                out.holds[i, 2 * k] = 1 if leader_holds(params.strategies, k, row, Side.BUY) else 0
                out.holds[i, 2 * k + 1] = 1 if leader_holds(params.strategies, k, row, Side.SELL) else 0


def empty_votes(bars: int, strategies: int) -> Votes:
    """Return arrays for a tape of `bars` bars."""
    return Votes(
        side=np.zeros(bars, np.int64),
        confidence=np.zeros(bars),
        support=np.zeros(bars),
        leader=np.full(bars, -1, np.int64),
        strength=np.zeros(bars),
        stop=np.zeros(bars, np.int64),
        target=np.zeros(bars, np.int64),
        trail=np.zeros(bars, np.int64),
        hold=np.zeros(bars, np.int64),
        holds=np.ones((bars, 2 * strategies), np.int64),
    )


def proposing(votes: Votes, quality: Ints, min_confidence: float) -> Ints:
    """Return the numbers of the bars that ask for the model's judgement: good data, a side, enough confidence."""
    asked = (quality == Quality.GOOD) & (votes.side != int(Side.NONE)) & (votes.confidence >= min_confidence)
    return np.flatnonzero(asked)
