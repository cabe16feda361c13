"""From the models' vote to a probability: a rising map, learnt on lines the models had not seen, kept as numbers.

Serving code: it imports no library that training needs. `ml/calibrating.py` learns the map.
"""

import math
from bisect import bisect_right
from typing import Final, NamedTuple

import numpy as np

from src.backtest.fold import Floats

SIGMOID: Final = "sigmoid"
ISOTONIC: Final = "isotonic"
IDENTITY: Final = "identity"
KINDS: Final = (SIGMOID, ISOTONIC, IDENTITY)
EDGE: Final = 1e-6  # votes are kept this far from 0 and 1 before their odds are taken


class Calibration(NamedTuple):
    """A map from 0..1 to 0..1 that never falls.

    For a sigmoid, `at` is (slope,) and `value` is (intercept,) on the log-odds (Platt 1999); for an isotonic map, they
    are the knots of a piecewise linear function, flat beyond its ends; the identity has neither.
    """

    kind: str
    at: tuple[float, ...]
    value: tuple[float, ...]


UNCHANGED: Final = Calibration(IDENTITY, (), ())


def is_calibration(found: Calibration) -> bool:
    """Return whether the map is one: of a known kind, of finite numbers, and never falling."""
    if found.kind not in KINDS or not all(math.isfinite(x) for x in (*found.at, *found.value)):
        return False
    if found.kind == IDENTITY:
        return found.at == found.value == ()
    if found.kind == SIGMOID:
        return len(found.at) == len(found.value) == 1 and found.at[0] >= 0.0
    rising = all(a < b for a, b in zip(found.at, found.at[1:], strict=False))
    never_falls = all(a <= b for a, b in zip(found.value, found.value[1:], strict=False))
    inside = all(0.0 <= y <= 1.0 for y in found.value)
    return len(found.at) == len(found.value) >= 1 and rising and never_falls and inside


def calibrated(vote: float, calibration: Calibration) -> float:
    """Return the probability that a vote in 0..1 stands for; NaN for NaN."""
    if math.isnan(vote) or calibration.kind == IDENTITY:
        return vote
    if calibration.kind == SIGMOID:
        return sigmoid(calibration.at[0] * log_odds(vote) + calibration.value[0])
    knots, values = calibration.at, calibration.value
    k = bisect_right(knots, vote)
    if k in {0, len(knots)}:
        return values[0] if k == 0 else values[-1]
    share = (vote - knots[k - 1]) / (knots[k] - knots[k - 1])
    return values[k - 1] + share * (values[k] - values[k - 1])


def calibrated_all(votes: Floats, calibration: Calibration) -> Floats:
    """Return the probabilities of many votes, each in the bits of `calibrated`."""
    return np.array([calibrated(vote, calibration) for vote in votes.tolist()], np.float64)


def log_odds(probability: float) -> float:
    """Return log(p / (1 - p)), with p kept `EDGE` away from 0 and 1."""
    inside = min(max(probability, EDGE), 1.0 - EDGE)
    return math.log(inside / (1.0 - inside))


def sigmoid(odds: float) -> float:
    """Return 1 / (1 + exp(-odds)), without overflow."""
    if odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-odds))
    grown = math.exp(odds)
    return grown / (1.0 + grown)
