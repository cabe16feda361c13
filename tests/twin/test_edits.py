"""Faults that change JSON."""

from hypothesis import given
from hypothesis import strategies as st

from src.twin.call_faults import CallFaults
from src.twin.edits import edited, without_young
from src.twin.fault_rules import Answer, Edit, Hide
from src.twin.reply import Reply

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


def test_an_answer_that_another_fault_has_changed_is_left_as_it_is():
    hide, drop = Hide(do="hide", list="data.rows", by="at"), Edit(do="edit", drop=("data.rows",))
    refusal = {"success": 0, "data": {"code": 10009}}
    assert without_young(refusal, hide, 10) == refusal
    page = CallFaults((Answer(do="answer", status=502), drop, hide)).changed(Reply(200, b"{}"), None, 10)
    assert page.status == 502
    assert page.body.startswith(b"<html>")
