"""What a trained model is on disk: native model files and a manifest that says what they are, and nothing executable.

    data = manifest_bytes(manifest)              # JSON that carries the hash of itself
    manifest = read_manifest(data)               # or ModelRefused
    check_files(manifest, files)                 # every byte is what the manifest says
    misfit = find_misfit(manifest, running)      # is it a model of what is running now?

Everything here is a function of bytes and values; `ml/model_folder.py` does the reading and writing.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from src.core.domain.journal import Json
from src.core.domain.time import Millis
from src.core.exceptions import ModelRefused
from src.ml.barriers import barrier_hash, differing_terms
from src.ml.calibration import Calibration, is_calibration
from src.ml.ensemble import MEMBERS
from src.ml.transform import INPUTS

FORMAT: Final = 1
"""Version of this format; a manifest of another is refused."""

MANIFEST_FILE: Final = "manifest.json"
LIGHTGBM_FILE: Final = "lightgbm.txt"
XGBOOST_FILE: Final = "xgboost.ubj"
FOREST_FILE: Final = "random_forest.onnx"
NODES_FILE: Final = "random_forest.nodes"
"""What an artefact's files are to the program; on disk their names carry their hash."""

CLASSES: Final = ("lost", "won")
REMEDY: Final = "train again with `python main.py train`, or put back a version from models/versions"
_DIGEST: Final = 64  # hexadecimal digits of SHA-256


class FileFact(NamedTuple):
    """One file of an artefact."""

    name: str  # on disk, the hash in it
    sha256: str
    size: int  # bytes


class Probe(NamedTuple):
    """A few rows and what the models said about them when they were exported: the loader asks again."""

    inputs: tuple[tuple[float, ...], ...]
    probabilities: tuple[float, ...]


class Manifest(NamedTuple):
    """Everything that must be known of a model before it is asked anything."""

    format: int
    feature_hash: str  # of the managed features' contract, config/core/feature_order.json
    inputs: tuple[str, ...]  # in order
    transform_hash: str  # of their formulas
    terms: dict[str, Json]  # of the labelled trade, see ml/barriers.py
    barrier_hash: str
    classes: tuple[str, ...]
    members: tuple[str, ...]
    weights: tuple[float, ...]
    calibration: Calibration  # from the vote to a probability
    threshold: float  # probability from which its metrics count a trade as taken
    trained_from: Millis  # first decision among the training lines
    trained_until: Millis  # when the last label of the training lines was known
    lines: int
    data: dict[str, Json]  # series, hashes of candles and dataset
    recipe: dict[str, Json]  # seed and every setting of the training
    metrics: dict[str, Json]  # out of sample, with intervals
    ranges: tuple[tuple[float, float], ...]  # of each input: between which nearly all training lines lie
    probe: Probe
    libraries: dict[str, str]  # versions of what serves it; they must be the same
    trained_with: dict[str, str]  # versions of what else trained it
    files: dict[str, FileFact]  # by what they are to the program
    hash: str  # of all of the above


class Artefact(NamedTuple):
    """A model as bytes."""

    manifest: Manifest
    files: dict[str, bytes]  # by what they are to the program

    @property
    def version(self) -> str:
        """Name of this very model: the beginning of its manifest's hash."""
        return version_of(self.manifest)


class Running(NamedTuple):
    """What the running program would ask a model about, and with what."""

    feature_hash: str
    transform_hash: str
    terms: dict[str, Json]
    libraries: dict[str, str]


class Misfit(Enum):
    """Why a sound model is not one for what is running."""

    FEATURES = "features"
    BARRIERS = "barriers"
    LIBRARIES = "libraries"


def version_of(manifest: Manifest) -> str:
    """Return the name of a version: 12 hexadecimal digits."""
    return manifest.hash[:12]


def sealed(manifest: Manifest) -> Manifest:
    """Return the manifest with its own hash."""
    return manifest._replace(hash=_hash(_document(manifest)))


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as JSON for its file; the same manifest gives the same bytes."""
    return (json.dumps(_document(manifest), indent=1, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest in a file's bytes.

    Raises
    ------
    ModelRefused
        If it is cut off, of another format, not what its own hash says, or not a manifest at all.
    """
    try:
        document = json.loads(data.decode("ascii"), parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as e:
        raise _refused(f"its manifest is not JSON: {e}") from e
    if not isinstance(document, dict):
        raise _refused("its manifest is not a JSON object")
    if document.get("format") != FORMAT:
        raise _refused(f"its manifest is of format {document.get('format')!r}; this program reads {FORMAT}")
    if document.get("hash") != _hash(document):
        raise _refused("its manifest is not what its own hash says: it was changed or cut off")
    try:
        manifest = _manifest(document)
    except (KeyError, TypeError, ValueError, OverflowError) as e:
        raise _refused(f"its manifest is not complete: {type(e).__name__} {e}") from e
    _check_sense(manifest)
    return manifest


def check_files(manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Refuse files that are not byte for byte those of the manifest.

    Raises
    ------
    ModelRefused
        It names the first file that differs.
    """
    for what, fact in manifest.files.items():
        data = files.get(what)
        if data is None:
            raise _refused(f"its file {fact.name} is missing")
        if len(data) != fact.size:
            raise _refused(f"its file {fact.name} has {len(data)} bytes, not {fact.size}")
        if hashlib.sha256(data).hexdigest() != fact.sha256:
            raise _refused(f"its file {fact.name} was changed")


def find_misfit(manifest: Manifest, running: Running) -> tuple[Misfit, str] | None:
    """Return why a sound model is not one for what is running, with the reason in words; None if it is."""
    if manifest.feature_hash != running.feature_hash or manifest.transform_hash != running.transform_hash:
        what = "features" if manifest.feature_hash != running.feature_hash else "input formulas"
        return Misfit.FEATURES, f"the model was trained on other {what} than this program computes"
    if manifest.barrier_hash != barrier_hash(running.terms):
        names = ", ".join(differing_terms(manifest.terms, running.terms))
        return Misfit.BARRIERS, f"the model was trained for other trades than the settings make; different: {names}"
    other = sorted(
        f"{name} {manifest.libraries.get(name)} (here {running.libraries.get(name)})"
        for name in {*manifest.libraries, *running.libraries}
        if manifest.libraries.get(name) != running.libraries.get(name)
    )
    if other:
        return Misfit.LIBRARIES, f"the model was made with other versions: {', '.join(other)}"
    return None


def file_facts(files: Mapping[str, bytes]) -> dict[str, FileFact]:
    """Return what a manifest says of each file; the name on disk carries the hash, so that two never share one."""
    facts = {}
    for what, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        stem, dot, ending = what.partition(".")
        facts[what] = FileFact(f"{stem}-{digest[:12]}{dot}{ending}", digest, len(data))
    return facts


def _document(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest as plain JSON values."""
    return {
        **manifest._asdict(),
        "calibration": manifest.calibration._asdict(),
        "probe": manifest.probe._asdict(),
        "files": {what: fact._asdict() for what, fact in manifest.files.items()},
    }


def _hash(document: Mapping[str, Any]) -> str:
    unsigned = {name: value for name, value in document.items() if name != "hash"}
    text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _manifest(document: dict[str, Any]) -> Manifest:
    if set(document) != set(Manifest._fields):
        raise ValueError(f"fields {sorted(set(document) ^ set(Manifest._fields))}")
    calibration, probe = document["calibration"], document["probe"]
    return Manifest(
        format=FORMAT,
        feature_hash=_digest(document["feature_hash"]),
        inputs=_texts(document["inputs"]),
        transform_hash=_digest(document["transform_hash"]),
        terms=_object(document["terms"]),
        barrier_hash=_digest(document["barrier_hash"]),
        classes=_texts(document["classes"]),
        members=_texts(document["members"]),
        weights=_numbers(document["weights"]),
        calibration=Calibration(
            _text(calibration["kind"]), _numbers(calibration["at"]), _numbers(calibration["value"])
        ),
        threshold=_number(document["threshold"]),
        trained_from=Millis(_whole(document["trained_from"])),
        trained_until=Millis(_whole(document["trained_until"])),
        lines=_whole(document["lines"]),
        data=_object(document["data"]),
        recipe=_object(document["recipe"]),
        metrics=_object(document["metrics"]),
        ranges=tuple((_number(low), _number(high)) for low, high in _list(document["ranges"])),
        probe=Probe(tuple(_numbers(row) for row in _list(probe["inputs"])), _numbers(probe["probabilities"])),
        libraries={_text(name): _text(version) for name, version in _object(document["libraries"]).items()},
        trained_with={_text(name): _text(version) for name, version in _object(document["trained_with"]).items()},
        files={what: _fact(fact) for what, fact in _object(document["files"]).items()},
        hash=_digest(document["hash"]),
    )


def _check_sense(manifest: Manifest) -> None:
    """Refuse a manifest whose values contradict one another, or name a model this program does not know."""
    width = len(manifest.inputs)
    probe = manifest.probe
    wrong = {
        f"its inputs are not the {len(INPUTS)} of this program": manifest.inputs != INPUTS,
        f"its classes are {manifest.classes}, not {CLASSES}": manifest.classes != CLASSES,
        f"its members are {manifest.members}, not {MEMBERS}": manifest.members != MEMBERS,
        "its weights are not one for each member, at least 0 and together 1": len(manifest.weights) != len(MEMBERS)
        or min(manifest.weights) < 0.0
        or abs(sum(manifest.weights) - 1.0) > 1e-9,
        "its calibration is not a rising map": not is_calibration(manifest.calibration),
        "its threshold is no probability": not 0.0 <= manifest.threshold <= 1.0,
        "it was trained until before it was trained from": manifest.trained_until < manifest.trained_from,
        "it was trained on no line": manifest.lines < 1,
        "its ranges are not one for each input": len(manifest.ranges) != width,
        "its probe has no row, or not one probability a row": len(probe.inputs) < 1
        or len(probe.inputs) != len(probe.probabilities),
        "its probe's rows are not as wide as its inputs": any(len(row) != width for row in probe.inputs),
        "its barrier hash is not that of its terms": manifest.barrier_hash != barrier_hash(manifest.terms),
    }
    for what, found in wrong.items():
        if found:
            raise _refused(what)


def _fact(found: Any) -> FileFact:
    fact = FileFact(_text(found["name"]), _digest(found["sha256"]), _whole(found["size"]))
    if set(fact.name) & {"/", "\\", "\0"} or fact.name.startswith(".") or fact.name == MANIFEST_FILE:
        raise ValueError(f"file name {fact.name!r}")
    return fact


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TypeError(f"{found!r} is not an object")
    return found


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError(f"{found!r} is not a list")
    return found


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError(f"{found!r} is not text")
    return found


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(_text(each) for each in _list(found))


def _digest(found: Any) -> str:
    text = _text(found)
    if len(text) != _DIGEST or set(text) - set("0123456789abcdef"):
        raise ValueError(f"{found!r} is not a SHA-256")
    return text


def _number(found: Any) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise TypeError(f"{found!r} is not a number")
    return float(found)


def _numbers(found: Any) -> tuple[float, ...]:
    return tuple(_number(each) for each in _list(found))


def _whole(found: Any) -> int:
    if isinstance(found, bool) or not isinstance(found, int):
        raise TypeError(f"{found!r} is not a whole number")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999 is JSON, and infinite
        raise ValueError(f"{text} is no finite number")
    return number


def _refused(why: str) -> ModelRefused:
    return ModelRefused(f"the model cannot be used: {why}", remedy=REMEDY)
