"""How many independent tries a number of tries that resemble one another amounts to. Pure.

Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio", appendix on the number of independent trials: with the
average correlation r of M tries' returns there are r + (1 - r) M of them. All alike are one, uncorrelated ones M. Tries
in groups count for more than there are groups, so the number errs toward more deflation.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def average_correlation(returns: Floats) -> float | None:
    """Return the mean correlation of all pairs of tries; None with fewer than two that vary.

    Parameters
    ----------
    returns
        Shape (observations, trials). A column with NaN, or without variation, is no try that can be compared.

    Notes
    -----
    The correlations of all pairs add up to the squared length of the sum of the standardised columns, less one for
    each column: no pair is looked at.
    """
    compared = _standardised(returns)
    n = int(compared.shape[1])
    if n < 2:
        return None
    total = float(np.sum(compared.sum(axis=1) ** 2))
    return min(max((total - n) / (n * (n - 1)), -1.0), 1.0)


def independent_trials(returns: Floats) -> float:
    """Return how many independent tries the columns of `returns` amount to, from 1 to their number; 0 for none.

    A negative average correlation counts as none, and what cannot be compared counts in full.
    """
    trials = int(returns.shape[1])
    found = average_correlation(returns)
    if found is None:
        return float(trials)
    compared = int(_standardised(returns).shape[1])
    alike = max(found, 0.0)
    return alike + (1.0 - alike) * compared + (trials - compared)


def _standardised(returns: Floats) -> Floats:
    """Return the columns that vary, each of mean 0 and length 1."""
    known = returns[:, np.isfinite(returns).all(axis=0)] if len(returns) else returns[:, :0]
    centred = known - known.mean(axis=0) if known.size else known
    length = np.sqrt((centred**2).sum(axis=0))
    scale = np.sqrt((known**2).sum(axis=0))
    varied = length > 1e-9 * scale
    scaled: Floats = centred[:, varied] / length[varied]
    return scaled
