"""The model's judgement of a bar: asked only about a proposal, and doubted in every way a model can fail.

    judge = Judge(ensemble, Known(...), JudgeParams(), core)
    prediction = judge.judge(row)                # live, bar by bar
    answers = judge.judge_all(tape, votes)       # a whole tape: the same bits

In this order: is the model too old for this bar, are its inputs numbers, are they like those it was trained on, is its
answer a probability, and does it ever say anything else? The first doubt is the answer's status, and its probability is
then NaN.
"""

from collections import deque
from typing import Final, NamedTuple

import numpy as np

from src.backtest.fold import Floats, Ints, Tape
from src.core.domain.account import Contribution, Prediction, PredictionStatus
from src.core.domain.market import Side
from src.core.domain.orders import Reason
from src.core.domain.time import DAY, Millis
from src.features.row import Quality, Row
from src.ml.dataset import rows_of
from src.ml.ensemble import ProductionEnsemble
from src.ml.transform import INPUTS, Costs, Inputs, Proposals, finite, model_inputs, proposals_at
from src.ml.votes import Votes, proposing
from src.strategies.base.strategy_manager import combine, propose_all
from src.trading.decision import Params
from src.trading.risk import in_ticks, vote_gate

SAME: Final = 5e-3
"""Probabilities within this of each other are one: a model that never leaves it says nothing about a trade."""

NOT_ASKED: Final = Prediction(int(PredictionStatus.NOT_ASKED), float("nan"))


class JudgeParams(NamedTuple):
    """When a model is doubted."""

    max_age_ms: int = 21 * DAY  # from the last label it was trained on to the bar
    max_far: float = 0.2  # share of inputs outside the range of its training
    constant_after: int = 50  # proposals in a row about which it said the same


class Known(NamedTuple):
    """What is known of a model from its training."""

    trained_until: Millis
    ranges: tuple[tuple[float, float], ...]  # of each input
    costs: Costs


class Answers(NamedTuple):
    """What a model says about the bars of a tape."""

    status: Ints  # a `PredictionStatus` for every bar
    probability: Floats  # of a win, for every bar; NaN unless GOOD
    asked: Ints  # numbers of the bars that proposed something
    inputs: Inputs  # of each of these, shape (asked, len(INPUTS))


def unanswered(bars: int, status: int) -> Answers:
    """Return the answers of a model that is not asked about any bar."""
    nothing = np.zeros((0, len(INPUTS)), np.float32)
    return Answers(np.full(bars, status, np.int64), np.full(bars, np.nan), np.zeros(0, np.int64), nothing)


class Judge:
    """A model with its doubts.

    Parameters
    ----------
    core
        Its strategies, weights, vote and tick, as the decisions use them.
    """

    def __init__(self, ensemble: ProductionEnsemble, known: Known, params: JudgeParams, core: Params) -> None:
        self._ensemble, self._known, self._params, self._core = ensemble, known, params, core
        self._low, self._high = (np.array(ends) for ends in zip(*known.ranges, strict=True))
        self._recent: deque[float] = deque(maxlen=params.constant_after)

    def judge(self, row: Row) -> Prediction:
        """Return the judgement of the side proposed on `row`; it remembers what it said of the bars before."""
        asked = self._proposal(row)
        if asked is None:
            return NOT_ASKED
        inputs = model_inputs(_matrix(row), asked, self._known.costs)
        doubt = int(self._doubts(np.array([row.closed_at], np.int64), inputs)[0])
        if doubt != PredictionStatus.GOOD:
            return Prediction(doubt, float("nan"))
        return self._said(self._ensemble.probability(inputs[0]))

    def judge_all(self, tape: Tape, votes: Votes) -> Answers:
        """Return what is said about every bar of a tape, as if it had been asked bar by bar from its first."""
        status, probability, _, _ = unanswered(len(tape.closed_at), int(PredictionStatus.NOT_ASKED))
        bars = proposing(votes, tape.quality, self._core.vote.min_confidence)
        inputs = model_inputs(rows_of(tape, bars), proposals_at(votes, bars), self._known.costs)
        status[bars] = self._doubts(tape.closed_at[bars], inputs)
        sound = np.flatnonzero(status[bars] == PredictionStatus.GOOD)
        self._recent.clear()
        for n, said in zip(sound.tolist(), self._ensemble.probabilities(inputs[sound]).tolist(), strict=True):
            status[bars[n]], probability[bars[n]] = self._said(said)
        return Answers(status, probability, bars, inputs)

    def explain(self, row: Row) -> tuple[Contribution, ...]:
        """Return each input's part in the vote on `row`, the largest first; none where nothing is asked or known."""
        asked = self._proposal(row)
        if asked is None:
            return ()
        inputs = model_inputs(_matrix(row), asked, self._known.costs)
        if not finite(inputs)[0]:
            return ()
        parts = self._ensemble.explain(inputs[0]).parts.tolist()
        found = [Contribution(name, part) for name, part in zip(INPUTS, parts, strict=True)]
        return tuple(sorted(found, key=lambda each: (-abs(each.part), each.name)))

    def _proposal(self, row: Row) -> Proposals | None:
        """Return what the strategies propose on a row, if the model is to judge it."""
        if row.quality != Quality.GOOD:
            return None
        core = self._core
        signals = propose_all(core.strategies, row)
        vote = combine(signals, core.weights, core.vote)
        if vote_gate(vote, core.vote.min_confidence) != Reason.ENTER or vote.side == Side.NONE:
            return None
        signal, tick = signals[vote.leader], core.tick
        whole = (in_ticks(distance, tick) for distance in (signal.stop, signal.target, signal.trail))
        stop, target, trail = (np.array([distance], np.int64) for distance in whole)
        return Proposals(
            side=np.array([vote.side], np.int64),
            leader=np.array([vote.leader], np.int64),
            strength=np.array([signal.strength]),
            confidence=np.array([vote.confidence]),
            support=np.array([vote.support]),
            stop=stop,
            target=target,
            trail=trail,
            hold=np.array([signal.hold], np.int64),
        )

    def _doubts(self, closed_at: Ints, inputs: Inputs) -> Ints:
        """Return what is to be doubted before the model is asked; GOOD if nothing."""
        with np.errstate(invalid="ignore"):
            outside = (inputs < self._low) | (inputs > self._high)
        share = outside.sum(axis=1) / inputs.shape[1]
        status = np.full(len(inputs), int(PredictionStatus.GOOD), np.int64)
        status[share > self._params.max_far] = PredictionStatus.FAR
        status[~finite(inputs)] = PredictionStatus.NOT_FINITE
        status[closed_at - self._known.trained_until > self._params.max_age_ms] = PredictionStatus.STALE
        return status

    def _said(self, probability: float) -> Prediction:
        """Return the prediction that an answer stands for, after what was answered before."""
        if not 0.0 <= probability <= 1.0:
            return Prediction(int(PredictionStatus.NOT_FINITE), float("nan"))
        recent = self._recent
        recent.append(probability)
        if len(recent) == recent.maxlen and max(recent) - min(recent) < SAME:
            return Prediction(int(PredictionStatus.CONSTANT), float("nan"))
        return Prediction(int(PredictionStatus.GOOD), probability)


def _matrix(row: Row) -> Floats:
    """Return a row's columns as a matrix of one line."""
    return np.array([row[2:]], np.float64)
