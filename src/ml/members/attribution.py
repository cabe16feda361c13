"""From parts of log-odds to parts of a probability."""

from src.backtest.fold import Floats
from src.ml.calibration import sigmoid


def in_probability(base: float, parts: Floats, probability: float) -> tuple[float, Floats]:
    """Return a booster's base and parts, scaled by one factor so that they add up to its probability.

    Parameters
    ----------
    base, parts
        Log-odds; together those of `probability`.
    """
    start = sigmoid(base)
    total = float(parts.sum())
    factor = (probability - start) / total if total != 0.0 else 0.0
    return start, parts * factor
