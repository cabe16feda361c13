"""Faults that change JSON."""

from hypothesis import given
from hypothesis import strategies as st

from src.twin.edits import edited, without_young
from src.twin.fault_rules import Edit, Hide

VALUE = {"data": {"rows": [{"at": 1, "x": "a"}, {"at": 9, "x": "b"}]}}


def test_values_are_set_members_dropped_and_rows_doubled():
    edit = Edit(
        do="edit", set={"data.new": 1, "data.rows.-1.x": "z"}, drop=("data.rows.0",), duplicate=("data.rows.0",)
    )
    assert edited(VALUE, edit) == {"data": {"rows": [{"at": 9, "x": "z"}] * 2, "new": 1}}


def test_the_original_is_left_alone():
    before = repr(VALUE)
    edited(VALUE, Edit(do="edit", drop=("data",)))
    assert repr(VALUE) == before


@given(st.text(alphabet="ab.-01", max_size=12))
def test_a_path_that_leads_nowhere_changes_nothing_or_one_member(path):
    assert isinstance(edited(VALUE, Edit(do="edit", drop=(path,), set={}, duplicate=(path,))), dict)


def test_young_rows_are_hidden():
    hide = Hide(do="hide", list="data.rows", by="at", younger_than=5)
    assert without_young(VALUE, hide, 10)["data"]["rows"] == [{"at": 1, "x": "a"}]
