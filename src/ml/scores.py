"""How good probabilities are: proper scores, calibration, and what a threshold lets through. Pure.

Every function takes outcomes (0 or 1), shape (n,), and probabilities of 1, shape (n,), between 0 and 1; rows without a
probability do not belong in it. Scores are means of one loss a row, and `losses` gives those, for intervals.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST: Final = 1e-12
"""A probability of exactly 0 or 1 that is wrong costs as much as this one; the log of 0 has no mean."""

BINS: Final = 10


class Scores(NamedTuple):
    """Of one set of probabilities."""

    rows: int
    log_loss: float
    brier: float
    calibration_error: float
    base_rate: float  # share of outcomes that are 1
    mean_probability: float
    deviation: float  # of the probabilities; about 0: the model always says the same


class Reliability(NamedTuple):
    """One bin of the reliability curve."""

    rows: int
    predicted: float  # mean probability
    observed: float  # share of outcomes that are 1
    low: float  # interval of the share, 90 %
    high: float


class AtThreshold(NamedTuple):
    """What a threshold lets through."""

    threshold: float
    chosen: int
    coverage: float  # share of all rows
    precision: float | None  # share of the chosen whose outcome is 1; None: none chosen


def log_losses(outcome: Ints, probability: Floats) -> Floats:
    """Return minus the log of the probability given to what happened (Good 1952), one a row."""
    _check(outcome, probability)
    said = np.where(outcome == 1, probability, 1 - probability)
    losses: Floats = -np.log(np.clip(said, _LEAST, 1.0))
    return losses


def squared_errors(outcome: Ints, probability: Floats) -> Floats:
    """Return the squared distance of the probability from what happened (Brier 1950), one a row."""
    _check(outcome, probability)
    return np.square(probability - outcome).astype(np.float64)


def scores(outcome: Ints, probability: Floats) -> Scores | None:
    """Return all scores; None without rows."""
    if not len(outcome):
        _check(outcome, probability)
        return None
    return Scores(
        len(outcome),
        float(np.mean(log_losses(outcome, probability))),
        float(np.mean(squared_errors(outcome, probability))),
        calibration_error(outcome, probability),
        float(np.mean(outcome)),
        float(np.mean(probability)),
        float(np.std(probability)),
    )


def calibration_error(outcome: Ints, probability: Floats, bins: int = BINS) -> float:
    """Return the mean distance of predicted from observed shares, over bins of equal numbers of rows.

    Naeini, Cooper and Hauskrecht (2015), "Obtaining well calibrated probabilities using Bayesian binning", with
    equal-mass bins (Nguyen and O'Connor 2015): crowded probabilities would fall into one bin of equal width.
    """
    found = reliability(outcome, probability, bins)
    rows = sum(b.rows for b in found)
    return sum(b.rows * abs(b.predicted - b.observed) for b in found) / rows if rows else 0.0


def reliability(outcome: Ints, probability: Floats, bins: int = BINS) -> list[Reliability]:
    """Return the reliability curve: bins of (nearly) equal numbers of rows, in order of their probabilities.

    Intervals are Wilson's (1927) at 90 %. Rows of one and the same probability may fall into two bins.
    """
    _check(outcome, probability)
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [_bin(outcome[part], probability[part]) for part in parts]


def at_threshold(outcome: Ints, probability: Floats, threshold: float) -> AtThreshold:
    """Return what choosing the rows of at least `threshold` amounts to."""
    _check(outcome, probability)
    chosen = probability >= threshold
    count = int(np.count_nonzero(chosen))
    share = float(np.mean(outcome[chosen])) if count else None
    return AtThreshold(threshold, count, count / len(outcome) if len(outcome) else 0.0, share)


def last_outcomes(decided_at: Ints, ended_at: Ints, outcome: Ints) -> Ints:
    """Return for each row the outcome that was known last when it was decided; -1: none was.

    Rows stand in order of decision; of labels that ended at the same moment, the one decided later counts.
    """
    order = np.argsort(ended_at, kind="stable")
    place = np.searchsorted(ended_at[order], decided_at, side="right") - 1
    known = outcome[order][np.maximum(place, 0)] if len(order) else outcome
    return np.where(place >= 0, known, -1).astype(np.int64)


def last_outcome_probability(trained: Sequence[Ints], last: Ints) -> Floats:
    """Return the probability that the last outcome alone gives each row.

    Parameters
    ----------
    trained
        Last outcome and outcome of the rows that were trained on.
    last
        Last outcome of the rows asked about, -1 for none.

    Notes
    -----
    How often a 1 followed such an outcome, with one success and one failure added (Laplace's rule of succession).
    """
    before, outcome = trained
    rates = [float((np.sum(outcome[before == k]) + 1) / (np.count_nonzero(before == k) + 2)) for k in (-1, 0, 1)]
    return np.array(rates)[last + 1]


def wilson(successes: int, rows: int, z: float = 1.6448536269514722) -> tuple[float, float]:
    """Return Wilson's interval of a share, by default at 90 %; all of 0 to 1 without rows."""
    if rows == 0:
        return 0.0, 1.0
    share, square = successes / rows, z * z
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    reach = z / (1 + square / rows) * float(np.sqrt(share * (1 - share) / rows + square / (4 * rows * rows)))
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


def share_at_most(successes: int, rows: int, level: float = 0.95) -> float:
    """Return the one-sided upper bound of a share (Clopper and Pearson 1934): exact, whatever the share."""
    if successes >= rows:
        return 1.0
    low, high = successes / rows, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(math.comb(rows, k) * middle**k * (1 - middle) ** (rows - k) for k in range(successes + 1))
        low, high = (middle, high) if below > 1 - level else (low, middle)
    return high


def share_at_least(successes: int, rows: int, level: float = 0.95) -> float:
    """Return the one-sided lower bound of a share (Clopper and Pearson 1934)."""
    return 1.0 - share_at_most(rows - successes, rows, level)


def _bin(outcome: Ints, probability: Floats) -> Reliability:
    hits = int(np.sum(outcome))
    low, high = wilson(hits, len(outcome))
    return Reliability(len(outcome), float(np.mean(probability)), hits / len(outcome), low, high)


def _check(outcome: Ints, probability: Floats) -> None:
    if outcome.shape != probability.shape or outcome.ndim != 1:
        raise ValueError("one outcome and one probability a row")
    if np.any((outcome != 0) & (outcome != 1)):
        raise ValueError("an outcome is 0 or 1")
    if not np.all((probability >= 0) & (probability <= 1)):  # written so that NaN is refused
        raise ValueError("a probability lies between 0 and 1")
