"""The three models in training: scikit-learn's contract, weights, and the same bytes from the same lines."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError

from src.ml.artefact import manifest_bytes
from src.ml.ensemble import MEMBERS, vote_of
from src.ml.export import export_files
from src.ml.models import LIGHTGBM, RANDOM_FOREST, XGBOOST, Blend, Recipe, learnt_weights, new_member, train
from tests.core.config.written_settings import ROOT
from tests.ml.made_model import SMALL, busy_artefact, first_half, halves

DIGESTS = """
from tests.ml.made_model import busy_artefact
from src.ml.artefact import manifest_bytes
from tests.ml.test_models import digests
made = busy_artefact()
print(digests({**made.files, "manifest": manifest_bytes(made.manifest)}))
"""


def digests(files: dict[str, bytes]) -> str:
    """Return the hash of every file, one a line."""
    return "\n".join(f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in sorted(files.items()))


def lines(n: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Lines whose outcome hangs on the first input, with noise."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, 6)).astype(np.float32)
    return inputs, (inputs[:, 0] + rng.normal(0.0, 0.7, n) > 0).astype(np.int64)


@pytest.mark.no_cover
def test_two_processes_make_the_same_artefact_to_the_byte():
    made = busy_artefact()
    program = [sys.executable, "-c", DIGESTS]
    ran = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    here = digests({**made.files, "manifest": manifest_bytes(made.manifest)})
    assert len(here.splitlines()) == 5
    assert ran.stdout.strip() == here


def test_another_seed_makes_other_models():
    dataset = first_half()

    def made(seed: int) -> dict[str, str]:
        blend = Blend(SMALL._replace(seed=seed)).fit(dataset.inputs, dataset.won, dataset.weight)
        return {name: hashlib.sha256(data).hexdigest() for name, data in export_files(blend).items()}

    assert made(3) == made(3)
    assert made(3) != made(4)


@pytest.mark.parametrize("name", MEMBERS)
def test_each_model_keeps_the_contract_of_an_estimator(name):
    inputs, won = lines()
    model = clone(new_member(name, SMALL.of(name), 1))
    assert is_classifier(model)
    assert model.get_params()["n_jobs"] == 1
    fitted = model.fit(inputs, won, sample_weight=np.ones(len(won)))
    assert fitted is model
    proba = model.predict_proba(inputs)
    assert proba.shape == (len(won), 2)
    assert proba.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    again = clone(model).fit(inputs, won, sample_weight=np.ones(len(won)))
    assert again.predict_proba(inputs).tobytes() == proba.tobytes()


def test_the_blend_keeps_the_contract_of_an_estimator():
    inputs, won = lines()
    blend = clone(Blend(SMALL))
    assert is_classifier(blend)
    with pytest.raises(NotFittedError):
        blend.predict_proba(inputs)
    proba = blend.fit(inputs, won).predict_proba(inputs)
    assert blend.classes_.tolist() == [0, 1]
    assert proba[:, 1] == pytest.approx(vote_of(blend.each(inputs), SMALL.weights))
    assert (blend.predict(inputs) == (proba[:, 1] >= 0.5)).all()
    assert blend.get_params() == {"recipe": SMALL}


def test_weights_move_every_model():
    inputs, won = lines()
    heavy = np.where(won == 1, 5.0, 1.0)
    even = Blend(SMALL).fit(inputs, won).each(inputs).mean(axis=0)
    tilted = Blend(SMALL).fit(inputs, won, heavy).each(inputs).mean(axis=0)
    assert (tilted > even + 0.05).all()
    doubled = Blend(SMALL).fit(inputs, won, 2.0 * heavy).each(inputs)
    assert doubled.tobytes() == Blend(SMALL).fit(inputs, won, heavy).each(inputs).tobytes()


@pytest.mark.parametrize(
    ("inputs", "won", "text"),
    [
        (np.full((4, 2), np.nan, np.float32), np.array([0, 1, 0, 1]), "not a table of numbers"),
        (np.zeros(4, np.float32), np.array([0, 1, 0, 1]), "not a table of numbers"),
        (np.zeros((4, 2), np.float32), np.array([1, 1, 1, 1]), "lines that lost"),
        (np.zeros((4, 2), np.float32), np.array([0, 1, 2, 1]), "lines that lost"),
    ],
)
def test_lines_that_teach_nothing_are_refused(inputs, won, text):
    with pytest.raises(ValueError, match=text):
        Blend(SMALL).fit(inputs, won)


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="unknown model 'svm'"):
        new_member("svm", {}, 1)


def test_calibration_sees_only_what_the_models_had_not_seen():
    inputs, won = lines()
    folds = [(np.arange(200), np.arange(250, 400))]
    trained = train(inputs, won, np.ones(len(won)), SMALL, folds)
    judged = np.isfinite(trained.unseen).all(axis=1)
    assert np.flatnonzero(judged).tolist() == list(range(250, 400))
    alone = Blend(SMALL).fit(inputs[:200], won[:200], np.ones(200))
    assert trained.unseen[250:].tobytes() == alone.each(inputs[250:]).tobytes()
    poisoned = inputs.copy()
    poisoned[200:250] = 9.0  # neither learnt from nor judged in the fold
    again = train(poisoned, won, np.ones(len(won)), SMALL, folds)
    assert again.calibration == trained.calibration
    with pytest.raises(ValueError, match="no fold holds out a line"):
        train(inputs, won, np.ones(len(won)), SMALL, [])


def test_shuffled_outcomes_cannot_be_learnt():
    dataset = first_half()
    shuffled = np.random.default_rng(7).permutation(dataset.won)
    ((learn, held),) = halves(dataset)
    taught, blind = (
        Blend(SMALL).fit(dataset.inputs[learn], won[learn]).predict(dataset.inputs[held]) == won[held]
        for won in (dataset.won, shuffled)
    )
    assert taught.mean() > 0.9
    assert abs(blind.mean() - max(shuffled.mean(), 1 - shuffled.mean())) < 0.25
    assert blind.mean() < 0.75


def test_learnt_weights_are_those_of_the_least_loss():
    rng = np.random.default_rng(2)
    won = rng.integers(0, 2, 2_000)
    good = np.clip(won * 0.6 + 0.2 + rng.normal(0.0, 0.1, 2_000), 0.01, 0.99)
    each = np.column_stack((rng.uniform(0.01, 0.99, 2_000), good, rng.uniform(0.01, 0.99, 2_000)))
    weights = learnt_weights(each, won, np.ones(2_000))
    assert weights == (0.0, 1.0, 0.0)
    assert sum(learnt_weights(each[:, [0, 0, 0]], won, np.ones(2_000))) == pytest.approx(1.0)


def test_the_shipped_settings_are_strong_against_overfitting():
    assert Recipe().weights == (0.4, 0.4, 0.2)
    assert RANDOM_FOREST["max_samples"] < 1
    assert (LIGHTGBM["subsample"], XGBOOST["subsample"]) == (0.7, 0.7)
