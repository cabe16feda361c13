"""A journal as a trader leaves it: the real engine on the exchange in bar mode, some days of the sample market."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from src.backtest.tape import build_tape
from src.core.config import Settings, load_config
from src.core.domain.time import BAR_15M, DAY, Millis, parse_time
from src.core.orchestration.wiring import core_params, feature_settings, market_params
from src.data.sample_market import sample_candles
from tests.backtest.made_worlds import Made
from tests.parity.test_live_engine import LiveDesk

REPOSITORY = Path(__file__).parents[1]
FIRST = parse_time("2023-06-11T00:00+00:00")
DAYS = 4
ALONE = {"TRADER__MODEL__USED": "false"}  # strategies alone: there is no model in a test


class Traded(NamedTuple):
    """What a trader left behind, and how to ask about it."""

    settings: Settings
    journal: Path
    made: Made
    desk: LiveDesk

    def ask(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program on this journal."""
        return ask(self.journal, *words, **environment)


def ask(journal: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program on a journal of the paper mode."""
    return subprocess.run(
        [sys.executable, "-B", "main.py", *words, "--mode", "paper"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | ALONE | {"DATABASE_URL": f"sqlite:///{journal}", "COLUMNS": "200"} | environment,
    )


def sample_world(settings: Settings, days: int = DAYS) -> Made:
    """Return some days of the sample market with the parameters of `settings`, warmed as a trader's are."""
    candles = sample_candles(Millis(FIRST - 200 * DAY), Millis(FIRST + days * DAY))
    first = int(np.searchsorted(candles.closed_at, FIRST + BAR_15M))
    fees = np.zeros(len(candles), np.int64), np.full(len(candles), 1_000, np.int64)
    tape = build_tape(candles, first, *fees, feature_settings(settings))
    return Made(tape, core_params(settings), market_params(settings), settings.backtest.initial_balance_jpy * 10_000)


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Traded:
    """Some days of trading, once a session; the journal is only read (copy it to change it)."""
    folder = tmp_path_factory.mktemp("traded")
    settings = load_config(REPOSITORY / "config/paper/base.yaml", os.environ | ALONE)
    desk = LiveDesk(sample_world(settings), folder, settings)
    asyncio.run(desk.run())
    return Traded(settings, folder / "journal.db", desk.made, desk)
