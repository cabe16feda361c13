"""Where folds are worked on: in this process, in several, or on a dask cluster; the same bytes everywhere.

A fold is a value and a lesson is a value, and each model runs on one thread from a stated seed, so it does not matter
who works on it. What could matter, other versions of the libraries, is compared before anything is sent.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from src.core.orchestration.cluster import connected, other_program
from src.ml.model_folder import versions
from src.ml.walk_forward import Fold, Told

Work = Callable[[Fold], Told]
Workers = Callable[[Work, Iterable[Fold]], Iterator[Told]]


@contextmanager
def fold_workers(processes: int = 1, cluster: str | None = None) -> Iterator[Workers]:
    """Yield what maps a piece of work over folds.

    Parameters
    ----------
    processes
        How many at once on this machine; ignored with a cluster.
    cluster
        Address of a dask scheduler, whose workers stand in a folder with this very program.

    Raises
    ------
    ConfigError
        If there is no such cluster, it has no workers, or they have other versions of the libraries.
    """
    if cluster is not None:
        with connected(cluster) as (client, _):
            _check_workers(client)
            yield lambda work, folds: _gathered(client, work, folds)
    elif processes > 1:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            yield pool.map
    else:
        yield map


def _gathered(client: Any, work: Work, folds: Iterable[Fold]) -> Iterator[Told]:
    """Yield answers in the order of the folds."""
    waiting = [client.submit(work, fold, pure=False) for fold in folds]
    for future in waiting:
        told: Told = future.result()
        yield told


def _check_workers(client: Any) -> None:
    try:
        found = client.run(versions)
    except (ModuleNotFoundError, AttributeError) as e:
        raise other_program() from e
    if any(theirs != versions() for theirs in found.values()):
        raise other_program()
