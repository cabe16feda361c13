"""A week of live trading in minutes: the trader as a process, the exchange as another, neither knowing it.

The exchange is a twin in lock-step and bar mode on the sample market; the trader runs as it would with real money. What
it leaves is then asked for by the commands a trader has, drawn as a report, and compared by
scripts/demo/compare_books.py, which shares no code with either.

    python scripts/demo/live.py [--folder logs/demo-live] [--start 2023-06-10T09:00] [--days 7]
"""

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from src.twin.process import ROOT, RunningTwin

MAIN = [sys.executable, str(ROOT / "main.py")]
CONFIG = "config/production/base.yaml"
BARS_A_DAY = 96
PATIENCE_S = 60.0  # for the twin to listen


def main() -> int:
    """Run the demo and return its exit code."""
    asked = argparse.ArgumentParser(description="A week of live trading against a simulated exchange.")
    asked.add_argument("--folder", type=Path, default=Path("logs/demo-live"))
    asked.add_argument("--start", default="2023-06-10T09:00", help="first moment of the market (JST)")
    asked.add_argument("--days", type=int, default=7)
    given = asked.parse_args()
    folder = given.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    twin, announced = start_twin(folder, given.start)
    try:
        environment = RunningTwin(twin, announced).trader_environment(folder, exported_settings=True)
        until = (datetime.fromisoformat(given.start) + timedelta(days=given.days)).isoformat()
        print(f"exchange: {announced['rest']} (simulated; no order is real)", flush=True)
        failed = trade(folder, environment, until, given.days * BARS_A_DAY)
        print(f"traded {given.days} days in {time.monotonic() - began:.0f} s", flush=True)
        return failed or questions(folder, environment, announced)
    finally:
        twin.terminate()
        twin.wait(timeout=30)


def start_twin(folder: Path, start: str) -> "tuple[subprocess.Popen[str], dict[str, Any]]":
    """Start the exchange and return it with what it announced."""
    options = ["--data", "sample", "--lock-step", "--bars", "--start", start, "--config", CONFIG, "--json"]
    with (folder / "twin.log").open("w") as log:
        twin = subprocess.Popen([*MAIN, "twin", *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    line = "" if twin.stdout is None else twin.stdout.readline()
    if not line:
        twin.wait(timeout=PATIENCE_S)
        raise SystemExit(f"the twin did not start: see {folder / 'twin.log'}")
    announced: dict[str, Any] = json.loads(line)
    return twin, announced


def trade(folder: Path, environment: dict[str, str], until: str, bars: int) -> int:
    """Let the trader trade, and show how far it is."""
    console = Console(stderr=True)
    columns = (TextColumn("candles"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with (folder / "trader.log").open("w") as log:
        trader = subprocess.Popen(
            [*MAIN, "--mode", "live", "--until", until], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("candles", total=bars)
            while trader.poll() is None:
                progress.update(task, completed=decided(folder / "state" / "live.db"))
                time.sleep(0.5)
    finally:
        if trader.poll() is None:
            trader.terminate()
            trader.wait(timeout=30)
    if trader.returncode:
        print(f"the trader ended with {trader.returncode}: see {folder / 'trader.log'}", file=sys.stderr)
    return trader.returncode


def decided(journal: Path) -> int:
    """Return how many candles have been decided on."""
    if not journal.is_file():
        return 0
    try:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=5) as plain:
            found = plain.execute("SELECT count(*) FROM journal_entries WHERE kind = 'decision'").fetchone()
    except sqlite3.OperationalError:  # its tables are being made
        return 0
    return int(found[0])


def questions(folder: Path, environment: dict[str, str], announced: dict[str, Any]) -> int:
    """Ask what a trader asks, draw the report, and let the third program compare; return the first failure."""
    run = folder / "report"
    compare = [sys.executable, str(ROOT / "scripts/demo/compare_books.py")]
    compare += [str(folder / "state/live.db"), announced["rest"], str(run)]
    commands = (
        [*MAIN, "status"],
        [*MAIN, "account"],
        [*MAIN, "replay"],
        [*MAIN, "report", str(run), "--journal"],
        compare,
    )
    return in_turn(commands, environment)


def in_turn(commands: Sequence[list[str]], environment: Mapping[str, str]) -> int:
    """Show and run each command; return the code of the first that fails, 0 if none does."""
    for command in commands:
        shown = " ".join(part.removeprefix(f"{ROOT}/") for part in command[1:])
        print(f"\n$ python {shown}", flush=True)
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
