"""A sweep's folder: what is swept, and one line a set, in order.

    sweep.json             what is tried, on what: written first, compared when a sweep is resumed
    results.jsonl.part     the lines so far; after a kill, all but a torn last line count
    results.jsonl          the same file once it is whole

A sweep that was killed and resumed leaves the same bytes as one that was not.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from src.core.exceptions import ConfigError, StoreDamaged
from src.data.atomic_file import sync_folder, write_atomically
from src.data.writer_lock import single_writer

MANIFEST: Final = "sweep.json"
RESULTS: Final = "results.jsonl"
UNFINISHED: Final = "results.jsonl.part"
_LOCK_WAIT_S: Final = 1.0

Line = Mapping[str, Any]
"""One set: its number, its parameters and its figures, plain JSON values."""


class ResultWriter:
    """Appends lines to the unfinished results; a line that was written stays."""

    def __init__(self, folder: Path, kept: int) -> None:
        self._folder = folder
        self.count = kept
        self._file = (folder / UNFINISHED).open("ab")

    def append(self, line: Line) -> None:
        """Write the next set's line."""
        self._file.write(encoded(line))
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        """Put what was written on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


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
        What is tried; `manifest["sets"]` is the number of lines when it is whole.
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
        writer = ResultWriter(folder, _keep_whole_lines(folder / UNFINISHED))
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
