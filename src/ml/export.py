"""From fitted models to the files that trading reads. Training code; `src/ml/members/` reads them."""

from typing import Any, Final

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from src.ml.artefact import FOREST_FILE, LIGHTGBM_FILE, NODES_FILE, XGBOOST_FILE
from src.ml.members.forest_member import NODE, PROBABILITIES
from src.ml.models import Blend

_OPSET: Final = {"": 18, "ai.onnx.ml": 3}


def export_files(blend: Blend) -> dict[str, bytes]:
    """Return the files of a fitted blend, by name; the same models give the same bytes."""
    lightgbm, xgboost, forest = blend.members_
    return {
        LIGHTGBM_FILE: lightgbm.booster_.model_to_string(num_iteration=-1).encode("utf-8"),
        XGBOOST_FILE: bytes(xgboost.get_booster().save_raw("ubj")),
        FOREST_FILE: _forest(forest, blend.n_features_in_),
        NODES_FILE: _nodes(forest),
    }


def _forest(forest: Any, inputs: int) -> bytes:
    model = convert_sklearn(
        forest,
        name="random_forest",
        initial_types=[("inputs", FloatTensorType([None, inputs]))],
        options={id(forest): {"zipmap": False}},
        target_opset=_OPSET,
        final_types=None,
    )
    if PROBABILITIES not in [output.name for output in model.graph.output]:
        raise ValueError(f"the export of the forest has no output {PROBABILITIES!r}")
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _nodes(forest: Any) -> bytes:
    kept, first = [], 0
    for number, tree in enumerate(each.tree_ for each in forest.estimators_):
        nodes = np.zeros(tree.node_count, NODE)
        inner = tree.children_left >= 0
        nodes["tree"] = number
        nodes["input"] = np.where(inner, tree.feature, -1)
        nodes["left"] = np.where(inner, tree.children_left + first, 0)
        nodes["right"] = np.where(inner, tree.children_right + first, 0)
        nodes["at"] = np.where(inner, tree.threshold, 0.0)
        nodes["won"] = tree.value[:, 0, 1] / tree.value[:, 0, :].sum(axis=1)
        kept.append(nodes)
        first += tree.node_count
    return np.concatenate(kept).tobytes()
