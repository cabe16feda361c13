"""Looking for what a model must not know: each way in which a test gets into its training has a check of its own. Pure.

`find_leaks` runs before every training and refuses it; the others are for the hunt in tests/ml/test_leakage_hunt.py,
where each fault is planted and has to be found.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.bootstrap import Indices, Interval, bootstrap, mean_block
from src.ml.dataset import Dataset
from src.ml.labels import uniqueness
from src.ml.scores import log_losses
from src.ml.splits import Spans, WalkForward, groups_of, overlapping
from src.ml.transform import Inputs
from src.ml.walk_forward import Asked, Walk

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Leak(Enum):
    """A way in which a model is told what it has to guess."""

    OVERLAP = "a training label is still open when the test begins"
    LATER = "a training line was decided after its test had begun"
    REPEATED = "the same line stands in the training and in its test"
    ORDER = "lines do not stand in order of time"
    BEFORE_ITS_END = "a label is known before its trade has ended"


class Found(NamedTuple):
    """One leak of one test."""

    leak: Leak
    test: int  # number of the fold; -1: of the lines themselves
    lines: int  # how many


def find_leaks(dataset: Dataset, asked: Asked, split: WalkForward) -> list[Found]:
    """Return every leak of a walk-forward; none is what is hoped for."""
    found = [f for f in _of_lines(dataset) if f.lines]
    if found:
        return found
    spans = Spans(dataset.decided_at, dataset.ended_at)
    for number, (train, test) in enumerate(split.split(None, groups=groups_of(spans))):
        begin, end = split.boundaries[number], split.boundaries[number + 1]
        inside = (asked.decided_at >= begin) & (asked.decided_at < end)
        found += leaks_between(number, dataset, train, test, asked.inputs[inside])
    return found


def leaks_between(number: int, dataset: Dataset, train: Ints, test: Ints, asked: Inputs) -> list[Found]:
    """Return the leaks between one test's lines and those its model is taught by."""
    spans = Spans(dataset.decided_at, dataset.ended_at)
    later = 0
    if len(test):
        later = int(np.count_nonzero(dataset.decided_at[train] >= dataset.decided_at[test].min()))
    counts = (
        Found(Leak.OVERLAP, number, len(overlapping(spans.at(train), spans.at(test)))),
        Found(Leak.LATER, number, later),
        Found(Leak.REPEATED, number, repeated(dataset.inputs[train], asked)),
    )
    return [each for each in counts if each.lines]


def repeated(train: Inputs, test: Inputs) -> int:
    """Return how many rows of `test` stand in `train`, number for number.

    Two dozen measured numbers do not meet by chance, so an equal row is the same row.
    """
    known = {row.tobytes() for row in np.ascontiguousarray(train)}
    return sum(row.tobytes() in known for row in np.ascontiguousarray(test))


def changed_by_the_future(inputs: Callable[[int], Inputs], whole: Inputs, bar: Ints, cuts: Ints) -> list[int]:
    """Return the cuts at which what comes later changed an input.

    Parameters
    ----------
    inputs
        Gives the inputs of the same rows where every candle from bar number `cut` on was replaced by nonsense.
    whole
        The inputs with the candles as they are.
    bar
        Number of each row's bar.
    """
    return [
        int(cut) for cut in cuts if not np.array_equal(inputs(int(cut))[bar < cut], whole[bar < cut], equal_nan=True)
    ]


def labels_that_differ(dataset: Dataset, label: Callable[[int], tuple[int, int]], lines: Ints) -> Ints:
    """Return the lines whose outcome or last bar is not what the trade at their own bar leads to.

    Parameters
    ----------
    label
        Gives outcome and last bar of the trade that a bar proposes, worked out anew.
    """
    wrong = [k for k in lines.tolist() if label(int(dataset.bar[k])) != (int(dataset.won[k]), int(dataset.left[k]))]
    return np.array(wrong, np.int64)


def gain_on_prior(outcome: Ints, found: Walk, seed: int = 0) -> Interval | None:
    """Return the interval of the log-loss gained on the class prior; above 0, something is known.

    With shuffled outcomes it must not be.
    """
    won = outcome[found.lines]
    gain = log_losses(won, found.prior) - log_losses(won, found.judged())

    def mean(where: Indices) -> dict[str, Floats]:
        return {"gain": gain[where].mean(axis=1)}

    return bootstrap(mean, len(gain), mean_block(gain), seed)["gain"] if len(gain) > 1 else None


def shuffled(dataset: Dataset, seed: int) -> Dataset:
    """Return the dataset with its outcomes dealt anew: whatever is then known, is known unfairly."""
    order = np.random.default_rng(seed).permutation(len(dataset.won))
    return dataset._replace(won=dataset.won[order], weight=uniqueness(dataset.entered, dataset.left))


def _of_lines(dataset: Dataset) -> tuple[Found, ...]:
    return (
        Found(Leak.ORDER, -1, int(np.count_nonzero(np.diff(dataset.decided_at) < 0))),
        Found(Leak.BEFORE_ITS_END, -1, int(np.count_nonzero(dataset.ended_at <= dataset.decided_at))),
    )
