"""The gate on small worlds: none of twenty worlds of noise gets through, a planted edge does."""

import numpy as np
import pytest

from src.ml.models import Recipe
from src.ml.noise_world import EQUITY_JPY, NOTIONAL_JPY, WorldShape, live, noise_world
from src.ml.teaching import Lesson
from src.ml.world_trial import tuned, world_trial

NOISE = WorldShape(days=1_000)
EDGE = WorldShape(days=1_000, edge=0.02)

# Few and quick trees: those of `make gate-worlds` take three times as long. The edge shows that they can learn.
QUICK = Recipe(
    lightgbm={"n_estimators": 12, "learning_rate": 0.25, "num_leaves": 7, "min_child_samples": 40, "reg_lambda": 10.0},
    xgboost={"n_estimators": 12, "learning_rate": 0.25, "max_depth": 3, "min_child_weight": 10.0, "reg_lambda": 10.0},
    random_forest={"n_estimators": 6, "max_depth": 4, "min_samples_leaf": 30, "max_samples": 0.5},
)
LESSON = Lesson(QUICK, 2)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.no_cover
def test_a_world_of_noise_promotes_nothing(seed):
    assert not world_trial(NOISE, seed, LESSON).promoted


def test_a_planted_edge_is_found():
    assert [seed for seed in range(3) if not world_trial(EDGE, seed, LESSON).default.passed] == []


@pytest.mark.no_cover
def test_the_best_of_many_settings_on_noise_is_no_evidence():
    lessons = [
        LESSON._replace(recipe=QUICK._replace(seed=seed, lightgbm={**QUICK.lightgbm, "num_leaves": leaves}))
        for seed in range(4)
        for leaves in (3, 7, 15)
    ]
    judged = tuned(noise_world(NOISE, 99), lessons, 0)
    assert judged.tried == 12
    assert not judged.passed


def test_a_world_is_the_same_for_the_same_seed_and_another_for_another():
    assert noise_world(NOISE, 1).dataset.sha256() == noise_world(NOISE, 1).dataset.sha256()
    assert noise_world(NOISE, 1).dataset.sha256() != noise_world(NOISE, 2).dataset.sha256()


def test_noise_loses_its_costs_on_average_and_the_tide_pays_who_knows_it():
    plain = [noise_world(WorldShape(days=4_000), seed) for seed in range(5)]
    assert -60 < np.mean([w.dataset.net_bps.mean() for w in plain]) < -5  # 30 bp of costs
    tidal = noise_world(WorldShape(days=4_000, edge=0.012), 1)
    knowing = tidal.dataset.inputs[:, 0] > 1
    assert tidal.dataset.net_bps[knowing].mean() > 100
    assert tidal.dataset.net_bps[~knowing].mean() < 0


def test_an_account_of_the_world_is_the_sum_of_its_labels():
    world = noise_world(NOISE, 5)
    none = np.zeros(NOISE.days, np.bool_)
    alone = none.copy()
    alone[100] = True
    lived = live(world, alone)
    line = int(np.flatnonzero(world.dataset.bar == 100)[0])
    assert lived.net_jpy.sum() == pytest.approx(world.dataset.net_bps[line] / 1e4 * NOTIONAL_JPY)
    assert lived.trades == 1
    assert np.prod(1 + lived.returns) * EQUITY_JPY == pytest.approx(EQUITY_JPY + lived.net_jpy.sum())
    crowd = live(world, ~none)
    assert crowd.trades < NOISE.days / 2  # one at a time
