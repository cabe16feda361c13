"""RCI, the rank correlation of price with time, as sums of signs: exact whole numbers until one division.

With s_k(t) the sign of x(t) - x(t-k), and R_k the sum of s_k over the n - k pairs at lag k inside the
window of n values, the covariance of price rank and time rank is half the sum of k R_k, and the variance
of n untied ranks is n (n^2 - 1) / 12. So RCI = 100 * 6 * sum(k R_k) / (n (n^2 - 1)). Equal prices count
0: a flat window gives 0, where the formula with squared rank differences gives a bullish 50.
"""

from collections import deque

import numpy as np

from src.features.bars import FloatArray
from src.features.indicators import InsufficientHistory


def rank_correlation(x: FloatArray, n: int) -> FloatArray:
    """Return the RCI of each window of `n` values of `x`, -100..100; NaN for the first n - 1.

    `x` is finite, shape (m,); `n` is at least 2.
    """
    out = np.full(x.size, np.nan)
    if x.size < n:
        return out
    # s_k(t) enters the sum when t enters the window and leaves it n - k bars later
    steps = np.zeros(x.size, dtype=np.int32)
    for k in range(1, n):
        later, earlier = x[k:], x[:-k]
        signs = (later > earlier).view(np.int8) - (later < earlier).view(np.int8)
        weighted = np.multiply(signs, k, dtype=np.int32)
        steps[k:] += weighted
        steps[n:] -= weighted[: x.size - n]
    out[n - 1 :] = (600 * np.cumsum(steps, dtype=np.int64)[n - 1 :]) / (n * (n * n - 1))
    return out


class RankCorrelation:
    """The same, one value at a time, in the form of a `talib.stream` handle."""

    def __init__(self, history: FloatArray, n: int) -> None:
        if history.size < n:
            raise InsufficientHistory(f"RCI {n} was opened on {history.size} values")
        self._n = n
        self._window = deque(history[-n:].tolist(), maxlen=n)
        self._weighted = sum(
            (j - i) * _sign(b - a) for i, a in enumerate(self._window) for j, b in enumerate(self._window) if i < j
        )

    def update(self, x: float) -> float:
        """Return the RCI of the window that ends with `x`; O(n)."""
        n, window = self._n, self._window
        oldest = window[0]
        self._weighted -= sum(k * _sign(b - oldest) for k, b in enumerate(window))
        window.append(x)
        self._weighted += sum((n - 1 - i) * _sign(x - a) for i, a in enumerate(window))
        return (600 * self._weighted) / (n * (n * n - 1))


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)
