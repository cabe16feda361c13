"""The steps between stages on real folders: what trades, what only predicts, and what a person gets back."""

import json

import pytest

from src.core.clock import ManualClock
from src.core.domain.time import DAY, Millis
from src.core.exceptions import ConfigError, StoreDamaged
from src.ml.artefact import sealed
from src.ml.model_folder import read_artefact
from src.ml.model_manager import SHADOW, STAGES_FILE, ModelManager
from src.ml.stage import Served, Stage
from tests.ml.made_model import busy_artefact

GOOD = Served(60 * DAY, 100, 0.01, 1.0, 40, 5.0)
HARM = GOOD._replace(net_r=-9.0)


def another(number):
    """The same models as another version."""
    made = busy_artefact()
    return made._replace(manifest=sealed(made.manifest._replace(metrics={"number": number})))


@pytest.fixture
def manager(tmp_path):
    return ModelManager(tmp_path / "models", ManualClock(Millis(1_000)))


def served(folder):
    found = read_artefact(folder)
    return None if found is None else found.version


def places(manager, tmp_path):
    return served(tmp_path / "models" / "production"), served(tmp_path / "models" / SHADOW)


def in_production(manager, number):
    version = manager.register(another(number), True, "passed").version
    manager.promote(version, GOOD)
    manager.promote(version, GOOD)
    return version


def test_a_candidate_that_failed_is_kept_and_serves_nowhere(manager, tmp_path):
    entry = manager.register(another(1), False, "no evidence")
    assert entry.stage is Stage.CANDIDATE
    assert places(manager, tmp_path) == (None, None)
    with pytest.raises(ConfigError, match="stays candidate"):
        manager.promote(entry.version, GOOD)
    assert manager.artefact(entry.version).version == entry.version


def test_a_candidate_that_passed_becomes_the_shadow_and_trades_nothing(manager, tmp_path):
    first = manager.register(another(1), True, "passed")
    assert places(manager, tmp_path) == (None, first.version)
    second = manager.register(another(2), True, "passed")
    assert places(manager, tmp_path) == (None, second.version)
    assert manager.stages().entries[first.version].stage is Stage.RETIRED


def test_a_shadow_goes_up_by_its_record_alone(manager, tmp_path):
    version = manager.register(another(1), True, "passed").version
    with pytest.raises(ConfigError, match="stays shadow: 0 of 14 days"):
        manager.promote(version, GOOD._replace(since_ms=0))
    assert manager.promote(version, GOOD).stage is Stage.CANARY
    assert places(manager, tmp_path) == (version, None)
    assert manager.promote(version, GOOD).stage is Stage.PRODUCTION
    assert places(manager, tmp_path) == (version, None)
    with pytest.raises(ConfigError, match="stays production"):
        manager.promote(version, GOOD)


def test_one_command_brings_back_the_model_that_was_served_before(manager, tmp_path):
    old, new = in_production(manager, 1), in_production(manager, 2)
    assert places(manager, tmp_path) == (new, None)
    back = manager.rollback("it bought the top")
    assert (back.version, back.stage, back.why) == (old, Stage.PRODUCTION, "it bought the top")
    assert places(manager, tmp_path) == (old, None)
    assert manager.stages().entries[new].stage is Stage.RETIRED
    with pytest.raises(ConfigError, match="no model was served before"):
        manager.rollback("again")


def test_a_trading_model_that_does_harm_steps_down_by_itself_and_nothing_takes_its_place(manager, tmp_path):
    version = in_production(manager, 1)
    assert manager.review(version, GOOD).stage is Stage.PRODUCTION
    assert manager.review(version, HARM).stage is Stage.SHADOW
    assert places(manager, tmp_path) == (None, version)


def test_a_review_never_takes_a_model_up(manager):
    version = manager.register(another(1), True, "passed").version
    assert manager.review(version, GOOD).stage is Stage.SHADOW


def test_a_fallen_model_does_not_push_out_the_shadow_that_has_not_failed(manager, tmp_path):
    old = in_production(manager, 1)
    fresh = manager.register(another(2), True, "passed").version
    assert manager.review(old, HARM).stage is Stage.RETIRED
    assert places(manager, tmp_path) == (None, fresh)


def test_registering_the_same_version_again_changes_nothing(manager):
    version = in_production(manager, 1)
    assert manager.register(another(1), False, "no evidence").stage is Stage.PRODUCTION
    assert list(manager.stages().entries) == [version]


def test_a_step_that_was_interrupted_is_finished_by_the_next(manager, tmp_path):
    version = in_production(manager, 1)
    (tmp_path / "models" / "production" / "manifest.json").unlink()
    assert places(manager, tmp_path) == (None, None)
    manager.repair()
    assert places(manager, tmp_path) == (version, None)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "models": [], "before": []}', '{"format": 1}'])
def test_a_damaged_file_of_stages_is_said_and_not_guessed_around(manager, tmp_path, text):
    in_production(manager, 1)
    (tmp_path / "models" / STAGES_FILE).write_text(text)
    with pytest.raises(StoreDamaged, match="not what was written"):
        manager.stages()


def test_two_models_in_one_place_are_refused(manager, tmp_path):
    in_production(manager, 1)
    path = tmp_path / "models" / STAGES_FILE
    whole = json.loads(path.read_text())
    whole["models"].append({**whole["models"][0], "version": "0" * 12})
    path.write_text(json.dumps(whole))
    with pytest.raises(StoreDamaged):
        manager.stages()


def test_an_unknown_version_is_named(manager):
    with pytest.raises(ConfigError, match="there is no model 'abc'"):
        manager.promote("abc", GOOD)
