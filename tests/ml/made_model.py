"""A small model of the busy market: trained in a second, for tests of everything but its wisdom."""

from functools import cache

import numpy as np

from src.core.config import Settings, load_config
from src.core.config.feature_manager import feature_hash
from src.core.orchestration.labelling import label_all, vote_all
from src.core.orchestration.wiring import core_params, label_terms, market_params
from src.ml.artefact import Artefact
from src.ml.dataset import Dataset, make_dataset
from src.ml.labels import LABEL_LOTS
from src.ml.model_folder import SERVING, TRAINING, versions
from src.ml.models import Recipe, Trained, train
from src.ml.packing import About, pack
from src.ml.transform import INPUTS, Costs
from src.ml.votes import Votes, proposing
from src.trading.decision import Params
from tests.core.config.busy_market import busy_tape
from tests.core.config.written_settings import SHIPPED

SMALL = Recipe(
    seed=3,
    lightgbm={"n_estimators": 12, "num_leaves": 7, "min_child_samples": 10, "learning_rate": 0.2},
    xgboost={"n_estimators": 12, "max_depth": 3, "learning_rate": 0.2},
    random_forest={"n_estimators": 12, "max_depth": 5, "min_samples_leaf": 5, "max_samples": 0.6},
)
COSTS = Costs(1_000, 500, 1.0)


def settings(**environment: str) -> Settings:
    """Return the settings of a backtest, changed as environment variables would."""
    return load_config(SHIPPED["backtest"], {f"TRADER__{k.upper()}": v for k, v in environment.items()})


@cache
def busy_votes(params: Params) -> Votes:
    """Return what the strategies say on the busy market."""
    return vote_all(busy_tape(), params)


@cache
def busy_dataset(params: Params) -> Dataset:
    """Return every proposal of the busy market and what became of it."""
    votes, tape = busy_votes(params), busy_tape()
    bars = proposing(votes, tape.quality, params.vote.min_confidence)
    labels = label_all(tape, votes, bars, params, market_params(settings()), LABEL_LOTS)
    return make_dataset(tape, votes, labels, COSTS)


def halves(dataset: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return one fold: the first half of the lines whose label is known by the second half's beginning."""
    n = len(dataset.won)
    later = np.arange(n // 2, n)
    return [(np.flatnonzero(dataset.ended_at < dataset.decided_at[later[0]]), later)]


@cache
def first_half() -> Dataset:
    """Return the lines that the small models learn from: the earlier half, with a planted rule in place of noise.

    The busy market is random, so nothing can be learnt of it; here a trade wins when RSI speaks for its side.
    """
    dataset = busy_dataset(core_params(settings()))
    half = dataset.take(np.arange(len(dataset.won) // 2))
    return half._replace(won=(half.inputs[:, INPUTS.index("rsi_14")] > 0.0).astype(np.int64))


@cache
def busy_training(recipe_seed: int = 3) -> Trained:
    """Return the small models trained on the first half of the busy market."""
    dataset = first_half()
    return train(dataset.inputs, dataset.won, dataset.weight, SMALL._replace(seed=recipe_seed), halves(dataset))


@cache
def busy_artefact() -> Artefact:
    """Return the artefact of the small models, for the shipped settings of a backtest."""
    shipped = settings()
    params = core_params(shipped)
    about = About(
        feature_hash=feature_hash(),
        terms=label_terms(params, market_params(shipped)),
        data={"series": "busy"},
        metrics={},
        threshold=0.65,
        libraries=versions(SERVING),
        trained_with=versions(TRAINING),
    )
    return pack(busy_training(), first_half(), about)
