"""Rooms: whoever follows the recipe has the exchange's book, at any moment and after any changes."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.core.domain.time import Millis
from src.twin.rooms import Rooms
from src.twin.switches import TwinSwitches

DIFF, WHOLE = "depth_diff_btc_jpy", "depth_whole_btc_jpy"
SWITCHES = TwinSwitches(depth_whole_every=2_000)


class Pit:
    """A market whose book a test writes."""

    def __init__(self) -> None:
        self.book: dict[str, dict[str, str]] = {"asks": {}, "bids": {}}
        self.sequence = 1
        self.mode = "NONE"

    def pairs(self):
        return ("btc_jpy",)

    def ticker(self, pair):
        return {"last": "1"}

    def circuit_break_info(self, pair):
        return {"mode": self.mode, "timestamp": self.sequence}

    def depth(self, pair):
        sides = {side: [[price, size] for price, size in rows.items()] for side, rows in self.book.items()}
        return {**sides, "asks_over": "0", "timestamp": 5, "sequenceId": str(self.sequence)}

    def change(self, side, price, size):
        self.sequence += 3
        if size:
            self.book[side][str(price)] = str(size)
        else:
            self.book[side].pop(str(price), None)


class Follower:
    """The documented recipe."""

    def __init__(self) -> None:
        self.book = None
        self.last = 0
        self.waiting = []

    def hear(self, room, data):
        if room == WHOLE:
            self.book = {side: dict(data[side]) for side in ("asks", "bids")}
            self.last = int(data["sequenceId"])
            waiting, self.waiting = self.waiting, []
            for diff in sorted(waiting, key=lambda d: int(d["s"])):
                self.apply(diff)
        elif self.book is None:
            self.waiting.append(data)
        else:
            self.apply(data)

    def apply(self, diff):
        if int(diff["s"]) <= self.last:
            return
        self.last = int(diff["s"])
        for short, side in (("a", "asks"), ("b", "bids")):
            for price, size in diff[short]:
                if size == "0":
                    self.book[side].pop(price, None)
                else:
                    self.book[side][price] = size


changes = st.tuples(st.sampled_from(["asks", "bids"]), st.integers(1, 6), st.integers(0, 3), st.integers(0, 400))


@given(st.lists(changes, max_size=60))
@example([("asks", 2, 1, 150), ("asks", 2, 0, 0)])  # a level that only a whole book has shown
@example([("asks", 2, 1, 0), ("asks", 2, 2, 150), ("asks", 2, 1, 0)])
def test_a_follower_of_the_recipe_has_the_exchanges_book(steps):
    pit, follower = Pit(), Follower()
    rooms, now, watched = Rooms(pit), 0, {DIFF, WHOLE}
    for room in watched:
        rooms.joined(room, Millis(now))
    for side, price, size, wait in [*steps, ("asks", 1, 1, 400), ("asks", 1, 1, 400), ("asks", 1, 1, 400)]:
        for room, data in rooms.due(watched, Millis(now), SWITCHES):
            follower.hear(room, data)
        pit.change(side, price, size)
        now += wait
    for room, data in rooms.due(watched, Millis(now), SWITCHES):
        follower.hear(room, data)
    assert follower.book == pit.book


def test_who_comes_just_after_others_left_misses_no_change():
    pit, follower = Pit(), Follower()
    rooms = Rooms(pit)
    rooms.joined(DIFF, Millis(0))
    rooms.due({DIFF}, Millis(0), SWITCHES)
    rooms.due(set(), Millis(10), SWITCHES)
    for room in (DIFF, WHOLE):
        rooms.joined(room, Millis(20))
    for at in (50, 170, 200, 400, 600):
        if at == 200:
            pit.change("asks", 1, 1)
        for room, data in rooms.due({DIFF, WHOLE}, Millis(at), SWITCHES):
            follower.hear(room, data)
    assert follower.book == pit.book


def test_a_quiet_book_has_no_diffs_but_its_whole_every_fifteen_seconds():
    rooms, switches = Rooms(Pit()), TwinSwitches()
    rooms.joined(WHOLE, Millis(0))
    said = [(at, m.room) for at in range(0, 31_000, 50) for m in rooms.due({DIFF, WHOLE}, Millis(at), switches)]
    assert said == [(150, WHOLE), (15_150, WHOLE), (30_150, WHOLE)]


@pytest.mark.parametrize(("ticker_every", "depth_diff_every"), [(1_000, 350), (200, 100)])
def test_how_often_rooms_speak_are_switches(ticker_every, depth_diff_every):
    pit, switches = Pit(), TwinSwitches(ticker_every=ticker_every, depth_diff_every=depth_diff_every)
    rooms, said = Rooms(pit), {"ticker_btc_jpy": [], DIFF: []}
    for at in range(0, 3_500, 50):
        pit.change("asks", 5, at + 1)
        for message in rooms.due(set(said), Millis(at), switches):
            said[message.room].append(at)
    assert {b - a for a, b in pairwise(said["ticker_btc_jpy"])} == {ticker_every}
    assert {b - a for a, b in pairwise(said[DIFF])} == {depth_diff_every}


def test_trades_come_in_one_message_newest_first():
    rooms = Rooms(Pit())
    for number in range(3):
        rooms.traded("btc_jpy", {"transaction_id": number})
    (sent,) = rooms.due({"transactions_btc_jpy"}, Millis(0), SWITCHES)
    assert [row["transaction_id"] for row in sent.data["transactions"]] == [2, 1, 0]
    assert rooms.due({"transactions_btc_jpy"}, Millis(50), SWITCHES) == []


def test_the_circuit_breakers_room_speaks_on_change():
    pit = Pit()
    rooms, room = Rooms(pit), {"circuit_break_info_btc_jpy"}
    assert len(rooms.due(room, Millis(0), SWITCHES)) == 1
    assert rooms.due(room, Millis(50), SWITCHES) == []
    pit.mode = "CIRCUIT_BREAK"
    assert rooms.due(room, Millis(100), SWITCHES)[0].data["mode"] == "CIRCUIT_BREAK"


def test_rooms_of_pairs_and_kinds_that_do_not_exist_stay_silent():
    assert Rooms(Pit()).due({"ticker_doge", "dance_btc_jpy", ""}, Millis(0), SWITCHES) == []
