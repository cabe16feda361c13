"""The weekly training fails loudly and once."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "ml" / "weekly_training.py"


@pytest.fixture
def weekly(monkeypatch):
    spec = importlib.util.spec_from_file_location("weekly_training", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec.loader.exec_module(module)
    return module


def test_the_first_failure_ends_the_weekly_training_and_says_what_to_do(weekly, tmp_path, monkeypatch, capsys):
    asked = []

    def refused(command, **_: object) -> subprocess.CompletedProcess[bytes]:
        asked.append(command[1:4])
        return subprocess.CompletedProcess(command, 1)

    def trained(*_: object) -> None:
        raise AssertionError("trained on candles that were not fetched")

    monkeypatch.setattr(weekly.subprocess, "run", refused)
    monkeypatch.setattr(weekly, "train_and_register", trained)
    monkeypatch.setattr(sys, "argv", ["weekly_training.py", "--summary", str(tmp_path / "summary.md")])
    assert weekly.main() == 1
    assert asked == [["main.py", "data", "download"]]
    said = capsys.readouterr().out
    assert said.count("failed: ") == 1
    assert "what to do: " in said
    assert (tmp_path / "summary.md").read_text() == f"```\n{said}```\n"
