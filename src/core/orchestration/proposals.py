"""Every proposal of a studied stretch, whether or not its end is known: what a running model is asked."""

import numpy as np

from src.core.orchestration.training_data import Studied
from src.ml.dataset import rows_of
from src.ml.transform import finite, model_inputs, proposals_at
from src.ml.votes import proposing
from src.ml.walk_forward import Asked


def asked_of(studied: Studied) -> Asked:
    """Return the proposals whose inputs are numbers, in order of time."""
    bars = proposing(studied.votes, studied.tape.quality, studied.params.vote.min_confidence)
    inputs = model_inputs(rows_of(studied.tape, bars), proposals_at(studied.votes, bars), studied.costs)
    kept = finite(inputs)
    return Asked(bars[kept], studied.tape.closed_at[bars[kept]], np.ascontiguousarray(inputs[kept]))
