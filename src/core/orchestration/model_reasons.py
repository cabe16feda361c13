"""What moved the model at one moment of a finished run: each input's part, the largest first.

The run keeps what the model was asked; the very model, found by its hash, is asked again.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from src.core.config import Settings
from src.core.domain.time import BAR_15M, Millis, to_datetime
from src.core.exceptions import ModelRefused
from src.core.orchestration.ml_loader import open_ensemble
from src.ml.artefact import Artefact
from src.ml.model_folder import VERSIONS, read_artefact
from src.ml.transform import INPUTS

_SHOWN: Final = 8
_WORDS: Final = {
    "ja": {
        "parts": "モデルの判断への寄与(確率、大きい順)",
        "rest": "ほか{}項目の合計",
        "gone": "モデル {} が手元にないため寄与を示せません(探した場所:{})",
    },
    "en": {
        "parts": "what moved the model (in probability, the largest first)",
        "rest": "{} others together",
        "gone": "model {} is not here, so its reasons cannot be shown (looked in {})",
    },
}


def model_reasons(run: Path, at: Millis, settings: Settings) -> list[str]:
    """Return, line by line, each input's part in the model's judgement of the bar that covers the moment `at`.

    Nothing, if no model was asked about that bar.
    """
    summary, inputs = _summary(run), _asked(run, at)
    if inputs is None:
        return []
    words, model = _WORDS[settings.language], summary.get("model", {})
    places = _places(settings, str(model.get("version")))
    artefact = _find(places, model.get("hash"))
    if artefact is None:
        looked = ", ".join(str(place) for place in places)
        return [f"  {words['gone'].format(model.get('version'), looked)}"]
    parts = open_ensemble(artefact).explain(inputs).parts.tolist()
    ordered = sorted(zip(INPUTS, parts, strict=True), key=lambda each: (-abs(each[1]), each[0]))
    shown, rest = ordered[:_SHOWN], ordered[_SHOWN:]
    lines = [f"  {words['parts']}:", *(f"    {name}: {part:+.3f}" for name, part in shown)]
    return [*lines, f"    {words['rest'].format(len(rest))}: {sum(part for _, part in rest):+.3f}"]


def _summary(run: Path) -> dict[str, Any]:
    path = run / "summary.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def _asked(run: Path, at: Millis) -> "np.ndarray[Any, np.dtype[np.float32]] | None":
    """Return what the model was asked about the bar; None if nothing."""
    path = run / "judged.parquet"
    if not path.is_file():
        return None
    moment = to_datetime(Millis(-(-at // BAR_15M) * BAR_15M))
    rows = pq.read_table(path, filters=pc.field("closed_at") == moment).to_pylist()
    if not rows or any(name not in rows[0] for name in INPUTS):
        return None
    inputs = np.array([rows[0][name] for name in INPUTS], np.float32)
    return inputs if np.isfinite(inputs).all() else None


def _places(settings: Settings, version: str) -> tuple[Path, ...]:
    path = Path(settings.model.path)
    return path, path.parent / VERSIONS / version


def _find(places: tuple[Path, ...], wanted: object) -> Artefact | None:
    """Return the artefact of a hash; None if it is nowhere, or not sound where it should be."""
    for place in places:
        try:
            artefact = read_artefact(place)
        except ModelRefused:
            continue
        if artefact is not None and artefact.manifest.hash == wanted:
            return artefact
    return None
