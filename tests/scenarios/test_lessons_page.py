"""The page of lessons names tests that are there, and most of its faults are played in this folder."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "lessons.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+)`", PAGE)))
OF_MODELS = "Machine learning"  # played where models are made, in tests/ml


def names_in(folder: Path) -> set[str]:
    files = [path.read_text(encoding="utf-8") for path in folder.rglob("test_*.py")]
    return {name for text in files for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE)}


def rows() -> list[tuple[str, list[str]]]:
    """Return every fault of the page with its section and its cells."""
    found, section = [], ""
    for line in PAGE.splitlines():
        section = line[3:] if line.startswith("## ") else section
        if line.startswith("| ") and line != "| seen | here |":
            found.append((section, [cell.strip() for cell in line.strip("|").split(" | ")]))
    return found


THERE, SCENARIOS = names_in(ROOT / "tests"), names_in(ROOT / "tests" / "scenarios")


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_the_page_names_exists(name):
    assert name in THERE


def test_every_line_of_the_page_says_what_keeps_the_fault_away():
    assert len(rows()) > 130
    assert all(len(cells) == 2 and cells[1] for _, cells in rows())


def test_two_thirds_of_the_faults_are_scenarios_of_this_folder():
    named = [set(re.findall(r"`(test_\w+)`", cells[1])) for section, cells in rows() if section != OF_MODELS]
    played = sum(bool(names & SCENARIOS) for names in named)
    assert 3 * played >= 2 * len(named), f"{played} of {len(named)}"


def test_every_fault_of_models_names_a_test():
    named = [re.findall(r"`(test_\w+)`", cells[1]) for section, cells in rows() if section == OF_MODELS]
    assert len(named) > 15
    assert all(named)
