"""What is told of a cluster that cannot be used; dask itself is not needed for it."""

import sys
from types import SimpleNamespace

import pytest

from src.core.exceptions import ConfigError
from src.core.orchestration.cluster import connected


class Client:
    """Stands for a connection to a scheduler that knows `threads` of each worker."""

    def __init__(self, threads):
        self.threads, self.open = threads, True

    def nthreads(self):
        return self.threads

    def close(self):
        self.open = False


def made(monkeypatch, threads):
    client = Client(threads)
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=lambda *_, **__: client))
    return client


def test_a_cluster_without_workers_is_told_and_left(monkeypatch):
    client = made(monkeypatch, {})
    with pytest.raises(ConfigError, match="the cluster at tcp://there has no workers"), connected("tcp://there"):
        pass
    assert not client.open


def test_the_threads_are_counted_and_the_connection_is_closed_whatever_happens(monkeypatch):
    client, seen = made(monkeypatch, {"one": 2, "other": 3}), []

    def use():
        with connected("tcp://there") as found:
            seen.append(found)
            raise RuntimeError("meanwhile")

    with pytest.raises(RuntimeError, match="meanwhile"):
        use()
    assert seen == [(client, 5)]
    assert not client.open


def test_without_dask_the_remedy_is_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match="not installed"), connected("tcp://there"):
        pass
