"""Learning the map from votes to probabilities, on lines that the voting models had not seen. Training code."""

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from src.backtest.fold import Floats, Ints
from src.ml.calibration import IDENTITY, ISOTONIC, SIGMOID, UNCHANGED, Calibration, log_odds


def fit_calibration(kind: str, votes: Floats, won: Ints, weight: Floats) -> Calibration:
    """Return the map of the kind that fits best.

    Parameters
    ----------
    votes
        Of models that were trained without these lines.
    weight
        Of each line; not all 0.

    Notes
    -----
    A sigmoid whose best slope is negative (the models are worse than guessing) becomes flat: the share of wins and
    nothing else. Its output is constant, and a constant output is never traded.

    Raises
    ------
    ValueError
        If the kind is unknown, or the lines have one outcome only.
    """
    if kind == IDENTITY:
        return UNCHANGED
    if len(np.unique(won)) != 2:
        raise ValueError("a calibration needs lines that won and lines that lost")
    if kind == SIGMOID:
        return _sigmoid(votes, won, weight)
    if kind == ISOTONIC:
        return _isotonic(votes, won, weight)
    raise ValueError(f"unknown calibration {kind!r}")


def _sigmoid(votes: Floats, won: Ints, weight: Floats) -> Calibration:
    odds = np.array([[log_odds(vote)] for vote in votes.tolist()])
    fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1_000).fit(odds, won, weight)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope > 0.0:
        return Calibration(SIGMOID, (slope,), (intercept,))
    return Calibration(SIGMOID, (0.0,), (log_odds(float(np.average(won, weights=weight))),))


def _isotonic(votes: Floats, won: Ints, weight: Floats) -> Calibration:
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=True, out_of_bounds="clip")
    fitted.fit(votes, won, weight)
    knots, first = np.unique(fitted.X_thresholds_.astype(np.float64), return_index=True)
    values = np.maximum.accumulate(fitted.y_thresholds_.astype(np.float64)[first])
    return Calibration(ISOTONIC, tuple(knots.tolist()), tuple(values.tolist()))
