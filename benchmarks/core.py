"""The whole core on a year: both views, all inputs, four strategies, vote, sizing, risk, margin, interest.

Three ways to run it: compiled over an array of rows, the same source interpreted, and live, bar by bar from the
feature stream. Then what a user waits for: `python main.py backtest` on the sample market, interpreted, the same with
the full report, compiled with an empty cache, and compiled from the cache.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from benchmarks.environments import ROOT
from benchmarks.work import HISTORY, SIZES, load_bars
from src.backtest.fold import Tape, empty_output
from src.backtest.playback import Player, compiled_player, interpreted_player
from src.backtest.tape import build_tape
from src.core.config import load_config
from src.core.domain.candles import Candles
from src.core.domain.market import Money
from src.core.orchestration.wiring import core_params, feature_settings, instrument, market_params
from src.features.feature_generator import BarColumns, FeatureStream
from src.trading.columns_read import columns_of
from src.trading.fee_schedule import todays_fees

BARS: Final = SIZES[0]
LIVE_BARS: Final = 3_000
COMMAND: Final = ["main.py", "backtest", "--data", "sample", "--start", "2023-01-01", "--end", "2024-01-01", "--json"]


class WholeCore:
    """The shipped settings of a backtest on the benchmark's bars."""

    def __init__(self) -> None:
        settings = load_config(ROOT / "config" / "backtest" / "base.yaml")
        self.candles = Candles(*load_bars(BARS, HISTORY))
        self.params, self.market = core_params(settings), market_params(settings)
        self.features = feature_settings(settings)
        self.cash = Money(settings.backtest.initial_balance_jpy * round(1 / instrument(settings).money_unit))

    def tape(self) -> Tape:
        """Return the year with its rows."""
        maker, taker = (np.full(len(self.candles), rate, np.int64) for rate in todays_fees())
        return build_tape(self.candles, HISTORY, maker, taker, self.features, columns_of(self.params))

    def compiled(self, tape: Tape, cache: Path) -> Player:
        """Return the compiled fold over `tape`, ready to run."""
        return compiled_player(tape, self.params, self.market, cache)

    def play(self, player: Player) -> int:
        """Fold the year and return the number of trades."""
        output = empty_output(BARS, len(self.params.strategies))
        return player.play(self.cash, self.params, self.market, output).trades

    def live(self) -> float:
        """Return the median time of one new bar's row from an opened stream, s."""
        bars = BarColumns(*self.candles.columns)
        stream = FeatureStream(self.features, columns_of(self.params))
        stream.open(bars.between(0, HISTORY))
        return median(seconds(stream.update, self.candles.bar(HISTORY + i)) for i in range(LIVE_BARS))


def seconds(work: Callable[..., object], *given: object) -> float:
    """Return how long `work` took."""
    started = time.perf_counter()
    work(*given)
    return time.perf_counter() - started


def command(cache: Path, compile_: str, *more: str) -> tuple[float, float]:
    """Return seconds and peak MiB of a year through the command line, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, *COMMAND, *more, "--out", f"{folder}/run"]
        environment = {**os.environ, "TRADER__BACKTEST__COMPILE": compile_, "TRADER__BACKTEST__CACHE": str(cache)}
        started = time.perf_counter()
        child = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        peak = watch(child)
        took = time.perf_counter() - started
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, words)
    return took, peak


def watch(child: "subprocess.Popen[bytes]") -> float:
    """Wait for a process; return its peak MiB. What the system reports at its end would count its parent too."""
    peak, status = 0.0, Path(f"/proc/{child.pid}/status")
    while child.poll() is None:
        marks = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:")]
        peak = max([peak, *(int(line.split()[1]) / 1024 for line in marks)])
        time.sleep(0.005)
    return peak


def inside() -> dict[str, float]:
    """Return what the core costs in this process."""
    core = WholeCore()
    features = median(seconds(core.tape) for _ in range(5))
    tape = core.tape()
    interpreted = interpreted_player(tape)
    with tempfile.TemporaryDirectory() as cache:
        first = seconds(core.compiled, tape, Path(cache))
        player = core.compiled(tape, Path(cache))
    fold = median(seconds(core.play, player) for _ in range(9))
    return {
        "features_ns_a_bar": features / BARS * 1e9,
        "fold_compiled_ns_a_bar": fold / BARS * 1e9,
        "core_compiled_ns_a_bar": (features + fold) / BARS * 1e9,
        "fold_interpreted_us_a_bar": median(seconds(core.play, interpreted) for _ in range(3)) / BARS * 1e6,
        "live_row_us": core.live() * 1e6,
        "first_compile_s": first,
        "trades": core.play(player),
    }


def outside() -> dict[str, float]:
    """Return what a user waits for and what memory it takes: medians of three, but one first compile."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        found["year_first_compile_s"], found["year_first_compile_mib"] = command(cache, "always")
        ways = (("cached", "always"), ("interpreted", "never"), ("with_report", "never", "--report"))
        for name, *how in ways:
            runs = [command(cache, *how) for _ in range(3)]
            found[f"year_{name}_s"] = median(s for s, _ in runs)
            found[f"year_{name}_mib"] = median(mib for _, mib in runs)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps({key: round(value, 3) for key, value in {**inside(), **outside()}.items()}) + "\n")
