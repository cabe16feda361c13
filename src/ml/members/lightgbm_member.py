"""A LightGBM model in its own text format, run by its C interface on one thread.

The calls are those of LightGBM/include/LightGBM/c_api.h, version 4.
"""

import ctypes
import weakref
from functools import cache
from typing import Any, Final

import numpy as np

from src.backtest.fold import Floats
from src.core.exceptions import ModelRefused
from src.ml.members.attribution import in_probability
from src.ml.members.shared_library import open_library
from src.ml.transform import Inputs

_FLOAT32: Final = 0
_NORMAL: Final = 0
_PARTS: Final = 3
_ALL_ROUNDS: Final = -1
_ONE_THREAD: Final = b"num_threads=1"


class LightgbmMember:
    """A classifier of two classes.

    Parameters
    ----------
    model
        The text of `Booster.model_to_string`.
    inputs
        How many it must have been trained on.

    Raises
    ------
    ModelRefused
        If the text is not such a model, or one of other inputs.
    """

    def __init__(self, model: bytes, inputs: int) -> None:
        if b"\0" in model or not model.startswith(b"tree\n"):
            raise _refused("its text does not begin as one")
        self._inputs = inputs
        self._booster = _load(model)
        self._handles = weakref.finalize(self, _free, self._booster, None)
        found = ctypes.c_int()
        _call("LGBM_BoosterGetNumFeature", self._booster, ctypes.byref(found))
        if found.value != inputs:
            raise _refused(f"it has {found.value} inputs, not {inputs}")
        self._fast = ctypes.c_void_p()
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._booster,
            _NORMAL,
            0,
            _ALL_ROUNDS,
            _FLOAT32,
            ctypes.c_int32(inputs),
            _ONE_THREAD,
            ctypes.byref(self._fast),
        )
        self._handles.detach()
        self._handles = weakref.finalize(self, _free, self._booster, self._fast)
        self._row = np.zeros(inputs, np.float32)
        self._out = ctypes.c_double()
        self._wrote = ctypes.c_int64()
        self._one = _library().LGBM_BoosterPredictForMatSingleRowFast
        row = ctypes.c_void_p(self._row.ctypes.data)
        self._given = (self._fast, row, ctypes.byref(self._wrote), ctypes.byref(self._out))

    def probabilities(self, inputs: Inputs) -> Floats:
        """Return the probability of a win of each row, shape (n,)."""
        return self._predict(inputs, _NORMAL, 1)[:, 0]

    def probability(self, row: Inputs) -> float:
        """Return the probability of a win of one row, shape (inputs,)."""
        self._row[:] = row
        if self._one(*self._given) != 0:
            raise _failed()
        return self._out.value

    def attribution(self, row: Inputs) -> tuple[float, Floats]:
        """Return the base and each input's part of one row's probability; together they are the probability."""
        parts = self._predict(row[np.newaxis, :], _PARTS, self._inputs + 1)[0]
        return in_probability(float(parts[-1]), parts[:-1], self.probability(row))

    def _predict(self, inputs: Inputs, kind: int, width: int) -> Floats:
        rows = np.ascontiguousarray(inputs, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self._inputs:
            raise ValueError(f"inputs of shape {rows.shape} do not fit a model of {self._inputs}")
        found = np.empty((len(rows), width), np.float64)
        wrote = ctypes.c_int64()
        _call(
            "LGBM_BoosterPredictForMat",
            self._booster,
            ctypes.c_void_p(rows.ctypes.data),
            _FLOAT32,
            ctypes.c_int32(len(rows)),
            ctypes.c_int32(self._inputs),
            1,  # row after row
            kind,
            0,
            _ALL_ROUNDS,
            _ONE_THREAD,
            ctypes.byref(wrote),
            ctypes.c_void_p(found.ctypes.data),
        )
        if wrote.value != found.size:
            raise _refused(f"it gives {wrote.value} numbers where {found.size} were expected: not of two classes")
        return found


@cache
def _library() -> ctypes.CDLL:
    library = open_library("lightgbm", "lib_lightgbm")
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _load(model: bytes) -> ctypes.c_void_p:
    booster, rounds = ctypes.c_void_p(), ctypes.c_int()
    _call("LGBM_BoosterLoadModelFromString", model, ctypes.byref(rounds), ctypes.byref(booster))
    return booster


def _free(booster: ctypes.c_void_p, fast: ctypes.c_void_p | None) -> None:
    if fast is not None:
        _library().LGBM_FastConfigFree(fast)
    _library().LGBM_BoosterFree(booster)


def _call(name: str, *given: Any) -> None:
    if getattr(_library(), name)(*given) != 0:
        raise _failed()


def _failed() -> ModelRefused:
    return _refused(_library().LGBM_GetLastError().decode("utf-8", "replace"))


def _refused(why: str) -> ModelRefused:
    return ModelRefused(
        f"the LightGBM model cannot be used: {why}", remedy="train again with `python main.py train`, or restore it"
    )
