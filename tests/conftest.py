"""What all tests share: how hypothesis runs, and where real candles are."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.canary", "tests.compiled_code", "tests.twin_process", "tests.trader_journal", "tests.browser"]

# A shared machine is slow at times; a deadline would make that a failure. Everything else stays as hypothesis has it
# (on a CI machine: the same examples every time).
settings.register_profile("trader", parent=settings(), deadline=None)
settings.load_profile("trader")

# Runs of the tests are not trials of a trader's: they are counted in a ledger of their own, in every process.
os.environ.setdefault("TRADER__BACKTEST__TRIALS", tempfile.mkdtemp(prefix="trials-"))

DATA_VARIABLE = "MARKET_DATA_DIR"

UNMEASURED = frozenset({"acceptance", "contracts", "e2e", "fuzz", "parity", "properties"})
"""Folders that compare whole worlds or drive processes: measuring which lines they reach makes them 2.6 times as slow,
and says nothing that the tests of the parts, which are measured, do not say. Elsewhere such tests are marked."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out of the coverage what runs the same lines a million times."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in UNMEASURED:
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def market_data_dir() -> Path:
    """The folder of real candles. Not given: the test is skipped. Given, but without candles: it fails."""
    given = os.environ.get(DATA_VARIABLE)
    if given is None:
        pytest.skip(f"{DATA_VARIABLE} is not set: no real candles to test on")
    folder = Path(given)
    if not given or not any(folder.glob("*.parquet")):
        pytest.fail(f"{DATA_VARIABLE} is {given!r}, where there are no candles (*.parquet)")
    return folder
