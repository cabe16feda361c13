"""The pinned sets: every pin has its hashes, no file knows where packages come from, all sets agree."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "requirements"
SETS = ("live", "research", "train", "dev")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)
HASHED_PIN = re.compile(r"^[a-z0-9][^\n]* \\(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+$", re.MULTILINE)
NOT_FOR_LIVE = {
    "scikit-learn", "pandas", "polars", "mlflow", "numba", "llvmlite", "xgboost", "optuna", "pytest", "matplotlib",
}  # fmt: skip


def text(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    found = PIN.findall(text(name))
    assert len(found) == len(dict(found)), f"{name}.txt pins a package twice"
    return dict(found)


def asked_for(name: str) -> set[str]:
    lines = (FOLDER / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return {re.split(r"[><=\[]", line)[0].lower() for line in lines if line and not line.startswith("#")}


@pytest.mark.parametrize("name", SETS)
def test_every_requirement_is_pinned_and_hashed(name):
    requirements = [line for line in text(name).splitlines() if line and line[0] not in " #"]
    assert len(requirements) > 10
    assert len(requirements) == len(PIN.findall(text(name))) == len(HASHED_PIN.findall(text(name)))


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_no_requirements_file_names_a_host_an_index_or_a_path(file):
    assert not re.search(r"://|--index|--extra|--find-links|--trusted|@ |\.(org|com|net|io)\b|(^| )/", file.read_text())


@pytest.mark.parametrize("name", SETS)
def test_every_package_asked_for_is_pinned(name):
    assert asked_for(name) <= set(pins(name))


def test_each_larger_set_contains_the_smaller_one_at_the_same_versions():
    live, research, train, dev = (pins(name) for name in SETS)
    assert live.items() <= research.items() <= train.items() <= dev.items()


def test_the_trading_process_gets_no_training_and_no_compiler():
    assert not NOT_FOR_LIVE & set(pins("live"))
