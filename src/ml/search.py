"""The search for settings: Optuna over purged tuning folds that end before the first test begins. Resumable.

Every trial is scored by its log-loss on lines that its models had not seen, and every trial is told to the caller, who
counts it. The study lives in a file beside the run, so the same command goes on where it was stopped.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import optuna

from src.core.domain.time import Millis
from src.ml.dataset import Dataset
from src.ml.models import Recipe
from src.ml.scores import log_losses
from src.ml.splits import WalkForward, equal_boundaries
from src.ml.teaching import Lesson
from src.ml.walk_forward import Asked, Mapper, Walk, folds_of, walk, work_on

Floats = npt.NDArray[np.float64]

STUDY_FILE: Final = "search.db"
TUNING_TESTS: Final = 3
_RETURNS: Final = "returns"


class Searched(NamedTuple):
    """What a search found."""

    lesson: Lesson
    trials: int  # finished, those of earlier runs included
    returns: Floats | None  # daily returns of every trial, shape (days, trials); None without a trial


Worth = Callable[[Walk], Floats]
"""Gives the daily returns of the system that asks the models of a tuning walk."""


def tuning_split(dataset: Dataset, asked: Asked, before: Millis, embargo_ms: int) -> WalkForward:
    """Return the walk-forward over the later half of what lies before the first test, its embargo kept.

    Raises
    ------
    ValueError
        If there is no time for it.
    """
    first, last = int(asked.decided_at[0]), int(before - embargo_ms)
    edges = equal_boundaries(Millis((first + last) // 2), Millis(last), TUNING_TESTS)
    return WalkForward(edges, None, embargo_ms)


def search(
    folder: Path,
    name: str,
    start: Lesson,
    dataset: Dataset,
    asked: Asked,
    split: WalkForward,
    trials: int,
    mapper: Mapper,
    teach: Callable[[Lesson], Callable[..., Floats]],
    worth: Worth,
    told: Callable[[int, Lesson, Floats], None],
) -> Searched:
    """Return the lesson of the least log-loss on the tuning folds, after at least `trials` trials in all.

    Parameters
    ----------
    folder, name
        Where the study is kept, and under what name: a study of the same name goes on.
    start
        Tried first; the search changes its recipe.
    teach
        Makes what works on a fold from a lesson.
    told
        Called after each trial with its number, lesson and daily returns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / STUDY_FILE}",
        study_name=name,
        load_if_exists=True,
    )

    def objective(trial: optuna.Trial) -> float:
        lesson = start._replace(recipe=suggested(trial, start.recipe))
        answers = mapper(partial(work_on, teach(lesson)), folds_of(dataset, asked, split))
        found = walk(dataset, asked, split, answers)
        returns = worth(found)
        trial.set_user_attr(_RETURNS, json.dumps(returns.tolist()))
        told(trial.number, lesson, returns)
        if not len(found.lines):
            raise optuna.TrialPruned
        return float(np.mean(log_losses(dataset.won[found.lines], found.judged())))

    for ended in range(_ended(study), trials):
        # Drawn anew for every trial: a search that was stopped goes on as if it had not been.
        study.sampler = optuna.samplers.TPESampler(seed=_seed(start.recipe.seed, ended))
        if ended == 0:
            study.enqueue_trial(_start_values(start.recipe))
        study.optimize(objective, n_trials=1)
    done = [t for t in study.trials if t.state is optuna.trial.TrialState.COMPLETE]
    if not done:
        return Searched(start, 0, None)
    returns = np.array([json.loads(t.user_attrs[_RETURNS]) for t in done], np.float64).T
    best = start._replace(recipe=suggested(optuna.trial.FixedTrial(study.best_params), start.recipe))
    return Searched(best, len(done), returns)


def _ended(study: optuna.Study) -> int:
    """Return how many trials have ended; one that was stopped has not."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return sum(trial.state in ended for trial in study.trials)


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def suggested(trial: "optuna.Trial | optuna.trial.FixedTrial", recipe: Recipe) -> Recipe:
    """Return the recipe with the settings that a trial asks for."""
    trees = trial.suggest_int("trees", 50, 400, step=50)
    rate = trial.suggest_float("learning_rate", 0.01, 0.1, log=True)
    least = trial.suggest_int("least_lines", 50, 800, log=True)  # in a leaf
    depth = trial.suggest_int("depth", 2, 6)
    penalty = trial.suggest_float("reg_lambda", 1.0, 100.0, log=True)
    share = trial.suggest_float("columns", 0.2, 1.0)
    boosted = {"n_estimators": trees, "learning_rate": rate, "reg_lambda": penalty, "colsample_bytree": share}
    return recipe._replace(
        lightgbm={**recipe.lightgbm, **boosted, "num_leaves": 2**depth - 1, "min_child_samples": least},
        xgboost={**recipe.xgboost, **boosted, "max_depth": depth, "min_child_weight": least / 4},
        random_forest={**recipe.random_forest, "max_depth": 2 * depth, "min_samples_leaf": max(least // 2, 1)},
    )


def _start_values(recipe: Recipe) -> dict[str, int | float]:
    """Return the trial that is nearest to a recipe."""
    return {
        "trees": int(recipe.lightgbm["n_estimators"]),
        "learning_rate": float(recipe.lightgbm["learning_rate"]),
        "least_lines": int(recipe.lightgbm["min_child_samples"]),
        "depth": int(recipe.xgboost["max_depth"]),
        "reg_lambda": float(recipe.lightgbm["reg_lambda"]),
        "columns": float(recipe.lightgbm["colsample_bytree"]),
    }
