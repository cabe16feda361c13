"""The sweep on dask.distributed: a cluster of this machine's own, on loopback."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.backtest.sweep_store import RESULTS

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec("distributed") is None:
    pytest.skip("dask.distributed is not installed: no cluster to sweep on", allow_module_level=True)

# In processes of their own: dask leaves threads and sockets behind that are none of this suite's business.
PROGRAM = """
import sys
from datetime import datetime
from pathlib import Path
from distributed import LocalCluster
from src.backtest.sweep import Request, prepare_sweep, run_sweep
from src.backtest.trial_ledger import TrialLedger
from src.core.clock import SystemClock

if __name__ == "__main__":
    folder, workers = Path(sys.argv[1]), int(sys.argv[2])
    request = Request(
        grids=("atr_based.stop=0.5,1.0,2.0", "sizing.risk_per_trade=0.0025,0.005"),
        data="sample", start=datetime(2021, 2, 1), end=datetime(2021, 2, 11),
    )
    environ = {"TRADER__BACKTEST__COMPILE": "never"}
    sweep = prepare_sweep(request, Path("config/backtest/base.yaml"), environ)
    ledger = TrialLedger(folder / "trials", SystemClock())
    run_sweep(sweep, folder / "here", ledger, processes=1)
    with LocalCluster(n_workers=workers, threads_per_worker=2, host="127.0.0.1", dashboard_address=None) as cluster:
        run_sweep(sweep, folder / "there", ledger, cluster=cluster.scheduler_address)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cluster_writes_the_bytes_of_one_process(tmp_path: Path, workers: int):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(workers)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    there = (tmp_path / "there" / RESULTS).read_bytes()
    assert there == (tmp_path / "here" / RESULTS).read_bytes()
    assert len(there.splitlines()) == 6


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path):
    words = [
        "sweep",
        "--data",
        "sample",
        "--start",
        "2021-02-01",
        "--end",
        "2021-02-03",
        "--grid",
        "risk.max_losses=3,4",
    ]
    ran = subprocess.run(
        [sys.executable, "main.py", *words, "--cluster", "tcp://127.0.0.1:9", "--out", str(tmp_path / "s")],
        cwd=ROOT,
        env={**os.environ, "TRADER__BACKTEST__TRIALS": str(tmp_path / "trials")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr
    assert "there is no cluster at tcp://127.0.0.1:9" in ran.stderr
