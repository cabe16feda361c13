"""From a training to an artefact. Training code.

artefact = pack(trained, dataset, About(...))
"""

from typing import Final, NamedTuple

import numpy as np

from src.core.domain.journal import Json
from src.core.domain.time import Millis
from src.ml.artefact import CLASSES, FORMAT, Artefact, Manifest, Probe, file_facts, sealed
from src.ml.barriers import barrier_hash
from src.ml.calibration import calibrated_all
from src.ml.dataset import Dataset
from src.ml.ensemble import MEMBERS, vote_of
from src.ml.export import export_files
from src.ml.models import Recipe, Trained
from src.ml.transform import INPUTS, transform_hash

_TAIL: Final = 0.001  # of the training lines lie below an input's range, as many above
_PROBES: Final = 16


class About(NamedTuple):
    """What a training cannot know of itself."""

    feature_hash: str
    terms: dict[str, Json]  # of the labelled trade, see ml/barriers.py
    data: dict[str, Json]  # where the lines came from: series, hash of the candles
    metrics: dict[str, Json]  # out of sample, with intervals
    threshold: float
    libraries: dict[str, str]  # of what will serve
    trained_with: dict[str, str]


def pack(trained: Trained, dataset: Dataset, about: About) -> Artefact:
    """Return the artefact of models that were trained on every line of `dataset`."""
    files = export_files(trained.blend)
    manifest = Manifest(
        format=FORMAT,
        feature_hash=about.feature_hash,
        inputs=INPUTS,
        transform_hash=transform_hash(),
        terms=about.terms,
        barrier_hash=barrier_hash(about.terms),
        classes=CLASSES,
        members=MEMBERS,
        weights=trained.recipe.weights,
        calibration=trained.calibration,
        threshold=about.threshold,
        trained_from=Millis(int(dataset.decided_at.min())),
        trained_until=Millis(int(dataset.ended_at.max())),
        lines=len(dataset.won),
        data={**about.data, "dataset_sha256": dataset.sha256()},
        recipe=recipe_document(trained.recipe),
        metrics=about.metrics,
        ranges=input_ranges(dataset),
        probe=_probe(trained, dataset),
        libraries=about.libraries,
        trained_with=about.trained_with,
        files=file_facts(files),
        hash="",
    )
    return Artefact(sealed(manifest), files)


def input_ranges(dataset: Dataset) -> tuple[tuple[float, float], ...]:
    """Return, for each input, the quantiles between which all but 0.2 % of the lines lie."""
    low, high = np.quantile(dataset.inputs.astype(np.float64), (_TAIL, 1.0 - _TAIL), axis=0)
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def recipe_document(recipe: Recipe) -> dict[str, Json]:
    """Return the recipe as plain values."""
    return {
        "seed": recipe.seed,
        "weights": list(recipe.weights),
        "calibration": recipe.calibration,
        **{name: dict(recipe.of(name)) for name in MEMBERS},
    }


def _probe(trained: Trained, dataset: Dataset) -> Probe:
    """Return lines spread over the training with what the libraries themselves say about them."""
    lines = np.unique(np.linspace(0, len(dataset.won) - 1, _PROBES).astype(np.int64))
    inputs = dataset.inputs[lines]
    said = calibrated_all(vote_of(trained.blend.each(inputs), trained.recipe.weights), trained.calibration)
    return Probe(tuple(tuple(row) for row in inputs.astype(np.float64).tolist()), tuple(said.tolist()))
