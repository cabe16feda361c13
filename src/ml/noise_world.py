"""A small stated world of trades, to measure the gate itself: how often it lets noise through, how often an edge.

One proposal a day, on a side drawn by chance, held one to `longest` days. The market's daily returns have fat tails and
volatility that clusters; the inputs are slow noises, as features of overlapping windows are. With `edge = 0` nothing in
the inputs says anything of what follows, and every trade loses its costs on average. With an edge, the market drifts by
`edge` a day times a hidden tide, and one input tells the tide as seen from the proposed side; all others stay noise.

The account is as simple as the world: a fixed notional, one position at a time, half of the costs at either end.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.time import DAY
from src.ml.dataset import Dataset
from src.ml.labels import uniqueness
from src.ml.transform import INPUTS
from src.ml.walk_forward import Asked

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FIRST_DAY: Final = 17_532  # 2018-01-01, days since 1970
EQUITY_JPY: Final = 1_000_000.0
NOTIONAL_JPY: Final = 300_000.0
_TAIL: Final = 5  # degrees of freedom of Student's t


class WorldShape(NamedTuple):
    """What a world is made of; rates are fractions."""

    days: int = 1_500
    longest: int = 5  # days a trade is held at most
    volatility: float = 0.03  # median deviation of a day's return
    clustering: float = 0.4  # deviation of its logarithm
    cost: float = 0.003  # of the notional, both ways together
    edge: float = 0.0  # drift of a day per deviation of the tide
    persistence: float = 0.9  # of every slow noise, from one day to the next


class NoiseWorld(NamedTuple):
    """One drawn world."""

    shape: WorldShape
    dataset: Dataset  # the proposals whose trade ended within the world
    asked: Asked  # all proposals, one a day
    side: Ints
    hold: Ints  # days
    returns: Floats  # of the market, one a day


class Lived(NamedTuple):
    """What became of an account."""

    net_jpy: Floats  # one a day
    trades: int

    @property
    def returns(self) -> Floats:
        """Of the equity before each day."""
        before = EQUITY_JPY + np.cumsum(self.net_jpy) - self.net_jpy
        return self.net_jpy / before


def noise_world(shape: WorldShape, seed: int) -> NoiseWorld:
    """Return world number `seed`: the same arguments give the same bits."""
    random = np.random.default_rng([seed, 77])
    days = shape.days
    side = np.where(random.random(days) < 0.5, 1, -1).astype(np.int64)
    hold = random.integers(1, shape.longest + 1, days)
    slow = _slow_noise(random, days, len(INPUTS), shape.persistence)
    tide = slow[:, 0].copy()
    slow[:, 0] *= side
    slow[:, INPUTS.index("side")] = side
    size = shape.volatility * np.exp(shape.clustering * _slow_noise(random, days, 1, 0.95)[:, 0])
    shock = random.standard_t(_TAIL, days) * np.sqrt((_TAIL - 2) / _TAIL)
    returns = size * shock
    returns[1:] += shape.edge * tide[:-1]
    closed_at = (FIRST_DAY + 1 + np.arange(days, dtype=np.int64)) * DAY
    inputs = np.ascontiguousarray(slow, np.float32)
    asked = Asked(np.arange(days, dtype=np.int64), closed_at, inputs)
    return NoiseWorld(shape, _dataset(shape, asked, side, hold, returns), asked, side, hold, returns)


def live(world: NoiseWorld, chosen: npt.NDArray[np.bool_]) -> Lived:
    """Return what an account makes that enters each chosen proposal while it is flat, from the next day on."""
    net = np.zeros(world.shape.days)
    trades, free_from = 0, 0
    cost = NOTIONAL_JPY * world.shape.cost / 2
    for day in np.flatnonzero(chosen):
        last = int(day + world.hold[day])
        if day < free_from or last >= world.shape.days:
            continue
        net[day + 1 : last + 1] += NOTIONAL_JPY * world.side[day] * world.returns[day + 1 : last + 1]
        net[day + 1] -= cost
        net[last] -= cost
        trades, free_from = trades + 1, last
    return Lived(net, trades)


def _slow_noise(random: np.random.Generator, days: int, columns: int, persistence: float) -> Floats:
    """Return first-order autoregressions of mean 0 and deviation 1, shape (days, columns)."""
    fresh = random.standard_normal((days, columns))
    noise = np.empty_like(fresh)
    noise[0] = fresh[0]
    weight = np.sqrt(1 - persistence**2)
    for day in range(1, days):
        noise[day] = persistence * noise[day - 1] + weight * fresh[day]
    return noise


def _dataset(shape: WorldShape, asked: Asked, side: Ints, hold: Ints, returns: Floats) -> Dataset:
    level = np.concatenate(([0.0], np.cumsum(returns)))
    day = np.flatnonzero(asked.bar + hold < shape.days)
    last = day + hold[day]
    gross = side[day] * (level[last + 1] - level[day + 1])
    net = gross - shape.cost
    zeros = np.zeros(len(day), np.int64)
    return Dataset(
        bar=day,
        decided_at=asked.decided_at[day],
        entered=day + 1,
        left=last,
        ended_at=asked.decided_at[last],
        side=side[day],
        leader=zeros,
        inputs=np.ascontiguousarray(asked.inputs[day]),
        won=(net > 0).astype(np.int64),
        net=np.rint(net * NOTIONAL_JPY).astype(np.int64),
        net_bps=net * 1e4,
        net_r=net / shape.volatility,
        exit_reason=zeros,
        weight=uniqueness(day + 1, last),
    )
