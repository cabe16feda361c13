"""Writing a file so that after any interruption it is either the old one or the new one."""

import os
from pathlib import Path
from typing import Final

TEMPORARY: Final = ".tmp"


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`: first beside it, then, once it is on the disk, by renaming.

    Raises
    ------
    OSError
        If the disk refuses. `path` is then as before and nothing is left beside it.
    """
    beside = path.with_name(path.name + TEMPORARY)
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:  # also Ctrl-C: leave no half file behind, then let it go on
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the folder's entries (renames) on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
