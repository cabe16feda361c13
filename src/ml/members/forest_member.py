"""The random forest: an ONNX model run by onnxruntime on one thread, and its trees' nodes for attribution."""

import importlib
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from src.backtest.fold import Floats
from src.core.exceptions import ModelRefused
from src.ml.transform import Inputs

NODE: Final = np.dtype(
    [("tree", "<i4"), ("input", "<i4"), ("left", "<i4"), ("right", "<i4"), ("at", "<f8"), ("won", "<f8")]
)
"""A node of the forest: `input` -1 is a leaf; `left` (input <= at) and `right` are numbers of nodes; `won` is the share
of wins among the training lines that came here."""

PROBABILITIES: Final = "probabilities"
_SILENT: Final = 3  # errors only


class ForestMember:
    """A classifier of two classes.

    Parameters
    ----------
    model
        ONNX, with an output of the shape (n, 2) that is called "probabilities".
    nodes
        The same trees, `NODE` after `NODE`.
    inputs
        How many it must have been trained on.

    Raises
    ------
    ModelRefused
        If the bytes are not such a model, or one of other inputs.
    """

    def __init__(self, model: bytes, nodes: bytes, inputs: int) -> None:
        self._session = _open(model)
        given = self._session.get_inputs()[0]
        if given.shape[-1] != inputs:
            raise _refused(f"it has {given.shape[-1]} inputs, not {inputs}")
        if PROBABILITIES not in [output.name for output in self._session.get_outputs()]:
            raise _refused(f"it has no output {PROBABILITIES!r}")
        self._inputs, self._name = inputs, given.name
        found = read_nodes(nodes, inputs)
        self._roots = np.flatnonzero(np.diff(found["tree"], prepend=-1)).tolist()
        # lists of Python numbers: a walk reads them five times as fast as an array
        self._walk = [found[name].tolist() for name in ("input", "left", "right", "at", "won")]
        self._row = np.zeros((1, inputs), np.float32)
        self._asked = [PROBABILITIES]

    def probabilities(self, inputs: Inputs) -> Floats:
        """Return the probability of a win of each row, shape (n,)."""
        rows = np.ascontiguousarray(inputs, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self._inputs:
            raise ValueError(f"inputs of shape {rows.shape} do not fit a model of {self._inputs}")
        return self._run(rows)[:, 1].astype(np.float64)

    def probability(self, row: Inputs) -> float:
        """Return the probability of a win of one row, shape (inputs,)."""
        self._row[0] = row
        return float(self._run(self._row)[0, 1])

    def attribution(self, row: Inputs) -> tuple[float, Floats]:
        """Return the base and each input's part of one row's probability; together they are the probability.

        Each step down a tree changes the share of wins; the change is the part of the input the step asked about.
        """
        inputs, left, right, at, won = self._walk
        values, base, parts = row.astype(np.float64).tolist(), 0.0, [0.0] * self._inputs
        for root in self._roots:
            node = root
            base += won[node]
            while (asked := inputs[node]) >= 0:
                below = left[node] if values[asked] <= at[node] else right[node]
                parts[asked] += won[below] - won[node]
                node = below
        trees = len(self._roots)
        return base / trees, np.array(parts) / trees

    def _run(self, rows: Inputs) -> npt.NDArray[np.float32]:
        try:
            found: npt.NDArray[np.float32] = self._session.run(self._asked, {self._name: rows})[0]
        except _troubles() as e:
            raise _refused(str(e)) from e
        return found


def read_nodes(data: bytes, inputs: int) -> npt.NDArray[np.void]:
    """Return the nodes in a file's bytes.

    Raises
    ------
    ModelRefused
        If they are not an array of nodes, or a node leads outside its tree or back.
    """
    if not data or len(data) % NODE.itemsize:
        raise _refused("its nodes are not nodes")
    nodes: npt.NDArray[np.void] = np.frombuffer(data, NODE)
    here, inner = np.arange(len(nodes)), nodes["input"] >= 0
    for child in ("left", "right"):
        below = nodes[child][inner]
        if (below <= here[inner]).any() or (below >= len(nodes)).any():
            raise _refused("a node leads back, or nowhere")
        if (nodes["tree"][below] != nodes["tree"][inner]).any():
            raise _refused("a node leads into another tree")
    if (nodes["input"] >= inputs).any() or (np.diff(nodes["tree"], prepend=0) < 0).any():
        raise _refused("a node asks about an input that is not there, or trees are not in order")
    return nodes


def _open(model: bytes) -> Any:
    runtime = importlib.import_module("onnxruntime")  # 0.2 s and 36 MB: only when there is a model
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _SILENT
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except _troubles() as e:
        raise _refused(str(e)) from e


@cache
def _troubles() -> tuple[type[Exception], ...]:
    """Return what onnxruntime raises: its own errors, which have no base of their own, and two of Python's."""
    module = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = (each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Exception))
    return (RuntimeError, ValueError, *own)


def _refused(why: str) -> ModelRefused:
    return ModelRefused(
        f"the random forest cannot be used: {why}", remedy="train again with `python main.py train`, or restore it"
    )
