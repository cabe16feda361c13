"""The sweep and the checks as a user runs them: processes, kills, files."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PERIOD = ("--data", "sample", "--start", "2021-02-01", "--end", "2021-02-08")
GRID = ("--grid", "atr_based.stop=0.5,1.0,2.0", "--grid", "sizing.risk_per_trade=0.0025,0.005")
MANY = ("--random", "120", "--range", "atr_based.stop=0.5:2", "--seed", "7")


def environment(logs: Path) -> dict[str, str]:
    ours = {"OUTPUT": str(logs / "backtests"), "TRIALS": str(logs / "trials"), "COMPILE": "never"}
    return {
        **os.environ,
        "TRADER__LANGUAGE": "en",
        **{f"TRADER__BACKTEST__{name}": text for name, text in ours.items()},
    }


def command(*words: str) -> list[str]:
    return [sys.executable, "-B", "main.py", *words]


def run(logs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        cwd=REPOSITORY,
        env=environment(logs),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def start(logs: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*words),
        cwd=REPOSITORY,
        env=environment(logs),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if path.is_file() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.01)
    pytest.fail(f"{path} has not got {count} lines after 90 s")


def children(pid: int) -> list[int]:
    """Return the processes whose parent is `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


def told(result: subprocess.CompletedProcess[str], *texts: str) -> None:
    """Check an error for people: exit code 2, no traceback, what and what to do."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    for text in ("error: ", "what to do: ", *texts):
        assert text in result.stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The results of the sweep of many sets, in one process and one piece."""
    logs = tmp_path_factory.mktemp("undisturbed")
    words = ("sweep", *PERIOD, *MANY, "--processes", "1", "--out", str(logs / "s"))
    assert run(logs, *words).returncode == 0
    return (logs / "s" / "results.jsonl").read_bytes()


def test_a_sweep_ends_with_the_best_and_a_loud_warning(tmp_path: Path):
    result = run(tmp_path, "sweep", *PERIOD, *GRID, "--top", "3", "--processes", "2")
    assert result.returncode == 0, result.stderr
    assert "Best 3 by daily Sharpe" in result.stdout
    assert "6 SETS WERE TRIED" in result.stdout
    said = " ".join(result.stdout.replace("┃", " ").split())
    assert re.search(r"Without any skill, the best daily Sharpe of [1-6] independent tr", said)
    assert "SYNTHETIC" in result.stdout
    folder = REPOSITORY / result.stdout.splitlines()[-1]
    assert folder.parent == tmp_path / "sweeps"
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [line["set"] for line in lines] == list(range(6))
    assert json.loads((folder / "sweep.json").read_text())["sets"] == 6
    assert (tmp_path / "trials" / "trials.jsonl").read_bytes().count(b"\n") == 6


def test_a_killed_sweep_leaves_no_process_and_resumes_to_the_same_bytes(tmp_path: Path, undisturbed: bytes):
    folder = tmp_path / "s"
    words = ("sweep", *PERIOD, *MANY, "--processes", "2", "--out", str(folder))
    with start(tmp_path, *words) as process:
        wait_for_lines(folder / "results.jsonl.part", 5)
        workers = children(process.pid)
        process.kill()
    assert len(workers) >= 2
    assert 5 <= (folder / "results.jsonl.part").read_bytes().count(b"\n") < 120
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    told(run(tmp_path, *words), "holds a sweep already", "--resume")
    result = run(tmp_path, *words, "--resume")
    assert result.returncode == 0, result.stderr
    assert (folder / "results.jsonl").read_bytes() == undisturbed


def test_ctrl_c_keeps_and_counts_the_finished_sets_and_says_so(tmp_path: Path, undisturbed: bytes):
    folder = tmp_path / "s"
    words = ("sweep", *PERIOD, *MANY, "--processes", "2", "--out", str(folder))
    with start(tmp_path, *words) as process:
        wait_for_lines(folder / "results.jsonl.part", 5)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert errors.rstrip().endswith(
        "stopped: every set finished so far is kept and counted; --resume goes on from there"
    )
    kept = (folder / "results.jsonl.part").read_bytes()
    assert undisturbed.startswith(kept)
    assert (tmp_path / "trials" / "trials.jsonl").read_bytes().count(b"\n") == kept.count(b"\n")
    assert run(tmp_path, *words, "--resume").returncode == 0
    assert (folder / "results.jsonl").read_bytes() == undisturbed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--grid", "atr_based.strech=1"), "did you mean `stretch`?"),
        (("--grid", "sizing.risk_per_trade=5"), "--grid sizing.risk_per_trade at 5"),
        (("--grid", "risk.max_losses=3,4", "--by", "luck"), "not ranked by 'luck'"),
        (("--range", "atr_based.stop=1:2"), "--random N"),
        ((), "nothing to vary"),
        (("--grid", "risk.max_losses=3", "--start", "2021-13-01"), "--start"),
        (("--grid", "risk.max_losses=3", "--strategies", "astrology"), "unknown strategy 'astrology'"),
    ],
)
def test_a_wrong_argument_is_told_and_nothing_is_made(tmp_path: Path, words: tuple[str, ...], said: str):
    told(run(tmp_path, "sweep", "--data", "sample", "--days", "3", *words), said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("check", "places"), [("lookahead", "--cuts"), ("warmup", "--beginnings")])
def test_the_program_finds_nothing_against_itself(tmp_path: Path, check: str, places: str):
    result = run(tmp_path, "check", check, "--data", "sample", "--bars", "300", places, "4")
    assert result.returncode == 0, result.stderr
    assert "No difference." in result.stdout
    assert "First warm month (UTC)" in result.stdout
    assert "25 / 15" in result.stdout  # the columns that these strategies read, and quality


def test_a_history_too_short_to_check_is_told(tmp_path: Path):
    lines = [f"{1_704_067_200_000 + 900_000 * k},100,110,90,105,1.5" for k in range(500)]
    path = tmp_path / "short.csv"
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    result = run(tmp_path, "check", "warmup", "--data", str(path))
    assert result.returncode == 1
    assert "nothing could be compared" in result.stderr
    shown = run(tmp_path, "check", "lookahead", "--data", str(path), "--cuts", "6")
    assert shown.returncode == 0, shown.stderr
    assert "no month is warm" in shown.stdout
