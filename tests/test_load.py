"""The client that times the twin: it sends what it says, counts from the moment due, and compares round by round."""

import os
import signal
import threading
from contextlib import closing

import pytest

from benchmarks.hello import started_hello
from benchmarks.load import Load, Seen, cpu_seconds
from benchmarks.twin import ANSWERED, STILL, UNLIMITED, over_http, table
from src.twin.process import Account, RunningTwin, started_twin

NOBODY = [Account(str(number), "key", "secret") for number in range(4)]


@pytest.fixture(scope="module")
def hello():
    with started_hello() as running:
        yield running


@pytest.fixture(scope="module")
def twin():
    with started_twin(*STILL, *UNLIMITED, "--accounts", "4") as running:
        yield running


def port_of(twin: RunningTwin) -> int:
    return int(twin.rest.rpartition(":")[2])


def test_a_stall_of_the_server_counts_for_all_that_was_due_meanwhile(hello, monkeypatch):
    going_on = threading.Timer(1.0, os.kill, (hello.pid, signal.SIGCONT))

    def from_the_first_request_on(pid):
        if going_on.ident is None:  # a stretch reads the server's clock just before it begins, and after its end
            os.kill(pid, signal.SIGSTOP)
            going_on.start()
        return cpu_seconds(pid)

    with closing(Load(NOBODY, hello.port, hello.pid)) as load:
        load.at_even_times(100, 0.1)
        monkeypatch.setattr("benchmarks.load.cpu_seconds", from_the_first_request_on)
        seen = load.at_even_times(100, 1.0)
        going_on.join()
    assert len(seen.latencies) == len(seen.lags) == seen.requests == 100
    assert sum(latency > 0.1 for latency in seen.latencies) >= 25  # not only the four that were under way
    assert seen.lag(0.5) < 100  # the stall was the server's, and is not put down to the client


def test_the_twin_has_the_orders_that_are_not_cancelled_yet(twin):
    with closing(Load(twin.accounts, port_of(twin), twin.process.pid)) as load:
        load.at_even_times(100, 0.36)  # nine requests each, of which the second user's first is a read, and so on
    canceled = [twin.act("cancel", user=account.user, pair="btc_jpy")["canceled"] for account in twin.accounts]
    assert [len(orders) for orders in canceled] == [1, 0, 0, 1]


def test_a_refused_request_stops_the_measurement(twin):
    wrong = [account._replace(secret="wrong") for account in twin.accounts]
    with closing(Load(wrong, port_of(twin), twin.process.pid)) as load, pytest.raises(RuntimeError, match="refused"):
        load.at_even_times(100, 0.1)


def test_a_stretch_longer_than_its_signatures_is_not_begun(hello):
    with closing(Load(NOBODY, hello.port, hello.pid)) as load, pytest.raises(ValueError, match="45 seconds"):
        load.at_even_times(1, 46)


def test_the_difference_is_taken_in_each_round():
    twin, hello = (
        [Seen(10, 1.0, 1.0, 1.0, [seconds], [0.0]) for seconds in rounds]
        for rounds in ((0.2, 0.03, 0.4), (0.1, 0.02, 0.1))
    )
    row = table("offered", ANSWERED, twin, hello)[3]
    assert row == "| half within, ms | 200 (30–400) | 100 (20–100) | 100 (10–300) |"


def test_both_servers_are_measured(monkeypatch):
    monkeypatch.setattr("benchmarks.twin.SETTLED", 0.0)
    lines = over_http(1, 0.3, users=4, rate=100)
    assert len([line for line in lines if line.startswith("|")]) == 2 * 2 + 7 + 5
