"""The drill from the command line: a table, a verdict, and the same sample each time."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def drill(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "main.py", "drill", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_a_sample_prints_its_table_and_says_that_nothing_failed():
    first = drill("--cells", "15", "--seed", "4")
    assert first.returncode == 0, first.stderr
    assert "never killed" in first.stdout
    assert "0 failed; longest without a stop or close" in first.stdout.splitlines()[-1]
    assert drill("--cells", "15", "--seed", "4", "--processes", "2").stdout == first.stdout


def test_a_sample_that_is_none_is_refused():
    refused = drill("--cells", "0")
    assert refused.returncode == 2
    assert "--cells" in refused.stderr
