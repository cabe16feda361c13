"""The connection to a dask cluster, whose workers stand in a folder with this very program."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from src.core.exceptions import ConfigError


@contextmanager
def connected(address: str) -> Iterator[tuple[Any, int]]:
    """Yield the client of the scheduler at `address` and the number of its workers' threads, at least 1.

    Raises
    ------
    ConfigError
        If dask is not installed, there is no such cluster, or it has no workers.
    """
    try:
        distributed = importlib.import_module("distributed")
    except ModuleNotFoundError as e:
        raise ConfigError(
            "--cluster needs dask.distributed, which is not installed",
            remedy="install it with `.venv/bin/python -m pip install 'dask[distributed]'`, here and on the cluster",
        ) from e
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as e:
        raise ConfigError(
            f"there is no cluster at {address}: {e}", remedy="start `dask scheduler`, and give the address it prints"
        ) from e
    try:
        width = sum(client.nthreads().values())
        if not width:
            raise ConfigError(
                f"the cluster at {address} has no workers",
                remedy="start `dask worker ADDRESS` in this repository's folder on each machine",
            )
        yield client, width
    finally:
        client.close()


def other_program() -> ConfigError:
    """Return the error of a worker that would not do what this process does."""
    return ConfigError(
        "a worker of the cluster has another version of this program or of its libraries, or none",
        remedy="start `dask worker ADDRESS` in a folder with the same commit and the same requirements",
    )
