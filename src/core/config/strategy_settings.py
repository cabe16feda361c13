"""The strategies' part of the settings: which there are, and each one's own parameters."""

import json
import math
from collections.abc import Iterator
from pkgutil import iter_modules
from typing import Any, Final, NamedTuple

from src.core.config.document import Layer, Tree
from src.core.config.finding import Finding, Key, Place, suggestion
from src.core.exceptions import ConfigError
from src.strategies import implementations
from src.strategies.base.strategy_base import strategy_class, strategy_fields

SECTION: Final = "strategies"
PARAMS: Final = "params"


class Resolved(NamedTuple):
    """The strategies with all of their parameters, and what was wrong."""

    tree: Tree
    findings: list[Finding]


def resolve_strategies(layer: Layer) -> Resolved:
    """Return the strategies in the order of their names, each with its class's parameters as overridden.

    A strategy whose value is null is left out. What is not a mapping stays as it is, for the models to refuse.
    """
    given = layer.tree.get(SECTION)
    if not isinstance(given, dict):
        return Resolved(layer.tree, [])
    strategies: Tree = {}
    findings: list[Finding] = []
    for name in sorted(name for name, value in given.items() if value is not None):
        try:
            defaults = strategy_fields(strategy_class(name))
        except ConfigError as e:
            findings.append(_unknown(name, e, layer.places[SECTION, name]))
            continue
        own = given[name]
        if isinstance(own, dict):
            wrong = list(_wrong_params(own.get(PARAMS), defaults, layer, (SECTION, name, PARAMS)))
            findings += wrong
            own = own if wrong else {**own, PARAMS: _filled(own.get(PARAMS), defaults)}
        strategies[name] = own
    return Resolved({**layer.tree, SECTION: strategies}, findings)


def _unknown(name: str, error: ConfigError, at: Place) -> Finding:
    known = [module.name for module in iter_modules(implementations.__path__)]
    if name in known:
        return Finding(at, error.what, error.remedy)
    return Finding(at, error.what, f"{suggestion(name, known)} {error.remedy}")


def _wrong_params(params: Any, defaults: dict[str, object], layer: Layer, key: Key) -> Iterator[Finding]:
    if params is None:
        return
    if not isinstance(params, dict):
        yield Finding(layer.places[key], "`params` is not a mapping", "write `params: {name: value}`, or leave it out")
        return
    for name, value in params.items():
        at = layer.places[*key, name]
        if name not in defaults:
            yield Finding(at, f"{key[1]} has no parameter `{name}`", suggestion(name, list(defaults)))
        elif not _fits(value, defaults[name]):
            kind = {bool: "true or false", int: "a whole number"}.get(type(defaults[name]), "a number")
            yield Finding(
                at, f"{key[1]}'s parameter `{name}` is {value!r}", f"write {kind}, as in {json.dumps(defaults[name])}"
            )


def _fits(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, int):
        return isinstance(value, int)
    return isinstance(value, int | float) and math.isfinite(value)


def _filled(params: Any, defaults: dict[str, object]) -> Tree:
    """Return every parameter, in the type its class gives it."""
    given = params or {}
    return {
        name: float(given[name]) if name in given and isinstance(default, float) else given.get(name, default)
        for name, default in defaults.items()
    }
