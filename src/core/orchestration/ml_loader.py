"""Loading a model: every byte, hash, name and version checked, and a few of its answers repeated. Never a substitute.

What cannot be loaded is a state with a text, not an exception: the trader then holds (or trades by its strategies
alone, if the settings say so) and tells somebody.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from src.core.domain.account import PredictionStatus
from src.core.domain.time import format_jst
from src.core.exceptions import ModelRefused
from src.ml.artefact import (
    FOREST_FILE,
    LIGHTGBM_FILE,
    NODES_FILE,
    REMEDY,
    XGBOOST_FILE,
    Artefact,
    Manifest,
    Misfit,
    Running,
    find_misfit,
    version_of,
)
from src.ml.ensemble import ProductionEnsemble
from src.ml.judging import SAME
from src.ml.members.forest_member import ForestMember
from src.ml.members.lightgbm_member import LightgbmMember
from src.ml.members.xgboost_member import XgboostMember
from src.ml.model_folder import read_artefact

_CLOSE: Final = 1e-6  # the forest's export differs from its library by about 5e-7

_STATES: Final = {
    Misfit.FEATURES: PredictionStatus.OTHER_FEATURES,
    Misfit.BARRIERS: PredictionStatus.OTHER_BARRIERS,
    Misfit.LIBRARIES: PredictionStatus.REFUSED,
}


class LoadedModel(NamedTuple):
    """A model, or why there is none."""

    status: PredictionStatus  # GOOD, or what every prediction will say
    text: str  # for a person: which model, or why none and what to do
    manifest: Manifest | None  # None if nothing could be read
    ensemble: ProductionEnsemble | None  # only when GOOD


def load_model(folder: Path, running: Running) -> LoadedModel:
    """Return the model in `folder` if it is one for what is running, else the state that stands for its absence."""
    try:
        artefact = read_artefact(folder)
        if artefact is None:
            text = f"there is no model in {folder}; train one with `python main.py train`"
            return LoadedModel(PredictionStatus.NONE, text, None, None)
        misfit = find_misfit(artefact.manifest, running)
        if misfit is not None:
            why, text = misfit
            return LoadedModel(_STATES[why], f"{text}; {REMEDY}", artefact.manifest, None)
        ensemble = open_ensemble(artefact)
    except ModelRefused as e:
        return LoadedModel(PredictionStatus.REFUSED, f"{e.what}; {e.remedy}", None, None)
    manifest = artefact.manifest
    said = manifest.probe.probabilities
    if max(said) - min(said) < SAME:
        text = f"model {version_of(manifest)} says the same of every trade; {REMEDY}"
        return LoadedModel(PredictionStatus.CONSTANT, text, manifest, None)
    text = f"model {version_of(manifest)}, trained until {format_jst(manifest.trained_until)}"
    return LoadedModel(PredictionStatus.GOOD, text, manifest, ensemble)


def open_ensemble(artefact: Artefact) -> ProductionEnsemble:
    """Return the models of an artefact, ready to be asked.

    Raises
    ------
    ModelRefused
        If a file is not the model it should be, or the models do not repeat what the probe says they said.
    """
    files, manifest = artefact.files, artefact.manifest
    missing = {LIGHTGBM_FILE, XGBOOST_FILE, FOREST_FILE, NODES_FILE} - set(files)
    if missing:
        raise ModelRefused(f"the model cannot be used: it has no {min(missing)}", remedy=REMEDY)
    width = len(manifest.inputs)
    members = (
        LightgbmMember(files[LIGHTGBM_FILE], width),
        XgboostMember(files[XGBOOST_FILE], width),
        ForestMember(files[FOREST_FILE], files[NODES_FILE], width),
    )
    ensemble = ProductionEnsemble(members, manifest.weights, manifest.calibration)
    said = ensemble.probabilities(np.array(manifest.probe.inputs, np.float32))
    apart = float(np.max(np.abs(said - np.array(manifest.probe.probabilities))))
    if not apart <= _CLOSE:
        raise ModelRefused(
            f"the model cannot be used: on this machine it answers its own probe {apart:.2g} apart from what it said "
            "when it was made",
            remedy=REMEDY,
        )
    return ensemble
