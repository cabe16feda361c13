"""What a model says now is held against what its walk-forward said, and against nothing else."""

import numpy as np
import pytest

from src.core.config import load_config
from src.core.domain.time import DAY, parse_time
from src.core.exceptions import ConfigError
from src.core.orchestration import model_drift
from src.core.orchestration.model_drift import DAYS, predictions_drift, watched_of_run

NONE = np.empty(0, np.int64), np.empty(0)


def daily(first, days, middle):
    """Return answers around `middle`, eight a day."""
    random = np.random.default_rng(first)
    return first * DAY + np.arange(8 * days, dtype=np.int64) * DAY // 8, random.normal(middle, 0.02, 8 * days)


@pytest.fixture
def kept(tmp_path):
    at, said = daily(0, 30 * DAYS, 0.45)
    np.savez(tmp_path / "unseen.npz", decided_at=at, probability=said)
    return tmp_path / "unseen.npz"


def test_answers_unlike_those_of_the_walk_forward_are_found(kept):
    same, other = (predictions_drift(kept, *daily(30 * DAYS, DAYS, middle)) for middle in (0.45, 0.60))
    assert not same.alarm
    assert same.windows >= 30
    assert other.alarm


def test_answers_of_the_walk_forward_after_the_first_new_one_count_for_nothing(kept):
    new = daily(20 * DAYS, DAYS, 0.45)
    found = predictions_drift(kept, *new)
    with np.load(kept) as before:
        earlier = before["decided_at"] < 20 * DAYS * DAY
        cut = {name: before[name][earlier] for name in before.files}
    np.savez(kept, **cut)
    assert found == predictions_drift(kept, *new)
    assert found.rows == len(new[0])


def test_without_a_new_answer_or_the_kept_ones_nothing_is_told(kept):
    assert predictions_drift(kept, *NONE) == (0, 0, None, False, ())
    assert predictions_drift(kept.with_name("lost.npz"), *daily(0, DAYS, 0.45)) is None


@pytest.mark.parametrize("model", [{"used": False}, {"used": True, "status": "NONE"}])
def test_a_run_that_asked_no_model_has_nothing_to_watch(model):
    with pytest.raises(ConfigError, match="no model answered"):
        watched_of_run(load_config("config/backtest/base.yaml"), {"model": model, "series": "sample", "strategies": []})


@pytest.mark.parametrize(("version", "series"), [("v1", "sample"), (None, None)])
def test_the_model_that_a_run_asked_is_watched_on_the_runs_candles_until_its_end(monkeypatch, version, series):
    asked = []
    monkeypatch.setattr(
        model_drift, "watched", lambda settings, *words, progress: asked.append((*words, list(settings.strategies)))
    )
    told = {"used": True, "status": "GOOD"} | ({"version": version} if version else {})
    summary = {"model": told, "series": "sample", "strategies": ["atr_based"], "to": "2021-06-01 00:00 JST"}
    watched_of_run(load_config("config/backtest/base.yaml"), summary)
    assert asked == [(version, series, parse_time("2021-06-01"), ["atr_based"])]
