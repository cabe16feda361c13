import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src.core.config.feature_manager import (
    FEATURE_ORDER,
    FEATURES,
    VIEWS,
    feature_contract,
    feature_hash,
    verify_feature_order,
    write_feature_order,
)
from src.core.exceptions import ConfigError
from src.features.bars import ArrayInputs, FeatureSettings
from src.features.columns import column_set
from src.features.engine import ArrayEngine
from src.features.row import COLUMNS, MANAGED_FEATURES
from tests.features.made_bars import random_bars

ROOT = Path(__file__).parents[2]


def test_the_committed_file_is_the_contract_of_this_code():
    verify_feature_order(ROOT / FEATURE_ORDER)


def test_the_contract_names_the_managed_features_in_order():
    assert tuple(feature.name for feature in FEATURES) == MANAGED_FEATURES
    for view in VIEWS:
        assert {f"{name}{view.suffix}" for name in MANAGED_FEATURES} <= set(COLUMNS)


def test_the_stated_warmups_are_the_bars_a_fold_needs():
    columns = column_set(MANAGED_FEATURES).own(ArrayEngine(), ArrayInputs(random_bars(200, seed=1), FeatureSettings()))
    assert [int(np.argmax(np.isfinite(column))) for column in columns] == [feature.warmup for feature in FEATURES]


def test_what_is_written_is_accepted(tmp_path):
    path = tmp_path / "order.json"
    write_feature_order(path)
    verify_feature_order(path)
    assert path.read_bytes() == (ROOT / FEATURE_ORDER).read_bytes()


@pytest.mark.parametrize("part", ["features", "views", "fold", "hash"])
def test_a_file_that_differs_is_refused_and_the_part_is_named(tmp_path, part):
    path = tmp_path / "order.json"
    write_feature_order(path)
    document = json.loads(path.read_text())
    document[part] = "another"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=f"{part} differs") as refused:
        verify_feature_order(path)
    assert "feature_manager" in refused.value.remedy


def test_two_features_in_another_order_are_refused(tmp_path):
    path = tmp_path / "order.json"
    write_feature_order(path)
    document = json.loads(path.read_text())
    document["features"][3:5] = document["features"][4:2:-1]
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="features differs"):
        verify_feature_order(path)


@pytest.mark.parametrize("text", [None, "", "[]", "{", "\udcff"])
def test_a_missing_or_broken_file_is_refused_with_a_remedy(tmp_path, text):
    path = tmp_path / "order.json"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as refused:
        verify_feature_order(path)
    assert str(path) in refused.value.what
    assert refused.value.remedy


def test_the_hash_is_of_the_contract_and_stays_the_same_in_another_process():
    assert len(feature_hash()) == 64
    assert json.loads((ROOT / FEATURE_ORDER).read_text())["hash"] == feature_hash()
    assert json.loads(json.dumps(feature_contract())) == feature_contract()


def test_running_the_module_rewrites_the_file(tmp_path):
    (tmp_path / FEATURE_ORDER).parent.mkdir(parents=True)
    run = [sys.executable, "-m", "src.core.config.feature_manager"]
    subprocess.run(run, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
    verify_feature_order(tmp_path / FEATURE_ORDER)
