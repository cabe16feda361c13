"""The private stream: PubNub's long poll, as far as bitbank's clients use it.

A user has one channel for ever and any number of tokens, each good for a stated time. What is published gets a time
token; a poll is answered with everything after the token it names, or held until there is something.
"""

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from src.core.domain.time import Millis
from src.twin.reply import Reply, encoded

SUBSCRIBE_KEY: Final = "sub-c-ecebae8e-dd60-11e6-b6b1-02ee2ddab7fe"
REGION: Final = 12
KEPT: Final = 100  # messages a channel keeps for those who resume
TOKENS_PER_MILLI: Final = 10_000  # a time token counts tenths of a microsecond

Message = dict[str, Any]


class Ticket(NamedTuple):
    """What a token allows."""

    channel: str
    expires_at: Millis


@dataclass(slots=True)
class Channel:
    """What was published to one user."""

    name: str
    kept: deque[tuple[int, Message]] = field(default_factory=lambda: deque(maxlen=KEPT))
    latest: int = 0  # time token
    published: int = 0  # messages, ever
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # something was published since it was cleared


class PrivateStream:
    """Channels, tokens and messages of all users; the clock is given with every call."""

    def __init__(self) -> None:
        self._channels: dict[int, Channel] = {}
        self._tickets: dict[str, Ticket] = {}

    def subscribe(self, user: int, now: Millis, life: int) -> dict[str, str]:
        """Return the user's channel and a new token that is good for `life` milliseconds."""
        channel = self.channel(user)
        token = secrets.token_urlsafe(48)
        self._tickets = {t: ticket for t, ticket in self._tickets.items() if ticket.expires_at + life > now}
        self._tickets[token] = Ticket(channel.name, Millis(now + life))
        return {"pubnub_channel": channel.name, "pubnub_token": token}

    def channel(self, user: int) -> Channel:
        """Return the user's channel."""
        if user not in self._channels:
            self._channels[user] = Channel(f"user-{secrets.token_hex(20)}")
        return self._channels[user]

    def named(self, name: str) -> Channel | None:
        """Return the channel of that name."""
        return next((channel for channel in self._channels.values() if channel.name == name), None)

    def expire(self, user: int, now: Millis) -> None:
        """Let every token of a user expire now."""
        name = self.channel(user).name
        for token, ticket in self._tickets.items():
            if ticket.channel == name:
                self._tickets[token] = ticket._replace(expires_at=now)

    def denial(self, channel: str, token: str, now: Millis) -> Reply | None:
        """Return the refusal of a poll with that token; None if it may go on."""
        ticket = self._tickets.get(token)
        if ticket is None or ticket.channel != channel:
            return _denied("Forbidden", channel)
        return _denied("Token is expired.", channel) if ticket.expires_at <= now else None

    def publish(self, user: int, message: Message, now: Millis) -> None:
        """Add one message to the user's channel."""
        channel = self.channel(user)
        channel.latest = max(now * TOKENS_PER_MILLI, channel.latest + 1)
        channel.published += 1
        channel.kept.append((channel.latest, message))
        channel.arrived.set()

    def published(self) -> int:
        """Return how many messages were ever published to users who hold a token."""
        held = {ticket.channel for ticket in self._tickets.values()}
        return sum(channel.published for channel in self._channels.values() if channel.name in held)

    def dump(self) -> dict[str, Any]:
        """Return the channels' names and latest time tokens; messages and tokens do not outlive the process."""
        return {str(user): [channel.name, channel.latest] for user, channel in self._channels.items()}

    def load(self, dumped: dict[str, Any]) -> None:
        """Take over what `dump` returned."""
        for user, (name, latest) in dumped.items():
            self._channels[int(user)] = Channel(str(name), latest=int(latest))


def time_token(channel: Channel, now: Millis) -> int:
    """Return the time token of this moment: everything published later has a larger one, in the same instant too."""
    channel.latest = max(now * TOKENS_PER_MILLI, channel.latest)
    return channel.latest


def news(channel: Channel, after: int) -> list[tuple[int, Message]]:
    """Return what is kept and was published after the time token `after`."""
    return [(at, message) for at, message in channel.kept if at > after]


def poll_answer(channel: str, at: int, messages: list[tuple[int, Message]]) -> Reply:
    """Return a poll's answer: where to go on, and the messages in PubNub's envelope."""
    items = [
        {
            "a": "2",
            "f": 0,
            "p": {"t": str(published), "r": REGION},
            "k": SUBSCRIBE_KEY,
            "c": channel,
            "d": message,
        }
        for published, message in messages
    ]
    return Reply(200, encoded({"t": {"t": str(at), "r": REGION}, "m": items}), "text/javascript; charset=UTF-8")


def _denied(what: str, channel: str) -> Reply:
    body = {
        "message": what,
        "payload": {"channels": [channel]},
        "error": True,
        "service": "Access Manager",
        "status": 403,
    }
    return Reply(403, encoded(body), "text/javascript; charset=UTF-8")
