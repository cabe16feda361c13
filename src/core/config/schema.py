"""Looking things up in the models: which names a section knows, and what a field allows."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeGuard, get_args, get_origin

from pydantic.fields import FieldInfo

from src.core.config.finding import Key
from src.core.config.settings import Section, Settings
from src.core.config.units import BPS_FRACTION, PPM_FRACTION, Unit, written

_PERCENTS: Final = (0.0005, 0.005, 0.05, 0.2, 0.5, 1.0)


class Bounds(NamedTuple):
    """What a number may be."""

    low: float
    above: bool  # whether `low` itself is excluded
    high: float

    def __str__(self) -> str:
        return f"{'above ' if self.above else ''}{written(self.low)}..{written(self.high)}"


def field_of(key: Key) -> FieldInfo | None:
    """Return the field a key leads to; None for a name nobody knows, and for what a mapping holds."""
    section: object = Settings
    found: FieldInfo | None = None
    for name in key:
        if get_origin(section) is Mapping:
            section, found = get_args(section)[1], None
            continue
        if not _is_section(section):
            return None
        found = section.model_fields.get(name)
        if found is None:
            return None
        section = found.annotation
    return found


def names_beside(key: Key) -> list[str]:
    """Return the names that are known where the last name of `key` stands."""
    section: object = Settings
    for name in key[:-1]:
        if get_origin(section) is Mapping:
            section = get_args(section)[1]
        elif _is_section(section):
            found = section.model_fields.get(name)
            section = found.annotation if found is not None else None
    return list(section.model_fields) if _is_section(section) else []


def is_group(field: FieldInfo) -> bool:
    """Return whether a field holds further names instead of a value."""
    return _is_section(field.annotation) or get_origin(field.annotation) is Mapping


def bounds_of(field: FieldInfo) -> Bounds | None:
    """Return the bounds of a number; None for anything else."""
    limits = {name: getattr(m, name) for m in field.metadata for name in ("ge", "gt", "le") if hasattr(m, name)}
    if field.annotation not in {int, float}:
        return None
    return Bounds(limits.get("ge", limits.get("gt", 0.0)), "gt" in limits, limits["le"])


def unit_of(field: FieldInfo) -> Unit | None:
    """Return the unit of a number that has one."""
    return next((m for m in field.metadata if isinstance(m, Unit)), None)


def expected(field: FieldInfo) -> str:
    """Return in words what a field takes."""
    kind, bounds, unit = field.annotation, bounds_of(field), unit_of(field)
    if kind is bool:
        return "true or false"
    if kind is int:
        return f"a whole number, allowed {bounds}"
    if bounds is not None and unit in {PPM_FRACTION, BPS_FRACTION}:
        example = next((x for x in _PERCENTS if bounds.low <= x <= bounds.high), bounds.high)
        return f"a fraction of 1: {written(round(100 * example, 6))} % is written {written(example)}, allowed {bounds}"
    if bounds is not None:
        return f"a number, allowed {bounds}"
    choices = get_args(kind)
    if choices and all(isinstance(choice, str) for choice in choices):
        return f"one of {', '.join(choices)}"
    return "text, or null" if type(None) in choices else "text"


def _is_section(kind: object) -> TypeGuard[type[Section]]:
    return isinstance(kind, type) and issubclass(kind, Section)
