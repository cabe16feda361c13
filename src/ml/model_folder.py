"""Artefacts on disk: `models/production/` and, beside it, every version under its own name.

A folder holds the manifest and the files it names. The files carry their hash in their names and are written first; the
manifest is renamed into place last, so that at any moment the folder is the old model or the new one, and never half of
each. What no manifest names is removed afterwards.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from src.core.exceptions import ModelRefused
from src.data.atomic_file import write_atomically
from src.ml.artefact import MANIFEST_FILE, REMEDY, Artefact, check_files, manifest_bytes, read_manifest

PRODUCTION: Final = "production"
VERSIONS: Final = "versions"
SERVING: Final = ("lightgbm", "numpy", "onnxruntime", "xgboost-cpu")
"""What a served model's numbers depend on; their versions must be those it was made with."""

TRAINING: Final = ("onnx", "scikit-learn", "skl2onnx")
_LARGEST: Final = 256 * 2**20  # bytes; no file of ours comes near it
_MISSING: Final = "not installed"


def write_artefact(folder: Path, artefact: Artefact) -> None:
    """Put the artefact into `folder`, in place of the one that is there.

    Raises
    ------
    OSError
        If the disk refuses; the folder then holds the model it held before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = artefact.manifest.files
    for what, data in artefact.files.items():
        write_atomically(folder / facts[what].name, data)
    write_atomically(folder / MANIFEST_FILE, manifest_bytes(artefact.manifest))
    named = {MANIFEST_FILE, *(fact.name for fact in facts.values())}
    for path in folder.iterdir():
        if path.is_file() and path.name not in named:
            path.unlink()


def read_artefact(folder: Path) -> Artefact | None:
    """Return the artefact in `folder`, every byte checked against its manifest; None if there is no manifest.

    Raises
    ------
    ModelRefused
        If anything in it is not what the manifest says.
    """
    path = folder / MANIFEST_FILE
    if not path.exists():
        return None
    manifest = read_manifest(_bytes(path))
    files = {what: _bytes(folder / fact.name) for what, fact in manifest.files.items()}
    check_files(manifest, files)
    return Artefact(manifest, files)


def keep_version(models: Path, artefact: Artefact) -> Path:
    """Write the artefact beside production, under its own name, and return the folder."""
    folder = models / VERSIONS / artefact.version
    write_artefact(folder, artefact)
    return folder


def versions(names: tuple[str, ...] = SERVING) -> dict[str, str]:
    """Return the installed versions of some packages."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return _MISSING


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelRefused(f"the model cannot be used: {path} is larger than any model of ours", remedy=REMEDY)
        return path.read_bytes()
    except FileNotFoundError as e:
        raise ModelRefused(f"the model cannot be used: its file {path} is missing", remedy=REMEDY) from e
    except OSError as e:
        raise ModelRefused(f"the model cannot be used: {path} cannot be read: {e.strerror}", remedy=REMEDY) from e
