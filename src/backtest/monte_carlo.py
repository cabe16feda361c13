"""The same trades, dealt otherwise: how much of the drawdown and the balance was the order they came in.

Two questions, kept apart. *Shuffled*: every trade once, in another order; the end is the same, the road is not.
*Redrawn*: as many trades, drawn with replacement; the end differs too. Trades count as growth of the balance before
them, so they compound; drawdowns are between closed trades, which hides what happens inside one.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WORLDS: Final = 2_000
MIN_TRADES: Final = 10
QUANTILES: Final = (0.05, 0.25, 0.50, 0.75, 0.95)
_ROWS: Final = 128


class Spread(NamedTuple):
    """A distribution over worlds, and where the real record stands in it."""

    real: float
    percentile: float  # share of worlds at or below the real one, in per cent; ties count half
    quantiles: tuple[float, ...]  # at `QUANTILES`


class MonteCarlo(NamedTuple):
    """What other dealings of the same trades would have brought. Fractions; balances in the unit given."""

    worlds: int
    trades: int
    shuffled_drawdown: Spread
    redrawn_drawdown: Spread
    redrawn_balance: Spread
    share_losing: float  # of redrawn worlds that end below the start
    share_halved: float  # of redrawn worlds that fall by half or more on the way


def trade_order(initial: float, results: Floats, seed: int, worlds: int = WORLDS) -> MonteCarlo | None:
    """Return how the record of trades compares with other orders and other draws of itself.

    Parameters
    ----------
    initial
        Balance before the first trade.
    results
        Shape (n,): net result of each trade, in the same unit, in order.

    Returns
    -------
    MonteCarlo or None
        None for fewer than 10 trades, or when the balance did not stay above 0.
    """
    balance = initial + np.concatenate(([0.0], np.cumsum(results)))
    if len(results) < MIN_TRADES or np.any(balance <= 0):
        return None
    growth = balance[1:] / balance[:-1]
    random = np.random.default_rng(seed)
    shuffled, redrawn, ends = [], [], []
    for done in range(0, worlds, _ROWS):
        rows = min(_ROWS, worlds - done)
        shuffled.append(_deepest(random.permuted(np.tile(growth, (rows, 1)), axis=1)))
        world = growth[random.integers(0, len(growth), (rows, len(growth)))]
        redrawn.append(_deepest(world))
        ends.append(initial * np.prod(world, axis=1))
    real, end = float(_deepest(growth[None, :])[0]), float(balance[-1])
    falls, final = np.concatenate(redrawn), np.concatenate(ends)
    return MonteCarlo(
        worlds,
        len(results),
        _spread(real, np.concatenate(shuffled)),
        _spread(real, falls),
        _spread(end, final),
        float(np.mean(final < initial)),
        float(np.mean(falls >= 0.5)),
    )


def _deepest(growth: Floats) -> Floats:
    """Return the largest fall of each row, as a fraction of the high before it, the start included."""
    path = np.cumprod(growth, axis=1)
    peak = np.maximum(np.maximum.accumulate(path, axis=1), 1.0)
    deepest: Floats = np.max(1 - path / peak, axis=1)
    return deepest


def _spread(real: float, worlds: Floats) -> Spread:
    near = 1e-12 * max(abs(real), 1e-300)
    below = float(np.mean(worlds < real - near))
    equal = float(np.mean(np.abs(worlds - real) <= near))
    return Spread(real, 100 * (below + equal / 2), tuple(float(q) for q in np.quantile(worlds, QUANTILES)))
