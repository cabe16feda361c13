"""A user's own strategy is one file and one line; each mistake in either is told in words."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.core.config.written_settings import ROOT

IDEA = """
from typing import NamedTuple
from src.strategies.utils.constants import NO_SIGNAL

class MyIdea(NamedTuple):
    bars: int = 5
    level: float = 1.5
    eager: bool = False

    def propose(self, row):
        return NO_SIGNAL

    def holds(self, row, side):
        return True
"""
SETTINGS = """extends: ../core/base.yaml
mode: backtest
strategies:
  atr_based: {weight: 0.2}
  my_idea: {weight: 0.1, params: PARAMS}
"""
SHOW = """
import json
from src.core.config import load_config
from src.core.exceptions import ConfigError
from src.core.orchestration.wiring import core_params
try:
    settings = load_config("config/mine/base.yaml", {})
    own = core_params(settings).strategies[list(settings.strategies).index("my_idea")]
    print(json.dumps([type(own).__name__, *own]))
except ConfigError as e:
    print(e)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the program, as a user has it, with a folder for own settings."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("src", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "config/mine").mkdir()
    return folder


def said_by(checkout, strategy, params):
    (checkout / "src/strategies/implementations/my_idea.py").write_text(strategy, encoding="utf-8")
    (checkout / "config/mine/base.yaml").write_text(SETTINGS.replace("PARAMS", params), encoding="utf-8")
    command = [sys.executable, "-B", "-c", SHOW]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()


def test_its_own_defaults_hold_where_the_line_says_nothing(checkout):
    assert json.loads(said_by(checkout, IDEA, "{}")) == ["MyIdea", 5, 1.5, False]


def test_its_line_overrides_them_in_their_own_types(checkout):
    assert json.loads(said_by(checkout, IDEA, "{bars: 7, level: 2, eager: true}")) == ["MyIdea", 7, 2.0, True]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ("{bars: 2.5}", "line 5: my_idea's parameter `bars` is 2.5\n  what to do: write a whole number, as in 5"),
        ("{eager: 1}", "line 5: my_idea's parameter `eager` is 1\n  what to do: write true or false, as in false"),
        ("{levl: 2}", "line 5: my_idea has no parameter `levl`\n  what to do: did you mean `level`?"),
    ],
)
def test_a_wrong_parameter_is_told_with_its_line(checkout, params, says):
    assert says in said_by(checkout, IDEA, params)


def test_a_parameter_without_a_default_is_told_with_the_line_that_wants_it(checkout):
    said = said_by(checkout, IDEA.replace("bars: int = 5", "bars: int"), "{}")
    assert "line 5: parameter 'bars' of strategy MyIdea has no numeric default" in said


def test_a_file_without_the_class_is_told_with_the_line_that_wants_it(checkout):
    said = said_by(checkout, IDEA.replace("MyIdea", "Other"), "{}")
    assert "config/mine/base.yaml, line 5: " in said
    assert "class MyIdea(NamedTuple)" in said
