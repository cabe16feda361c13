"""What trades is what was trained: exports against their libraries, one row against the batch, class and parts."""

import gc
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.exceptions import ModelRefused
from src.core.orchestration.ml_loader import open_ensemble
from src.core.orchestration.wiring import core_params
from src.ml.artefact import FOREST_FILE, LIGHTGBM_FILE, NODES_FILE, XGBOOST_FILE
from src.ml.calibration import UNCHANGED, Calibration
from src.ml.ensemble import MEMBERS, ProductionEnsemble, vote_of
from src.ml.members.attribution import in_probability
from src.ml.members.forest_member import NODE, ForestMember, read_nodes
from src.ml.members.lightgbm_member import LightgbmMember
from src.ml.members.shared_library import open_library
from src.ml.members.xgboost_member import XgboostMember
from src.ml.transform import INPUTS
from tests.ml.made_model import SMALL, busy_artefact, busy_dataset, busy_training, settings

WIDTH = len(INPUTS)


@pytest.fixture(scope="module")
def members():
    files = busy_artefact().files
    return (
        LightgbmMember(files[LIGHTGBM_FILE], WIDTH),
        XgboostMember(files[XGBOOST_FILE], WIDTH),
        ForestMember(files[FOREST_FILE], files[NODES_FILE], WIDTH),
    )


@pytest.fixture(scope="module")
def rows():
    """Real lines, and rows far outside anything that was trained on."""
    wild = np.random.default_rng(4).normal(0.0, 50.0, (200, WIDTH)).astype(np.float32)
    return np.concatenate((busy_dataset(core_params(settings())).inputs, wild))


@pytest.mark.parametrize("k", range(3), ids=MEMBERS)
def test_an_export_says_what_its_library_says(members, rows, k):
    apart = np.abs(members[k].probabilities(rows) - busy_training().blend.each(rows)[:, k])
    assert apart.max() <= (5e-7 if MEMBERS[k] == "random_forest" else 0.0)


@pytest.mark.parametrize("k", range(3), ids=MEMBERS)
def test_thresholds_themselves_fall_on_the_side_the_library_takes(members, k):
    nodes = read_nodes(busy_artefact().files[NODES_FILE], WIDTH)
    inner = nodes[nodes["input"] >= 0]
    on_edge = np.zeros((len(inner), WIDTH), np.float32)
    on_edge[np.arange(len(inner)), inner["input"]] = inner["at"].astype(np.float32)
    apart = np.abs(members[k].probabilities(on_edge) - busy_training().blend.each(on_edge)[:, k])
    assert apart.max() <= 5e-7


@pytest.mark.parametrize("k", range(3), ids=MEMBERS)
def test_one_row_has_the_bits_of_the_batch(members, rows, k):
    batch = members[k].probabilities(rows)
    assert np.array([members[k].probability(row) for row in rows]).tobytes() == batch.tobytes()
    parts = [members[k].probabilities(rows[i : i + 7]) for i in range(0, len(rows), 7)]
    assert np.concatenate(parts).tobytes() == batch.tobytes()


@pytest.mark.parametrize("k", range(3), ids=MEMBERS)
def test_parts_add_up_to_the_probability(members, rows, k):
    for row in rows[::50]:
        base, parts = members[k].attribution(row)
        assert base + parts.sum() == pytest.approx(members[k].probability(row), abs=1e-6)
        assert parts.shape == (WIDTH,)


def test_the_planted_input_has_the_largest_part():
    """The made lines win by RSI alone."""
    ensemble, lines = open_ensemble(busy_artefact()), busy_dataset(core_params(settings())).inputs
    largest = [INPUTS[int(np.abs(ensemble.explain(row).parts).argmax())] for row in lines[::20]]
    assert largest.count("rsi_14") > 0.9 * len(largest)
    for row in lines[::40]:
        explained = ensemble.explain(row)
        assert explained.base + explained.parts.sum() == pytest.approx(explained.vote, abs=1e-6)


def test_the_ensemble_one_by_one_has_the_bits_of_the_batch(rows):
    ensemble = open_ensemble(busy_artefact())
    batch = ensemble.probabilities(rows)
    assert np.array([ensemble.probability(row) for row in rows]).tobytes() == batch.tobytes()
    assert ensemble.probabilities(rows[:0]).tolist() == []
    assert vote_of(ensemble.each(rows), SMALL.weights).shape == (len(rows),)


def test_class_and_probability_are_never_at_odds(rows):
    ensemble = open_ensemble(busy_artefact())
    said = ensemble.probabilities(rows)
    assert ((said >= 0.5) == (ensemble.classes(rows) == 1)).all()
    assert 0 < ensemble.classes(rows).sum() < len(rows)


class Fixed:
    """A member that always says the same."""

    def __init__(self, said: float) -> None:
        self.said = said

    def probabilities(self, inputs):
        return np.full(len(inputs), self.said)

    def probability(self, row):
        return self.said

    def attribution(self, row):
        return self.said, np.zeros(len(row))


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_the_vote_is_the_weighted_mean(said):
    ensemble = ProductionEnsemble([Fixed(p) for p in said], (0.4, 0.4, 0.2), UNCHANGED)
    row = np.zeros(3, np.float32)
    assert ensemble.probability(row) == pytest.approx(0.4 * said[0] + 0.4 * said[1] + 0.2 * said[2], abs=1e-12)
    assert ensemble.probability(row) == ensemble.probabilities(row[np.newaxis])[0]


def test_a_member_that_gives_no_number_makes_the_vote_none():
    ensemble = ProductionEnsemble([Fixed(0.5), Fixed(float("nan"))], (0.5, 0.5), Calibration("sigmoid", (1.0,), (0.0,)))
    assert np.isnan(ensemble.probability(np.zeros(3, np.float32)))
    assert np.isnan(ensemble.probabilities(np.zeros((2, 3), np.float32))).all()


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.5, 0.6, -0.1), (0.5, 0.4, 0.2)])
def test_weights_that_are_no_shares_are_refused(weights):
    with pytest.raises(ValueError, match="weights that sum to 1"):
        ProductionEnsemble([Fixed(0.5)] * 3, weights, UNCHANGED)


@pytest.mark.parametrize("k", range(3), ids=MEMBERS)
def test_inputs_of_another_width_are_refused(members, k):
    with pytest.raises(ValueError, match="do not fit"):
        members[k].probabilities(np.zeros((2, WIDTH + 1), np.float32))


def reopened(k: int, data: bytes, width: int = WIDTH):
    nodes = busy_artefact().files[NODES_FILE]
    make = (LightgbmMember, XgboostMember, lambda model, inputs: ForestMember(model, nodes, inputs))[k]
    return make(data, width)


FILES = (LIGHTGBM_FILE, XGBOOST_FILE, FOREST_FILE)


@pytest.mark.parametrize("k", range(3), ids=MEMBERS)
@pytest.mark.parametrize("data", [b"", b"tree\n", b"{", b"\x80\x04pickled", b"\0" * 64], ids=repr)
def test_bytes_that_are_no_model_are_refused(k, data):
    with pytest.raises(ModelRefused, match="cannot be used"):
        reopened(k, data)


@pytest.mark.parametrize("k", range(3), ids=MEMBERS)
def test_a_model_of_other_inputs_is_refused(k):
    with pytest.raises(ModelRefused, match=f"{WIDTH}"):
        reopened(k, busy_artefact().files[FILES[k]], WIDTH + 1)


def test_models_are_freed_and_opened_again_without_end():
    for _ in range(50):
        for k in range(3):
            reopened(k, busy_artefact().files[FILES[k]])
    gc.collect()


def nodes_with(**changed):
    nodes = read_nodes(busy_artefact().files[NODES_FILE], WIDTH).copy()
    for name, value in changed.items():
        nodes[name][0] = value
    return nodes.tobytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 31,
        nodes_with(left=0),
        nodes_with(right=10**6),
        nodes_with(left=-1),
        nodes_with(input=WIDTH),
        nodes_with(tree=1),
    ],
)
def test_nodes_that_lead_nowhere_are_refused(data):
    with pytest.raises(ModelRefused, match="random forest cannot be used"):
        read_nodes(data, WIDTH)


def test_nothing_is_ever_unpickled():
    """Nodes are read as plain numbers, whatever else their bytes could mean."""

    class Bomb:
        def __reduce__(self):
            return (sys.exit, (7,))

    data = pickle.dumps(Bomb())
    with pytest.raises(ModelRefused, match="cannot be used"):
        read_nodes(data, WIDTH)
    with pytest.raises(ModelRefused, match="cannot be used"):
        read_nodes(data + bytes(-len(data) % NODE.itemsize), WIDTH)
    assert NODE.hasobject is False


def test_a_library_that_is_not_there_says_what_to_install():
    with pytest.raises(ModelRefused, match="not installed"):
        open_library("no_such_package", "lib")
    with pytest.raises(ModelRefused, match="does not load"):
        open_library("lightgbm", "lib_other")


def test_parts_of_nothing_are_nothing():
    start, parts = in_probability(0.0, np.zeros(3), 0.5)
    assert (start, parts.tolist()) == (0.5, [0.0, 0.0, 0.0])
