"""Every proposal of a studied stretch, whether or not its end is known: what a model is asked and must say."""

import numpy as np
import numpy.typing as npt

from src.core.orchestration.training_data import Studied
from src.ml.dataset import rows_of
from src.ml.transform import INPUTS, Inputs, finite, model_inputs, proposals_at
from src.ml.votes import proposing
from src.ml.walk_forward import Asked
from src.trading.risk import ModelParams, break_even

_TARGET, _COST = INPUTS.index("target"), INPUTS.index("cost_share")  # both in stop distances


def asked_of(studied: Studied) -> Asked:
    """Return the proposals whose inputs are numbers, in order of time."""
    bars = proposing(studied.votes, studied.tape.quality, studied.params.vote.min_confidence)
    inputs = model_inputs(rows_of(studied.tape, bars), proposals_at(studied.votes, bars), studied.costs)
    kept = finite(inputs)
    return Asked(bars[kept], studied.tape.closed_at[bars[kept]], np.ascontiguousarray(inputs[kept]))


def least_probabilities(inputs: Inputs, params: ModelParams) -> npt.NDArray[np.float64]:
    """Return the probability of a net gain from which each proposal is let through; see `risk.least_probability`."""
    if not params.by_value:
        return np.full(len(inputs), params.min_probability)
    shares = inputs[:, [_TARGET, _COST]].astype(np.float64).tolist()
    return np.array([break_even(1.0, target, cost, params) for target, cost in shares])
