"""Where the result came from: trades summed by strategy, side, hour and exit. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.market import Money
from src.core.domain.time import HOUR, JST_OFFSET

Ints = npt.NDArray[np.int64]


class Group(NamedTuple):
    """Trades that have one thing in common."""

    name: str
    trades: int
    wins: int
    net: Money


def by_name(names: Sequence[str], net: Ints) -> list[Group]:
    """Return the groups of equal names, in order of first appearance."""
    found: dict[str, list[int]] = {}
    for name, result in zip(names, net.tolist(), strict=True):
        found.setdefault(name, []).append(result)
    return [
        Group(name, len(results), sum(r > 0 for r in results), Money(sum(results))) for name, results in found.items()
    ]


def by_hour(opened_at: Ints, net: Ints) -> list[Group]:
    """Return the 24 groups of trades opened in each hour of Japan's day; hours without a trade are empty."""
    hours = (opened_at + JST_OFFSET) // HOUR % 24
    groups = []
    for hour in range(24):
        results = net[hours == hour]
        groups.append(Group(str(hour), len(results), int((results > 0).sum()), Money(int(results.sum()))))
    return groups
