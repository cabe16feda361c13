"""What each code of the exchange means for whoever sent the request."""

import pytest

from src.backtest.exchange.codes import CANCEL_PENDING, MEANINGS
from src.trading.error_codes import (
    NOT_SENT,
    REACTIONS,
    Reaction,
    may_pass,
    meaning,
    needs_a_person,
    nothing_done,
    reaction,
)

UNCERTAIN = [10001, 10003, 10005, 10007, 10008, 10009, 70001, 70002, 70003, 70011, 70012, CANCEL_PENDING]
NOT_LISTED = [1, 60020, 50088, 79_999, 99_999, -1]


@pytest.mark.parametrize("code", UNCERTAIN + NOT_LISTED)
def test_a_code_that_leaves_doubt_is_no_refusal(code: int):
    assert not nothing_done(code)


@pytest.mark.parametrize("code", sorted(set(MEANINGS) - {CANCEL_PENDING}))
def test_what_the_engine_refuses_is_refused_for_certain(code: int):
    assert nothing_done(code)


def test_every_code_has_one_reaction_and_none_is_unlisted():
    assert all(isinstance(found, Reaction) and found is not Reaction.UNLISTED for found in REACTIONS.values())
    assert set(REACTIONS.values()) == set(Reaction) - {Reaction.UNLISTED}


@pytest.mark.parametrize("code", NOT_LISTED)
def test_a_code_that_is_not_listed_stays_unknown(code: int):
    assert reaction(code) is Reaction.UNLISTED
    assert may_pass(code)
    assert not needs_a_person(code)


@pytest.mark.parametrize("code", [20001, 20002, 20005, 20034, 20035, 20039, 50008, 50058, 50078, 50083, 50011])
def test_keys_permissions_and_clock_need_a_person(code: int):
    assert needs_a_person(code)
    assert nothing_done(code)
    assert not may_pass(code)


@pytest.mark.parametrize("code", [70004, 70013, 70018])
def test_a_suspension_is_certain_and_worth_repeating(code: int):
    assert reaction(code) is Reaction.SUSPENDED
    assert nothing_done(code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (50062, Reaction.REREAD),
        (50009, Reaction.REREAD),
        (60018, Reaction.SKIP),
        (NOT_SENT, Reaction.SKIP),
        (70024, Reaction.WAIT),
        (50059, Reaction.WAIT),
        (40020, Reaction.BUG),
        (10009, Reaction.RATE),
        (10007, Reaction.BUSY),
        (20034, Reaction.CLOCK),
    ],
)
def test_the_table_says_what_to_do(code: int, expected: Reaction):
    assert reaction(code) is expected


def test_a_meaning_has_the_number_and_words():
    assert meaning(60018) == "code 60018: the trigger price is already reached"
    assert meaning(10007) == "code 10007: maintenance"
    assert meaning(79_999) == "code 79999: see the exchange's list (UNLISTED)"
