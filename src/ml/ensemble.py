"""What trades: three exported models, one weighted vote, one probability.

    ensemble = ProductionEnsemble(members, weights=(0.4, 0.4, 0.2), calibration=calibration)
    probability = ensemble.probability(row)       # one row, about 0.2 ms
    probabilities = ensemble.probabilities(rows)  # the same bits

The class follows from the probability, so the two are never at odds. Serving code: no scikit-learn, pandas, MLflow or
numba behind it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from src.backtest.fold import Floats, Ints
from src.ml.calibration import Calibration, calibrated, calibrated_all
from src.ml.transform import Inputs

MEMBERS: Final = ("lightgbm", "xgboost", "random_forest")
"""The order of members and weights everywhere."""

HALF: Final = 0.5


class Member(Protocol):
    """One exported model; the single row has the bits of the batch."""

    def probabilities(self, inputs: Inputs) -> Floats:
        """Return the probability of a win of each row, shape (n,)."""
        ...

    def probability(self, row: Inputs) -> float:
        """Return the probability of a win of one row, shape (inputs,)."""
        ...

    def attribution(self, row: Inputs) -> tuple[float, Floats]:
        """Return the base and each input's part of one row's probability; together they are the probability."""
        ...


class Explanation(NamedTuple):
    """Why a vote is what it is: `base` and the parts of the inputs add up to the vote."""

    vote: float  # before calibration
    base: float
    parts: Floats  # in the order of the inputs, in probability


class ProductionEnsemble:
    """The weighted vote of exported models, calibrated.

    Parameters
    ----------
    members
        In the order of `MEMBERS`.
    weights
        One for each; positive or 0, together 1.
    calibration
        From the vote to a probability.

    Raises
    ------
    ValueError
        If the weights are not such.
    """

    def __init__(self, members: Sequence[Member], weights: tuple[float, ...], calibration: Calibration) -> None:
        if len(members) != len(weights) or min(weights) < 0.0 or abs(sum(weights) - 1.0) > 1e-9:
            raise ValueError(f"{len(members)} members need as many weights that sum to 1, not {weights}")
        self._members = tuple(members)
        self._weights = weights
        self._calibration = calibration

    def each(self, inputs: Inputs) -> Floats:
        """Return each member's probability of a win, shape (n, members)."""
        return np.column_stack([member.probabilities(inputs) for member in self._members])

    def probabilities(self, inputs: Inputs) -> Floats:
        """Return the probability of a win of each row, shape (n,)."""
        if len(inputs) == 0:
            return np.zeros(0)
        return calibrated_all(vote_of(self.each(inputs), self._weights), self._calibration)

    def probability(self, row: Inputs) -> float:
        """Return the probability of a win of one row, shape (inputs,), in the bits of `probabilities`."""
        vote = 0.0
        for member, weight in zip(self._members, self._weights, strict=True):
            vote += weight * member.probability(row)
        return calibrated(vote, self._calibration)

    def classes(self, inputs: Inputs) -> Ints:
        """Return 1 for each row whose probability of a win is at least one half, else 0."""
        return (self.probabilities(inputs) >= HALF).astype(np.int64)

    def explain(self, row: Inputs) -> Explanation:
        """Return each input's part in the vote on one row.

        The boosters attribute their log-odds (Lundberg and others 2020), the forest the steps of its trees' averages
        (Saabas 2014). A booster's parts are scaled by one factor so that, with its base, they add up to its
        probability; then the members' parts are weighed as their votes are.
        """
        vote, base, parts = 0.0, 0.0, np.zeros(len(row))
        for member, weight in zip(self._members, self._weights, strict=True):
            probability = member.probability(row)
            start, given = member.attribution(row)
            vote += weight * probability
            base += weight * start
            parts += weight * given
        return Explanation(vote, base, parts)


def vote_of(each: Floats, weights: tuple[float, ...]) -> Floats:
    """Return the weighted vote of each row, added in the members' order; `each` has shape (n, members)."""
    vote = np.zeros(len(each))
    for k, weight in enumerate(weights):
        vote = vote + weight * each[:, k]
    return vote
