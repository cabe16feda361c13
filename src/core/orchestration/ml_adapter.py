"""The model as trading sees it: a `Predictor` for one bar at a time, and the columns of a tape for a backtest.

A model that could not be loaded answers with the reason, bar after bar. A whole tape's answers are kept on disk under a
hash of everything they depend on.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from src.backtest.fold import Floats, Ints, Tape
from src.core.domain.account import Contribution, Prediction, PredictionStatus
from src.core.domain.time import Millis
from src.core.exceptions import ModelRefused
from src.core.orchestration.ml_loader import LoadedModel
from src.features.row import Row
from src.ml.artefact import version_of
from src.ml.judging import Answers, Judge, JudgeParams, Known, unanswered
from src.ml.transform import Costs
from src.ml.votes import Votes
from src.trading.decision import Params

_DIGEST: Final = 32  # bytes of SHA-256


class ModelAdapter:
    """A loaded model, or the reason why there is none, asked about bars.

    Parameters
    ----------
    loaded
        What the loader found.
    params
        When the model is doubted.
    core
        Strategies, weights, vote and tick, as the decisions use them.
    costs
        Of a round trip, as the model's labels were reckoned.
    """

    def __init__(self, loaded: LoadedModel, params: JudgeParams, core: Params, costs: Costs) -> None:
        self._loaded, self._params, self._core, self._costs = loaded, params, core, costs
        self._judge: Judge | None = None
        manifest = loaded.manifest
        if loaded.ensemble is not None and manifest is not None:
            known = Known(manifest.trained_until, manifest.ranges, costs)
            self._judge = Judge(loaded.ensemble, known, params, core)

    @property
    def status(self) -> PredictionStatus:
        """GOOD if a model is loaded, else what every prediction says."""
        return self._loaded.status

    @property
    def text(self) -> str:
        """Which model this is, or why there is none and what to do about it."""
        return self._loaded.text

    @property
    def version(self) -> str | None:
        """Name of the model, or None if nothing could be read."""
        return None if self._loaded.manifest is None else version_of(self._loaded.manifest)

    @property
    def model_hash(self) -> str:
        """Hash of the model's manifest, for journal and reports; empty if nothing could be read."""
        return "" if self._loaded.manifest is None else self._loaded.manifest.hash

    @property
    def trained_until(self) -> Millis | None:
        """When the last label it was trained on was known; None without a model that is asked."""
        return None if self._judge is None or self._loaded.manifest is None else self._loaded.manifest.trained_until

    def predict(self, row: Row) -> Prediction:
        """Return the judgement of the side proposed on `row`; rows come in order."""
        if self._judge is None:
            return Prediction(int(self.status), float("nan"))
        try:
            return self._judge.judge(row)
        except ModelRefused as e:  # a library gave up on a model that had been sound: it is not asked again
            self._loaded = self._loaded._replace(status=PredictionStatus.REFUSED, text=f"{e.what}; {e.remedy}")
            self._judge = None
            return Prediction(int(self.status), float("nan"))

    def explain(self, row: Row) -> tuple[Contribution, ...]:
        """Return each input's part in the judgement of `row`, the largest first; none without one."""
        return () if self._judge is None else self._judge.explain(row)

    def predictions(self, tape: Tape, votes: Callable[[], Votes], cache: Path | None) -> tuple[Ints, Floats]:
        """Return status and probability for every bar of a tape; see `answers`."""
        found = self.answers(tape, votes, cache)
        return found.status, found.probability

    def answers(self, tape: Tape, votes: Callable[[], Votes], cache: Path | None) -> Answers:
        """Return what `predict` would say about every bar of a tape, from its first on.

        Parameters
        ----------
        votes
            Gives the tape's votes; called only if the answer is not in the cache.
        cache
            Folder that keeps answers; None keeps none. What is damaged in it is computed again.
        """
        bars = len(tape.closed_at)
        if self._judge is None:
            return unanswered(bars, int(self.status))
        path = None if cache is None else cache / f"{self._key(tape)}.answers"
        kept = None if path is None else _read(path, bars)
        if kept is not None:
            return kept
        made = self._judge.judge_all(tape, votes())
        if path is not None:
            _write(path, made)
        return made

    def _key(self, tape: Tape) -> str:
        """Return the hash of everything the answers depend on: model, core, doubts and rows."""
        core = self._core
        terms = [self.model_hash, repr(core.strategies), core.weights, core.vote, self._params, self._costs, core.tick]
        digest = hashlib.sha256(json.dumps(terms).encode())
        for column in (tape.closed_at, tape.quality, np.array(tape.places, np.int64), tape.rows):
            digest.update(np.asfortranarray(column).data if column.ndim == 1 else np.asfortranarray(column).T.data)
        return digest.hexdigest()


def with_predictions(tape: Tape, status: Ints, probability: Floats) -> Tape:
    """Return the tape with a model's answers, read-only like the rest of it."""
    columns = (status.copy(), probability.copy())
    for column in columns:
        column.setflags(write=False)
    return tape._replace(prediction_status=columns[0], prediction=columns[1])


def _read(path: Path, bars: int) -> Answers | None:
    """Return the answers kept at `path`; None if there are none, or they are not what was written there."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(data).digest() != digest:
        return None
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        found = Answers._make(kept[name] for name in Answers._fields)
    return found if len(found.status) == bars else None


def _write(path: Path, made: Answers) -> None:
    """Keep the answers behind their hash: beside the place first, then by renaming."""
    file = io.BytesIO()
    np.savez(file, **made._asdict())
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    beside.write_bytes(hashlib.sha256(file.getvalue()).digest() + file.getvalue())
    beside.replace(path)
