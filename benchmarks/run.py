"""The benchmark: this project's engine and its peers, in turn, on the same work. `make bench` calls this.

    python -m benchmarks.run                 three rounds of everything, about 25 minutes
    python -m benchmarks.run --rounds 1 --only ours --only vectorbt[rust]

Every process does one piece of work and ends; peers alternate (A B C D, A B C D, …), so that a machine that
slows down or is shared slows all of them. One-core work is kept on one core. Ratios are taken round by round.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.environments import FOLDER, PEERS, ROOT, Peer, python_of
from benchmarks.figures import Case, Line, as_table, tabulate
from benchmarks.reference import simulate
from benchmarks.work import SIZES, load_bars, make_bars, parameter_sets, reference_path
from src.core.machine import core_count

BASE: Final = "vectorbt[rust]"
RESULTS: Final = ROOT / "benchmarks" / "results.json"
SWEEP_BARS: Final = SIZES[0]
SLOW: Final = {"backtesting.py", "hftbacktest"}  # tens of seconds a run: fewer warm runs
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> None:
    """Prepare, measure round by round, print and write the results."""
    given = arguments()
    os.environ["BENCH_DATA"] = str(FOLDER / "data")
    pythons = {peer: python_of(peer) for peer in PEERS if not given.only or peer.name in given.only}
    prepare(FOLDER / "data")
    lines: list[Line] = []
    core: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BENCH_CACHE"] = cache
        for number in range(given.rounds):
            lines += one_round(number, pythons)
            if PEERS[0] in pythons and not number:
                core = run(pythons[PEERS[0]], "benchmarks.core", [], 0)
            write(given.out, lines, core)  # what a stopped benchmark found so far is kept
    for text in as_table(tabulate(lines, BASE, len(parameter_sets()))):
        sys.stdout.write(text + "\n")
    sys.stdout.write(json.dumps(core, indent=2) + "\n")


def write(path: Path, lines: Sequence[Line], core: dict[str, Any]) -> None:
    """Write the figures of the rounds that are done."""
    rows = tabulate(lines, BASE, len(parameter_sets()))
    found = {"machine": machine(), "rows": [as_json(row) for row in rows], "core": core}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Time the engine and its peers.")
    parser.add_argument("--rounds", type=int, default=3, help="how often every peer has its turn")
    parser.add_argument("--only", action="append", choices=[peer.name for peer in PEERS], help="this peer; repeatable")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures are written")
    return parser.parse_args()


def prepare(folder: Path) -> None:
    """Write the bars and the reference's trades where the peers read them."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "bars.npy", np.array(make_bars()))
    for bars in SIZES:
        deals, _ = simulate(load_bars(bars))
        np.save(reference_path(bars), np.array([deal[:2] for deal in deals]))


def cases() -> list[Case]:
    """Return all pieces of work."""
    works = [*(("one", bars) for bars in SIZES), ("sweep", SWEEP_BARS)]
    return [Case(*work, cores) for work in works for cores in (1, 2)[: core_count()]]


def one_round(number: int, pythons: dict[Peer, Path]) -> list[Line]:
    """Return every peer's measurements of every case, peer after peer."""
    lines = []
    for case in cases():
        for peer, python in pythons.items():
            if peer.name in SLOW and (case.cores > 1 or (case.work == "sweep" and number)):
                continue  # one core is all they use, and their sweep takes a minute: once is enough
            sys.stderr.write(f"round {number + 1}: {case.work} {case.bars:,} bars, {case.cores} core(s), {peer.name}\n")
            words = [case.work, str(case.bars), str(warm_runs(case, peer))]
            lines.append(Line(case, peer.name, number, run(python, peer.module, words, case.cores)))
    return lines


def warm_runs(case: Case, peer: Peer) -> int:
    """Return how often a process repeats its work after the first time."""
    if peer.name in SLOW:
        return 3 if (case.work, case.bars) == ("one", SIZES[0]) else 1 if case.work == "one" else 0
    return 15 if (case.work, case.bars) == ("one", SIZES[0]) else 5


def run(python: Path, module: str, words: list[str], cores: int) -> dict[str, Any]:
    """Return what one process measured, kept on the last `cores` cores; 0 leaves it all of them."""
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everything)[-cores:] if cores else everything)  # children inherit it
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [python, "-m", module, *words],
            cwd=ROOT,
            env={**os.environ, **(ONE_THREAD if cores == 1 else {})},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        os.sched_setaffinity(0, everything)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def machine() -> dict[str, str | int]:
    """Return what the figures were measured on."""
    names = [line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line]
    cpu = names[0].partition(":")[2].strip() if names else platform.machine()
    return {"cpu": cpu, "cores": core_count(), "system": platform.platform(), "python": platform.python_version()}


def as_json(row: Any) -> dict[str, Any]:
    """Return a row as plain values."""
    return {**row._asdict(), "case": row.case._asdict()}


if __name__ == "__main__":
    main()
