"""What trades imports nothing that training needs: checked in a process of its own, with and without these packages."""

import subprocess
import sys

import pytest

from src.ml.model_folder import write_artefact
from tests.core.config.written_settings import ROOT
from tests.ml.made_model import busy_artefact

NOT_LIVE = ("sklearn", "pandas", "mlflow", "numba", "llvmlite", "polars", "onnx", "skl2onnx", "optuna", "scipy")
PROGRAM = """
import sys

NOT_LIVE = {not_live}


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NOT_LIVE:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


if {blocked}:
    sys.meta_path.insert(0, Absent())

from src.core.config import load_config
from src.core.orchestration.wiring import model_adapter
from src.ml import artefact, ensemble, judging

settings = load_config("config/backtest/base.yaml", {{"TRADER__MODEL__PATH": sys.argv[1]}})
adapter = model_adapter(settings)
assert adapter.status.name == "GOOD", adapter.text
print(sorted({{name.partition(".")[0] for name in sys.modules}} & (set(NOT_LIVE) | {{"lightgbm", "xgboost"}})))
"""


def run(blocked: bool, folder) -> str:
    program = PROGRAM.format(not_live=NOT_LIVE, blocked=blocked)
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("model")
    write_artefact(place, busy_artefact())
    return place


def test_a_model_is_served_where_nothing_for_training_is_installed(folder):
    assert run(True, folder) == "[]"
