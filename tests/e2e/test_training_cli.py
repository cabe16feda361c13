"""Training as a user runs it: the same command twice is the same model to the byte, and noise gets nowhere."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TRAIN = ("train", "--data", "sample", "--years", "0.5", "--end", "2021-03-01")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    ours = {
        "LANGUAGE": "en",
        "MODEL__PATH": str(folder / "models" / "production"),
        "TRAINING__TESTS": "2",
        "TRAINING__OUTPUT": str(folder / "training"),
        "TRAINING__REGISTRY": str(folder / "registry"),
        "BACKTEST__TRIALS": str(folder / "trials"),
    }
    return subprocess.run(
        [sys.executable, "-B", "main.py", *words],
        cwd=REPOSITORY,
        env={**os.environ, **{f"TRADER__{name}": text for name, text in ours.items()}},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_training_on_noise_finds_no_evidence_and_is_the_same_to_the_byte(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    for place in (one, other):
        ran = run(place, *TRAIN)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.startswith("no evidence"), ran.stdout
        assert "candidate" in ran.stdout
    [version] = [path.name for path in (one / "training").iterdir()]
    model = one / "training" / version / "model"
    assert files(model) == files(other / "training" / version / "model")
    assert {"card.ja.html", "card.en.md", "judgement.json"} <= set(files(one / "training" / version))
    assert files(one / "models" / "versions" / version) == files(model)
    assert not (one / "models" / "production").exists()
    listed = run(one, "models", "list")
    assert listed.stdout.startswith(f"{version} candidate")
    refused = run(one, "models", "rollback")
    assert refused.returncode == 2
    assert "no model was served before" in refused.stderr
    unwatched = run(one, "drift", "--data", "sample")
    assert unwatched.returncode == 2
    assert "there is no model to watch" in unwatched.stderr
