"""Values as they are written down: named fields, plain numbers and texts, and nothing that is not a number."""

from enum import Enum
from math import isfinite

from src.core.domain.journal import Json


def as_json(value: object) -> dict[str, Json]:
    """Return a NamedTuple, with all that is inside it, as a JSON object.

    Numbers that are not finite become null: JSON has no word for them, and what is unknown is written as unknown.

    Raises
    ------
    TypeError
        If something in it is neither a NamedTuple, a sequence, a number, a text nor None.
    """
    plain = _plain(value)
    if not isinstance(plain, dict):
        raise TypeError(f"{type(value).__name__} has no named fields")
    return plain


def _plain(value: object) -> Json:
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: _plain(part) for name, part in zip(value._fields, value, strict=True)}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    raise TypeError(f"{type(value).__name__} cannot be written down")
