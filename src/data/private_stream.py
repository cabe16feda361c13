"""bitbank's private stream: PubNub's long poll, read for ever and resumed where it broke."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import aiohttp

from src.core.domain.events import StreamDown, StreamUp
from src.core.domain.market import Instrument
from src.core.exceptions import HaltTrading, OrderRefused, Retryable
from src.core.protocols import Clock
from src.data.backoff import Backoff
from src.data.event_queue import EventQueue
from src.data.stream_messages import private_events

SUBSCRIBE_KEY: Final = "sub-c-ecebae8e-dd60-11e6-b6b1-02ee2ddab7fe"  # the same for all of bitbank's users
POLL_S: Final = 60.0  # a poll without an answer is asked anew: a dead connection is noticed after this, nothing is lost
CONNECT_S: Final = 10.0
DIGITS: Final = re.compile(r"[0-9]{1,20}")
DENIED: Final = 403
OK: Final = 200


class Credentials(NamedTuple):
    """What opens the stream for 12 hours; shown nowhere."""

    channel: str
    token: str

    def __repr__(self) -> str:
        return "Credentials(not shown)"


class _Cursor(NamedTuple):
    """From where the next poll reads on."""

    time_token: str
    region: str


class _PollFailed(Exception):
    """No usable answer; the text is safe to show."""


class PrivateStream:
    """Reads the stream and puts what it says into a queue.

    Parameters
    ----------
    base_url
        `https://ps.pndsn.com`.
    credentials
        Fetches new ones.
    poll_s
        How long a poll is waited for, seconds on the machine's clock.
    """

    def __init__(
        self,
        clock: Clock,
        instrument: Instrument,
        events: EventQueue,
        base_url: str,
        credentials: Callable[[], Awaitable[Credentials]],
        *,
        poll_s: float = POLL_S,
    ) -> None:
        self._clock = clock
        self._instrument = instrument
        self._events = events
        self._base = base_url.rstrip("/")
        self._credentials = credentials
        self._poll_s = poll_s
        self._cursor: _Cursor | None = None
        self._channel = ""
        self.connecting = False
        self.received = 0  # messages, ever
        self.connections = 0  # handshakes, ever

    async def run(self) -> None:
        """Read until cancelled."""
        backoff = Backoff(self._clock)
        async with aiohttp.ClientSession() as session:
            while True:
                before = self.received
                up = False
                try:
                    access = await self._credentials()
                    await self._shake_hands(session, access)
                    up = True
                    await self._events.put(StreamUp(True, self._clock.now()))
                    await self._read_on(session, access)
                except (_PollFailed, Retryable, HaltTrading, OrderRefused) as e:
                    why = e.what if isinstance(e, Retryable | HaltTrading | OrderRefused) else str(e)
                    if up or backoff.fresh:
                        await self._events.put(StreamDown(True, self._clock.now(), why))
                if up or self.received > before:
                    backoff.reset()
                await backoff.wait()

    async def _shake_hands(self, session: aiohttp.ClientSession, access: Credentials) -> None:
        """Learn where the stream is now; what an earlier connection had not read yet is read from there."""
        self.connecting = True
        try:
            now, _ = await self._poll(session, access, _Cursor("0", ""), CONNECT_S)
        finally:
            self.connecting = False
        if self._cursor is None or self._channel != access.channel:
            self._cursor, self._channel = now, access.channel
        self.connections += 1

    async def _read_on(self, session: aiohttp.ClientSession, access: Credentials) -> None:
        while self._cursor is not None:
            try:
                following, messages = await self._poll(session, access, self._cursor, self._poll_s)
            except TimeoutError:
                continue  # quiet, or dead: the next poll tells
            for message in messages:
                self.received += 1
                for event in private_events(message, self._instrument):
                    await self._events.put(event)
            self._cursor = following

    async def _poll(
        self, session: aiohttp.ClientSession, access: Credentials, cursor: _Cursor, patience_s: float
    ) -> tuple[_Cursor, list[Any]]:
        """Ask once; the address holds the token, so errors are told by their kind alone."""
        address = f"{self._base}/v2/subscribe/{SUBSCRIBE_KEY}/{access.channel}/0"
        query = {"tt": cursor.time_token, "uuid": access.channel, "auth": access.token}
        query |= {"tr": cursor.region} if cursor.region else {}
        try:
            async with asyncio.timeout(patience_s), session.get(address, params=query) as reply:
                if reply.status == DENIED:
                    raise _PollFailed("the token has expired or is refused")
                if reply.status != OK:
                    raise _PollFailed(f"HTTP {reply.status}")
                answer = await reply.json(content_type=None)
        except TimeoutError:
            if cursor.time_token == "0":  # noqa: S105 - a place in the stream
                raise _PollFailed(f"no answer in {patience_s:g} s") from None
            raise
        except (aiohttp.ClientError, ValueError, RecursionError) as e:
            raise _PollFailed(type(e).__name__) from None
        return _read_answer(answer)


def _read_answer(answer: Any) -> tuple[_Cursor, list[Any]]:
    """Return where to go on and the messages of a poll's answer."""
    place = answer.get("t") if isinstance(answer, dict) else None
    items = answer.get("m") if isinstance(answer, dict) else None
    if not isinstance(place, dict) or not isinstance(items, list):
        raise _PollFailed("an answer that is none of PubNub's")
    token, region = str(place.get("t")), str(place.get("r", ""))
    if DIGITS.fullmatch(token) is None or (region and DIGITS.fullmatch(region) is None):
        raise _PollFailed("an answer without a time token")
    return _Cursor(token, region), [item.get("d") if isinstance(item, dict) else None for item in items]
