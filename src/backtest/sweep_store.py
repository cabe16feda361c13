"""A sweep's folder: what is swept, and one line a set, in order.

    sweep.json             what is tried, on what: written first, compared when a sweep is resumed
    results.jsonl.part     the lines so far; after a kill, all but a torn last line count
    results.jsonl          the same file once it is whole
    returns.f64            each set's daily returns, as many little-endian doubles as there are days; NaN if it has none

A sweep that was killed and resumed leaves the same bytes as one that was not.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from src.core.exceptions import ConfigError, StoreDamaged
from src.data.atomic_file import sync_folder, write_atomically
from src.data.writer_lock import single_writer

MANIFEST: Final = "sweep.json"
RESULTS: Final = "results.jsonl"
UNFINISHED: Final = "results.jsonl.part"
RETURNS: Final = "returns.f64"
_LOCK_WAIT_S: Final = 1.0
_DOUBLE: Final = np.dtype("<f8")

Floats = npt.NDArray[np.float64]

Line = Mapping[str, Any]
"""One set: its number, its parameters and its figures, plain JSON values."""


class ResultWriter:
    """Appends lines to the unfinished results; a line that was written stays."""

    def __init__(self, folder: Path, kept: int, days: int) -> None:
        self.count = kept
        self._days = days
        self._returns = (folder / RETURNS).open("ab")
        self._file = (folder / UNFINISHED).open("ab")

    def append(self, line: Line, returns: Floats) -> None:
        """Write the next set's returns, empty or one a day, then its line."""
        row = returns if len(returns) else np.full(self._days, np.nan)
        self._returns.write(row.astype(_DOUBLE).tobytes())
        self._returns.flush()
        self._file.write(encoded(line))
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        """Put what was written on the disk."""
        for file in (self._returns, self._file):
            file.flush()
            os.fsync(file.fileno())
            file.close()


def encoded(line: Line) -> bytes:
    """Return a line as it is stored: JSON of one line, a figure that does not exist is null."""
    return (json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode()


@contextmanager
def open_results(folder: Path, manifest: Mapping[str, Any], *, resume: bool) -> Iterator[ResultWriter]:
    """Yield the writer of the sweep's results, behind what a resumed sweep has already.

    A sweep that is whole when the block ends gets its final name.

    Parameters
    ----------
    manifest
        What is tried; `manifest["sets"]` is the number of lines when it is whole, `manifest["days"]` that of the days.
    resume
        Whether to go on in a folder that holds this sweep.

    Raises
    ------
    ConfigError
        If the folder holds a sweep and `resume` is not set, or another one than `manifest` describes.
    StoreDamaged
        If a line before the last is not what was written.
    DataError
        If another process is writing there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with single_writer(folder, _LOCK_WAIT_S):
        _settle(folder, manifest, resume)
        finished = (folder / RESULTS).exists()
        if finished:
            (folder / RESULTS).replace(folder / UNFINISHED)  # the same file, opened once more
        kept, days = _keep_whole_lines(folder / UNFINISHED), manifest["days"]
        _keep_returns(folder / RETURNS, kept * days * _DOUBLE.itemsize)
        writer = ResultWriter(folder, kept, days)
        try:
            yield writer
        finally:
            writer.close()
            if writer.count == manifest["sets"]:
                (folder / UNFINISHED).replace(folder / RESULTS)
                sync_folder(folder)


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Return the lines there are, in order; those of an unfinished sweep while there is no other.

    Raises
    ------
    ConfigError
        If there is no sweep.
    """
    paths = [path for path in (folder / RESULTS, folder / UNFINISHED) if path.is_file()]
    if not paths:
        raise ConfigError(f"{folder} holds no results of a sweep", remedy="give the folder that a sweep was written to")
    content = paths[0].read_bytes()
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


def read_returns(folder: Path, days: int, sets: int) -> Floats:
    """Return the daily returns of the first `sets` sets, shape (days, sets); NaN for a set that has none.

    Raises
    ------
    StoreDamaged
        If there are fewer.
    """
    path = folder / RETURNS
    found = np.fromfile(path, _DOUBLE, days * sets) if path.is_file() else np.empty(0)
    if len(found) < days * sets:
        raise StoreDamaged(f"{path} lacks the returns of some sets", remedy="run the sweep anew with another --out")
    table: Floats = found.reshape(sets, days).T
    return table


def _settle(folder: Path, manifest: Mapping[str, Any], resume: bool) -> None:
    """Write the manifest, or check that the folder's is the same."""
    path = folder / MANIFEST
    if not path.exists():
        if (folder / RESULTS).exists() or (folder / UNFINISHED).exists():
            raise StoreDamaged(f"{folder} has results without a {MANIFEST}", remedy="choose another folder with --out")
        write_atomically(path, (json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
        return
    if not resume:
        raise ConfigError(
            f"{folder} holds a sweep already", remedy="go on with it by --resume, or choose another folder with --out"
        )
    try:
        before = json.loads(path.read_bytes())
    except ValueError as e:
        raise StoreDamaged(f"{path} is not what was written", remedy="choose another folder with --out") from e
    different = [
        name for name in {**before, **manifest} if before.get(name) != json.loads(json.dumps(manifest.get(name)))
    ]
    if different:
        raise ConfigError(
            f"{folder} holds another sweep: {', '.join(different)} changed since",
            remedy="repeat it with the same arguments, settings, candles and program, or choose another folder",
        )


def _keep_whole_lines(path: Path) -> int:
    """Cut off what a kill left of a last line; return how many lines remain."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines()
    for number, line in enumerate(lines):
        try:
            found = json.loads(line)["set"]
        except (ValueError, KeyError, TypeError):
            found = None
        if found != number:
            raise StoreDamaged(
                f"{path}: line {number + 1} is not the result of set {number}",
                remedy="choose another folder with --out",
            )
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return len(lines)


def _keep_returns(path: Path, length: int) -> None:
    """Cut off the returns of a set whose line a kill prevented."""
    found = path.stat().st_size if path.exists() else 0
    if found < length:
        raise StoreDamaged(f"{path} lacks the returns of some sets", remedy="run the sweep anew with another --out")
    if found > length:
        os.truncate(path, length)
