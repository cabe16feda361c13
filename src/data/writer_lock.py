"""One writer at a time, also between processes."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from src.core.exceptions import DataError

LOCK_FILE: Final = ".writer.lock"
STEP_S: Final = 0.02


@contextmanager
def single_writer(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold the folder's lock; the system gives it back when the process ends, however it ends.

    Raises
    ------
    DataError
        If another process still writes after `wait_s` seconds. A write takes milliseconds.
    """
    with (folder / LOCK_FILE).open("a") as file:
        _acquire(file.fileno(), folder, wait_s)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _acquire(handle: int, folder: Path, wait_s: float) -> None:
    for _ in range(max(1, round(wait_s / STEP_S))):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(STEP_S)
    raise DataError(
        f"another process has been writing to {folder} for over {wait_s:g} s",
        remedy="wait until it has finished, or end it, then repeat the command; what is stored is unharmed",
    )
