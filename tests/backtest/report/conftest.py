"""Real runs of the engine, once for all tests of the report."""

import asyncio
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from src.backtest.engine import BacktestEngine
from src.backtest.report.run_folder import Run, read_run
from src.backtest.reporter import write_run
from src.backtest.result import BacktestResult

GMO = "btcjpy_gmo_spot_15m.parquet"


def ran(data: str, start: datetime, end: datetime, strategies: list[str] | None = None) -> BacktestResult:
    return asyncio.run(BacktestEngine(data=data, strategies=strategies).run_backtest(start, end))


@pytest.fixture(scope="session")
def result() -> BacktestResult:
    return ran("sample", datetime(2023, 1, 1), datetime(2023, 4, 1))


@pytest.fixture(scope="session")
def finished(result: BacktestResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "three-months"
    write_run(result, folder)
    return folder


@pytest.fixture(scope="session")
def run(finished: Path) -> Run:
    return read_run(finished)


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a trade: the sample market has just begun, so every feature is cold."""
    folder = tmp_path_factory.mktemp("runs") / "idle"
    write_run(ran("sample", datetime(2020, 1, 2), datetime(2020, 1, 4)), folder)
    return folder


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to compare with: one strategy, fewer days."""
    folder = tmp_path_factory.mktemp("runs") / "one-strategy"
    write_run(ran("sample", datetime(2023, 1, 1), datetime(2023, 2, 1), ["atr_based"]), folder)
    return folder


@pytest.fixture(scope="session")
def gmo_year(market_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return the folder of a run over a year of real candles."""
    made: dict[int, Path] = {}

    def year(number: int) -> Path:
        if number not in made:
            made[number] = tmp_path_factory.mktemp("gmo") / str(number)
            found = ran(str(market_data_dir / GMO), datetime(number, 1, 1), datetime(number + 1, 1, 1))
            write_run(found, made[number])
        return made[number]

    return year
