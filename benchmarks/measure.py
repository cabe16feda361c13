"""Times one piece of work in this process and says so in one line of JSON."""

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.work import reference_path


class Job(NamedTuple):
    """What the driver asks a peer for."""

    work: str  # "one" or "sweep"
    bars: int
    warm_runs: int


class Outcome(NamedTuple):
    """What a run made; the bars of entry and exit where it knows them."""

    trades: int
    entry_bars: Sequence[int] | None = None
    exit_bars: Sequence[int] | None = None


def asked() -> Job:
    """Return the job named on the command line: WORK BARS WARM_RUNS."""
    work, bars, warm_runs = sys.argv[1:4]
    return Job(work, int(bars), int(warm_runs))


def report(job: Job, version: str, import_s: float, run: Callable[[], Outcome], **parts: Callable[[], object]) -> None:
    """Run `run` once cold and `job.warm_runs` times warm, `parts` warm only; write the line.

    Parameters
    ----------
    import_s
        Seconds the peer's own import took.
    parts
        Pieces of the same work, timed on their own under their names.
    """
    cold, outcome = timed(run)
    gc.collect()
    gc.freeze()  # or collecting before each run would walk through all that stands, and empty the caches
    warm = [timed(run)[0] for _ in range(job.warm_runs)]
    peak = peak_mib()  # before the parts, which hold what the whole work lets go
    line = {
        "version": version,
        "import_s": import_s,
        "cold_s": cold,
        "warm_s": warm or [cold],
        "trades": outcome.trades,
        "match": match(job.bars, outcome) if job.work == "one" else None,
        "parts_s": {name: [timed(part)[0] for _ in range(job.warm_runs)] for name, part in parts.items()},
        "peak_mib": peak,
    }
    sys.stdout.write(json.dumps(line) + "\n")


def timed(run: Callable[[], Outcome | object]) -> tuple[float, Outcome]:
    """Return the seconds `run` took, with what it returned."""
    gc.collect()
    started = time.perf_counter()
    made = run()
    seconds = time.perf_counter() - started
    return seconds, made if isinstance(made, Outcome) else Outcome(0)


def match(bars: int, outcome: Outcome) -> float | None:
    """Return the share of the reference's trades that `outcome` has with the same entry and exit bar."""
    if outcome.entry_bars is None or outcome.exit_bars is None:
        return None
    reference = {tuple(pair) for pair in np.load(reference_path(bars)).tolist()}
    return len(reference & pairs(outcome.entry_bars, outcome.exit_bars)) / len(reference)


def pairs(entry_bars: Sequence[int], exit_bars: Sequence[int]) -> set[tuple[int, ...]]:
    """Return (entry bar, exit bar) of each trade."""
    return {(int(entry), int(left)) for entry, left in zip(entry_bars, exit_bars, strict=True)}


def peak_mib() -> float:
    """Return the most memory this program has held, MiB; what stood in the process before it does not count."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kib = next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]
    return int(kib) / 1024
