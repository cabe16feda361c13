"""How long a trader takes from its start until it is ready, and what it takes: `python -m benchmarks.start [TIMES]`.

A twin in another process stands still in lock-step; the trader is the real program as a process, with its journal on
disk. It is ready when its own page /readyz says so: lease taken, candles warm, account read and settled. The first
start fetches and stores 200 days of candles; the others find them.
"""

import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from src.twin.process import ROOT, started_twin

START = "2023-05-01"
UNTIL = "2023-06-01"
PATIENCE_S = 120.0
LOOK_S = 0.01


class Begun(NamedTuple):
    """One start and the end that was asked for."""

    ready_s: float
    processor_s: float  # of the whole process, its end included
    rss_mb: float  # when ready
    ending_s: float


def begin(environment: dict[str, str]) -> Begun:
    """Start the trader, wait until it is ready, and end it by SIGTERM."""
    port = free_port()
    before, began = children_s(), time.perf_counter()
    command = [sys.executable, str(ROOT / "main.py"), "--mode", "live", "--until", UNTIL]
    trader = subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=ROOT, env=environment | {"TRADER__MONITORING__PORT": str(port)}
    )
    try:
        while not is_ready(port):
            if trader.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                raise SystemExit("the trader was never ready")
            time.sleep(LOOK_S)
        ready = time.perf_counter()
        rss = rss_mb(trader.pid)
        trader.send_signal(signal.SIGTERM)
        trader.wait(PATIENCE_S)
    finally:
        trader.kill()
        trader.wait()
    return Begun(ready - began, children_s() - before, rss, time.perf_counter() - ready)


def is_ready(port: int) -> bool:
    """Return whether the trader's page says that it is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children_s() -> float:
    """Return the processor time of ended children, seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rss_mb(pid: int) -> float:
    """Return the memory that a process takes now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1_024 for line in status.splitlines() if line.startswith("VmRSS"))


def main() -> None:
    """Measure and print."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    arguments = ("--data", "sample", "--lock-step", "--bars", "--start", START)
    with tempfile.TemporaryDirectory() as folder, started_twin(*arguments) as twin:
        first, *others = (begin(twin.trader_environment(Path(folder))) for _ in range(1 + times))
    out = sys.stdout.write
    out(f"load {os.getloadavg()[0]:.1f}\n")
    out("first start: {:.1f} s, processor {:.1f} s, {:.0f} MB, end {:.1f} s\n".format(*first))
    for name, pick in (("median", statistics.median), ("most", max)):
        shown = [pick(values) for values in zip(*others, strict=True)]
        out("warm, {}: {:.1f} s, processor {:.1f} s, {:.0f} MB, end {:.1f} s\n".format(name, *shown))


if __name__ == "__main__":
    main()
