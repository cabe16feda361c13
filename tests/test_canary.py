"""The search for the canary key finds one: in a journal, a log, coded, printed; and fails the run that left it."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import canary

ROOT = Path(__file__).resolve().parents[1]
OTHER = "feedface" * 4  # a mark of this test's own: the run's real one must be found nowhere


def coded(prefix: str) -> bytes:
    return base64.b64encode(f"{prefix}{OTHER} and more".encode())


@pytest.mark.parametrize(
    "content",
    [
        f'{{"secret": "{OTHER}"}}'.encode(),
        OTHER.encode().hex().encode(),
        coded(""),
        coded("x"),
        coded("xy"),
        coded("xyz"),
        bytes(each ^ 0x36 for each in OTHER.encode().ljust(64, b"\0")),
        OTHER.encode("utf-16-le"),
    ],
)
def test_a_planted_key_is_found_in_any_form(content, tmp_path):
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/clean.log").write_bytes(b"nothing to see" * 1_000)
    (tmp_path / "deep/er/live.db").write_bytes(b"\0" * 5_000 + content + b"\0" * 5_000)
    found = {each.where for each in canary.search([tmp_path], OTHER)}
    assert found == {str(tmp_path / "deep/er/live.db")}
    assert not list(canary.search([tmp_path], OTHER, kept=[tmp_path / "deep/er/live.db"]))


LEAKS = {
    "file": "def test_it(tmp_path, secret):\n    (tmp_path / 'trader.log').write_text(f'sent with {secret}')\n",
    "print": "def test_it(secret):\n    print(secret)\n",
    "nothing": "def test_it(tmp_path):\n    (tmp_path / 'trader.log').write_text('sent')\n",
}


@pytest.mark.parametrize(
    ("leak", "code", "place", "processes"),
    [
        ("file", 1, "trader.log", []),
        ("file", 1, "trader.log", ["-n", "1"]),
        ("print", 1, "stdout", []),
        ("nothing", 0, "", []),
    ],
)
def test_a_run_that_leaves_the_key_anywhere_fails_and_names_the_place(leak, code, place, processes, tmp_path):
    (tmp_path / "test_leak.py").write_text(
        "import os, pytest\n@pytest.fixture\ndef secret():\n    return os.environ['BITBANK_API_SECRET']\n" + LEAKS[leak]
    )
    ran = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "tests.canary", "-p", "no:cacheprovider", "-c", os.devnull,
            f"--rootdir={tmp_path}", f"--basetemp={tmp_path / 'base'}", *processes, str(tmp_path / "test_leak.py"),
        ],
        cwd=ROOT,
        env=os.environ | {"CANARY_MARK": OTHER, "CANARY_KEPT": str(tmp_path / "kept"), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
    named = [line for line in ran.stdout.splitlines() if line.startswith("CANARY KEY in")]
    assert bool(named) == bool(code)
    assert all(place in line for line in named)
    assert OTHER not in ran.stdout


def test_the_tests_trade_with_the_canary(start_twin, tmp_path):
    assert os.environ["BITBANK_API_SECRET"] == canary.SECRET
    twin = start_twin()
    environment = twin.trader_environment(tmp_path)
    assert (environment["BITBANK_API_KEY"], environment["BITBANK_API_SECRET"]) == (canary.KEY, canary.SECRET)
