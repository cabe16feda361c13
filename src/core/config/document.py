"""One YAML document, read strictly: plain values, and the place of every key.

YAML 1.1 reads `on` as true, `1:30` as 90 and `010` as 8. Here a value without quotes is a number, true,
false or null only in the one form in which nobody can mistake it; everything else stays text, and a text
where a number is due is refused with the line. Anchors, tags, merge keys and second documents are refused:
a setting says what it is where it stands.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml
from yaml import events

from src.core.config.finding import Finding, Key, Place, dotted, refusal

Tree = dict[str, Any]

DEEPEST: Final = 6  # levels of nesting; settings need four
_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL: Final = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,3})?")
_NESTING: Final = "write one `name: value` a line, nested by two spaces; the files in config/ show the form"


class Layer(NamedTuple):
    """Settings from one source."""

    tree: Tree
    places: dict[Key, Place]  # of every key; () is the beginning


def read_document(text: str, origin: str) -> Layer:
    """Return the mapping that `text` holds.

    Parameters
    ----------
    origin
        The file's name, for messages.

    Raises
    ------
    ConfigError
        If it is not YAML, not one mapping, repeats a key, or uses a form that is refused here; the text
        names the line.
    """
    beginning = Place(origin, 1)
    if all(line.lstrip()[:1] in {"", "#"} for line in text.splitlines()):
        raise refusal([Finding(beginning, "the file is empty", _NESTING)])
    _refuse_tabs(text, origin)
    return _Reader(text, origin).document()


def plain_value(text: str) -> object:
    """Return what a value without quotes stands for: null, true, false, a number, or the text itself."""
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


class _Reader:
    """Reads the parser's events, one after the other."""

    def __init__(self, text: str, origin: str) -> None:
        self._text = text
        self._origin = origin
        self._places: dict[Key, Place] = {(): Place(origin, 1)}
        self._events = self._parse()

    def document(self) -> Layer:
        self._skip(events.StreamStartEvent, events.DocumentStartEvent)
        first = next(self._events)
        if not isinstance(first, events.MappingStartEvent):
            raise self._refused(first, "the file does not hold settings", _NESTING)
        self._places[()] = self._place(first)
        tree = self._mapping((), first)
        self._skip(events.DocumentEndEvent)
        second = next(self._events)
        if not isinstance(second, events.StreamEndEvent):
            raise self._refused(second, "a second document begins", "keep one document a file: remove the `---`")
        return Layer(tree, self._places)

    def _value(self, event: Any, key: Key) -> object:
        if isinstance(event, events.AliasEvent) or event.anchor is not None:
            raise self._refused(event, f"{dotted(key)} uses an anchor", "write the value out where it belongs")
        if event.tag is not None:
            raise self._refused(event, f"{dotted(key)} has the tag {event.tag}", "write the value without a tag")
        if isinstance(event, events.ScalarEvent):
            return plain_value(event.value) if event.style is None else event.value
        if len(key) >= DEEPEST:
            raise self._refused(event, f"{dotted(key)} is nested too deeply", _NESTING)
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(key, event)
        return self._list(key)

    def _mapping(self, key: Key, start: Any) -> Tree:
        tree: Tree = {}
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            name = self._name(event)
            inner = (*key, name)
            if name in tree:
                raise self._refused(
                    event,
                    f"{dotted(inner)} is written a second time (first in line {self._places[inner].line})",
                    "keep one of the two lines",
                )
            self._places[inner] = self._place(event)
            tree[name] = self._value(next(self._events), inner)
        return tree

    def _list(self, key: Key) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            items.append(self._value(event, (*key, str(len(items)))))
        return items

    def _name(self, event: Any) -> str:
        if not isinstance(event, events.ScalarEvent) or event.tag is not None or event.anchor is not None:
            raise self._refused(event, "a name is expected here", _NESTING)
        return event.value

    def _skip(self, *kinds: type[Any]) -> None:
        for kind in kinds:
            event = next(self._events)
            if not isinstance(event, kind):
                raise self._refused(event, "the file does not hold settings", _NESTING)

    def _place(self, event: Any) -> Place:
        return Place(self._origin, event.start_mark.line + 1)

    def _refused(self, event: Any, what: str, remedy: str) -> Exception:
        return refusal([Finding(self._place(event), what, remedy)])

    def _parse(self) -> Iterator[Any]:
        """Yield the parser's events; what it cannot read becomes our error."""
        try:
            yield from yaml.parse(self._text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as e:
            mark = e.problem_mark or e.context_mark
            place = Place(self._origin, mark.line + 1 if mark is not None else 1)
            what = " ".join(part for part in (e.context, e.problem) if part)
            raise refusal([Finding(place, f"this is not YAML: {what}", _NESTING)]) from e
        except yaml.reader.ReaderError as e:
            place = Place(self._origin, self._text.count("\n", 0, e.position) + 1)
            raise refusal([Finding(place, "an invisible character stands here", "type the line anew")]) from e


def _refuse_tabs(text: str, origin: str) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise refusal(
                [Finding(Place(origin, number), "the line begins with a tab", "indent by two spaces for each level")]
            )
