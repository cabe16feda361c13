"""The three models in training: LightGBM, XGBoost and a random forest behind scikit-learn's estimator contract.

    blend = Blend(recipe=Recipe(seed=7)).fit(inputs, won, weight)
    trained = train(inputs, won, weight, recipe, folds)

Each runs on one thread from a stated seed: the same data, seed and versions give the same model to the byte. Training
code; what trades reads exports of these models (ml/export.py) through ml/ensemble.py and imports none of this.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils.validation import check_is_fitted
from xgboost import XGBClassifier

from src.backtest.fold import Floats, Ints
from src.ml.calibrating import fit_calibration
from src.ml.calibration import SIGMOID, Calibration
from src.ml.ensemble import MEMBERS, vote_of
from src.ml.transform import Inputs

Settings = Mapping[str, Any]

LIGHTGBM: Final[Settings] = MappingProxyType(
    {
        "n_estimators": 200,
        "learning_rate": 0.03,
        "num_leaves": 15,
        "min_child_samples": 200,
        "subsample": 0.7,
        "subsample_freq": 1,
        "colsample_bytree": 0.5,
        "reg_lambda": 10.0,
    }
)
XGBOOST: Final[Settings] = MappingProxyType(
    {
        "n_estimators": 200,
        "learning_rate": 0.03,
        "max_depth": 4,
        "min_child_weight": 50.0,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "reg_lambda": 10.0,
    }
)
RANDOM_FOREST: Final[Settings] = MappingProxyType(
    {
        "n_estimators": 200,
        "max_depth": 8,
        "min_samples_leaf": 100,
        "max_features": "sqrt",
        "max_samples": 0.3,
    }
)
_STEPS: Final = 10  # of the grid on which weights are learnt


class Recipe(NamedTuple):
    """Everything a training depends on beside its lines and folds."""

    seed: int = 0
    weights: tuple[float, float, float] = (0.4, 0.4, 0.2)  # of the members, in the order of `MEMBERS`
    calibration: str = SIGMOID
    lightgbm: Settings = LIGHTGBM
    xgboost: Settings = XGBOOST
    random_forest: Settings = RANDOM_FOREST

    def of(self, member: str) -> Settings:
        """Return the settings of one member."""
        found: Settings = getattr(self, member)
        return found


class Trained(NamedTuple):
    """What a training gives; `unseen` judges it."""

    recipe: Recipe
    blend: "Blend"  # fitted on every line
    calibration: Calibration
    unseen: Floats  # (lines, members): probability by models that had not seen the line; NaN outside every fold


class Blend(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """The three models and their weighted vote, not calibrated.

    Parameters
    ----------
    recipe
        Seed, weights and the members' settings.

    Attributes
    ----------
    members_
        The fitted models, in the order of `MEMBERS`.
    classes_
        0 and 1.
    """

    def __init__(self, recipe: Recipe = Recipe()) -> None:
        self.recipe = recipe

    def fit(self, X: Inputs, y: Ints, sample_weight: Floats | None = None) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit every member; weights are scaled to a mean of 1, so that settings that count weight keep their sense.

        Raises
        ------
        ValueError
            If the lines have one outcome only, or are not numbers.
        """
        inputs, won = np.ascontiguousarray(X, np.float32), np.asarray(y)
        if inputs.ndim != 2 or not np.isfinite(inputs).all():
            raise ValueError("the inputs are not a table of numbers")
        if set(np.unique(won).tolist()) != {0, 1}:
            raise ValueError("a model needs lines that won (1) and lines that lost (0)")
        weight = np.ones(len(won)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        weight = weight / weight.mean()
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = inputs.shape[1]
        self.members_ = tuple(
            new_member(name, self.recipe.of(name), self.recipe.seed).fit(inputs, won, sample_weight=weight)
            for name in MEMBERS
        )
        return self

    def each(self, X: Inputs) -> Floats:  # noqa: N803 - scikit-learn's name
        """Return each member's probability of a win, shape (lines, members)."""
        check_is_fitted(self)
        inputs = np.ascontiguousarray(X, np.float32)
        return np.column_stack([member.predict_proba(inputs)[:, 1].astype(np.float64) for member in self.members_])

    def predict_proba(self, X: Inputs) -> Floats:  # noqa: N803 - scikit-learn's name
        """Return the vote for a loss and for a win, shape (lines, 2)."""
        vote = vote_of(self.each(X), self.recipe.weights)
        return np.column_stack((1.0 - vote, vote))

    def predict(self, X: Inputs) -> Ints:  # noqa: N803 - scikit-learn's name
        """Return 1 where the vote for a win is at least one half."""
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(np.int64)


def new_member(name: str, settings: Settings, seed: int) -> Any:
    """Return an unfitted model of `MEMBERS`, on one thread and from `seed`."""
    if name == "lightgbm":
        return LGBMClassifier(
            **settings, random_state=seed, n_jobs=1, deterministic=True, force_row_wise=True, verbosity=-1
        )
    if name == "xgboost":
        return XGBClassifier(**settings, random_state=seed, n_jobs=1, tree_method="hist", verbosity=0)
    if name == "random_forest":
        return RandomForestClassifier(**settings, random_state=seed, n_jobs=1)
    raise ValueError(f"unknown model {name!r}; known are {', '.join(MEMBERS)}")


def train(inputs: Inputs, won: Ints, weight: Floats, recipe: Recipe, folds: Iterable[tuple[Ints, Ints]]) -> Trained:
    """Return the models fitted on every line, with a calibration learnt on what they had not seen.

    Parameters
    ----------
    folds
        Pairs of line numbers (to train on, to hold out), purged by whoever made them. For each, the models are fitted
        on the first and judge the second; the calibration is fitted on all of these judgements together.

    Raises
    ------
    ValueError
        If there is no fold, or lines of one outcome only.
    """
    unseen = np.full((len(won), len(MEMBERS)), np.nan)
    for learn, held_out in folds:
        unseen[held_out] = Blend(recipe).fit(inputs[learn], won[learn], weight[learn]).each(inputs[held_out])
    judged = np.flatnonzero(np.isfinite(unseen).all(axis=1))
    if len(judged) == 0:
        raise ValueError("no fold holds out a line: nothing to calibrate on")
    votes = vote_of(unseen[judged], recipe.weights)
    calibration = fit_calibration(recipe.calibration, votes, won[judged], weight[judged])
    return Trained(recipe, Blend(recipe).fit(inputs, won, weight), calibration, unseen)


def learnt_weights(each: Floats, won: Ints, weight: Floats) -> tuple[float, float, float]:
    """Return the members' weights, in tenths, of the least log-loss on lines they had not seen.

    Whether they are better than the stated ones is for other unseen lines to say.
    """
    best, least = (0.4, 0.4, 0.2), np.inf
    for a, b in product(range(_STEPS + 1), repeat=2):
        if a + b > _STEPS:
            continue
        weights = (a / _STEPS, b / _STEPS, (_STEPS - a - b) / _STEPS)
        vote = np.clip(vote_of(each, weights), 1e-9, 1.0 - 1e-9)
        loss = float(np.average(-np.where(won == 1, np.log(vote), np.log1p(-vote)), weights=weight))
        if loss < least:
            best, least = weights, loss
    return best
