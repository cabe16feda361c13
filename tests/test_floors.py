"""The floors are complete: what stands on none is not held by any contract."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = {
    contract["id"]: [re.findall(r"[\w.]+", layer) for layer in contract["layers"]]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
}
FLOORS = CONTRACTS["floors"]
PURE = {module for floor in FLOORS[-2:] for module in floor}
SHELL = FLOORS[2]


def modules() -> list[str]:
    """Every module of src except packages' own __init__ files, which only re-export."""
    files = (ROOT / "src").rglob("*.py")
    return sorted(".".join(f.relative_to(ROOT).with_suffix("").parts) for f in files if f.name != "__init__.py")


def floors_of(module: str) -> list[int]:
    return [
        number for number, floor in enumerate(FLOORS) for on in floor if module == on or module.startswith(f"{on}.")
    ]


@pytest.mark.parametrize("module", modules())
def test_every_module_stands_on_exactly_one_floor(module):
    assert len(floors_of(module)) == 1, f"put {module} on one floor of [tool.importlinter] in pyproject.toml"


def test_what_is_pure_is_the_same_list_in_both_contracts():
    assert set(CONTRACTS["pure"][1]) == PURE


def test_what_is_shell_is_the_same_list_in_both_contracts():
    assert set(CONTRACTS["shell"][0]) == set(SHELL)


def test_pure_modules_may_use_none_of_the_packages_that_reach_outside():
    outside = set(CONTRACTS["pure"][0])
    assert outside >= {"asyncio", "logging", "structlog", "aiohttp", "ccxt", "requests", "sqlalchemy", "time", "numba"}
    assert outside >= {"random", "os"}
