"""What this machine gives to this process."""

import os


def core_count() -> int:
    """Return how many cores this process may use; where a system cannot tell, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
