"""A model from its folder to a decision: loaded or not, doubted in every way, one bar at a time and a tape at once."""

import numpy as np
import pytest

from src.core.domain.account import Prediction, PredictionStatus
from src.core.domain.orders import Reason
from src.core.domain.time import DAY, Millis
from src.core.exceptions import ModelRefused
from src.core.orchestration import ml_adapter
from src.core.orchestration.ml_adapter import ModelAdapter, with_predictions
from src.core.orchestration.ml_loader import LoadedModel, load_model, open_ensemble
from src.core.orchestration.wiring import core_params, judge_params, model_adapter
from src.core.protocols import Predictor
from src.features.row import Quality
from src.ml.artefact import Artefact, Running, file_facts, sealed
from src.ml.calibration import UNCHANGED, Calibration
from src.ml.ensemble import ProductionEnsemble
from src.ml.judging import NOT_ASKED
from src.ml.model_folder import write_artefact
from src.trading.risk import ModelParams, model_gate
from tests.core.config.busy_market import busy_rows, busy_tape
from tests.ml.made_model import COSTS, busy_artefact, busy_votes, first_half, settings

STATUS = PredictionStatus


@pytest.fixture
def folder(tmp_path):
    write_artefact(tmp_path / "model", busy_artefact())
    return tmp_path / "model"


def adapter(folder, **environment) -> ModelAdapter:
    return model_adapter(settings(model__path=str(folder), **{"model__max_age_days": "3650", **environment}))


def changed(**fields) -> Artefact:
    made = busy_artefact()
    return Artefact(sealed(made.manifest._replace(**fields)), made.files)


def answers(one: ModelAdapter):
    return one.predictions(busy_tape(), lambda: busy_votes(core_params(settings())), None)


def test_a_model_is_loaded_and_says_which_it_is(folder):
    one = adapter(folder)
    assert one.status == STATUS.GOOD
    assert one.version == busy_artefact().version
    assert one.version in one.text
    assert one.model_hash == busy_artefact().manifest.hash
    assert one.trained_until == first_half().ended_at.max()


def test_bar_by_bar_and_all_at_once_are_the_same_bits(folder):
    for environment in ({}, {"model__constant_after": "3"}, {"model__max_far": "0.02"}, {"model__max_age_days": "1"}):
        status, probability = answers(adapter(folder, **environment))
        live = adapter(folder, **environment)
        one_by_one = [live.predict(row) for row in busy_rows()]
        assert [each.status for each in one_by_one] == status.tolist()
        assert np.array([each.probability for each in one_by_one]).tobytes() == probability.tobytes()
        assert (np.isfinite(probability) == (status == STATUS.GOOD)).all()
        assert (status == STATUS.GOOD).sum() > 50


def test_what_was_taught_is_what_is_said(folder):
    _, probability = answers(adapter(folder))
    dataset = first_half()
    said = probability[dataset.bar]
    assert np.isfinite(said).all()
    assert said[dataset.won == 1].mean() > said[dataset.won == 0].mean() + 0.3


def test_only_proposals_on_good_data_are_judged(folder):
    one, votes = adapter(folder), busy_votes(core_params(settings()))
    silent = int(np.flatnonzero(votes.side == 0)[0])
    assert one.predict(busy_rows()[silent])[0] == STATUS.NOT_ASKED == NOT_ASKED.status
    assert one.explain(busy_rows()[silent]) == ()
    asked = int(first_half().bar[0])
    assert one.predict(busy_rows()[asked]).status == STATUS.GOOD
    doubtful = busy_rows()[asked]._replace(quality=int(Quality.AFTER_GAP))
    assert one.predict(doubtful).status == STATUS.NOT_ASKED


def test_a_prediction_carries_the_part_of_every_input(folder):
    one = adapter(folder)
    row = busy_rows()[int(first_half().bar[0])]
    parts = one.explain(row)
    assert len(parts) == 35
    assert [abs(each.part) for each in parts] == sorted((abs(each.part) for each in parts), reverse=True)
    assert parts[0].name == "rsi_14"
    assert one.explain(row._replace(volume_4h=0.0)) == ()


def test_no_model_is_a_state_that_says_what_to_do(tmp_path):
    one: Predictor = adapter(tmp_path / "nothing")
    assert isinstance(one, ModelAdapter)
    assert one.status == STATUS.NONE
    assert "main.py train" in one.text
    assert {one.predict(row).status for row in busy_rows()[:20]} == {STATUS.NONE}
    status, probability = answers(one)
    assert set(status.tolist()) == {STATUS.NONE}
    assert np.isnan(probability).all()
    assert (one.version, one.model_hash, one.trained_until) == (None, "", None)
    assert one.explain(busy_rows()[0]) == ()


@pytest.mark.parametrize("name", sorted(busy_artefact().manifest.files))
def test_a_damaged_file_is_a_state_that_names_it(folder, name):
    path = folder / busy_artefact().manifest.files[name].name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    one = adapter(folder)
    assert one.status == STATUS.REFUSED
    assert path.name in one.text
    assert answers(one)[0].tolist() == [STATUS.REFUSED] * len(busy_rows())


MISFITS = {
    STATUS.OTHER_FEATURES: {"feature_hash": "2" * 64},
    STATUS.REFUSED: {"libraries": {"lightgbm": "3.0.0"}},
}


@pytest.mark.parametrize("status", sorted(MISFITS))
def test_a_sound_model_of_something_else_is_a_state_of_its_own(tmp_path, status):
    write_artefact(tmp_path, changed(**MISFITS[status]))
    one = adapter(tmp_path)
    assert one.status == status
    assert one.predict(busy_rows()[0]).status == status
    assert one.trained_until is None


def test_settings_that_trade_otherwise_are_a_state_of_their_own(folder):
    for environment in (
        {"strategies__atr_based__params__target": "5.0"},
        {"costs__slippage": "0.001"},
        {"vote__min_confidence": "0.5"},
        {"execution__entry": "limit"},
    ):
        one = adapter(folder, **environment)
        assert one.status == STATUS.OTHER_BARRIERS
        assert "different:" in one.text


def test_a_model_that_says_the_same_of_every_trade_is_found_when_it_is_loaded(tmp_path):
    made = busy_artefact()
    flat = Calibration("sigmoid", (0.0,), (0.4,))
    said = tuple(0.598687660112452 for _ in made.manifest.probe.probabilities)
    write_artefact(tmp_path, changed(calibration=flat, probe=made.manifest.probe._replace(probabilities=said)))
    one = adapter(tmp_path)
    assert one.status == STATUS.CONSTANT
    assert "same of every trade" in one.text


def test_a_model_that_no_longer_says_what_it_said_is_refused(tmp_path):
    made = busy_artefact()
    said = tuple(p + 1e-5 for p in made.manifest.probe.probabilities)
    write_artefact(tmp_path, changed(probe=made.manifest.probe._replace(probabilities=said)))
    one = adapter(tmp_path)
    assert one.status == STATUS.REFUSED
    assert "its own probe" in one.text


def test_an_artefact_without_one_of_its_models_is_refused(tmp_path):
    made = busy_artefact()
    files = {name: data for name, data in made.files.items() if not name.endswith(".ubj")}
    write_artefact(tmp_path, Artefact(sealed(made.manifest._replace(files=file_facts(files))), files))
    assert adapter(tmp_path).status == STATUS.REFUSED


def test_files_that_are_exchanged_under_a_right_manifest_are_refused(tmp_path):
    made = busy_artefact()
    swapped = {**made.files, "xgboost.ubj": made.files["lightgbm.txt"]}
    write_artefact(tmp_path, Artefact(sealed(made.manifest._replace(files=file_facts(swapped))), swapped))
    one = adapter(tmp_path)
    assert one.status == STATUS.REFUSED
    assert "XGBoost" in one.text


class GivesUp:
    """A member whose library fails while it trades."""

    def probabilities(self, inputs):
        return np.full(len(inputs), 0.5)

    def probability(self, row):
        raise ModelRefused("the library gave up", remedy="restart")

    def attribution(self, row):
        raise ModelRefused("the library gave up", remedy="restart")


def test_a_model_that_fails_while_it_trades_is_not_asked_again():
    ensemble = ProductionEnsemble([GivesUp()], (1.0,), UNCHANGED)
    loaded = LoadedModel(STATUS.GOOD, "", busy_artefact().manifest, ensemble)
    one = ModelAdapter(loaded, judge_params(settings()), core_params(settings()), COSTS)
    row = busy_rows()[int(first_half().bar[0])]
    assert one.predict(row).status == STATUS.REFUSED
    assert "gave up" in one.text
    assert one.predict(row).status == STATUS.REFUSED
    assert one.trained_until is None


def test_a_model_grows_stale_to_the_millisecond():
    one, until = open_ensemble(busy_artefact()), busy_artefact().manifest.trained_until
    params, core = judge_params(settings(model__max_age_days="2")), core_params(settings())
    row = busy_rows()[int(first_half().bar[0])]
    judge = ModelAdapter(LoadedModel(STATUS.GOOD, "", busy_artefact().manifest, one), params, core, COSTS)
    assert judge.predict(row._replace(closed_at=Millis(until + 2 * DAY))).status == STATUS.GOOD
    assert judge.predict(row._replace(closed_at=Millis(until + 2 * DAY + 1))).status == STATUS.STALE


def test_a_bar_unlike_the_training_is_far(folder):
    row = busy_rows()[int(first_half().bar[0])]
    odd = row._replace(
        volume_4h=1e-6, volume_ratio=900.0, macd=9e6, macd_signal=9e6, zscore=40.0, returns_1=0.5, close_4h=9e9
    )
    assert adapter(folder).predict(row).status == STATUS.GOOD
    assert adapter(folder).predict(odd).status == STATUS.FAR
    assert adapter(folder, model__max_far="1").predict(odd).status == STATUS.GOOD


def test_an_input_without_a_value_is_not_finite(folder):
    row = busy_rows()[int(first_half().bar[0])]
    assert adapter(folder).predict(row._replace(volume_4h=0.0)).status == STATUS.NOT_FINITE


def test_saying_the_same_for_too_long_is_constant_until_it_says_something_else(folder):
    one = adapter(folder, model__constant_after="4")
    first, *others = (busy_rows()[bar] for bar in first_half().bar.tolist())
    said = [one.predict(first) for _ in range(6)]
    assert [each.status for each in said] == [STATUS.GOOD] * 3 + [STATUS.CONSTANT] * 3
    different = next(row for row in others if abs(adapter(folder).predict(row).probability - said[0].probability) > 0.1)
    assert one.predict(different).status == STATUS.GOOD


@pytest.mark.parametrize("status", sorted(set(STATUS) - {STATUS.GOOD}))
def test_every_doubt_holds_or_leaves_it_to_the_strategies_as_set(status):
    doubtful = Prediction(int(status), 0.99)
    assert model_gate(doubtful, ModelParams(used=True), 0.65) not in {Reason.ENTER, Reason.MODEL_REFUSES}
    assert model_gate(doubtful, ModelParams(used=True, hold_without=False), 0.65) == Reason.ENTER


def test_answers_are_kept_by_everything_they_depend_on(folder, tmp_path):
    cache = tmp_path / "kept"
    votes = busy_votes(core_params(settings()))
    asked = []

    def vote():
        asked.append(1)
        return votes

    first = adapter(folder).predictions(busy_tape(), vote, cache)
    again = adapter(folder).predictions(busy_tape(), vote, cache)
    assert len(asked) == 1
    assert [a.tobytes() for a in first] == [a.tobytes() for a in again]
    adapter(folder, model__max_far="0.1").predictions(busy_tape(), vote, cache)
    changed_rows = busy_tape().rows.copy()
    changed_rows[5, 5] += 1
    adapter(folder).predictions(busy_tape()._replace(rows=changed_rows), vote, cache)
    assert len(asked) == 3
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", None])
def test_kept_answers_that_are_damaged_are_computed_again(folder, tmp_path, damage):
    cache = tmp_path / "kept"
    votes = busy_votes(core_params(settings()))
    first = adapter(folder).predictions(busy_tape(), lambda: votes, cache)
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    again = adapter(folder).predictions(busy_tape(), lambda: votes, cache)
    assert [a.tobytes() for a in first] == [a.tobytes() for a in again]
    assert ml_adapter._read(path, len(busy_rows())) is not None


def test_a_tape_takes_the_answers_and_stays_read_only(folder):
    tape = with_predictions(busy_tape(), *answers(adapter(folder)))
    assert not tape.prediction.flags.writeable
    assert not tape.prediction_status.flags.writeable
    assert set(tape.prediction_status.tolist()) == {STATUS.GOOD, STATUS.NOT_ASKED}


def test_the_loader_never_raises_for_a_model_it_cannot_use(tmp_path):
    running = Running("0" * 64, "0" * 64, {}, {})
    for content in (b"", b"{}", b'{"format": 1}', b"\xff\xfe", b"null"):
        (tmp_path / "manifest.json").write_bytes(content)
        found = load_model(tmp_path, running)
        assert found.status == STATUS.REFUSED
        assert "cannot be used" in found.text
        assert found.ensemble is None
