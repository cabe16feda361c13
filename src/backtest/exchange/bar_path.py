"""The trades inside one bar: made up, but such that the bar built from them is the bar they were made for."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.exchange.market_shape import MarketShape
from src.core.domain.market import PPM, Bar
from src.core.domain.time import MINUTE

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

Z95 = 1.6449  # standard normal deviate that 95 % stay below
WANDER = 0.35  # deviation of the path around straight lines, as a share of the bar's range


class Path(NamedTuple):
    """Trades of one bar, in order of time; columns of one length."""

    at: Ints  # ms UTC, within the bar: at or after its open, before its close
    price: Ints  # ticks: first the open, last the close, the extremes in between
    lots: Ints  # at least 1 each
    side: Ints  # of the taker, 1 or -1
    spread: Ints  # ticks between best bid and best ask, at least 1


def bar_path(bar: Bar, period: int, shape: MarketShape, seed: tuple[int, int]) -> Path:
    """Return trades for `bar`, the same for the same arguments.

    The trades' open, high, low and close are the bar's; their lots are the bar's volume, unless that is fewer than
    one lot for each of the (up to four) prices that have to trade. A bar without volume and without movement has
    no trades.
    """
    dice = np.random.default_rng(seed)
    way = _waypoints(bar, bool(dice.integers(2)))
    if bar.volume == 0 and len(way) == 1:
        return Path(*(np.empty(0, np.int64) for _ in Path._fields))
    most = max(shape.prints_per_minute * period // MINUTE, 1)
    count = max(len(way), min(bar.volume, most))
    price = _prices(bar, way, count, dice)
    lots = _lots(max(bar.volume, count), count, dice)
    room = np.sort(dice.integers(0, max(period - count, 1), count))
    at = bar.closed_at - period + room + np.arange(count) * (period > count)
    return Path(at.astype(np.int64), price, lots, _sides(price, dice), _spreads(price, shape, dice))


def _waypoints(bar: Bar, high_first: bool) -> list[int]:
    """Return the prices that have to trade, in order, without repetition."""
    extremes = (bar.high, bar.low) if high_first else (bar.low, bar.high)
    way: list[int] = [bar.open]
    for price in (*extremes, bar.close):
        if price != way[-1]:
            way.append(price)
    return way


def _prices(bar: Bar, way: list[int], count: int, dice: np.random.Generator) -> Ints:
    """Return `count` prices through all waypoints, wandering between them inside the bar's range."""
    legs = np.abs(np.diff(np.array(way, np.float64)))
    between = count - len(way)
    if not len(legs):
        return np.full(count, way[0], np.int64)
    shares = np.floor(between * legs / legs.sum()).astype(np.int64)
    shares[int(np.argmax(legs))] += between - shares.sum()
    parts = [np.array([way[0]], np.float64)]
    for start, stop, inner in zip(way[:-1], way[1:], shares, strict=True):
        parts.append(_leg(float(start), float(stop), int(inner), WANDER * (bar.high - bar.low), dice))
    price: Ints = np.clip(np.rint(np.concatenate(parts)), bar.low, bar.high).astype(np.int64)
    return price


def _leg(start: float, stop: float, inner: int, deviation: float, dice: np.random.Generator) -> Floats:
    """Return `inner` prices of a bridge from `start` to `stop`, and `stop`."""
    steps = inner + 1
    walk = np.concatenate(([0.0], np.cumsum(dice.standard_normal(steps)))) / np.sqrt(steps)
    t = np.arange(steps + 1) / steps
    bridge = walk - t * walk[-1]
    leg: Floats = (start + (stop - start) * t + deviation * bridge)[1:]
    leg[-1] = stop
    return leg


def _lots(total: int, count: int, dice: np.random.Generator) -> Ints:
    """Return `count` sizes of at least one lot that sum to `total`: a few large, many small."""
    weight = np.exp(1.2 * dice.standard_normal(count))
    spare = total - count
    lots: Ints = 1 + np.floor(spare * (weight / weight.sum())).astype(np.int64)
    rest = total - int(lots.sum())  # rounding: less than one lot per trade, or a hair too many of a huge total
    lots[int(np.argmax(lots))] += rest
    return lots


def _sides(price: Ints, dice: np.random.Generator) -> Ints:
    """Return the takers' sides: who moved the price, else either."""
    moved = np.sign(np.diff(price, prepend=price[:1]))
    chance = 1 - 2 * dice.integers(0, 2, len(price))
    side: Ints = np.where(moved == 0, chance, moved).astype(np.int64)
    return side


def _spreads(price: Ints, shape: MarketShape, dice: np.random.Generator) -> Ints:
    median, p95 = shape.spread_median_ppm, shape.spread_p95_ppm
    deviation = np.log(p95 / median) / Z95
    wide = price * (median / PPM) * np.exp(deviation * dice.standard_normal(len(price)))
    narrow = dice.integers(0, PPM, len(price)) < shape.one_tick_share_ppm
    spread: Ints = np.where(narrow, 1, np.maximum(np.rint(wide), 1)).astype(np.int64)
    return spread
