"""What the public stream's rooms say, and when: the book's changes under one sequence that all pairs share."""

from typing import Any, Final, NamedTuple, Protocol

from src.core.domain.time import Millis
from src.twin.switches import TwinSwitches

KINDS: Final = ("circuit_break_info", "depth_whole", "depth_diff", "transactions", "ticker")
WHOLE_AFTER_JOIN: Final = 150  # milliseconds
CIRCUIT_EVERY: Final = 30_000

Book = dict[str, dict[str, str]]  # "a" and "b": price to amount
Data = dict[str, Any]


class Market(Protocol):
    """Where rooms get their content, already in the wire's form."""

    def pairs(self) -> tuple[str, ...]:
        """Return the names of all pairs."""
        ...

    def ticker(self, pair: str) -> Data:
        """Return the ticker object."""
        ...

    def depth(self, pair: str) -> Data:
        """Return the book, its `sequenceId` being the number of the last change of any pair that is in it."""
        ...

    def circuit_break_info(self, pair: str) -> Data:
        """Return the circuit breaker's object."""
        ...


class Sent(NamedTuple):
    """A message for everyone in a room."""

    room: str
    data: Data


class Rooms:
    """Which rooms are due to say something.

    Parameters
    ----------
    market
        Content of the rooms.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self.sequence_jump = 0  # added to every sequence number (a fault)
        self._published: dict[str, list[Book]] = {}  # the last diff's book, and those of whole books since then
        self._due: dict[str, Millis] = {}
        self._circuit: dict[str, Data] = {}
        self._new_trades: dict[str, list[Data]] = {}

    def split(self, room: str) -> tuple[str, str] | None:
        """Return a room's kind and pair; None for a room that does not exist."""
        for kind in KINDS:
            if room.startswith(f"{kind}_") and room[len(kind) + 1 :] in self._market.pairs():
                return kind, room[len(kind) + 1 :]
        return None

    def traded(self, pair: str, transaction: Data) -> None:
        """Take note of a trade, to be sent with the next message of its room."""
        self._new_trades.setdefault(pair, []).append(transaction)

    def joined(self, room: str, now: Millis) -> None:
        """Let the first message come soon after someone joined."""
        kind, pair = self.split(room) or ("", "")
        if kind == "depth_diff" and pair not in self._published:
            self._due.pop(room, None)  # diffs count from now on, whatever the pace of those who have left
        if kind in {"depth_whole", "ticker", "circuit_break_info"}:
            self._due[room] = min(self._due.get(room, Millis(now + WHOLE_AFTER_JOIN)), Millis(now + WHOLE_AFTER_JOIN))

    def due(self, watched: set[str], now: Millis, switches: TwinSwitches) -> list[Sent]:
        """Return what is to be sent at `now` to the rooms that somebody watches."""
        for pair in [p for p in self._published if f"depth_diff_{p}" not in watched]:
            del self._published[pair]
        sent: list[Sent] = []
        for room in sorted(watched, key=lambda r: (not r.startswith("depth_diff"), r)):
            found = self.split(room)
            data = self._message(*found, room, now, switches) if found else None
            if data is not None:
                sent.append(Sent(room, data))
        self._new_trades.clear()
        return sent

    def next_due(self, watched: set[str], now: Millis, switches: TwinSwitches) -> Millis | None:
        """Return when the next room wants to speak without anything happening; None if none does."""
        times = [self._due.get(room, now) for room in watched if self._paced(room)]
        return min(times, default=None)

    def _paced(self, room: str) -> bool:
        found = self.split(room)
        return found is not None and found[0] != "transactions"

    def _message(self, kind: str, pair: str, room: str, now: Millis, switches: TwinSwitches) -> Data | None:
        if kind == "transactions":
            trades = self._new_trades.get(pair)
            return {"transactions": trades[::-1]} if trades else None
        if kind == "circuit_break_info":
            return self._circuit_message(pair, room, now)
        if now < self._due.get(room, Millis(0)):
            return None
        if kind == "ticker":
            self._due[room] = Millis(now + switches.ticker_every)
            return self._market.ticker(pair)
        if kind == "depth_whole":
            self._due[room] = Millis(now + switches.depth_whole_every)
            return self.whole(pair)
        return self._diff(pair, room, now, switches)

    def whole(self, pair: str) -> Data:
        """Return the book as the whole-book room sends it."""
        data = self._market.depth(pair)
        if pair in self._published:
            self._published[pair].append(_book(data))
        return {**data, "sequenceId": self._number(data)}

    def _number(self, data: Data) -> str:
        return str(int(data["sequenceId"]) + self.sequence_jump)

    def _circuit_message(self, pair: str, room: str, now: Millis) -> Data | None:
        data = self._market.circuit_break_info(pair)
        content = {k: v for k, v in data.items() if k != "timestamp"}
        if content == self._circuit.get(pair) and now < self._due.get(room, Millis(0)):
            return None
        self._circuit[pair] = content
        self._due[room] = Millis(now + CIRCUIT_EVERY)
        return data

    def _diff(self, pair: str, room: str, now: Millis, switches: TwinSwitches) -> Data | None:
        data = self._market.depth(pair)
        book, shown = _book(data), self._published.get(pair)
        self._published[pair] = [book]
        self._due[room] = Millis(now + switches.depth_diff_every)
        if shown is None or all(book == before for before in shown):
            return None
        extras = {short: data[long] for short, long in _EXTRAS.items() if long in data}
        changes = {side: _changes([before[side] for before in shown], book[side]) for side in ("a", "b")}
        return {**changes, **extras, "t": data["timestamp"], "s": self._number(data)}


_EXTRAS: Final = {
    "ao": "asks_over",
    "bu": "bids_under",
    "au": "asks_under",
    "bo": "bids_over",
    "am": "ask_market",
    "bm": "bid_market",
}


def _book(data: Data) -> Book:
    return {"a": dict(data["asks"]), "b": dict(data["bids"])}


def _changes(shown: list[dict[str, str]], after: dict[str, str]) -> list[list[str]]:
    """Return what differs from any of the books that somebody may have been shown since the last diff."""
    gone = {price: None for before in shown for price in before if price not in after}
    new = [[price, size] for price, size in after.items() if any(before.get(price) != size for before in shown)]
    return [*([price, "0"] for price in gone), *new]
