"""The quotes around a best price: round prices and sizes that stay the same while the market moves a little."""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

from src.backtest.exchange.market_shape import MarketShape, Tier
from src.core.domain.market import PPM, Side

SIZES: Final = 64
QUANTILES: Final = tuple(float(np.exp(NormalDist().inv_cdf((i + 0.5) / SIZES))) for i in range(SIZES))
"""Of a log-normal with median 1 and deviation 1: the sizes that quotes take."""

WORD: Final = (1 << 64) - 1


def mixed(*numbers: int) -> int:
    """Return 64 bits that look random and depend on every number: the same on every machine and in every run."""
    x = 0x9E3779B97F4A7C15
    for number in numbers:
        x = (x ^ (number & WORD)) * 0xBF58476D1CE4E5B9 & WORD
        x = (x ^ x >> 31) * 0x94D049BB133111EB & WORD
    return x ^ x >> 29


def round_step(price: int, step_ppm: int) -> int:
    """Return the round number of ticks (1, 2 or 5 times a power of ten) at or below a share of `price`."""
    wanted = max(price * step_ppm // PPM, 1)
    power = int("1" + "0" * (len(str(wanted)) - 1))
    return max(m for m in (power, 2 * power, 5 * power) if m <= wanted)


def ladder(best: int, best_lots: int, side: Side, shape: MarketShape, seed: int) -> dict[int, int]:
    """Return the quotes of one side, best first: price in ticks to lots."""
    quotes = {best: best_lots}
    edge = best
    for tier in shape.tiers:
        edge = _stretch(quotes, edge, best, side, tier, seed)
    return quotes


def _stretch(quotes: dict[int, int], start: int, best: int, side: Side, tier: Tier, seed: int) -> int:
    """Add the quotes of one tier beyond `start`; return where it ended."""
    step = round_step(best, tier.step_ppm)
    end = best - side * (best * tier.reach_ppm // PPM)
    if side is Side.BUY:  # the round prices beyond `start`
        prices = range((start - 1) // step * step, max(end, 1) - 1, -step)
    else:
        prices = range((start // step + 1) * step, end + 1, step)
    for price in prices:
        quotes[price] = _size(price, side, tier.lots, seed)
    return end


@lru_cache(maxsize=8192)
def _size(price: int, side: Side, median: int, seed: int) -> int:
    return max(round(median * QUANTILES[mixed(price, side, seed) % SIZES]), 1)


def best_size(shape: MarketShape, *numbers: int) -> int:
    """Return the size of a best quote, drawn by `numbers`."""
    quantile = QUANTILES[mixed(*numbers) % SIZES]
    size: float = shape.best_lots * quantile**shape.best_spread_log
    return max(round(size), 1)
