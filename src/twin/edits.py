"""Changes to JSON that a fault asks for: values set, members dropped, rows doubled."""

import copy
from typing import Any

from src.twin.fault_rules import Edit, Hide


def edited(value: Any, edit: Edit) -> Any:
    """Return a changed copy of a JSON value; a path that leads nowhere changes nothing."""
    result = copy.deepcopy(value)
    for path, new in edit.set.items():
        _apply(result, path, lambda holder, key, new=new: _set(holder, key, new))
    for path in edit.drop:
        _apply(result, path, _drop)
    for path in edit.duplicate:
        _apply(result, path, _double)
    return result


def without_young(value: Any, hide: Hide, now: int) -> Any:
    """Return a copy of a JSON value whose list at `hide.list` lacks the rows younger than `hide.younger_than`.

    A value without that list, such as a refusal, is returned as it is.
    """
    result = copy.deepcopy(value)

    def keep_old(holder: Any, key: Any) -> None:
        if isinstance(holder, dict) and not isinstance(holder.get(key), list):
            return
        holder[key] = [row for row in holder[key] if now - int(row.get(hide.by, 0)) >= hide.younger_than]

    _apply(result, hide.list, keep_old)
    return result


def _apply(value: Any, path: str, change: Any) -> None:
    *way, last = path.split(".")
    holder = value
    for step in way:
        key = _key(holder, step)
        if key is None:
            return
        holder = holder[key]
    if isinstance(holder, dict):
        change(holder, last)
    elif (key := _key(holder, last)) is not None:
        change(holder, key)


def _key(holder: Any, step: str) -> Any:
    if isinstance(holder, dict):
        return step if step in holder else None
    if isinstance(holder, list):
        try:
            index = int(step)
        except ValueError:
            return None
        return index if -len(holder) <= index < len(holder) else None
    return None


def _set(holder: Any, key: Any, new: Any) -> None:
    holder[key] = new


def _drop(holder: Any, key: Any) -> None:
    if isinstance(holder, list) or key in holder:
        del holder[key]


def _double(holder: Any, key: Any) -> None:
    if isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
