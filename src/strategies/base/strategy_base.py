"""What a strategy is: a tuple of parameters that can propose a trade and say whether its reason still holds.

A strategy is one file in `strategies/implementations/` and one line under `strategies:` in the
settings. The file `my_idea.py` defines `class MyIdea(NamedTuple)` with typed, defaulted fields and the
two methods below. Both are pure functions of numbers, so they compile as they stand: use only the
fields of `Row`, arithmetic, comparisons and module-level functions of the same kind; write `x * x`
for a power and compare so that NaN gives no signal.
"""

import importlib
import re
from typing import Protocol, cast

from src.core.domain.market import Side
from src.core.exceptions import ConfigError
from src.features.row import Row
from src.strategies.utils.constants import Signal

_FOLDER = "src.strategies.implementations"


class Strategy(Protocol):
    """A NamedTuple of parameters with these two methods."""

    def propose(self, row: Row) -> Signal:
        """Return the trade this row asks for, else `NO_SIGNAL`."""
        ...

    def holds(self, row: Row, side: Side) -> bool:
        """Return whether the reason for an open trade on `side` is still there."""
        ...


def strategy_class(name: str) -> type[Strategy]:
    """Return the class that the file `name` in `strategies/implementations/` defines.

    Raises
    ------
    ConfigError
        If there is no such file, or it does not define the class its name asks for.
    """
    remedy = (
        f"a strategy `{name}` needs the file src/strategies/implementations/{name}.py "
        f"with `class {_class_name(name)}(NamedTuple)` and its methods propose and holds"
    )
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigError(f"{name!r} is not a strategy's name", remedy=remedy)
    try:
        module = importlib.import_module(f"{_FOLDER}.{name}")
    except ModuleNotFoundError as e:
        if e.name != f"{_FOLDER}.{name}":
            raise
        raise ConfigError(f"there is no strategy {name!r}", remedy=remedy) from e
    found = vars(module).get(_class_name(name))
    complete = (
        isinstance(found, type) and issubclass(found, tuple) and {"_fields", "propose", "holds"} <= set(vars(found))
    )
    if not complete:
        raise ConfigError(f"strategies/implementations/{name}.py does not define a strategy", remedy=remedy)
    return cast("type[Strategy]", found)


def strategy_fields(kind: type[Strategy]) -> dict[str, object]:
    """Return a strategy's parameters with their defaults.

    Raises
    ------
    ConfigError
        If a parameter has no default or is neither a number nor a truth value.
    """
    names: tuple[str, ...] = vars(kind)["_fields"]
    defaults: dict[str, object] = vars(kind)["_field_defaults"]
    for name in names:
        if not isinstance(defaults.get(name), int | float):
            raise ConfigError(
                f"parameter {name!r} of strategy {kind.__name__} has no numeric default",
                remedy=f"write `{name}: float = …` in the strategy's class",
            )
    return {name: defaults[name] for name in names}


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
