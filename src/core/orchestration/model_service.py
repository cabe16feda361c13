"""Training, registration and the steps between stages, put together: what `train`, `models` and the weekly run call."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.playback import Progress, silent
from src.backtest.preparation import read_stretch
from src.core.clock import SystemClock
from src.core.config import Settings
from src.core.domain.time import DAY, Millis, format_jst, to_datetime
from src.core.exceptions import ConfigError, NoCandles
from src.core.orchestration.ml_loader import open_ensemble
from src.core.orchestration.model_economy import Economist
from src.core.orchestration.model_stage import models_folder
from src.core.orchestration.model_training import JUDGEMENT_FILE, Champion, Training, Wanted, train_model
from src.core.orchestration.proposals import asked_of
from src.core.orchestration.training_data import study
from src.ml.artefact import Artefact
from src.ml.drift import calibration_drift
from src.ml.gate_words import headline
from src.ml.model_manager import Entry, ModelManager
from src.ml.registry import CHALLENGER, CHAMPION, Registry
from src.ml.scores import log_losses, scores
from src.ml.stage import Served, Stage, next_step

Floats = npt.NDArray[np.float64]

_BASE_RATE: Final = "base_rate"
_NOTHING: Final = Served(0, 0, float("nan"), 1.0, 0, 0.0)


class Done(NamedTuple):
    """What a training led to."""

    training: Training
    entry: Entry
    folder: Path
    said: str  # one sentence for a person


def training_folder(settings: Settings, version: str) -> Path:
    """Return the folder of a finished training."""
    return Path(settings.training.output) / version


def registry_of(settings: Settings) -> Registry:
    """Return the registry that the settings name; it is opened, which takes seconds."""
    return Registry(Path(settings.training.registry))


def manager_of(settings: Settings) -> ModelManager:
    """Return the manager of the models that the settings name."""
    return ModelManager(models_folder(settings), SystemClock())


def champion_of(settings: Settings) -> Champion | None:
    """Return the served model as a rival of a candidate; None if there is none, or it is too old to be asked."""
    manager = manager_of(settings)
    serving = manager.stages().serving()
    if serving is None:
        return None
    age = SystemClock().now() - serving.trained_until
    if age > settings.model.max_age_days * DAY:
        return None  # what no decision would ask is no rival
    return rival(manager.artefact(serving.version))


def rival(artefact: Artefact) -> Champion:
    """Return an artefact as what it says of inputs."""
    return Champion(artefact.version, artefact.manifest.trained_until, open_ensemble(artefact).probabilities)


def train_and_register(settings: Settings, wanted: Wanted, out: Path | None, progress: Progress = silent) -> Done:
    """Train, judge, write, register; a candidate that passes becomes the shadow, and nothing else changes.

    Raises
    ------
    ConfigError
        If `out` is a folder with anything but an earlier training, which would be lost.
    """
    if out is not None and out.exists() and not (out / JUDGEMENT_FILE).is_file() and any(out.iterdir()):
        raise ConfigError(f"{out} is no folder of a training, and is not replaced", remedy="give --out a new folder")
    beside = Path(settings.training.output) / "unfinished"
    training = train_model(settings, wanted, beside, champion_of(settings), progress)
    folder = out or training_folder(settings, training.version)
    _put(beside, folder)
    manager = manager_of(settings)
    why = headline(training.judgement, "en")
    entry = manager.register(training.artefact, training.judgement.passed, why)
    progress("registry", 0, 1)
    registry = registry_of(settings)
    numbers = {c.name: c.value for c in training.judgement.checks if c.value is not None}
    tags = {"stage": entry.stage.value, "series": training.stretch.info.name, "gate": str(training.judgement.passed)}
    registry.record(training.version, folder, numbers, tags)
    point_aliases(registry, manager)
    progress("registry", 1, 1)
    return Done(training, entry, folder, f"model {entry.version}: {entry.stage.value} ({why})")


def point_aliases(registry: Registry, manager: ModelManager) -> None:
    """Let the registry's aliases follow the stages."""
    stages = manager.stages()
    serving, shadow = stages.serving(), stages.shadow()
    registry.point(CHAMPION, None if serving is None else serving.version)
    registry.point(CHALLENGER, None if shadow is None else shadow.version)


def served_record(
    settings: Settings, entry: Entry, artefact: Artefact, data: str | None = None, progress: Progress = silent
) -> Served:
    """Return what a model has shown since it entered its stage, on stored candles that closed after that.

    Its answers on these bars are worked out again from the candles, which gives the bits of the live ones; trades are
    those that the system makes on these bars with it.
    """
    until = SystemClock().now()
    none = Served(int(until - entry.since), 0, float("nan"), 1.0, 0, 0.0)
    since = Millis(max(entry.since, artefact.manifest.trained_until))
    if since >= until:
        return none
    stretch = read_stretch(settings, data, to_datetime(since), None)
    studied = study(settings, stretch.candles, stretch.first, progress)
    asked, dataset = asked_of(studied), studied.dataset
    if not len(asked.bar):
        return none
    probability = open_ensemble(artefact).probabilities(asked.inputs)
    said = probability[np.searchsorted(asked.bar, dataset.bar)]
    played = Economist(settings, studied).play(0, len(studied.tape.closed_at), asked, probability)
    risks = [t.net / t.risk for t in played.record.trades if t.risk > 0]
    gain = float("nan")
    base = artefact.manifest.metrics.get(_BASE_RATE)
    if len(dataset.won) and isinstance(base, float):
        prior = log_losses(dataset.won, np.full(len(said), base))
        gain = float(np.mean(prior - log_losses(dataset.won, said)))
    bet = calibration_drift(dataset.won, said, dataset.decided_at, dataset.ended_at)
    trades = played.trades if entry.stage.trades else 0
    net = float(np.sum(risks)) if entry.stage.trades else 0.0
    return Served(int(until - entry.since), len(dataset.won), gain, bet.highest, trades, net)


def promote(
    settings: Settings, manager: ModelManager, version: str, data: str | None = None, progress: Progress = silent
) -> Entry:
    """Take a model one step up by its record on stored candles; see `ModelManager.promote`."""
    artefact = manager.artefact(version)
    entry = manager.stages().entries[version]
    served = _NOTHING if entry.stage is Stage.CANDIDATE else served_record(settings, entry, artefact, data, progress)
    entry = manager.promote(version, served)
    follow_stages(settings, manager)
    return entry


def review(
    settings: Settings, manager: ModelManager, data: str | None = None, progress: Progress = silent
) -> list[str]:
    """Take down what its record speaks against, and say of each model where it is and why."""
    stages, said = manager.stages(), []
    for entry in (stages.serving(), stages.shadow()):
        if entry is None:
            continue
        try:
            served = served_record(settings, entry, manager.artefact(entry.version), data, progress)
        except NoCandles:
            said.append(f"{entry.version}: {entry.stage.value}, no candles since {format_jst(entry.since)}")
            continue
        found = manager.review(entry.version, served)
        step = next_step(entry.stage, served)
        said.append(f"{entry.version}: {found.stage.value} ({step.why})")
    follow_stages(settings, manager)
    return said or ["no model is served and none is in the shadow"]


def follow_stages(settings: Settings, manager: ModelManager) -> None:
    """Let the registry's aliases follow what was decided here."""
    if manager.stages().entries:
        point_aliases(registry_of(settings), manager)


def compared(settings: Settings, versions: tuple[str, str], data: str | None, progress: Progress = silent) -> list[str]:
    """Return two models side by side on the stored candles that neither has learnt from.

    Raises
    ------
    ConfigError
        If there is no version of that name, or both are the same.
    NoCandles
        If there is no such candle.
    """
    if len(set(versions)) < 2:
        raise ConfigError(f"{versions[0]} is compared with itself", remedy="name two of `python main.py models list`")
    manager = manager_of(settings)
    rivals = [rival(manager.artefact(version)) for version in versions]
    since = Millis(max(one.trained_until for one in rivals))
    stretch = read_stretch(settings, data, to_datetime(since), None)
    studied = study(settings, stretch.candles, stretch.first, progress)
    asked, dataset = asked_of(studied), studied.dataset
    economist = Economist(settings, studied)
    rows = [f"candles from {format_jst(since)} on, {len(dataset.won):,} proposals with a known end"]
    for one in rivals:
        probability = one.said(asked.inputs)
        played = economist.play(0, len(studied.tape.closed_at), asked, probability)
        found = scores(dataset.won, probability[np.searchsorted(asked.bar, dataset.bar)])
        loss = "no proposal" if found is None else f"log-loss {found.log_loss:.4f}, Brier {found.brier:.4f}"
        rows.append(f"{one.version}: {loss}, {played.trades} trades, {float(np.sum(played.net_jpy)):+,.0f} JPY")
    alone = economist.play(0, len(studied.tape.closed_at))
    rows.append(f"strategies alone: {alone.trades} trades, {float(np.sum(alone.net_jpy)):+,.0f} JPY")
    return rows


def served_lines(entry: Entry, served: Served) -> list[str]:
    """Return a model's record in its stage, for people."""
    return [
        f"stage {entry.stage.value} since {format_jst(entry.since)}: {entry.why}",
        f"  judged proposals with a known end: {served.labels}",
        f"  log-loss gained on the class prior: {served.log_loss_gain:+.4f}",
        f"  a bet against its probabilities made at most {served.calibration_wealth:.2f} of 1 (20 refutes them)",
        f"  trades: {served.trades}, net {served.net_r:+.1f} planned risks",
    ]


def _put(beside: Path, folder: Path) -> None:
    """Move a finished training to its place; one of the same version is the same, byte for byte, and is replaced."""
    if folder.exists():
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside.replace(folder)
