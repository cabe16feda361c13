"""Time the model: labels, training, one row, a year in a batch, loading.

    python -m benchmarks.model           about two minutes
    python -m benchmarks.model --rows N  of single rows, 5000 by default

The market is the program's own sample: three years of it are labelled and learnt, the year after them is judged. Single
rows are timed by the wall's clock and by this thread's processor time: on a shared machine the wall's 99th percentile
says as much about the neighbours. Rows go through everything that trading does with them: votes, inputs, three models,
calibration, doubts.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from benchmarks.environments import ROOT
from src.core.config import Settings, load_config
from src.core.config.feature_manager import feature_hash
from src.core.domain.account import PredictionStatus
from src.core.domain.time import BAR_15M, DAY, parse_time
from src.core.orchestration.ml_adapter import ModelAdapter
from src.core.orchestration.ml_loader import open_ensemble
from src.core.orchestration.training_data import Studied, study
from src.core.orchestration.wiring import model_adapter
from src.data.sample_market import sample_candles
from src.features.row import Row
from src.ml.artefact import Artefact
from src.ml.dataset import rows_of
from src.ml.model_folder import SERVING, TRAINING, versions, write_artefact
from src.ml.models import Recipe, train
from src.ml.packing import About, pack
from src.ml.splits import Spans, held_back

T = TypeVar("T")
START: Final = parse_time("2021-01-01")
YEARS: Final = 4  # three to learn, one to judge
WARM: Final = 160 * DAY
LOAD: Final = """
import sys, time
from src.core.config import load_config
from src.core.orchestration.wiring import model_adapter
settings = load_config("config/backtest/base.yaml", {"TRADER__MODEL__PATH": sys.argv[1]})
began = time.perf_counter()
adapter = model_adapter(settings)
took = time.perf_counter() - began
assert adapter.status.name == "GOOD", adapter.text
print(took)
"""


def settings_for(folder: Path) -> Settings:
    """Return a backtest's settings with the model in `folder`."""
    changed = {"TRADER__MODEL__PATH": str(folder), "TRADER__MODEL__MAX_AGE_DAYS": "3650", "TRADER__MODEL__MAX_FAR": "1"}
    return load_config(ROOT / "config" / "backtest" / "base.yaml", changed)


def learn(studied: Studied, found: dict[str, float]) -> Artefact:
    """Train on all but the last year, with a calibration on the last fifth of that."""
    dataset = studied.dataset
    cut = int(studied.tape.closed_at[-1]) - 365 * DAY
    past = dataset.take(np.flatnonzero(dataset.ended_at < cut))
    spans = Spans(past.decided_at, past.ended_at)
    folds = [held_back(spans, 0.2, spans.longest())]
    trained = timed(found, "train", lambda: train(past.inputs, past.won, past.weight, Recipe(), folds))
    found["train_lines"] = len(past.won)
    about = About(feature_hash(), studied.terms, {}, {}, 0.65, versions(SERVING), versions(TRAINING))
    artefact = timed(found, "export", lambda: pack(trained, past, about))
    found["artefact_mib"] = sum(len(data) for data in artefact.files.values()) / 2**20
    return artefact


def judge_rows(adapter: ModelAdapter, rows: list[Row]) -> dict[str, float]:
    """Return medians and 99th percentiles of one judged row, us."""
    wall, own = np.zeros(len(rows)), np.zeros(len(rows))
    for row in rows[:200]:
        adapter.predict(row)
    gc.collect()
    gc.disable()
    for n, row in enumerate(rows):
        began, thread = time.perf_counter_ns(), time.thread_time_ns()
        adapter.predict(row)
        own[n], wall[n] = time.thread_time_ns() - thread, time.perf_counter_ns() - began
    gc.enable()
    return {
        "row_p50_us": float(np.median(wall)) / 1e3,
        "row_p99_us": float(np.quantile(wall, 0.99)) / 1e3,
        "row_cpu_p50_us": float(np.median(own)) / 1e3,
        "row_cpu_p99_us": float(np.quantile(own, 0.99)) / 1e3,
    }


def last_year(studied: Studied) -> Studied:
    """Return the year after the training, as a tape of its own."""
    first = int(np.searchsorted(studied.tape.closed_at, int(studied.tape.closed_at[-1]) - 365 * DAY))
    tape = type(studied.tape)._make(part if isinstance(part, tuple) else part[first:] for part in studied.tape)
    votes = type(studied.votes)._make(column[first:] for column in studied.votes)
    return studied._replace(tape=tape, votes=votes)


def timed(found: dict[str, float], name: str, work: Callable[[], T]) -> T:
    """Do the work and note how long it took: by the wall's clock, and in this process's processor time."""
    wall, own = time.perf_counter(), time.process_time()
    made = work()
    found[f"{name}_s"], found[f"{name}_cpu_s"] = time.perf_counter() - wall, time.process_time() - own
    return made


def measure(rows: int) -> dict[str, float]:
    """Return everything that is timed."""
    found: dict[str, float] = {}
    plain = load_config(ROOT / "config" / "backtest" / "base.yaml")
    candles = sample_candles(START - WARM, START + YEARS * 365 * DAY)
    studied = timed(found, "study", lambda: study(plain, candles, int(WARM / BAR_15M)))
    found["study_bars"], found["labels"] = len(studied.tape.closed_at), len(studied.labels.bar)
    artefact = learn(studied, found)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "production"
        write_artefact(folder, artefact)
        words = [sys.executable, "-c", LOAD, str(folder)]
        runs = [subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(5)]  # noqa: S603 - our own
        found["load_s"] = float(np.median([float(run.stdout) for run in runs]))
        adapter, year, kept = model_adapter(settings_for(folder)), last_year(studied), Path(place) / "kept"
        read = proposals(year, rows)
        found |= judge_rows(adapter, read)
        status, _ = timed(found, "year", lambda: adapter.predictions(year.tape, lambda: year.votes, kept))
        found["year_bars"], found["year_judged"] = len(status), int((status == int(PredictionStatus.GOOD)).sum())
        timed(found, "year_kept", lambda: adapter.predictions(year.tape, lambda: year.votes, kept))
        ensemble = open_ensemble(artefact)
        inputs = studied.dataset.inputs[np.arange(35_040) % len(studied.dataset.inputs)]
        timed(found, "ensemble_35040_rows", lambda: ensemble.probabilities(inputs))
        timed(found, "explain_200_rows", lambda: [adapter.explain(row) for row in read[:200]])
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["load_average"] = os.getloadavg()[0]
    return found


def proposals(year: Studied, rows: int) -> list[Row]:
    """Return the first rows of the year on which something is proposed."""
    asked = np.flatnonzero(year.votes.side != 0)[:rows]
    lines = rows_of(year.tape, asked).tolist()
    both = zip(year.tape.closed_at[asked].tolist(), year.tape.quality[asked].tolist(), lines, strict=True)
    return [Row(at, quality, *line) for at, quality, line in both]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000)
    figures = measure(parser.parse_args().rows)
    sys.stdout.write(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=1) + "\n")
