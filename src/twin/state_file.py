"""The twin's state on disk: everything that outlives the process, written as a whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any, Final

from src.core.exceptions import StoreDamaged

FORMAT: Final = 1


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write `state`; it is on the disk when this returns, and a crash leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # there are secrets in it
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps({"format": FORMAT, **state}, separators=(",", ":")))  # `dump` is ten times as slow
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_state(path: Path) -> dict[str, Any] | None:
    """Return what was written last; None if nothing was.

    Raises
    ------
    StoreDamaged
        If the file is not what `write_state` writes.
    """
    if not path.exists():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise StoreDamaged(f"{path} is no state of a twin: {e}", remedy="name another file, or remove this one") from e
    if not isinstance(state, dict) or state.pop("format", None) != FORMAT:
        raise StoreDamaged(f"{path} is no state of this version's twin", remedy="name another file, or remove this one")
    return state
