"""Folds worked on by a dask cluster of this machine's own: the same bytes as in this process."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.core.exceptions import ConfigError
from src.core.orchestration.fold_workers import fold_workers

ROOT = Path(__file__).resolve().parents[3]
if importlib.util.find_spec("distributed") is None:
    pytest.skip("dask.distributed is not installed: no cluster to train on", allow_module_level=True)

# In a process of its own: dask leaves threads and sockets behind that are none of this suite's business.
PROGRAM = """
from functools import partial
from distributed import LocalCluster
from src.core.domain.time import DAY, Millis
from src.core.orchestration.fold_workers import fold_workers
from src.ml.models import Recipe
from src.ml.noise_world import WorldShape, noise_world
from src.ml.splits import WalkForward
from src.ml.teaching import Lesson, teach
from src.ml.walk_forward import folds_of, work_on

if __name__ == "__main__":
    world = noise_world(WorldShape(days=330), 3)
    start = int(world.asked.decided_at[0])
    split = WalkForward(tuple(Millis(start + day * DAY) for day in (200, 270, 330)), None, 5 * DAY)
    recipe = Recipe(
        lightgbm={"n_estimators": 5, "min_child_samples": 20},
        xgboost={"n_estimators": 5, "max_depth": 2},
        random_forest={"n_estimators": 5, "max_depth": 3},
    )
    work = partial(work_on, partial(teach, Lesson(recipe, 2)))
    said = {}
    with fold_workers() as here:
        said["here"] = [told.probability.tobytes() for told in here(work, folds_of(world.dataset, world.asked, split))]
    with fold_workers(2) as beside:
        said["beside"] = [t.probability.tobytes() for t in beside(work, folds_of(world.dataset, world.asked, split))]
    with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        with fold_workers(cluster=cluster.scheduler_address) as there:
            said["there"] = [t.probability.tobytes() for t in there(work, folds_of(world.dataset, world.asked, split))]
    assert said["here"] == said["beside"] == said["there"]
    assert len(said["here"]) == 2
    print("same bytes")
"""


@pytest.mark.no_cover
def test_a_cluster_and_a_pool_say_the_bytes_of_one_process(tmp_path: Path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, str(script)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "same bytes" in ran.stdout


def test_a_cluster_that_is_not_there_is_told():
    with (
        pytest.raises(ConfigError, match=r"there is no cluster at tcp://127\.0\.0\.1:9"),
        fold_workers(cluster="tcp://127.0.0.1:9"),
    ):
        pass
