"""docs/twin.md: what it shows works as shown, and nothing that can be set or armed is left out."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from src.twin.acts import AnyAct
from src.twin.control import Control
from src.twin.fault_catalogue import CATALOGUE
from src.twin.fault_plan import read_plan
from src.twin.launch import ENGINE_SWITCHES
from src.twin.lock_step import LockStep
from src.twin.process import ROOT
from src.twin.switches import TwinSwitches
from tests.twin.made_services import still_service

PAGE = (ROOT / "docs" / "twin.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the page's first code block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_ten_lines_of_python_print_what_the_page_says():
    code = block("python")
    assert len(code.splitlines()) <= 11
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=90, check=True)
    assert run.stdout.strip() == "btc_jpy long 0.0100"
    assert f"`{run.stdout.strip()}`" in PAGE


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="no curl or openssl here")
def test_the_lines_for_a_shell_read_the_assets(shared_twin):
    twin = shared_twin()
    account = twin.accounts[0]
    given = {**os.environ, "REST": twin.rest, "KEY": account.key, "SECRET": account.secret}
    run = subprocess.run(
        ["bash", "-c", block("bash")], env=given, capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout.startswith('{"success":1,"data":{"assets":[{"asset":"jpy"')


def test_the_plan_can_be_read(tmp_path: Path):
    path = tmp_path / "plan.yaml"
    path.write_text(block("yaml"), encoding="utf-8")
    assert [rule.fault for rule in read_plan(path).rules] == [1, 9, 8, 5, None]


def test_every_switch_and_its_default_stand_on_the_page():
    for name in [*TwinSwitches.model_fields, *ENGINE_SWITCHES]:
        assert f"| `{name}` |" in PAGE, name
    for name, field in TwinSwitches.model_fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert f"| `{name}` | {default} |" in PAGE, name


def test_every_fault_and_variant_stands_on_the_page():
    for number, entry in CATALOGUE.items():
        variants = ", ".join(f"`{name}`" for name in entry.variants)
        assert f"| {number} | {entry.title} | {variants} |" in PAGE, number


def test_every_act_and_control_call_stands_on_the_page():
    acts = [model.model_fields["act"].annotation for model in get_args(get_args(AnyAct)[0])]
    for name in (get_args(literal)[0] for literal in acts):
        assert f"`{name}`" in PAGE, name
    service = still_service()
    for method, path in Control(service, LockStep(service)).calls:
        assert f"`{method} {path}" in PAGE, (method, path)
