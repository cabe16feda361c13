"""Every row of the checklist has its test, goes through every client it names, and no switch has only one position."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from src.backtest.simulated_exchange import Switches
from src.twin.switches import TwinSwitches
from tests.contracts.bitbank.rows import ROWS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
MADE_WITH = {
    "X": {"ccxt_of", "async_ccxt"},
    "P": {"desk", "spaced", "poll", "public"},  # `public`: a GET without a key, whose bytes are any client's
    "Y": {"botters", "private_store", "pybotters"},
    "N": {"pubnub"},
    "W": {"connected", "raw_socket", "socketio"},
    "H": {"desk", "open_desk", "twin"},
}
"""What a test must name to go through a client."""


def named(node: ast.AST) -> set[str]:
    """Return every name, attribute, parameter and keyword in a function."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            found.add(part.attr)
        elif isinstance(part, ast.arg | ast.keyword):
            found.add(part.arg)
    return found


@cache
def rows_tested() -> dict[int, set[str]]:
    rows: dict[int, set[str]] = defaultdict(set)
    for path in HERE.glob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                found := re.match(r"test_row_(\d\d)_", node.name)
            ):
                rows[int(found[1])] |= named(node)
    return rows


def test_the_64_rows_are_tested_and_no_others():
    assert sorted(ROWS) == sorted(rows_tested()) == list(range(1, 65))


@pytest.mark.parametrize("number", ROWS)
def test_a_row_goes_through_the_clients_it_names(number):
    names = rows_tested()[number]
    missing = [client for client in ROWS[number].clients if not names & MADE_WITH[client]]
    assert not missing, f"row {number} ({ROWS[number].behaviour}) is not shown through {missing}"


@cache
def switch_positions() -> dict[str, set[str]]:
    """Return what each switch is set to in the tests of twin and engine: `name=value` in calls, `"name": value`."""
    switches, positions = {*TwinSwitches.model_fields, *Switches._fields}, defaultdict(set)
    for folder in ("contracts/bitbank", "backtest/exchange", "twin"):
        for path in (ROOT / "tests" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    for given in node.keywords:
                        if given.arg in switches:
                            positions[given.arg].add(ast.unparse(given.value))
                elif isinstance(node, ast.Dict):
                    for key, value in zip(node.keys, node.values, strict=True):
                        if isinstance(key, ast.Constant) and key.value in switches:
                            positions[str(key.value)].add(ast.unparse(value))
    return positions


@pytest.mark.parametrize("name", [*TwinSwitches.model_fields, *Switches._fields])
def test_a_switch_is_tested_in_another_position_than_its_default(name):
    default = {**{k: f.default for k, f in TwinSwitches.model_fields.items()}, **Switches._field_defaults}[name]
    set_to = switch_positions()[name] - {repr(default), str(default)}
    assert set_to, f"no test sets {name} to anything but {default!r}, its default"
