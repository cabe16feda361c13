"""Finding and calling the shared library inside an installed package, without importing the package."""

import ctypes
import sys
from importlib.util import find_spec
from typing import Final

from src.core.exceptions import ModelRefused

_ENDING: Final = "dylib" if sys.platform == "darwin" else "so"


def open_library(package: str, name: str) -> ctypes.CDLL:
    """Return the library `lib/NAME` of an installed package.

    Raises
    ------
    ModelRefused
        If the package is not installed, or its library does not load.
    """
    remedy = "install what requirements/live.txt pins"
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModelRefused(f"the package {package} is not installed, without which its model cannot run", remedy=remedy)
    folder = found.origin.rpartition("__init__")[0]
    try:
        return ctypes.CDLL(f"{folder}lib/{name}.{_ENDING}")
    except OSError as e:
        raise ModelRefused(f"the library of {package} does not load: {e}", remedy=remedy) from e
