"""Entries as text and the hashes between them: exact, independent of how a body was put together, and unforgeable."""

import hashlib
import json
import math
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.journal import Entry, Kind
from src.core.domain.orders import Reason
from src.core.domain.time import Millis
from src.trading.journal.chain import GENESIS, Line, Link, entry_hash, link, to_line, to_stored

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=20) | st.characters(categories=["Cs"])  # a lone surrogate too
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
bodies = st.dictionaries(texts, values, max_size=6)
entries = st.builds(Entry, st.sampled_from(Kind), st.integers(0, 2**62).map(Millis), bodies)


def bits(value: object) -> object:
    """A value in which -0.0 differs from 0.0, 1 from 1.0 and True from 1."""
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [bits(item) for item in value]
    return type(value).__name__, repr(value)


@given(entry=entries, number=st.integers(1, 2**62))
def test_an_entry_reads_back_to_the_same_bits(entry, number):
    line = to_line(entry)
    stored = to_stored(Link(number, *line, entry_hash(GENESIS, number, line)))
    assert stored.number == number
    assert stored.entry.kind is entry.kind
    assert stored.entry.at == entry.at
    assert bits(stored.entry.body) == bits(entry.body)


@given(entry=entries)
def test_the_text_is_ascii_on_one_line_and_does_not_depend_on_the_order_of_keys(entry):
    line = to_line(entry)
    assert line.body.isascii()
    assert "\n" not in line.body
    turned = MappingProxyType(dict(reversed(entry.body.items())))
    assert to_line(entry._replace(body=turned)) == line


@given(given=st.lists(entries, min_size=1, max_size=8), first=st.integers(1, 10**9))
@pytest.mark.no_cover
def test_the_hash_is_that_of_the_five_lines_the_module_describes(given, first):
    before = GENESIS
    for number, row in enumerate(link(GENESIS, first, [to_line(entry) for entry in given]), start=first):
        text = f"{before}\n{number}\n{row.kind}\n{row.at}\n{row.body}"
        assert row.number == number
        assert row.hash == hashlib.sha256(text.encode()).hexdigest()
        before = row.hash


@given(given=st.lists(entries, min_size=2, max_size=8), data=st.data())
@pytest.mark.no_cover
def test_any_change_to_any_entry_changes_every_later_hash(given, data):
    lines = [to_line(entry) for entry in given]
    place = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(entries.map(to_line).filter(lambda line: line != lines[place]))
    before, after = link(GENESIS, 1, lines), link(GENESIS, 1, [*lines[:place], other, *lines[place + 1 :]])
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        assert (old.hash == new.hash) == (index < place)


def test_numbers_between_two_parts_of_an_entry_cannot_be_moved():
    assert entry_hash(GENESIS, 1, Line("bar", 12, "{}")) != entry_hash(GENESIS, 11, Line("bar", 2, "{}"))


def test_names_of_a_closed_list_are_written_as_what_they_stand_for():
    body = {"reason": Reason.ENTER, "kind": Kind.BAR, "pair": (1, "a")}
    assert json.loads(to_line(Entry(Kind.BAR, Millis(0), body)).body) == {"reason": 0, "kind": "bar", "pair": [1, "a"]}


@pytest.mark.parametrize("value", [math.nan, math.inf, {1: 2}, {None: 1}, b"", 1j, {1}, [object()]])
def test_what_json_would_change_or_not_take_is_refused(value):
    with pytest.raises(ValueError, match=r"JSON|key|out of range|Out of range"):
        to_line(Entry(Kind.BAR, Millis(0), {"x": value}))


@pytest.mark.parametrize(
    "row", [Link(1, "new kind", 0, "{}", ""), Link(1, "bar", 0, "[]", ""), Link(1, "bar", 0, "{", "")]
)
def test_a_row_that_this_program_did_not_write_is_refused(row):
    with pytest.raises(ValueError, match=r"kind|object|Expecting"):
        to_stored(row)
