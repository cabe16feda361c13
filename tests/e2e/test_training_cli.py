"""Training as a user runs it: the same command twice is the same model to the byte, and noise gets nowhere."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from src.cli import main

REPOSITORY = Path(__file__).parents[2]
TRAIN = ("train", "--data", "sample", "--years", "0.5", "--end", "2021-03-01")
ONE_STRATEGY = {
    "STRATEGIES__ATR_BASED__WEIGHT": "1",
    "STRATEGIES__MOCHIPOY_ALERT": "null",
    "STRATEGIES__MULTI_TIMEFRAME": "null",
    "STRATEGIES__FIBONACCI_RETRACEMENT": "null",
}


def environment(folder: Path) -> dict[str, str]:
    ours = {
        "LANGUAGE": "en",
        "MODEL__PATH": str(folder / "models" / "production"),
        "TRAINING__TESTS": "1",
        "TRAINING__YEARS": "0.5",
        "TRAINING__OUTPUT": str(folder / "training"),
        "TRAINING__REGISTRY": str(folder.parent / "registry"),  # making MLflow's tables takes seconds
        "BACKTEST__TRIALS": str(folder / "trials"),
        **ONE_STRATEGY,  # fewer proposals to label and to learn from
    }
    return {f"TRADER__{name}": text for name, text in ours.items()}


def trained(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "main.py", *TRAIN],
        cwd=REPOSITORY,
        env={**os.environ, **environment(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


class Command(NamedTuple):
    """Runs a command in this process, where everything is imported already."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, folder: Path, *words: str) -> tuple[int, str, str]:
        with self.monkeypatch.context() as patch:
            for name, text in environment(folder).items():
                patch.setenv(name, text)
            patch.setattr(sys, "argv", ["main.py", *words])
            with pytest.raises(SystemExit) as ended:
                main()
        said = self.capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def command(monkeypatch, capsys) -> Command:
    return Command(monkeypatch, capsys)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_training_on_noise_finds_no_evidence_and_is_the_same_to_the_byte(tmp_path, command):
    one, other = tmp_path / "one", tmp_path / "other"
    for place in (one, other):
        ran = trained(place)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.startswith("no evidence"), ran.stdout
        assert "candidate" in ran.stdout
    [version] = [path.name for path in (one / "training").iterdir()]
    model = one / "training" / version / "model"
    assert files(model) == files(other / "training" / version / "model")
    assert {"card.ja.html", "card.en.md", "judgement.json"} <= set(files(one / "training" / version))
    assert files(one / "models" / "versions" / version) == files(model)
    assert not (one / "models" / "production").exists()
    assert command(one, "models", "list")[1].startswith(f"{version} candidate")
    code, said, _ = command(one, "models", "show", version, "--data", "sample")
    assert code == 0
    assert said.startswith(f"model {version}, trained until")
    assert "no record of its stage yet: series 'sample' has no candles after" in said
    for words, reason in (
        (("train", "--out", str(tmp_path)), "is no folder of a training"),
        (("models", "rollback"), "no model was served before"),
        (("models", "promote", version, "--data", "sample"), "stays candidate: it did not pass the gate"),
        (("models", "demote", "unheard"), "unheard"),
        (("models", "show", "unheard"), "unheard"),
        (("models", "promote", "unheard"), "unheard"),
        (("models", "compare", version, "unheard"), "unheard"),
        (("models", "compare", version, version), "compared with itself"),
        (("drift", "--data", "sample"), "there is no model to watch"),
    ):
        code, said, told = command(one, *words)
        assert (code, said) == (2, ""), (words, said, told)
        assert reason in told, (words, told)
        assert "what to do:" in told
    code, said, told = command(one, "drift", "--data", "sample", "--version", version, "--out", str(one / "drift.html"))
    assert code == 0, told
    lines = said.splitlines()
    assert "candles until 2026-01-01 09:00 JST" in lines[0]
    assert "too few stretches (stretches 8, " in lines[2]  # half a year of stretches of 21 days
    assert lines[3].startswith("distribution of the predictions:")
    assert int(re.search(r"outcomes bet on (\d+),", lines[4])[1]) > 5
    assert lines[2] in (one / "drift.html").read_text()
    code, said, _ = command(one, "models", "review")
    assert (code, said) == (0, "no model is served and none is in the shadow\n")
