"""The data commands as a user runs them: processes, real files, a local server."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from src.cli import app
from src.core.domain.time import DAY, Millis
from src.data.data_cache import DataCache
from tests.data.bars import START, quarter_hours
from tests.data.candle_server import HTML, Answer, CandleServer, rows_of

REPOSITORY = Path(__file__).parents[2]
NAME = "bitbank_btc_jpy_15m"


def command(*words: str) -> list[str]:
    return [sys.executable, "-B", "main.py", *words]


def run(*words: str, **options) -> subprocess.CompletedProcess[str]:
    return run_python(*command(*words)[1:], **options)


def run_python(*words: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60, **options
    )


def downloads(server: CandleServer, root: Path, start: str, end: str, *more: str) -> list[str]:
    place = ("--base-url", server.url, "--pace", "0", "--root", str(root))
    return ["data", "download", "--start", start, "--end", end, *place, *more]


def told(result: subprocess.CompletedProcess[str], code: int, *texts: str) -> None:
    """Check an error for people: two lines, no traceback, the exit code."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "what to do"], result.stderr
    for text in texts:
        assert text in result.stderr


def bars_csv(path: Path, count: int = 200, first: int = 0) -> Path:
    lines = [
        f"{bar.closed_at - 900_000},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume / 10_000}"
        for bar in quarter_hours(first, count)
    ]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    return path


@pytest.fixture
def server() -> Iterator[CandleServer]:
    with CandleServer() as running:
        for day in range(-1, 6):
            name = "20231231" if day < 0 else f"2024010{day + 1}"
            running.day(name, rows_of(START + day * DAY, 96))
        yield running


def test_help_names_the_commands():
    assert "data" in run("--help").stdout
    listed = run("data", "--help").stdout
    for name in ("download", "import", "check", "list"):
        assert name in listed


def test_help_imports_nothing_slow():
    """What makes `--help` quick, whatever else the machine is doing; together these take seconds."""
    imported = run_python("-X", "importtime", "main.py", "--help").stderr
    names = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in imported.splitlines() if line.count("|") == 2}
    assert "typer" in names
    assert not names & {"numpy", "pyarrow", "ccxt", "aiohttp", "asyncio", "rich", "pydantic"}


def test_a_month_is_downloaded_listed_checked_and_not_downloaded_twice(server: CandleServer, tmp_path: Path):
    words = downloads(server, tmp_path, "2024-01-01", "2024-01-04")
    first = run(*words)
    assert first.returncode == 0, first.stderr
    assert f"{NAME}: 4 days, 4 fetched, 0 were complete; 384 new bars" in first.stdout
    assert "coverage 100.00 %" in first.stdout
    server.requests.clear()
    again = run(*words, "--no-cross-check")
    assert f"{NAME}: 4 days, 0 fetched, 4 were complete; 0 new bars" in again.stdout
    assert server.requests == []
    listed = run("data", "list", "--root", str(tmp_path))
    assert f"{NAME}: BTC/JPY 15m, real, 384 bars, 2023-12-31 09:15 JST to 2024-01-04 09:00 JST" in listed.stdout
    assert "coverage 100.00 %" in run("data", "check", NAME, "--root", str(tmp_path)).stdout


def test_ctrl_c_keeps_the_finished_days_and_says_so(server: CandleServer, tmp_path: Path):
    held = "btc_jpy/candlestick/15min/20240103"
    server.script[held] = [Answer("", delay_s=30.0)]
    words = command(*downloads(server, tmp_path, "2024-01-01", "2024-01-05"))
    with subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while held not in server.requests and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "stopped: every day finished so far is kept; the same command goes on from there\n"
    assert DataCache(tmp_path).extent(NAME).bars == 3 * 96
    assert run(*downloads(server, tmp_path, "2024-01-01", "2024-01-05")).returncode == 0
    assert DataCache(tmp_path).extent(NAME).bars == 5 * 96


def test_an_exchange_that_does_not_answer_is_told_in_two_lines(server: CandleServer, tmp_path: Path):
    server.files["btc_jpy/candlestick/15min/20240101"] = Answer(HTML, 404)
    server.script.clear()
    result = run(*downloads(server, tmp_path, "2024-01-01T09:00", "2024-01-02T09:00", "--attempts", "1"))
    told(result, 1, "20240101")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--symbol", "ETH/JPY", "--start", "2024-01-01"), "'ETH/JPY' is not a pair"),
        (("--start", "2024-13-01"), "--start: '2024-13-01' is not a date"),
        (("--start", "2024-01-02", "--end", "2024-01-01"), "the range is empty"),
        (("--start", "2024-01-01", "--end", "2024-01-01"), "the range is empty"),
        (("--start", "2039-01-01"), "lies in the future"),
        (("--start", "2001-01-01", "--end", "2002-01-01"), "no candles before 2017-02-14"),
        (("--start", "2024-01-01", "--timeframe", "4h"), "4h candles are not stored"),
        (("--start", "2024-01-01", "--timeframe", "7m"), "'7m' is not a timeframe"),
    ],
)
def test_a_wrong_argument_is_told_in_two_lines_and_nothing_is_made(tmp_path: Path, words: tuple[str, ...], said: str):
    told(run("data", "download", *words, "--root", str(tmp_path / "s")), 2, said)
    assert not (tmp_path / "s").exists()


def test_a_file_is_imported_under_its_name_and_again_without_change(tmp_path: Path):
    path, root = bars_csv(tmp_path / "My-Bars.csv"), ("--root", str(tmp_path / "s"))
    first = run("data", "import", str(path), *root)
    assert first.returncode == 0, first.stderr
    assert "stored as 'my-bars': 200 new bars, 0 were there already" in first.stdout
    assert "0 new bars, 200 were there already" in run("data", "import", str(path), *root).stdout
    assert DataCache(tmp_path / "s").read("my-bars", Millis(0), Millis(2**62)) == quarter_hours(0, 200)


def test_a_bad_file_is_told_with_row_and_rule_and_nothing_is_stored(tmp_path: Path):
    path = bars_csv(tmp_path / "bars.csv")
    lines = path.read_text().splitlines()
    lines[50] = lines[50].replace(lines[50].split(",")[2], "1")
    path.write_text("\n".join(lines))
    told(
        run("data", "import", str(path), "--root", str(tmp_path / "s")),
        1,
        "row 50 (2024-01-01 21:15 JST)",
        "high 1 is below",
    )
    assert not (tmp_path / "s").exists()
    told(run("data", "check", str(path)), 1, "row 50")


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path):
    for words in (("list",), ("check",)):
        told(run("data", *words, "--root", str(tmp_path)), 1, "nothing is stored", "data download")
    told(run("data", "check", "nothing", "--root", str(tmp_path)), 1, "there is no series 'nothing'")


def test_a_damaged_series_does_not_hide_the_others(tmp_path: Path):
    for name in ("good", "bad"):
        run("data", "import", str(bars_csv(tmp_path / "b.csv")), "--name", name, "--root", str(tmp_path / "s"))
    (tmp_path / "s" / "bad" / "manifest.json").write_text("{")
    result = run("data", "list", "--root", str(tmp_path / "s"))
    told(result, 1, "bad: ", "move the folder")
    assert "good: BTC/JPY 15m, real, 200 bars" in result.stdout


def test_a_full_disk_is_told_in_two_lines_and_the_store_stays(tmp_path: Path):
    root = ("--root", str(tmp_path / "s"), "--name", "bars")
    run("data", "import", str(bars_csv(tmp_path / "a.csv", 100)), *root)
    limit = (2_000, 2_000)
    more = bars_csv(tmp_path / "b.csv", 2_900)
    result = run(
        "data", "import", str(more), *root, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    told(result, 1, "File too large", "ulimit -f", "unharmed")
    assert DataCache(tmp_path / "s").read("bars", Millis(0), Millis(2**62)) == quarter_hours(0, 100)


def test_a_folder_that_cannot_be_written_to_is_told_in_two_lines(tmp_path: Path):
    (tmp_path / "file").write_text("")
    result = run("data", "import", str(bars_csv(tmp_path / "a.csv")), "--root", str(tmp_path / "file" / "s"))
    told(result, 1, "unharmed")


def test_an_import_killed_at_any_instant_leaves_the_old_or_the_new_state(tmp_path: Path):
    """The killed ones are forks of a process that has loaded the program: every instant lies in the import itself."""
    whole = 10_000
    path = bars_csv(tmp_path / "long.csv", whole)
    words = ["data", "import", str(path), "--root"]
    ran = run_python("-c", KILLED_IMPORTS, str(tmp_path), *words)
    assert ran.returncode == 0, ran.stderr
    killed = [place for place in sorted(tmp_path.glob("s*")) if place.is_dir()]
    assert len(killed) == 24
    states = set()
    for place in killed:
        cache = DataCache(place)
        bars = cache.extent("long").bars if cache.names() else 0
        states.add(bars)
        if bars:
            assert cache.read("long", Millis(0), Millis(2**62)) == quarter_hours(0, whole)
        assert CliRunner().invoke(app, [*words, str(place)]).exit_code == 0
        assert cache.extent("long").bars == whole
    assert states == {0, whole}


KILLED_IMPORTS = """
import os, signal, sys, time
from pathlib import Path
from src.cli import app

folder, *words = sys.argv[1:]

def begun(name):
    place = Path(folder, name)
    place.mkdir()
    child = os.fork()
    if not child:
        app([*words, str(place)], standalone_mode=False)
        os._exit(0)
    return child

app([*words, f"{folder}/first"], standalone_mode=False)  # loads what an import needs
before = time.perf_counter()
assert os.waitpid(begun("whole"), 0)[1] == 0
full_s = time.perf_counter() - before
for part in range(24):
    child = begun(f"s{part:02}")
    time.sleep(full_s * part / 20)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""
