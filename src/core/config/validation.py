"""From merged layers to settings, or to a list of what is wrong with them, each with its line."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from src.core.config.conflicts import find_conflicts
from src.core.config.document import Layer
from src.core.config.finding import Finding, Key, Place, dotted, refusal, suggestion
from src.core.config.layers import SHIPPED
from src.core.config.schema import bounds_of, expected, field_of, is_group, names_beside, unit_of
from src.core.config.settings import Section, Settings
from src.core.config.strategy_settings import resolve_strategies
from src.core.config.units import in_parts, written
from src.core.exceptions import ConfigError

_PERCENT: Final = re.compile(r"([0-9]*\.?[0-9]+)\s*%")
_NUMBERS: Final = (
    (re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9]+)?"), "numbers are written without underscores"),
    (re.compile(r"[0-9]+(:[0-9]+)+"), "a number of minutes or hours is written as one number, not with a colon"),
    (re.compile(r"[0-9]+,[0-9]+"), "the decimal sign is a point"),
    (re.compile(r"[-+]?0[0-9]+|0[xob][0-9a-fA-F]+"), "numbers are decimal, without leading zeros"),
    (re.compile(r"[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?", re.IGNORECASE), "write the number without quotes"),
    (re.compile(r"[-+]?\.?(inf|nan)", re.IGNORECASE), "infinite and undefined numbers are no settings"),
)
_LONGEST: Final = 60  # characters of a wrong value that are repeated
_TRUTHS: Final = frozenset({"on", "off", "yes", "no", "y", "n", "true", "false"})


def validated(layer: Layer) -> Settings:
    """Return the settings that a merged layer holds.

    Raises
    ------
    ConfigError
        It names every key that is unknown, missing, of the wrong type or unit, or out of bounds; and when
        there is none, every impossible combination.
    """
    tree, findings = resolve_strategies(layer)
    settings = None
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as e:
        errors = e.errors(include_url=False, include_context=False)
        findings += _missing([_key(error) for error in errors if error["type"] == "missing"], layer)
        findings += [_finding(error, layer) for error in errors if not _already_said(error, findings)]
    if settings is not None:
        findings += _off_grid(settings, layer, ())
    if settings is not None and not findings:
        findings = [Finding(_latest(c.keys, layer), c.what, c.remedy) for c in find_conflicts(settings)]
    if findings or settings is None:
        raise refusal(findings)
    return settings


def _already_said(error: Any, findings: list[Finding]) -> bool:
    """Return whether a missing key, or the strategies' own check, covers what the models say."""
    key = _key(error)
    of_strategies = key[:1] == ("strategies",) and (key[2:3] == ("params",) or (len(key) == 1 and bool(findings)))
    return error["type"] == "missing" or of_strategies


def _finding(error: Any, layer: Layer) -> Finding:
    key = _key(error)
    at = _place(key, layer)
    if error["type"] == "extra_forbidden":
        return Finding(at, f"unknown key `{dotted(key)}`", suggestion(key[-1], names_beside(key)))
    field = field_of(key)
    if field is None or is_group(field):
        return _not_a_section(key, error["input"], at)
    return _wrong_value(key, error["input"], field, at)


def _missing(keys: list[Key], layer: Layer) -> Iterator[Finding]:
    """Yield one finding for each place at which keys are missing."""
    if ("mode",) in keys:
        remedy = f"load {SHIPPED}; in a file of your own, write `mode: backtest`"
        yield Finding(_place((), layer), "`mode` is missing", remedy)
    others = [key for key in keys if key != ("mode",)]
    for at in dict.fromkeys(_place(key, layer) for key in others):
        names = ", ".join(f"`{dotted(key)}`" for key in others if _place(key, layer) == at)
        plural = "are" if names.count("`") > 2 else "is"
        remedy = "add what is missing, or extend the defaults: `extends: ../core/base.yaml` as the first line"
        yield Finding(at, f"{names} {plural} missing", remedy)


def _not_a_section(key: Key, value: object, at: Place) -> Finding:
    if value is None or value == {}:
        return Finding(at, f"`{dotted(key)}` is empty", "remove the line, or write keys below it")
    return Finding(at, f"`{dotted(key)}` is a value where names belong", "write its keys below it, indented")


def _wrong_value(key: Key, value: Any, field: FieldInfo, at: Place) -> Finding:
    """Return what a value should have been, with the right form of what was written where there is one."""
    shown = "a list" if isinstance(value, list) else "a group of keys" if isinstance(value, dict) else repr(value)
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
    reason = f" ({field.description})" if field.description else ""
    return Finding(at, f"`{dotted(key)}` is {shown}", f"{_remedy(value, field)}{reason}")


def _remedy(value: Any, field: FieldInfo) -> str:
    form = f"write {expected(field)}"
    percent = _percent(value, field)
    if percent is not None:
        return f"{written(percent)} % is written {written(percent / 100)}, allowed {bounds_of(field)}"
    if field.annotation is bool and isinstance(value, str) and value.lower() in _TRUTHS:
        return f"{form}, without quotes"
    if bounds_of(field) is not None and isinstance(value, str):
        return next((f"{rule}: {form}" for shape, rule in _NUMBERS if shape.fullmatch(value.strip())), form)
    if field.annotation in {str, str | None} and isinstance(value, bool | int | float):
        return f'{form}: put it between quotes, "{value}"'
    return form


def _percent(value: Any, field: FieldInfo) -> Decimal | None:
    """Return the percentage that was meant: written with its sign, or a number that fits as one."""
    bounds = bounds_of(field)
    if bounds is None or unit_of(field) is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        signed = _PERCENT.fullmatch(value.strip())
        return Decimal(signed[1]) if signed is not None else None
    if not isinstance(value, int | float) or not bounds.low <= value / 100 <= bounds.high:
        return None
    return Decimal(str(value))


def _off_grid(section: Section, layer: Layer, key: Key) -> Iterator[Finding]:
    """Yield the numbers that are finer than the core counts."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _off_grid(value, layer, (*key, name))
        elif isinstance(value, float) and (unit := unit_of(field)) is not None and unit.per is not None:
            try:
                in_parts(value, unit)
            except ConfigError as e:
                yield Finding(_place((*key, name), layer), f"`{dotted((*key, name))}`: {e.what}", e.remedy)


def _key(error: Any) -> Key:
    return tuple(str(part) for part in error["loc"])


def _latest(keys: Sequence[Key], layer: Layer) -> Place:
    """Return where one of `keys` was changed last: in the environment, in the loaded file, or below it."""
    known = [at for key in keys for inner, at in layer.places.items() if inner[: len(key)] == key]
    loaded = layer.places[()].origin
    return max(known, key=lambda at: (at.line is None, at.origin == loaded, at.line or 0))


def _place(key: Key, layer: Layer) -> Place:
    """Return the place of a key, or of the nearest one around it."""
    while key not in layer.places:
        key = key[:-1]
    return layer.places[key]
