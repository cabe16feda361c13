"""From merged layers to settings, or to a list of what is wrong with them, each with its line."""

import re
from collections.abc import Iterator
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
        findings += [_finding(error, layer) for error in errors if not _already_said(_key(error), findings)]
    if settings is not None:
        findings += _off_grid(settings, layer, ())
    if settings is not None and not findings:
        findings = [Finding(_place(c.key, layer), c.what, c.remedy) for c in find_conflicts(settings)]
    if findings or settings is None:
        raise refusal(findings)
    return settings


def _already_said(key: Key, findings: list[Finding]) -> bool:
    """Return whether the strategies' own check covers what the models say about `key`."""
    return key[:1] == ("strategies",) and (key[2:3] == ("params",) or (len(key) == 1 and bool(findings)))


def _finding(error: Any, layer: Layer) -> Finding:
    key = _key(error)
    at = _place(key, layer)
    if error["type"] == "extra_forbidden":
        return Finding(at, f"unknown key `{dotted(key)}`", suggestion(key[-1], names_beside(key)))
    if error["type"] == "missing":
        return _missing(key, at)
    field = field_of(key)
    if field is None or is_group(field):
        return _not_a_section(key, error["input"], at)
    return _wrong_value(key, error["input"], field, at)


def _missing(key: Key, at: Place) -> Finding:
    if key == ("mode",):
        return Finding(at, "`mode` is not set", f"load {SHIPPED}; in a file of your own, write `mode: backtest`")
    return Finding(
        at,
        f"`{dotted(key)}` is missing",
        "add it here, or let the file extend the defaults: `extends: ../core/base.yaml`",
    )


def _not_a_section(key: Key, value: object, at: Place) -> Finding:
    if value is None or value == {}:
        return Finding(at, f"`{dotted(key)}` is empty", "remove the line, or write keys below it")
    return Finding(at, f"`{dotted(key)}` is a value where names belong", "write its keys below it, indented")


def _wrong_value(key: Key, value: Any, field: FieldInfo, at: Place) -> Finding:
    """Return what a value should have been, with the nearest right form of what was written."""
    shown = "a list" if isinstance(value, list) else "a group of keys" if isinstance(value, dict) else repr(value)
    hint = _hint(value, field)
    reason = f" ({field.description})" if field.description else ""
    return Finding(at, f"`{dotted(key)}` is {shown}", f"{hint}write {expected(field)}{reason}")


def _hint(value: Any, field: FieldInfo) -> str:
    if not isinstance(value, str):
        return "text needs quotes here: " if field.annotation in {str, str | None} else ""
    if field.annotation is bool:
        return "in this form it is only text: " if value.lower() in _TRUTHS else ""
    bounds = bounds_of(field)
    if bounds is None:
        return ""
    percent = _PERCENT.fullmatch(value.strip())
    if percent is not None and unit_of(field) is not None:
        return f"{percent[1]} % is written {written(Decimal(percent[1]) / 100)}; "
    return next((f"{rule}; " for form, rule in _NUMBERS if form.fullmatch(value.strip())), "")


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


def _place(key: Key, layer: Layer) -> Place:
    """Return the place of a key, or of the nearest one around it."""
    while key not in layer.places:
        key = key[:-1]
    return layer.places[key]
