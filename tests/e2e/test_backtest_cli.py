"""The backtest's commands, typed as a user types them, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
MARCH = ("--data", "sample", "--start", "2023-03-01", "--end", "2023-04-01")


def typed(*words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command from the repository's root; `before` is shell code that runs first."""
    command = " ".join([sys.executable, *words])
    return subprocess.run(
        ["bash", "-c", f"{before}{command}"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def march(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("runs") / "march"
    done = typed("main.py", "backtest", *MARCH, "--verbose", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_run_leaves_its_four_files_and_says_where(march: tuple[Path, str]) -> None:
    folder, printed = march
    assert {path.name for path in folder.iterdir()} == {
        "summary.json",
        "trades.csv",
        "decisions.parquet",
        "candles.parquet",
    }
    assert printed.rstrip().endswith(str(folder))


def test_the_table_marks_the_sample_market_and_shows_costs_in_japanese(march: tuple[Path, str]) -> None:
    assert "合成データ" in march[1]
    assert "手数料 / 金利 / スリッページ" in march[1]


def test_english_is_a_setting(tmp_path: Path) -> None:
    done = typed("main.py", "backtest", *MARCH, "--out", str(tmp_path / "run"), before="export TRADER__LANGUAGE=en; ")
    assert "Fees / interest / slippage" in done.stdout


def test_decisions_have_a_row_a_bar_with_votes_and_plans(march: tuple[Path, str]) -> None:
    table = pq.read_table(march[0] / "decisions.parquet")
    assert table.num_rows == 31 * 96
    assert {"closed_at", "reason", "side", "lots", "entry", "stop", "target", "prediction"} <= set(table.column_names)
    assert sum(name.startswith("vote_") for name in table.column_names) == 4
    planned = [row for row in table.to_pylist() if row["lots"]]
    assert planned
    assert all((row["entry"] - row["stop"]) * row["side"] > 0 for row in planned)
    assert all(row["reason"] == "ENTER" for row in planned)


def test_the_scripts_own_command_prints_json_and_nothing_else(tmp_path: Path) -> None:
    words = (
        "scripts/backtest/run_backtest.py",
        "--days",
        "30",
        "--data",
        "sample",
        "--json",
        "--out",
        str(tmp_path / "r"),
    )
    done = typed(*words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bars"] == 30 * 96


def test_why_names_the_reason_of_one_bar(march: tuple[Path, str]) -> None:
    done = typed("main.py", "why", str(march[0]), "--at", "2023-03-10T14:15")
    reason = {
        row["closed_at"].isoformat(): row["reason"] for row in pq.read_table(march[0] / "decisions.parquet").to_pylist()
    }
    assert done.returncode == 0
    assert reason["2023-03-10T05:15:00+00:00"] in done.stdout
    assert "2023-03-10 14:15 JST" in done.stdout


def test_a_moment_inside_a_bar_belongs_to_the_bar_that_covers_it(march: tuple[Path, str]) -> None:
    assert "14:15 JST" in typed("main.py", "why", str(march[0]), "--at", "2023-03-10T14:03").stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("backtest", "--data", "sample", "--start", "tomorrow"), 2, "tomorrow"),
        (("backtest", "--data", "sample", "--start", "2023-02-01", "--end", "2023-01-01"), 2, "before the end"),
        (("backtest", "--symbol", "ETH/JPY", *MARCH), 2, "ETH/JPY"),
        (("backtest", "--strategies", "atr", *MARCH), 2, "atr_based"),
        (("backtest", "--initial-balance", "-5", *MARCH), 2, "initial balance"),
        (("backtest", "--config", "config/none.yaml", *MARCH), 2, "config/none.yaml"),
        (("backtest", "--data", "no_such_series"), 1, "data download"),
        (("backtest", "--data", "missing.parquet"), 2, "missing.parquet"),
        (("why", "logs", "--at", "2023-03-10T14:15"), 2, "decisions.parquet"),
    ],
)
def test_bad_input_says_what_is_wrong_and_what_to_do(words: tuple[str, ...], code: int, says: str) -> None:
    done = typed("main.py", *words)
    assert done.returncode == code
    assert says in done.stderr
    assert "what to do:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_time_outside_the_run_is_refused(march: tuple[Path, str]) -> None:
    done = typed("main.py", "why", str(march[0]), "--at", "2031-01-01")
    assert done.returncode == 1
    assert "no bar" in done.stderr


def test_a_run_is_never_overwritten(march: tuple[Path, str]) -> None:
    done = typed("main.py", "backtest", *MARCH, "--out", str(march[0]))
    assert done.returncode == 2
    assert "exists already" in done.stderr


def test_a_file_system_that_refuses_leaves_no_half_written_run(tmp_path: Path) -> None:
    done = typed("main.py", "backtest", *MARCH, "--out", str(tmp_path / "run"), before="ulimit -f 16; ")
    assert done.returncode == 1
    assert "what to do:" in done.stderr
    assert [*tmp_path.iterdir()] == []


def test_help_names_every_command() -> None:
    printed = typed("main.py", "--help").stdout
    assert all(command in printed for command in ("backtest", "why", "data", "--mode"))
