"""An XGBoost model in its own binary JSON, run by its C interface on one thread.

The calls are those of xgboost/include/xgboost/c_api.h, version 3.
"""

import ctypes
import json
import weakref
from functools import cache
from typing import Any, Final

import numpy as np

from src.backtest.fold import Floats
from src.core.exceptions import ModelRefused
from src.ml.members.attribution import in_probability
from src.ml.members.shared_library import open_library
from src.ml.transform import Inputs

_PROBABILITY: Final = 0
_PARTS: Final = 2


class XgboostMember:
    """A classifier of two classes.

    Parameters
    ----------
    model
        The bytes of `Booster.save_raw("ubj")`.
    inputs
        How many it must have been trained on.

    Raises
    ------
    ModelRefused
        If the bytes are not such a model, or one of other inputs.
    """

    def __init__(self, model: bytes, inputs: int) -> None:
        if not model.startswith(b"{"):
            raise _refused("its bytes do not begin as one")
        self._inputs = inputs
        self._booster = _load(model)
        self._handle = weakref.finalize(self, _library().XGBoosterFree, self._booster)
        found = ctypes.c_uint64()
        _call("XGBoosterGetNumFeature", self._booster, ctypes.byref(found))
        if found.value != inputs:
            raise _refused(f"it has {found.value} inputs, not {inputs}")
        self._row = np.zeros((1, inputs), np.float32)
        self._shape = ctypes.POINTER(ctypes.c_uint64)()
        self._dim = ctypes.c_uint64()
        self._out = ctypes.POINTER(ctypes.c_float)()
        self._one = _library().XGBoosterPredictFromDense
        self._given = (
            self._booster,
            _interface(self._row),
            _request(_PROBABILITY, missing=True),
            None,
            ctypes.byref(self._shape),
            ctypes.byref(self._dim),
            ctypes.byref(self._out),
        )

    def probabilities(self, inputs: Inputs) -> Floats:
        """Return the probability of a win of each row, shape (n,)."""
        rows = np.ascontiguousarray(inputs, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self._inputs:
            raise ValueError(f"inputs of shape {rows.shape} do not fit a model of {self._inputs}")
        given = (self._booster, _interface(rows), *self._given[2:])
        if self._one(*given) != 0:
            raise _failed()
        self._check(len(rows))
        return np.ctypeslib.as_array(self._out, (len(rows),)).astype(np.float64)

    def probability(self, row: Inputs) -> float:
        """Return the probability of a win of one row, shape (inputs,)."""
        self._row[0] = row
        if self._one(*self._given) != 0:
            raise _failed()
        self._check(1)
        return float(self._out[0])

    def attribution(self, row: Inputs) -> tuple[float, Floats]:
        """Return the base and each input's part of one row's probability; together they are the probability."""
        rows, matrix = np.ascontiguousarray(row[np.newaxis, :], np.float32), ctypes.c_void_p()
        one_thread = json.dumps({"missing": float("nan"), "nthread": 1}).encode()
        _call("XGDMatrixCreateFromDense", _interface(rows), one_thread, ctypes.byref(matrix))
        try:
            given = (ctypes.byref(self._shape), ctypes.byref(self._dim), ctypes.byref(self._out))
            _call("XGBoosterPredictFromDMatrix", self._booster, matrix, _request(_PARTS, missing=False), *given)
            parts = np.ctypeslib.as_array(self._out, (self._inputs + 1,)).astype(np.float64)
        finally:
            _library().XGDMatrixFree(matrix)
        return in_probability(float(parts[-1]), parts[:-1], self.probability(row))

    def _check(self, rows: int) -> None:
        """Refuse an answer that is not one number a row."""
        shape = self._shape[: self._dim.value]
        if int(np.prod(shape)) != rows:
            raise _refused(f"it gives numbers of shape {tuple(shape)} for {rows} rows: not of two classes")


@cache
def _library() -> ctypes.CDLL:
    library = open_library("xgboost", "libxgboost")
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library


def _load(model: bytes) -> ctypes.c_void_p:
    booster = ctypes.c_void_p()
    _call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(booster))
    try:
        _call("XGBoosterLoadModelFromBuffer", booster, model, ctypes.c_uint64(len(model)))
        _call("XGBoosterSetParam", booster, b"nthread", b"1")
    except ModelRefused:
        _library().XGBoosterFree(booster)
        raise
    return booster


def _interface(rows: Inputs) -> bytes:
    """Return the array's address and shape as XGBoost reads them: NumPy's array interface as JSON."""
    described = {"data": (rows.ctypes.data, True), "shape": rows.shape, "typestr": rows.dtype.str, "version": 3}
    return json.dumps(described).encode()


def _request(kind: int, *, missing: bool) -> bytes:
    asked: dict[str, object] = {"type": kind, "training": False, "iteration_begin": 0, "iteration_end": 0}
    asked |= {"strict_shape": False}
    if missing:
        asked |= {"missing": float("nan"), "cache_id": 0}
    return json.dumps(asked).encode()


def _call(name: str, *given: Any) -> None:
    if getattr(_library(), name)(*given) != 0:
        raise _failed()


def _failed() -> ModelRefused:
    text = _library().XGBGetLastError().decode("utf-8", "replace")
    return _refused(text.partition("Stack trace")[0].strip())


def _refused(why: str) -> ModelRefused:
    return ModelRefused(
        f"the XGBoost model cannot be used: {why}", remedy="train again with `python main.py train`, or restore it"
    )
