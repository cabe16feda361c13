"""A model on disk: what was changed, cut off, older, foreign or for something else is refused and says why."""

import json
import random
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.config.feature_manager import feature_hash
from src.core.exceptions import ModelRefused
from src.core.orchestration.wiring import core_params, label_terms, market_params
from src.ml.artefact import (
    FORMAT,
    Artefact,
    Manifest,
    Misfit,
    Running,
    check_files,
    file_facts,
    find_misfit,
    manifest_bytes,
    read_manifest,
    sealed,
    version_of,
)
from src.ml.calibration import Calibration
from src.ml.model_folder import (
    PRODUCTION,
    SERVING,
    VERSIONS,
    keep_version,
    read_artefact,
    versions,
    write_artefact,
)
from src.ml.transform import transform_hash
from tests.core.config.written_settings import ROOT
from tests.ml.made_model import busy_artefact
from tests.ml.made_model import settings as made_settings


@pytest.fixture
def made() -> Artefact:
    return busy_artefact()


@pytest.fixture
def running(made) -> Running:
    shipped = made_settings()
    terms = label_terms(core_params(shipped), market_params(shipped))
    return Running(feature_hash(), transform_hash(), terms, versions())


def resealed(manifest: Manifest, **changed: object) -> bytes:
    """A manifest with a hash that is right for what it says."""
    return manifest_bytes(sealed(manifest._replace(**changed)))


def test_a_manifest_is_read_as_it_was_written(made):
    data = manifest_bytes(made.manifest)
    assert read_manifest(data) == made.manifest
    assert manifest_bytes(read_manifest(data)) == data
    assert made.version == version_of(made.manifest) == made.manifest.hash[:12]


def test_the_manifest_says_what_the_design_asks_for(made):
    manifest = made.manifest
    assert manifest.format == FORMAT
    assert len(manifest.inputs) == len(manifest.ranges) == 35
    assert manifest.trained_from < manifest.trained_until
    assert set(manifest.libraries) == set(SERVING)
    assert manifest.recipe["seed"] == 3
    assert len(str(manifest.data["dataset_sha256"])) == 64
    assert len(manifest.files) == 4


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_byte_anywhere_in_the_manifest_is_found(data):
    found = bytearray(manifest_bytes(busy_artefact().manifest))
    at = data.draw(st.integers(0, len(found) - 1))
    new = data.draw(st.integers(0, 255).filter(lambda value: value != found[at]))
    if bytes([new]).isspace() and bytes([found[at]]).isspace():
        return  # white space between values says nothing
    found[at] = new
    with pytest.raises(ModelRefused, match="the model cannot be used"):
        read_manifest(bytes(found))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_manifest_that_was_cut_off_is_found(data):
    whole = manifest_bytes(busy_artefact().manifest)
    with pytest.raises(ModelRefused, match="not JSON"):
        read_manifest(whole[: data.draw(st.integers(0, len(whole) - 2))])


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_bytes_are_a_manifest_or_refused(data):
    with pytest.raises(ModelRefused):
        read_manifest(data)


def test_deep_nesting_and_words_json_does_not_know_are_refused():
    for data in (b"[" * 100_000, b'{"format": NaN}', b'{"format": Infinity}', b'{"format": 1, "lines": 1e999}'):
        with pytest.raises(ModelRefused, match="not JSON"):
            read_manifest(data)


@pytest.mark.parametrize("found", [0, 2, "1", None])
def test_another_format_is_refused_by_name(made, found):
    document = json.loads(manifest_bytes(made.manifest))
    document["format"] = found
    with pytest.raises(ModelRefused, match=f"format {found!r}; this program reads 1"):
        read_manifest(json.dumps(document).encode())


def _broken(manifest: Manifest) -> dict[str, dict[str, object]]:
    probe, first = manifest.probe, next(iter(manifest.files.items()))
    return {
        "inputs are not the 35": {"inputs": manifest.inputs[::-1]},
        "classes are": {"classes": ("lost", "flat", "won")},
        "members are": {"members": manifest.members[:2]},
        "weights are not": {"weights": (0.4, 0.4, 0.3)},
        "calibration is not": {"calibration": Calibration("sigmoid", (-1.0,), (0.0,))},
        "threshold is no": {"threshold": 1.5},
        "until before": {"trained_until": manifest.trained_from - 1},
        "on no line": {"lines": 0},
        "ranges are not": {"ranges": manifest.ranges[:-1]},
        "probe has no row": {"probe": probe._replace(probabilities=probe.probabilities[:-1])},
        "as wide as": {"probe": probe._replace(inputs=tuple(row[:-1] for row in probe.inputs))},
        "barrier hash": {"barrier_hash": "0" * 64},
        "not complete": {"feature_hash": "no hash"},
        "not complete: OverflowError": {"threshold": 10**400},
        "file name": {"files": {**manifest.files, first[0]: first[1]._replace(name="../../outside")}},
    }


@pytest.mark.parametrize("text", list(_broken(busy_artefact().manifest)))
def test_a_sealed_manifest_that_makes_no_sense_is_refused(text):
    manifest = busy_artefact().manifest
    with pytest.raises(ModelRefused, match=text):
        read_manifest(resealed(manifest, **_broken(manifest)[text]))


@pytest.mark.parametrize("name", Manifest._fields)
def test_a_manifest_without_one_of_its_fields_is_refused(made, name):
    document = json.loads(manifest_bytes(made.manifest))
    del document[name]
    with pytest.raises(ModelRefused):
        read_manifest(json.dumps(document).encode())


@pytest.mark.parametrize("what", list(busy_artefact().files))
def test_every_file_is_held_to_its_hash(made, what):
    data = made.files[what]
    check_files(made.manifest, made.files)
    for wrong, text in (
        (data[:-1], "bytes, not"),
        (data[:10] + bytes([data[10] ^ 1]) + data[11:], "was changed"),
        (None, "is missing"),
    ):
        files = {**made.files, what: wrong} if wrong is not None else {k: v for k, v in made.files.items() if k != what}
        with pytest.raises(ModelRefused, match=text):
            check_files(made.manifest, files)


def test_a_model_of_what_is_running_fits(made, running):
    assert find_misfit(made.manifest, running) is None


@pytest.mark.parametrize(
    ("changed", "why", "text"),
    [
        ({"feature_hash": "1" * 64}, Misfit.FEATURES, "other features"),
        ({"transform_hash": "1" * 64}, Misfit.FEATURES, "other input formulas"),
        ({"terms": {"rule": 1}}, Misfit.BARRIERS, "strategies"),
        ({"libraries": {"lightgbm": "4.7.0"}}, Misfit.LIBRARIES, "onnxruntime"),
    ],
)
def test_a_model_of_something_else_says_of_what(made, running, changed, why, text):
    found = find_misfit(made.manifest, running._replace(**changed))
    assert found is not None
    assert found[0] == why
    assert text in found[1]


def test_a_strategy_with_another_stop_makes_the_model_one_for_other_trades(made, running):
    other = made_settings(strategies__atr_based__params__stop="9.0")
    terms = label_terms(core_params(other), market_params(other))
    found = find_misfit(made.manifest, running._replace(terms=terms))
    assert found is not None
    assert found == (
        Misfit.BARRIERS,
        "the model was trained for other trades than the settings make; different: strategies",
    )


def test_a_folder_gives_back_what_was_written(tmp_path, made):
    folder = tmp_path / "models" / PRODUCTION
    assert read_artefact(folder) is None
    write_artefact(folder, made)
    assert read_artefact(folder) == made
    kept = keep_version(tmp_path / "models", made)
    assert kept == tmp_path / "models" / VERSIONS / made.version
    assert read_artefact(kept) == made


def other_artefact(made: Artefact) -> Artefact:
    changed = {name: data + b"\n" if name.endswith(".txt") else data for name, data in made.files.items()}
    return Artefact(sealed(made.manifest._replace(files=file_facts(changed))), changed)


def test_a_new_model_takes_the_place_of_the_old_one_and_leaves_nothing_of_it(tmp_path, made):
    new = other_artefact(made)
    write_artefact(tmp_path, made)
    write_artefact(tmp_path, new)
    assert read_artefact(tmp_path) == new
    assert len(list(tmp_path.iterdir())) == 5


WRITER = """
import sys
from pathlib import Path
from src.ml.model_folder import read_artefact, write_artefact
one, other, place = (Path(name) for name in sys.argv[1:])
models = [read_artefact(one), read_artefact(other)]
print("writing", flush=True)
while True:
    for model in models:
        write_artefact(place, model)
"""


def test_killed_at_any_moment_the_folder_holds_the_old_model_or_the_new(tmp_path, made):
    dice, new = random.Random(5), other_artefact(made)
    for name, artefact in (("one", made), ("other", new), ("place", made)):
        write_artefact(tmp_path / name, artefact)
    for _ in range(6):
        program = [sys.executable, "-c", WRITER, *(str(tmp_path / name) for name in ("one", "other", "place"))]
        with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"writing\n"
            time.sleep(dice.uniform(0.0, 0.05))
            writer.kill()
        found = read_artefact(tmp_path / "place")
        assert found in (made, new)


def test_a_folder_that_was_tampered_with_is_refused(tmp_path, made):
    write_artefact(tmp_path, made)
    fact = made.manifest.files["lightgbm.txt"]
    (tmp_path / fact.name).write_bytes(made.files["lightgbm.txt"][:-20])
    with pytest.raises(ModelRefused, match="bytes, not"):
        read_artefact(tmp_path)
    (tmp_path / fact.name).unlink()
    with pytest.raises(ModelRefused, match="is missing"):
        read_artefact(tmp_path)


def test_a_package_that_is_not_installed_has_no_version():
    assert versions(("no-such-package",)) == {"no-such-package": "not installed"}
