"""Time the twin over HTTP beside a server that does nothing, and in lock-step.

    python -m benchmarks.twin                         under three minutes
    python -m benchmarks.twin --rounds 1 --seconds 2  shorter

The twin, the server (`benchmarks/hello.py`) and the client are processes of one machine. 100 users, each with a
connection kept open and a key of its own, send signed requests; half of them change something. Limits are off, the
state is saved each second. In each round both servers take their turns under the same load: 1,500 requests a second at
even times, with what each took from the moment it was due, and as many as 100 users can make one after another. What
the server that does nothing needs is the machine's and HTTP's; what the twin needs beyond it in the same round is the
twin's. The client says how late it came to a request that was due: what it says of a server is no finer than that.
Each figure is the median of the rounds (smallest-largest).
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.hello import started_hello
from benchmarks.load import Load, Seen, cpu_seconds
from src.core.domain.time import DAY, SECOND
from src.twin.process import started_twin

USERS: Final = 100
RATE: Final = 1_500  # requests a second, offered
SETTLED: Final = 1.0  # seconds until the twin has saved what its turn changed
UNLIMITED: Final = ("--set", "queries_per_second=0", "--set", "updates_per_second=0")
STILL: Final = ("--data", "none", "--speed", "0")

Figure = Callable[[Seen], float]
ANSWERED: Final[dict[str, Figure]] = {
    "requests a second": lambda seen: seen.requests / seen.seconds,
    "half within, ms": lambda seen: seen.latency(0.5),
    "99 of 100 within, ms": lambda seen: seen.latency(0.99),
    "server's processor, µs a request": lambda seen: seen.server_cpu / seen.requests * 1e6,
    "client's processor, µs a request": lambda seen: seen.own_cpu / seen.requests * 1e6,
}
LATE: Final[dict[str, Figure]] = {
    "client late, half within, ms": lambda seen: seen.lag(0.5),
    "client late, 99 of 100 within, ms": lambda seen: seen.lag(0.99),
}


def table(title: str, figures: dict[str, Figure], twin: Sequence[Seen], hello: Sequence[Seen]) -> list[str]:
    """Return the figures of both servers, and the twin's less the other's of the same round."""
    lines = [f"| {title} | twin | does nothing | difference |", "| --- | ---: | ---: | ---: |"]
    for name, figure in figures.items():
        ours, theirs = [figure(seen) for seen in twin], [figure(seen) for seen in hello]
        beyond = [our - their for our, their in zip(ours, theirs, strict=True)]
        lines.append(f"| {name} | {spread(ours)} | {spread(theirs)} | {spread(beyond)} |")
    return lines


def spread(values: Sequence[float]) -> str:
    """Return the median, with the smallest and the largest."""
    median, least, most = statistics.median(values), min(values), max(values)
    digits = 0 if abs(median) >= 100 else 2
    return f"{median:,.{digits}f} ({least:,.{digits}f}–{most:,.{digits}f})"


def measure(servers: Sequence[Load], rounds: int, seconds: float, rate: float) -> list[str]:
    """Let the twin and the other take turns, one first and then the other; return the tables."""
    flat_out: list[list[Seen]] = [[], []]
    offered: list[list[Seen]] = [[], []]
    for load in servers:
        load.one_after_another(min(1.0, seconds))  # warm
    for number in range(rounds):
        for place in (0, 1) if number % 2 == 0 else (1, 0):
            time.sleep(SETTLED)
            offered[place].append(servers[place].at_even_times(rate, seconds))
            flat_out[place].append(servers[place].one_after_another(seconds / 2))
    return [
        *table(f"{rate:,.0f} a second offered", ANSWERED | LATE, *offered),
        "",
        *table("one after another", ANSWERED, *flat_out),
    ]


def over_http(rounds: int, seconds: float, *, users: int = USERS, rate: float = RATE) -> list[str]:
    """Measure the twin and the server that does nothing; return what to print."""
    with tempfile.TemporaryDirectory() as folder:
        state = ("--state", str(Path(folder) / "twin.json"), "--save-every", str(SECOND))
        with (
            started_twin(*STILL, *UNLIMITED, "--accounts", str(users), *state) as twin,
            started_hello() as hello,
            closing(Load(twin.accounts, int(twin.rest.rpartition(":")[2]), twin.process.pid)) as ours,
            closing(Load(twin.accounts, hello.port, hello.pid)) as theirs,
        ):
            load = os.getloadavg()[0]
            lines = measure((ours, theirs), rounds, seconds, rate)
            loads = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores"
            ran = f"rounds: {rounds} of {seconds:g} s; {loads}"
            return [*lines, "", ran, f"memory of the twin: {memory(twin.process.pid)}"]


def memory(pid: int) -> str:
    """Return how much memory a process has, and the most it has had."""
    lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()]
    now, most = (next(int(line[1]) for line in lines if line[0] == name) / 1024 for name in ("VmRSS:", "VmHWM:"))
    return f"{now:.0f} MB in use, {most:.0f} MB at most"


def lock_step(days: int) -> None:
    """Time days of the sample market with an idle client that drives the clock."""
    with started_twin("--data", "sample", "--lock-step", "--start", "2023-01-01") as twin:
        now = twin.announced["market_time"]
        pid, before, began = twin.process.pid, cpu_seconds(twin.process.pid), time.perf_counter()
        woken = twin.control("POST", "/wait", {"until": now + DAY})
        took, cpu = time.perf_counter() - began, cpu_seconds(pid) - before
        say(f"a day in lock-step, idle client: {took:.1f} s, {cpu:.1f} s of processor ({woken['reason']})")
        for day in range(2, days + 1):
            twin.control("POST", "/wait", {"until": now + day * DAY})
        cpu = cpu_seconds(pid) - before
        say(f"after {days} days in lock-step: {memory(pid)}, {cpu:.0f} s of processor")


def say(line: str) -> None:
    """Print."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="at even times, in each turn; half of it flat out")
    parser.add_argument("--days", type=int, default=30, help="in lock-step; 0: not at all")
    given = parser.parse_args()
    for line in over_http(given.rounds, given.seconds):
        say(line)
    if given.days:
        lock_step(given.days)


if __name__ == "__main__":
    main()
