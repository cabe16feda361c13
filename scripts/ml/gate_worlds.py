#!/usr/bin/env python3
"""How often the gate lets noise through, and how often a planted edge: `make gate-worlds`.

Every world is drawn, a candidate is taught in it and walked forward by the code of training, and the gate judges it as
if nothing had been tried before. Exit code 1 if the upper bound of the false promotions is above 5 %, the power below
80 %, or tuning on noise ends with anything but "no evidence".
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from src.ml.gate_words import lines
from src.ml.noise_world import WorldShape, noise_world
from src.ml.scores import share_at_least, share_at_most
from src.ml.teaching import Lesson
from src.ml.world_trial import LOOSE, SMALL, Outcome, tuned, world_trial

EDGE: Final = 0.012
"""Drift of a day per deviation of the hidden tide, in the worlds in which there is something to find."""

MOST_FALSE: Final = 0.05
LEAST_POWER: Final = 0.80


def main() -> int:
    """Run the worlds and print what the gate did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=200, help="of pure noise")
    parser.add_argument("--edge-worlds", type=int, default=50, help="with a planted edge")
    parser.add_argument("--tunings", type=int, default=200, help="settings tried on one world of noise")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    sound = True
    with ProcessPoolExecutor(given.processes, get_context("spawn")) as pool:
        if given.worlds:
            sound &= _noise(pool, given.worlds)
        if given.edge_worlds:
            sound &= _edge(pool, given.edge_worlds)
    if given.tunings:
        sound &= _tuning(given.tunings)
    return 0 if sound else 1


def _outcomes(pool: ProcessPoolExecutor, shape: WorldShape, worlds: int, what: str) -> list[Outcome]:
    found = pool.map(partial(world_trial, shape), range(worlds))
    return list(track(found, description=what, total=worlds, transient=True))


def _noise(pool: ProcessPoolExecutor, worlds: int) -> bool:
    found = _outcomes(pool, WorldShape(), worlds, "noise")
    promoted = [one.seed for one in found if one.promoted]
    bound = share_at_most(len(promoted), worlds)
    print(f"noise: {len(promoted)} of {worlds} worlds promoted {promoted or ''}")
    by_default, by_loose = sum(one.default.passed for one in found), sum(one.loose.passed for one in found)
    print(f"  at the default threshold {by_default}, at {LOOSE.threshold:.0%} {by_loose}")
    print(f"  one-sided 95 % Clopper-Pearson bound of the false promotion rate: {bound:.2%} (at most {MOST_FALSE:.0%})")
    trades = [one.loose.check("trades").value or 0 for one in found]
    print(f"  trades at {LOOSE.threshold:.0%}: median {np.median(trades):.0f}")
    return bound <= MOST_FALSE


def _edge(pool: ProcessPoolExecutor, worlds: int) -> bool:
    found = _outcomes(pool, WorldShape(edge=EDGE), worlds, "edge")
    passed = sum(one.default.passed for one in found)
    ratios = [one.daily.sharpe * np.sqrt(365) for one in found if one.daily is not None]
    print(f"edge of {EDGE:.1%} a day per deviation of the tide: {passed} of {worlds} worlds promoted")
    print(f"  power {passed / worlds:.0%}, one-sided 95 % bound {share_at_least(passed, worlds):.1%}")
    print(f"  yearly Sharpe ratio of the candidates, costs included: median {np.median(ratios):.2f}")
    return passed / worlds >= LEAST_POWER


def _tuning(count: int) -> bool:
    random = np.random.default_rng(5)
    settings = [
        Lesson(
            SMALL._replace(
                seed=int(random.integers(1 << 30)),
                lightgbm=dict(SMALL.lightgbm) | _drawn(random, "num_leaves", (3, 7, 15)),
                xgboost=dict(SMALL.xgboost) | _drawn(random, "max_depth", (2, 3, 4)),
                random_forest=dict(SMALL.random_forest) | _drawn(random, "max_depth", (3, 5, 8)),
            ),
            2,
        )
        for _ in range(count)
    ]
    judged = tuned(noise_world(WorldShape(), 1_000), list(track(settings, "tuning", transient=True)), 0)
    print(f"the best of {count} settings on noise:")
    print("\n".join(lines(judged, "en")))
    return not judged.passed


def _drawn(random: np.random.Generator, size: str, sizes: tuple[int, ...]) -> dict[str, int | float | str]:
    return {size: int(random.choice(sizes)), "n_estimators": int(random.integers(5, 25))}


if __name__ == "__main__":
    raise SystemExit(main())
