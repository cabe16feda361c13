"""ccxt's bitbank and the root of its errors, without the hundred other exchanges that come with them.

Importing `ccxt.async_support` loads every exchange: half a second of processor time and 70 MB, of which bitbank's class
needs 20. What is loaded here are the package's own modules; the two packages above them are stood in for meanwhile, so
whoever imports ccxt itself afterwards still gets the whole of it, with the same classes.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

ROOT: Final = "ccxt"
ASYNC: Final = "ccxt.async_support"


class CcxtParts(NamedTuple):
    """What is used of ccxt."""

    bitbank: Any  # the class, for asyncio
    error: type[Exception]  # every error of ccxt is one


def ccxt_parts() -> CcxtParts:
    """Return them, loaded at the first call.

    Raises
    ------
    ImportError
        If ccxt is not installed, or its modules are not where they were.
    """
    if ASYNC in sys.modules:
        return _named()
    stand_ins = _stand_ins()
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    try:
        errors = importlib.import_module(f"{ROOT}.base.errors")
        stand_ins[ROOT].__dict__.update({name: getattr(errors, name) for name in errors.__all__})
        stand_ins[ROOT].__dict__["Exchange"] = importlib.import_module(f"{ROOT}.base.exchange").Exchange
        return _named()
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _named() -> CcxtParts:
    error: type[Exception] = importlib.import_module(f"{ROOT}.base.errors").BaseError
    return CcxtParts(importlib.import_module(f"{ASYNC}.bitbank").bitbank, error)


def _stand_ins() -> dict[str, ModuleType]:
    """Return empty packages that know where ccxt's modules lie."""
    found = importlib.util.find_spec(ROOT)
    places = None if found is None else found.submodule_search_locations
    if not places:
        raise ImportError("ccxt is not installed")
    root = Path(places[0])
    made = {}
    for name, folder in ((ROOT, root), (ASYNC, root / "async_support")):
        made[name] = ModuleType(name)
        made[name].__path__ = [str(folder)]
    return made
