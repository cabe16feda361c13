"""Memory that is freed stays with the process, where the C library lets one choose.

glibc gives freed memory back to the system and takes it again page by page. On a virtual machine a page costs some
three microseconds, and a run over many bars frees and takes the same few megabytes over and over: the features of a
year took three times as long. A trader that runs for months keeps the library's own way.
"""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1  # names of `mallopt` parameters, from malloc.h
_MMAP_THRESHOLD: Final = -3
_LARGEST_KEPT: Final = 512 << 20  # bytes of one array
_KEPT: Final = 1 << 30  # bytes that may lie free


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; return whether its C library can do that.

    What it holds at most hardly changes: it is the memory of its busiest moment either way.
    """
    try:
        choose = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc: musl, macOS, Windows
        return False
    return bool(choose(_MMAP_THRESHOLD, _LARGEST_KEPT)) and bool(choose(_TRIM_THRESHOLD, _KEPT))
