"""One lesson: models trained and calibrated on a fold's past, and what they say of its test. Training code.

Whoever maps folds over processes or machines sends `Lesson` and `Fold`, plain values, and gets numbers back: the same
bytes wherever it was worked out, for each model runs on one thread from a stated seed.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.ml.calibration import calibrated_all
from src.ml.dataset import Dataset
from src.ml.ensemble import vote_of
from src.ml.models import Recipe, Trained, train
from src.ml.splits import CombinatorialPurged, Spans, Split, groups_of
from src.ml.transform import Inputs
from src.ml.walk_forward import Fold

Floats = npt.NDArray[np.float64]


class Lesson(NamedTuple):
    """How a fold's model is made."""

    recipe: Recipe = Recipe()
    blocks: int = 3  # stretches of the past, each judged by models of the others, on which the calibration is learnt


def inner_folds(dataset: Dataset, blocks: int) -> list[Split]:
    """Return the purged folds on whose unseen lines a calibration is learnt; none without a line to learn from.

    Notes
    -----
    The embargo is the longest label among these very lines, all of which had ended when the lesson begins.
    """
    spans = Spans(dataset.decided_at, dataset.ended_at)
    split = CombinatorialPurged(blocks, 1, spans.longest())
    found = split.split(None, groups=groups_of(spans))
    return [(learn, held) for learn, held in found if len(np.unique(dataset.won[learn])) == 2]


def taught(lesson: Lesson, dataset: Dataset) -> Trained:
    """Return the models fitted on every line, with the calibration learnt on purged folds.

    Raises
    ------
    ValueError
        If the lines are too few to be cut into purged blocks, or have one outcome only.
    """
    folds = inner_folds(dataset, lesson.blocks)
    return train(dataset.inputs, dataset.won, dataset.weight, lesson.recipe, folds)


def said(trained: Trained, inputs: Inputs) -> Floats:
    """Return the calibrated probability of each row."""
    if not len(inputs):
        return np.empty(0)
    return calibrated_all(vote_of(trained.blend.each(inputs), trained.recipe.weights), trained.calibration)


def teach(lesson: Lesson, fold: Fold) -> Floats:
    """Return what a model taught by the fold's past says of its test; see `walk_forward.Teach`."""
    return said(taught(lesson, fold.train), fold.asked)
