"""Every proposal of a test is told by a model that was taught by what had ended before it, wherever that was done."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from src.core.domain.time import DAY, Millis
from src.ml.labels import uniqueness
from src.ml.models import Recipe
from src.ml.noise_world import WorldShape, noise_world
from src.ml.splits import WalkForward
from src.ml.teaching import Lesson, inner_folds, teach
from src.ml.walk_forward import FEWEST_LINES, folds_of, walk, work_on

WORLD = noise_world(WorldShape(days=500), 3)
START = Millis(int(WORLD.asked.decided_at[0]))
SPLIT = WalkForward(tuple(Millis(START + day * DAY) for day in (200, 300, 450)), None, 5 * DAY)
TINY = Lesson(
    Recipe(
        lightgbm={"n_estimators": 5, "min_child_samples": 20},
        xgboost={"n_estimators": 5, "max_depth": 2},
        random_forest={"n_estimators": 5, "max_depth": 3, "max_samples": 0.5},
    ),
    2,
)


def first_input(fold):
    """A "model" that says its first input, so that it can be seen who was told what."""
    return np.clip(0.5 + fold.asked[:, 0] / 100, 0, 1)


def test_every_proposal_of_a_test_is_told_and_no_other():
    told = [work_on(first_input, fold) for fold in folds_of(WORLD.dataset, WORLD.asked, SPLIT)]
    found = walk(WORLD.dataset, WORLD.asked, SPLIT, reversed(told))
    tested = (np.arange(500) >= 200) & (np.arange(500) < 450)
    assert np.array_equal(found.fold >= 0, tested)
    assert np.array_equal(found.probability[tested], first_input_of(WORLD.asked.inputs[tested]))
    assert np.isnan(found.probability[~tested]).all()
    assert np.array_equal(WORLD.dataset.bar[found.lines], WORLD.asked.bar[found.line_of])
    assert np.array_equal(found.judged(), found.probability[found.line_of])


def first_input_of(inputs):
    return np.clip(0.5 + inputs[:, 0] / 100, 0, 1)


def test_a_fold_is_taught_by_what_had_ended_and_weighs_it_anew():
    for fold in folds_of(WORLD.dataset, WORLD.asked, SPLIT):
        assert fold.train.ended_at.max() < fold.begin
        assert np.array_equal(fold.train.weight, uniqueness(fold.train.entered, fold.train.left))


def test_the_prior_and_the_last_outcome_come_from_the_folds_own_past():
    told = [work_on(first_input, fold) for fold in folds_of(WORLD.dataset, WORLD.asked, SPLIT)]
    found = walk(WORLD.dataset, WORLD.asked, SPLIT, told)
    folds = list(folds_of(WORLD.dataset, WORLD.asked, SPLIT))
    number = found.fold[found.line_of]
    for k, fold in enumerate(folds):
        assert set(found.prior[number == k]) == {float(fold.train.won.mean())}
        assert len(set(found.last[number == k])) == 2
    assert np.isfinite(found.last).all()


def test_a_fold_with_too_little_past_has_no_model():
    early = WalkForward((Millis(START + 50 * DAY), SPLIT.boundaries[-1]), None, 5 * DAY)
    [fold] = folds_of(WORLD.dataset, WORLD.asked, early)
    assert len(fold.train.won) < FEWEST_LINES
    told = work_on(first_input, fold)
    assert np.isnan(told.probability).all()
    assert len(walk(WORLD.dataset, WORLD.asked, early, [told]).lines) == 0


def test_a_fold_that_nobody_answered_is_an_error():
    told = [work_on(first_input, fold) for fold in folds_of(WORLD.dataset, WORLD.asked, SPLIT)]
    with pytest.raises(ValueError, match="answered once"):
        walk(WORLD.dataset, WORLD.asked, SPLIT, told[:1])
    stranger = WORLD.dataset._replace(bar=WORLD.dataset.bar + 1_000)
    with pytest.raises(ValueError, match="was not proposed"):
        walk(stranger, WORLD.asked, SPLIT, told)


def test_inner_folds_are_purged():
    for learn, held in inner_folds(WORLD.dataset, 3):
        for k in held[:: max(len(held) // 7, 1)]:
            overlap = (WORLD.dataset.decided_at[learn] <= WORLD.dataset.ended_at[k]) & (
                WORLD.dataset.ended_at[learn] >= WORLD.dataset.decided_at[k]
            )
            assert not overlap.any()


def test_another_process_says_the_same_bytes():
    folds = list(folds_of(WORLD.dataset, WORLD.asked, SPLIT))
    job = partial(work_on, partial(teach, TINY))
    here = [job(fold).probability.tobytes() for fold in folds]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        there = [told.probability.tobytes() for told in pool.map(job, folds)]
    assert here == there
    assert all(np.isfinite(np.frombuffer(said)).all() for said in here)
