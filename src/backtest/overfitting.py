"""Whether choosing the best of many tries means anything: the probability of backtest overfitting. Pure.

Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest overfitting", Journal of Computational
Finance 20 (4): combinatorially symmetric cross-validation. The record is cut into blocks; each half of them in turn is
looked at, the best try there is chosen, and its rank among all tries is taken on the other half. A choice that means
something keeps a high rank; one among equals lands anywhere.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST_TRIALS: Final = 10
"""Below so many tries a rank says next to nothing, and no probability is given."""

FEWEST_DAYS: Final = 60
BLOCKS: Final = 16
_AT_ONCE: Final = 2_000_000  # numbers of one kind in memory


class Overfitting(NamedTuple):
    """What became of the best try of one half of the record on the other half, over all ways to halve it."""

    probability: float  # share of halvings in which it ranked in the lower half or in the middle, 0..1
    loss: float  # share of halvings in which it lost money there, 0..1
    trials: int
    halvings: int


def probability_of_overfitting(returns: Floats, blocks: int = BLOCKS) -> Overfitting | None:
    """Return how often the best of one half of the record was no better than the median on the other half.

    Parameters
    ----------
    returns
        Shape (observations, trials), finite: what each try returned in the same periods, in order of time.
    blocks
        Even number of blocks of neighbouring periods, of lengths that differ by at most one.

    Returns
    -------
    Overfitting
        None with fewer than `FEWEST_TRIALS` tries or `FEWEST_DAYS` periods: nothing is estimated from so little.

    Raises
    ------
    ValueError
        The returns are no finite table, or the number of blocks is odd or below 2.

    Notes
    -----
    Tries are compared by their Sharpe ratio per period; without any variation it is 0. A try that ranks equal to
    others has the mean of their ranks, and of several that are best the first is chosen. A logit at or below 0
    (the paper's criterion) is a relative rank at or below one half.
    """
    if returns.ndim != 2 or not np.isfinite(returns).all():
        raise ValueError("the returns were no table of finite numbers")
    if blocks < 2 or blocks % 2:
        raise ValueError(f"{blocks} blocks cannot be halved")
    days, trials = returns.shape
    if trials < FEWEST_TRIALS or days < max(FEWEST_DAYS, blocks):
        return None
    pieces = np.array_split(returns, blocks)
    sums = np.array([piece.sum(axis=0) for piece in pieces])
    squares = np.array([(piece**2).sum(axis=0) for piece in pieces])
    lengths = np.array([float(len(piece)) for piece in pieces])
    low, lost, halvings = 0, 0, 0
    for half in _halves(blocks, max(1, _AT_ONCE // trials)):
        chosen = np.argmax(_sharpes(half @ sums, half @ squares, half @ lengths), axis=1)
        rest = 1.0 - half
        outside = _sharpes(rest @ sums, rest @ squares, rest @ lengths)
        own = outside[np.arange(len(half)), chosen][:, None]
        rank = (outside < own).sum(axis=1) + ((outside == own).sum(axis=1) + 1) / 2  # 1..trials
        low += int(np.count_nonzero(rank / (trials + 1) <= 0.5))
        lost += int(np.count_nonzero(own < 0))
        halvings += len(half)
    return Overfitting(low / halvings, lost / halvings, trials, halvings)


def _halves(blocks: int, at_once: int) -> Iterator[Floats]:
    """Yield which blocks belong to the half that is looked at, 1 or 0, some halvings at a time."""
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    for first in range(0, len(chosen), at_once):
        some = chosen[first : first + at_once]
        half = np.zeros((len(some), blocks))
        np.put_along_axis(half, some, 1.0, axis=1)
        yield half


def _sharpes(sums: Floats, squares: Floats, lengths: Floats) -> Floats:
    """Return the Sharpe ratio per period of sums over some blocks; 0 without variation."""
    n = lengths[:, None]
    mean = sums / n
    variance = np.maximum(squares / n - mean**2, 0.0)
    varied = variance > 1e-12 * squares / n  # less is what rounding leaves of a constant
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=varied)
