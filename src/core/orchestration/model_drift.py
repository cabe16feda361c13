"""The watch over a model on stored candles: its inputs, what it says, whether that comes true. Advisory."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from src.backtest.playback import Progress, silent
from src.core.config import Settings
from src.core.domain.account import PredictionStatus
from src.core.domain.time import DAY, Millis, parse_time
from src.core.exceptions import ConfigError
from src.core.orchestration.ml_loader import open_ensemble
from src.core.orchestration.model_service import manager_of, training_folder
from src.core.orchestration.model_training import UNSEEN_FILE, Wanted, training_stretch
from src.core.orchestration.proposals import asked_of
from src.core.orchestration.training_data import study
from src.ml.drift import WindowDrift, calibration_drift, window_drift
from src.ml.drift_words import Watched
from src.ml.transform import INPUTS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAYS: Final = 21
"""Of one stretch: a training's tests hold some twenty-five of them."""


def watched(
    settings: Settings,
    version: str | None = None,
    data: str | None = None,
    until: Millis | None = None,
    *,
    progress: Progress = silent,
) -> Watched:
    """Return what has moved under a model, by default the one that is served or, without one, the shadow.

    Candles after `until` are not looked at.

    Raises
    ------
    ConfigError
        If there is no model.
    """
    manager = manager_of(settings)
    stages = manager.stages()
    chosen = stages.serving() or stages.shadow() if version is None else stages.entries.get(version)
    if chosen is None:
        raise ConfigError(
            "there is no model to watch" if version is None else f"there is no model {version!r}",
            remedy="name one of `python main.py models list`, or train one",
        )
    artefact = manager.artefact(chosen.version)
    stretch = training_stretch(settings, Wanted(data, until=until))
    studied = study(settings, stretch.candles, stretch.first, progress)
    asked, dataset = asked_of(studied), studied.dataset
    ensemble, taught_until = open_ensemble(artefact), artefact.manifest.trained_until
    fresh = asked.decided_at > taught_until
    said = ensemble.probabilities(asked.inputs[fresh])
    lines = np.flatnonzero(dataset.decided_at > taught_until)
    answers = ensemble.probabilities(dataset.inputs[lines])
    return Watched(
        chosen.version,
        DAYS,
        Millis(int(stretch.candles.closed_at[-1])),
        window_drift(asked.inputs.astype(np.float64), asked.decided_at, INPUTS, DAYS * DAY),
        predictions_drift(training_folder(settings, chosen.version) / UNSEEN_FILE, asked.decided_at[fresh], said),
        calibration_drift(dataset.won[lines], answers, dataset.decided_at[lines], dataset.ended_at[lines]),
    )


def watched_of_run(settings: Settings, summary: Mapping[str, Any], progress: Progress = silent) -> Watched:
    """Return what has moved under the model that a finished run asked, until the run's end.

    Parameters
    ----------
    summary
        The run's. A trader's journal names no version: then it is the served model, on the training's own candles.

    Raises
    ------
    ConfigError
        If the run asked no model, or that model is not among the registered ones.
    """
    model = summary.get("model", {})
    if model.get("status") != PredictionStatus.GOOD.name:
        why = f": {model['text']}" if model.get("text") else ""
        raise ConfigError(
            f"no model answered in this run{why}", remedy="leave out --drift, or draw the report of a run with a model"
        )
    proposing = {name: settings.strategies[name] for name in summary["strategies"] if name in settings.strategies}
    narrowed, version = settings.model_copy(update={"strategies": proposing}), model.get("version")
    series = None if version is None else summary["series"]
    return watched(narrowed, version, series, parse_time(summary["to"].removesuffix(" JST")), progress=progress)


def predictions_drift(path: Path, at: Ints, said: Floats) -> WindowDrift | None:
    """Return whether what the model says now is unlike what its walk-forward said of rows it had not seen.

    What it says of its own training lines is no measure: there it is surer than it can be anywhere else.

    Parameters
    ----------
    path
        The walk-forward's answers; without that file nothing can be said: None.
    at, said
        What was asked after the training's end, ms UTC, and the answers; without any, nothing can be told.
    """
    if not path.exists():
        return None
    if not len(at):
        return WindowDrift(0, 0, None, False, ())
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
        then, before = kept["decided_at"], kept["probability"]
    earlier = then < at[0]
    values = np.concatenate((before[earlier], said))[:, None]
    return window_drift(values, np.concatenate((then[earlier], at)), ("probability",), DAYS * DAY)
