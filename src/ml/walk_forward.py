"""The walk-forward itself: a model for every test, taught by what had ended before it, and what each of them said.

One function serves training, the evidence, the noise worlds and the leakage hunt, so what is measured about one holds
for all. A fold is a value that can be sent elsewhere; whoever maps the folds decides where they are worked on.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.time import Millis
from src.ml.dataset import Dataset
from src.ml.scores import last_outcome_probability, last_outcomes
from src.ml.splits import Spans, WalkForward, groups_of
from src.ml.transform import Inputs

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_LINES: Final = 100
"""Labels a fold needs to be taught by; with fewer there is no model in it, and that is a state."""


class Asked(NamedTuple):
    """Every proposal of a tape in order of time, whether or not its end is known: what a running model is asked."""

    bar: Ints
    decided_at: Ints
    inputs: Inputs


class Fold(NamedTuple):
    """One test and what may be known before it."""

    number: int
    begin: Millis
    end: Millis
    train: Dataset
    asked: Inputs  # the proposals of the test


class Told(NamedTuple):
    """What one fold's model was and said."""

    number: int
    begin: Millis
    end: Millis
    lines: int  # labels it was taught by
    probability: Floats  # one for each proposal asked; NaN: there was no model


class Walk(NamedTuple):
    """What every proposal was told by the model of its test, and the lines among them whose end is known."""

    probability: Floats  # (asked,), NaN before the first test and where a fold had no model
    fold: Ints  # (asked,), -1 outside every test
    lines: Ints  # numbers of the dataset's lines that were judged, in order
    line_of: Ints  # for each of these, its number among the asked
    prior: Floats  # (lines,), see `gate.Judged`
    last: Floats
    told: tuple[Told, ...]

    def judged(self) -> Floats:
        """Return the probabilities of the judged lines."""
        return self.probability[self.line_of]


Teach = Callable[[Fold], Floats]
"""Trains on `Fold.train` and returns a probability for each of `Fold.asked`."""

Mapper = Callable[[Callable[[Fold], Told], Iterable[Fold]], Iterable[Told]]


def folds_of(dataset: Dataset, asked: Asked, split: WalkForward) -> Iterator[Fold]:
    """Yield every fold, oldest first."""
    spans = Spans(dataset.decided_at, dataset.ended_at)
    for number, (train, _) in enumerate(split.split(None, groups=groups_of(spans))):
        begin, end = split.boundaries[number], split.boundaries[number + 1]
        inside = (asked.decided_at >= begin) & (asked.decided_at < end)
        yield Fold(number, begin, end, dataset.take(train), asked.inputs[inside])


def work_on(teach: Teach, fold: Fold) -> Told:
    """Return what a fold's model says; nothing where its training lines are too few or all of one outcome."""
    lines = len(fold.train.won)
    if lines < FEWEST_LINES or len(np.unique(fold.train.won)) < 2 or not len(fold.asked):
        said = np.full(len(fold.asked), np.nan)
    else:
        said = np.asarray(teach(fold), np.float64)
    return Told(fold.number, fold.begin, fold.end, lines, said)


def walk(dataset: Dataset, asked: Asked, split: WalkForward, told: Iterable[Told]) -> Walk:
    """Return the walk that the folds' answers, in any order, amount to.

    Raises
    ------
    ValueError
        If an answer is missing, or a line of the dataset is no proposal.
    """
    answers = tuple(sorted(told, key=lambda one: one.number))
    if [one.number for one in answers] != list(range(split.get_n_splits())):
        raise ValueError("every fold has to be answered once")
    probability, fold = np.full(len(asked.bar), np.nan), np.full(len(asked.bar), -1, np.int64)
    for one in answers:
        inside = (asked.decided_at >= one.begin) & (asked.decided_at < one.end)
        probability[inside] = one.probability
        fold[inside] = one.number
    place = np.searchsorted(asked.bar, dataset.bar)
    if np.any(asked.bar[np.minimum(place, max(len(asked.bar) - 1, 0))] != dataset.bar):
        raise ValueError("a line of the dataset was not proposed")
    lines = np.flatnonzero(~np.isnan(probability[place]))
    prior, last = _baselines(dataset, split, lines, fold[place])
    return Walk(probability, fold, lines, place[lines], prior, last, answers)


def _baselines(dataset: Dataset, split: WalkForward, lines: Ints, fold: Ints) -> tuple[Floats, Floats]:
    """Return what the class prior and the last outcome say of each judged line, from its own fold's training lines."""
    before = last_outcomes(dataset.decided_at, dataset.ended_at, dataset.won)
    prior, last = np.full(len(dataset.won), np.nan), np.full(len(dataset.won), np.nan)
    spans = Spans(dataset.decided_at, dataset.ended_at)
    for number, (train, _) in enumerate(split.split(None, groups=groups_of(spans))):
        here = lines[fold[lines] == number]
        if len(here):
            prior[here] = float(np.mean(dataset.won[train]))
            last[here] = last_outcome_probability((before[train], dataset.won[train]), before[here])
    return prior[lines], last[lines]
