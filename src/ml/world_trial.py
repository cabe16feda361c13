"""A candidate taught in a world of `ml/noise_world.py`, walked forward and put before the gate, by training's code."""

from functools import partial
from typing import Final, NamedTuple

import numpy as np

from src.backtest.overfitting import probability_of_overfitting
from src.backtest.sharpe import Moments, Trials, moments
from src.backtest.trial_chain import Tally
from src.core.domain.time import DAY, Millis
from src.ml.gate import Economy, Judged, Judgement, Limits, Tried, judge
from src.ml.models import Recipe
from src.ml.noise_world import NoiseWorld, WorldShape, live, noise_world
from src.ml.splits import WalkForward, equal_boundaries
from src.ml.teaching import Lesson, teach
from src.ml.walk_forward import Walk, folds_of, walk, work_on

TESTS: Final = 4
ONE_TRIAL: Final = Tried(Trials(1, None), None, 1)
"""The gate at its most lenient: nothing was tried before."""

LOOSE: Final = Limits(threshold=0.47)
"""Below the share of gains in noise (costs make it 48 %): the checks must keep it out, for the threshold does not."""

SMALL: Final = Recipe(
    lightgbm={"n_estimators": 40, "learning_rate": 0.1, "num_leaves": 7, "min_child_samples": 40, "reg_lambda": 10.0},
    xgboost={"n_estimators": 40, "learning_rate": 0.1, "max_depth": 3, "min_child_weight": 10.0, "reg_lambda": 10.0},
    random_forest={"n_estimators": 40, "max_depth": 5, "min_samples_leaf": 30, "max_samples": 0.5},
)
"""Trees for a world of a thousand lines; those for real years would not split so few."""

LESSON: Final = Lesson(SMALL, 3)


class Outcome(NamedTuple):
    """What the gate said of one world's candidate."""

    seed: int
    default: Judgement  # at the decision's own threshold
    loose: Judgement
    daily: Moments | None  # of the default rule's daily returns

    @property
    def promoted(self) -> bool:
        """Whether either rule would have been let through."""
        return self.default.passed or self.loose.passed


def world_trial(shape: WorldShape, seed: int, lesson: Lesson = LESSON, limits: Limits = Limits()) -> Outcome:
    """Return the gate's judgement of a candidate taught in world `seed`, under the default and the loose rule."""
    world = noise_world(shape, seed)
    found = walked(world, lesson)
    judged, economy = evidence(world, found, limits)
    return Outcome(
        seed,
        judge(judged, economy, ONE_TRIAL, limits, seed),
        judge(*evidence(world, found, LOOSE), ONE_TRIAL, LOOSE, seed),
        moments(economy.returns),
    )


def walked(world: NoiseWorld, lesson: Lesson) -> Walk:
    """Return what models taught in the world say of its second half, each of a test it had not seen."""
    first, last = int(world.asked.decided_at[0]), int(world.asked.decided_at[-1]) + 1
    edges = equal_boundaries(Millis((first + last) // 2 // DAY * DAY), Millis(last), TESTS)
    split = WalkForward(edges, None, world.shape.longest * DAY)
    told = map(partial(work_on, partial(teach, lesson)), folds_of(world.dataset, world.asked, split))
    return walk(world.dataset, world.asked, split, told)


def evidence(world: NoiseWorld, found: Walk, limits: Limits) -> tuple[Judged, Economy]:
    """Return what the gate looks at: judged lines and the days of the tests, with and without the model."""
    probability = found.judged()
    judged = Judged(
        world.dataset.won[found.lines], probability, probability >= limits.threshold, found.prior, found.last, None
    )
    tested = found.fold >= 0
    chosen = tested & (np.nan_to_num(found.probability, nan=-1.0) >= limits.threshold)  # no model: nothing is chosen
    with_model, alone = live(world, chosen), live(world, tested)
    since = int(np.argmax(tested))
    economy = Economy(
        with_model.net_jpy[since:], with_model.returns[since:], alone.net_jpy[since:], None, with_model.trades
    )
    return judged, economy


def tuned(world: NoiseWorld, lessons: list[Lesson], seed: int, limits: Limits = LOOSE) -> Judgement:
    """Return the gate's judgement of the best of many lessons, chosen by its Sharpe ratio, all of them counted."""
    tally, best, record = Tally(), -np.inf, []
    for lesson in lessons:
        found = evidence(world, walked(world, lesson), limits)
        daily = moments(found[1].returns)
        tally = tally.with_trial(None if daily is None else daily.sharpe)
        record.append(found[1].returns)
        if daily is not None and daily.sharpe > best:
            best, chosen = daily.sharpe, found
    if best == -np.inf:
        chosen = found
    overfitting = probability_of_overfitting(np.array(record).T)
    chance = None if overfitting is None else overfitting.probability
    return judge(*chosen, Tried(tally.trials(), chance, len(record)), limits, seed)
