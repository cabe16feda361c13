"""What happened on the exchange, told to those who listen: private messages and public rooms."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from src.backtest.simulated_exchange import Event, EventKind, UserId
from src.core.domain.time import Millis
from src.twin import wire
from src.twin.edits import edited
from src.twin.fault_rules import Duplicate, Edit, Lose, Pause, Swap
from src.twin.private_messages import Message, private_message
from src.twin.private_stream import PrivateStream
from src.twin.rooms import Rooms
from src.twin.venue import Venue

Strike = Callable[[str, str], Sequence[Any]]


class Dispatch:
    """Routes the exchange's events.

    Parameters
    ----------
    strike
        Asked for faults of each private message.
    """

    def __init__(self, venue: Venue, rooms: Rooms, private: PrivateStream, strike: Strike) -> None:
        self._venue = venue
        self._rooms = rooms
        self._private = private
        self._strike = strike
        self._held: dict[UserId, list[Message]] = {}  # swapped
        self._paused: dict[UserId, tuple[Millis, list[Message]]] = {}  # until when, and what

    def route(self, events: Iterable[Event], now: Millis, style: str) -> bool:
        """Pass events on; return whether there were any."""
        any_ = False
        for event in events:
            any_ = True
            if event.user is not None:
                self.tell(event.user, private_message(event, self._venue.rules, style), now)
            elif event.kind is EventKind.TRANSACTION and event.pair is not None:
                view: Any = event.payload
                self._rooms.traded(event.pair, wire.transaction(view, self._venue.rules[event.pair]))
        self._release(now)
        return any_

    def tell(self, user: UserId, message: Message, now: Millis) -> None:
        """Publish one private message, as faulty as the plan wants it."""
        copies = 1
        for action in self._strike("message", str(message.get("method"))):
            if isinstance(action, Edit):
                message = edited(message, action)
            elif isinstance(action, Lose):
                return
            elif isinstance(action, Duplicate):
                copies = 2
            elif isinstance(action, Swap):
                self._held.setdefault(user, []).append(message)
                return
            elif isinstance(action, Pause):
                self._paused.setdefault(user, (Millis(now + action.ms), []))
        if user in self._paused:
            self._paused[user][1].extend([message] * copies)
            return
        for _ in range(copies):
            self._private.publish(user, message, now)
        for late in self._held.pop(user, []):
            self._private.publish(user, late, now)

    def _release(self, now: Millis) -> None:
        for user in [user for user, (until, _) in self._paused.items() if until <= now]:
            for message in self._paused.pop(user)[1]:
                self._private.publish(user, message, now)
