#!/usr/bin/env python3
"""The weekly training: fetch, check, review, train, judge, register, and say what changed or why nothing did.

The same by hand, by cron and in .github/workflows/model-training.yml:

    python scripts/ml/weekly_training.py
    0 3 * * 1  cd /path/to/trader && .venv/bin/python scripts/ml/weekly_training.py   # Monday 03:00 JST

Exit codes: 0 done (whether or not the candidate got through), 1 something failed, and the message says what. A
candidate that does not pass replaces nothing; one that passes becomes the shadow, which trades nothing.
"""

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from src.core.clock import SystemClock
from src.core.config import load_config
from src.core.domain.time import DAY, Millis, format_jst
from src.core.exceptions import TraderError
from src.core.orchestration.model_service import manager_of, review, train_and_register
from src.core.orchestration.model_training import Wanted
from src.data.data_cache import DataCache
from src.ml.gate_words import lines

ROOT = Path(__file__).resolve().parents[2]
NEWEST_DAYS = 2
"""Candles older than this at the end of the fetch are a failed fetch."""


def main() -> int:
    """Do the week's work, in order; the first failure ends it loudly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="config/backtest/base.yaml")
    parser.add_argument("--data", help="candles to train on, instead of the stored series; they are then not fetched")
    parser.add_argument("--trials", type=int, default=0, help="of a search for settings")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--summary", type=Path, help="file to which what happened is appended, for a change's text")
    given = parser.parse_args()
    said: list[str] = []
    try:
        settings = load_config(given.config)
        if given.data is None:
            _fetch(settings.training.years, given.config)
            said.append(_checked(given.config, settings.data.history, settings.data.series))
        manager = manager_of(settings)
        said += review(settings, manager, given.data)
        before = manager.stages()
        wanted = Wanted(given.data, trials=given.trials, processes=given.processes)
        done = train_and_register(settings, wanted, None)
        said += lines(done.training.judgement, settings.language)
        changed = manager.stages() != before
        said.append(done.said)
        said.append("models changed: open the change" if changed else "nothing changed: this very model is known")
        said.append(f"card: {done.folder / f'card.{settings.language}.html'}")
    except TraderError as e:
        said.append(f"failed: {e.what}\nwhat to do: {e.remedy}")
        _tell(said, given.summary)
        return 1
    _tell(said, given.summary)
    return 0


def _fetch(years: float, config: str) -> None:
    """Download what is missing; the command is the one a person types."""
    since = format_jst(Millis(SystemClock().now() - round((years + 1) * 365 * DAY)))[:10]
    _run("main.py", "data", "download", "--start", since, "--config", config)


def _checked(config: str, history: str, series: str) -> str:
    """Check the stored series, and that it is fresh.

    Raises
    ------
    TraderError
        If a bar is impossible, or the newest is old.
    """
    _run("main.py", "data", "check", series, "--config", config)
    extent = DataCache(history, read_only=True).extent(series)
    if extent.last is None or SystemClock().now() - extent.last > NEWEST_DAYS * DAY:
        raise TraderError(
            f"the newest candle of {series!r} is older than {NEWEST_DAYS} days",
            remedy="see whether the exchange answers; `python main.py data download` says what it gets",
        )
    return f"candles: {extent.bars:,} bars until {format_jst(extent.last)}, checked"


def _run(*arguments: str) -> None:
    finished = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False)  # noqa: S603 - our own commands
    if finished.returncode:
        raise TraderError(
            f"`python {' '.join(arguments)}` ended with {finished.returncode}", remedy="its own message says what to do"
        )


def _tell(said: list[str], summary: Path | None) -> None:
    text = "\n".join(said)
    print(text)
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(f"```\n{text}\n```\n")


if __name__ == "__main__":
    raise SystemExit(main())
