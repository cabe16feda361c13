"""A decision that comes out otherwise is named with both values."""

from src.core.domain.journal import Entry, Kind, Stored
from src.core.domain.orders import Reason
from src.core.orchestration.cycle import decision_body
from src.core.orchestration.questions.replaying import compare
from src.core.orchestration.wiring import core_params


def line(judged, **changed) -> Stored:
    body = decision_body(judged) | {"config": "x"} | changed
    return Stored(7, Entry(Kind.DECISION, judged.row.closed_at, body), "0" * 64)


def entering(traded):
    return next(each for each in traded.desk.cycle.judged if each.decision.reason == Reason.ENTER)


def test_a_decision_of_the_same_program_has_the_same_hash(traded):
    params = core_params(traded.settings)
    assert [compare(line(each), params) for each in traded.desk.cycle.judged] == [None] * len(traded.desk.cycle.judged)


def test_another_result_is_named_with_both_values(traded):
    judged = entering(traded)
    params = core_params(traded.settings)
    stricter = params._replace(vote=params.vote._replace(min_confidence=1.1))
    found = compare(line(judged), stricter)
    assert found is not None
    assert (found.number, found.field) == (7, "decision.reason")
    assert (found.stored, found.refolded) == (Reason.ENTER, Reason.LOW_CONFIDENCE)


def test_a_hash_that_is_not_of_its_line_is_named_too(traded):
    found = compare(line(entering(traded), hash="f" * 64), core_params(traded.settings))
    assert found is not None
    assert (found.field, found.stored) == ("hash", "f" * 64)
