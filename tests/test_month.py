"""The rehearsed month: its plan is one that the twin takes, and its judge finds what is wrong."""

import re

import pytest

from scripts.demo.compare_books import Books
from scripts.demo.judge_month import judge_memory, judge_orders, judge_processes, judge_protection, outside
from scripts.demo.month_plan import DAYS, LEFT_OUT, NOW, OFTEN, plan
from src.twin.fault_catalogue import CATALOGUE
from src.twin.fault_plan import read_rules

HOUR = 3_600_000


def test_the_twin_takes_the_plan_and_the_seed_decides_it():
    made = plan(3, DAYS)
    assert len(read_rules({"faults": made.rules})) >= len(made.rules)
    assert plan(3, DAYS) == made != plan(4, DAYS)
    assert all(0 <= since < until for since, until in made.blocked)
    assert len(plan(3, DAYS, 2).rules) > len(made.rules)


def test_every_fault_of_the_catalogue_is_in_the_plan_or_left_out_with_a_reason():
    planned = {each.fault for each in (*OFTEN, *NOW)}
    left_out = {int(number) for text in LEFT_OUT for number in re.findall(r"\b\d+\b", text)}
    assert planned | left_out == set(CATALOGUE)
    assert all(each.reason for each in (*OFTEN, *NOW))


class Exchange:
    def __init__(self, *orders) -> None:
        self._orders = [{"order_id": n, "side": "buy", "type": "market", "start_amount": a} for n, a in orders]

    def orders(self, newest):
        return self._orders


def lines_with(outcomes, pending=None):
    intents = [{"number": n, "side": 1, "lots": 20, "type": "market", "at": 0} for n in (1, 2)]
    state = {"last_order": 9, "answered": [], "pending": pending, "naked_since": 0}
    return {"intent": intents, "outcome": outcomes, "state": [state]}


def accepted(intent, order, at=0):
    return {"intent": intent, "outcome": "accepted", "order_id": order, "at": at}


@pytest.mark.parametrize(
    ("orders", "outcomes", "wrong"),
    [
        ([(7, "0.0020"), (8, "0.0020")], [accepted(1, 7), accepted(2, 8)], 0),
        ([(7, "0.0020"), (8, "0.0020")], [accepted(1, 7)], 2),  # one the journal does not know; the numbers differ
        ([(7, "0.0020")], [accepted(1, 7), accepted(2, 8)], 2),  # one that does not exist
        ([(7, "0.0020"), (8, "0.0020")], [accepted(1, 7), accepted(1, 8)], 1),  # two orders of one intent
        ([(7, "0.0020")], [accepted(1, 7), accepted(2, 7)], 1),
        ([(7, "0.0021")], [accepted(1, 7)], 1),  # not what was to be sent
        ([(5, "0.0002")], [], 0),  # a stranger's
    ],
)
def test_orders_are_compared_one_by_one(orders, outcomes, wrong):
    books = Books()
    judge_orders(books, lines_with(outcomes), Exchange(*orders), {5})
    assert books.wrong == wrong


@pytest.mark.parametrize(
    ("naked", "more", "wrong"),
    [
        ((1_000, 12_000), {}, 0),
        ((1_000, 12_001), {}, 1),
        ((1_000, 18_000), {"lost": [2_000]}, 0),  # a stop got lost and was waited for
        ((1_000, 60_000), {"downtimes": [[2_000, 50_000]]}, 0),
        ((1_000, 60_000), {"blocked": [[0, 40_000], [30_000, 50_000]]}, 0),
        ((1_000, 60_000), {"downtimes": [[2_000, 40_000]]}, 1),
        ((1_000, 12_000), {"vanished": [500]}, 0),
        ((400_000, 12_001), {"vanished": [200_000]}, 1),  # seen late is allowed, protected late is not
    ],
)
def test_time_without_a_stop_is_bounded(naked, more, wrong):
    books = Books()
    line = {"since": naked[0], "ms": naked[1], "at": naked[0] + naked[1]}
    lost = [{"outcome": "unknown", "at": at} for at in more.pop("lost", [])]
    told = {"downtimes": [], "blocked": [], "vanished": [], "watch_ms": 300_000} | more
    judge_protection(books, {"naked": [line], "outcome": lost, "state": [{"naked_since": 0}]}, told)
    assert books.wrong == wrong


def test_a_position_that_is_bare_at_the_end_is_found():
    books = Books()
    told = {"downtimes": [], "blocked": [], "vanished": [], "watch_ms": 300_000}
    judge_protection(books, {"state": [{"naked_since": 5}]}, told)
    assert books.wrong == 1


@pytest.mark.parametrize(("protected", "blocked", "wrong"), [(20, [], 0), (19, [], 1), (0, [[0, 100]], 0)])
def test_an_end_in_order_that_leaves_lots_bare_is_found(protected, blocked, wrong):
    books = Books()
    told = {"downtimes": [], "blocked": blocked, "vanished": [], "watch_ms": 300_000}
    stopped = {"at": 50, "position": -20, "protected": protected}
    judge_protection(books, {"stopped": [stopped], "state": [{"naked_since": 0}]}, told)
    assert books.wrong == wrong


def test_what_lies_outside_of_intervals_is_counted_once():
    assert outside(0, 100, [[10, 30], [20, 40], [90, 500], [600, 700]]) == 10 + 50


def life(number=1, how="SIGTERM", code=0, stopping=1.0, rss=(200.0, 200.0)):
    hours = [(n * 6 * HOUR, mb) for n, mb in enumerate(rss)]
    return {"number": number, "began": 0, "how": how, "code": code, "stopping_s": stopping, "rss_mb": hours}


@pytest.mark.parametrize(
    ("one", "log", "wrong"),
    [
        (life(), "", 0),
        (life(how="SIGKILL", code=-9), "", 0),
        (life(code=1), "", 1),
        (life(how="by itself"), "", 1),
        (life(stopping=10.1), "", 1),
        (life(), "Traceback (most recent call last):", 1),
        (life(), '"event": "tasks were left"', 1),
    ],
)
def test_a_process_that_ends_otherwise_than_asked_is_found(one, log, wrong):
    books = Books()
    judge_processes(books, {"lives": [one]}, log)
    assert books.wrong == wrong


@pytest.mark.parametrize(
    ("lives", "wrong"),
    [
        ([life(rss=(200.0, 205.0, 207.0, 209.0, 210.0))], 0),
        ([life(rss=(200.0, 205.0, 207.0, 220.0, 230.0))], 1),  # grows inside a life
        ([life(rss=(249.0, 250.0))], 1),
        ([life(n, rss=(mb,)) for n, mb in enumerate((200.0, 210.0, 225.0))], 1),  # from life to life
    ],
)
def test_memory_that_grows_or_is_too_much_is_found(lives, wrong):
    books = Books()
    judge_memory(books, {"lives": lives, "began": 0})
    assert books.wrong == wrong
