"""The one file that says which segments make up a series. Replacing it is the commit."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from src.core.domain.candles import SeriesInfo
from src.core.domain.time import Millis
from src.core.exceptions import StoreDamaged

MANIFEST_FILE: Final = "manifest.json"
FORMAT: Final = 1


class Segment(NamedTuple):
    """The bars of one UTC month in one immutable file."""

    file: str  # name inside the series' folder; contains the hash's beginning
    sha256: str  # of the file's bytes
    month: Millis  # first instant
    bars: int
    first: Millis  # closed_at
    last: Millis


class Manifest(NamedTuple):
    """A series as it is stored."""

    info: SeriesInfo
    segments: tuple[Segment, ...]  # in order of time
    complete_days: frozenset[date]  # UTC days whose bars are all here and will not change


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as JSON that carries its own hash."""
    body = {
        "format": FORMAT,
        "info": manifest.info._asdict(),
        "segments": [segment._asdict() for segment in manifest.segments],
        "complete_days": [[a.isoformat(), b.isoformat()] for a, b in _runs(manifest.complete_days)],
    }
    return json.dumps({"sha256": _digest(body), **body}, indent=1, ensure_ascii=False).encode()


def decode(content: bytes, path: Path) -> Manifest:
    """Read what `encode` wrote.

    Raises
    ------
    StoreDamaged
        If it is anything else.
    """
    try:
        body = json.loads(content)
        promised = body.pop("sha256")
        if promised != _digest(body):
            raise ValueError("its hash does not match its content")
        if body["format"] != FORMAT:
            raise ValueError(f"its format is {body['format']}, this program reads {FORMAT}")
        return Manifest(
            SeriesInfo(**body["info"]),
            tuple(Segment(**segment) for segment in body["segments"]),
            frozenset(_days(body["complete_days"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise StoreDamaged(f"{path} is not readable as a series: {e}", remedy=restore(path.parent)) from e


def restore(folder: Path) -> str:
    """Return what to do about a damaged series in `folder`."""
    return (
        f"move the folder {folder} away, then fetch the series again "
        "(`python main.py data download` or `python main.py data import`)"
    )


def _digest(body: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """Return the days as unbroken runs (first, last): ten years are then one line, not 3,650."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _days(runs: list[list[str]]) -> Iterator[date]:
    for first, last in ((date.fromisoformat(a), date.fromisoformat(b)) for a, b in runs):
        yield from (first + timedelta(days=i) for i in range((last - first).days + 1))
