"""Every fault of the catalogue, in every variant, has a test that injects it and looks at what a client sees."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from src.twin.fault_catalogue import CATALOGUE

HERE = Path(__file__).parent


def words_of_tests() -> dict[int, set[str]]:
    """Return the constants in the tests of each fault, and in the tables above them."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in HERE.glob("test_faults_of_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tables = {
            target.id: constants(node)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                named := re.match(r"test_fault_(\d\d)_", node.name)
            ):
                used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                found[int(named[1])] |= constants(node).union(*(tables[name] for name in used & set(tables)))
    return found


def constants(node: ast.AST) -> set[str]:
    return {str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant)}


WORDS = words_of_tests()


def test_the_46_faults_are_tested_and_no_others():
    assert sorted(WORDS) == sorted(CATALOGUE) == list(range(1, 47))


@pytest.mark.parametrize(("number", "variant"), [(n, v) for n, entry in CATALOGUE.items() for v in entry.variants])
def test_a_variant_of_a_fault_is_injected(number, variant):
    assert variant in WORDS[number], f"fault {number} ({CATALOGUE[number].title}): {variant} is not injected"
