"""Layers of settings: a file, the file it extends, and the environment on top."""

import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from src.core.config.document import Layer, Tree, plain_value, read_document
from src.core.config.finding import Finding, Key, Place, refusal
from src.core.exceptions import ConfigError
from src.core.logger import is_secret_name

EXTENDS: Final = "extends"
PREFIX: Final = "TRADER__"
MODE: Final = "mode"
SHIPPED: Final = "config/backtest/base.yaml, config/paper/base.yaml or config/production/base.yaml"


def read_layers(path: Path) -> Layer:
    """Return the settings of a file merged over those of the file it extends, and so on.

    Raises
    ------
    ConfigError
        If a file cannot be read or used, or extends itself.
    """
    return _read(path, ())


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Return the settings that `TRADER__…` variables hold; two underscores separate the names of a key.

    Raises
    ------
    ConfigError
        If a variable names no key, repeats another one, is empty, or tries to set the mode.
    """
    layer = Layer({}, {})
    for name in sorted(environ):
        if name.upper().startswith(PREFIX):
            key = tuple(name[len(PREFIX) :].lower().split("__"))
            _refuse_variable(name, key, environ[name], layer)
            _put(layer, key, plain_value(environ[name].strip()), Place(f"environment variable {name}", None))
    return layer


def merged(base: Layer, over: Layer) -> Layer:
    """Return `base` with the settings of `over` in place of its own; mappings are merged key by key."""
    own = {key: at for key, at in over.places.items() if not key or not (_is_group(base, key) and _is_group(over, key))}
    return Layer(_merged(base.tree, over.tree), {**base.places, **own})


def refuse_secrets(layer: Layer) -> None:
    """Refuse a key that looks like a secret, without repeating its value.

    Raises
    ------
    ConfigError
        It names the key and its place.
    """
    found = [
        Finding(
            place,
            f"`{key[-1]}` looks like a secret, and settings are no place for one",
            "remove it here, revoke it at its issuer if the file was ever shared, and put the new one into the "
            "environment (BITBANK_API_KEY, BITBANK_API_SECRET, DISCORD_WEBHOOK_URL)",
        )
        for key, place in layer.places.items()
        if key and is_secret_name(key[-1])
    ]
    if found:
        raise refusal(found)


def _read(path: Path, seen: tuple[Path, ...]) -> Layer:
    path = Path(os.path.normpath(path))
    layer = read_document(_text(path), str(path))
    refuse_secrets(layer)
    below = layer.tree.pop(EXTENDS, None)
    at = layer.places.pop((EXTENDS,), None)
    if at is None:
        return layer
    if not isinstance(below, str) or not below:
        raise refusal([Finding(at, "`extends` names no file", "write the path of a file, relative to this one")])
    parent = Path(os.path.normpath(path.parent / below))
    if parent in {*seen, path}:
        raise refusal([Finding(at, f"{parent} extends itself", "extend a file that does not lead back here")])
    if not parent.is_file():
        raise refusal([Finding(at, f"there is no file {parent}", f"`extends` is relative to the folder {path.parent}")])
    return merged(_read(parent, (*seen, path)), layer)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as e:
        raise ConfigError(f"there is no file {path}", remedy=f"give the path of a settings file: {SHIPPED}") from e
    except UnicodeDecodeError as e:
        line = path.read_bytes().count(b"\n", 0, e.start) + 1
        raise refusal([Finding(Place(str(path), line), "this is not UTF-8 text", "save the file as UTF-8")]) from e
    except (OSError, ValueError) as e:  # ValueError: a zero byte in the name
        raise ConfigError(f"{path} cannot be read: {e}", remedy=f"give a file this user may read: {SHIPPED}") from e


def _refuse_variable(name: str, key: Key, value: str, layer: Layer) -> None:
    at = Place(f"environment variable {name}", None)
    if not all(key):
        remedy = f"write {PREFIX}SECTION__KEY, as in {PREFIX}SIZING__RISK_PER_TRADE=0.01"
        raise refusal([Finding(at, "the name leads to no setting", remedy)])
    if key in layer.places:
        raise refusal(
            [Finding(at, "it is given twice, in two spellings or as a whole and in part", "unset one of the two")]
        )
    if not value.strip():
        raise refusal([Finding(at, "it is empty", "give it a value, or unset it")])
    if key[0] in {MODE, EXTENDS}:
        what = f"`{key[0]}` cannot come from the environment: a stray variable must not start live trading"
        raise refusal([Finding(at, what, f"unset it and load {SHIPPED}")])


def _put(layer: Layer, key: Key, value: object, at: Place) -> None:
    tree = layer.tree
    for depth, name in enumerate(key[:-1], start=1):
        layer.places.setdefault(key[:depth], at)
        inner = tree.setdefault(name, {})
        if not isinstance(inner, dict):
            raise refusal([Finding(at, f"`{name}` is already given as a value", "unset one of the two variables")])
        tree = inner
    tree[key[-1]] = value
    layer.places[key] = at


def _is_group(layer: Layer, key: Key) -> bool:
    """Return whether `key` leads to a mapping; a group keeps the place of the layer that began it."""
    value: object = layer.tree
    for name in key:
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, dict)


def _merged(base: Tree, over: Tree) -> Tree:
    both = dict(base)
    for name, value in over.items():
        below = base.get(name)
        both[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return both
