"""One webhook: its own queue, pace and patience, so that a broken one holds no other up."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import aiohttp

from src.core.logger import get_logger
from src.monitoring.discord_message import Look, message, plain_message
from src.monitoring.outbox import Outbox, Parcel
from src.monitoring.pace import Pace

DEADLINE_S: Final = 10.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
LONGEST_ASKED_PAUSE_S: Final = 600.0
"""What a server may ask for; a wrong number must not silence the trader for good."""

_GONE: Final = frozenset({401, 403, 404, 405, 410})
"""Answers of a webhook that was deleted or mistyped."""

_log = get_logger(__name__)


class Answer(NamedTuple):
    """What came back. `status` 0: nothing did."""

    status: int
    pause_s: float = 0.0  # asked for by the server
    why: str = ""

    @property
    def taken(self) -> bool:
        """Whether the message was delivered."""
        return 200 <= self.status < 300


class Lane:
    """Sends what is put into its outbox, the most urgent first, until it is cancelled."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        look: Look,
        merge_s: float,
        delivered: Callable[[list[Parcel]], None],
        gone: Callable[["Lane"], None],
    ) -> None:
        self.outbox = Outbox(merge_s)
        self.is_gone = False  # the last answer was that there is no such webhook
        self._url = url
        self._session = session
        self._look = look
        self._delivered = delivered
        self._tell_gone = gone
        self._pace = Pace()
        self._more = asyncio.Event()
        self._failures = 0
        self._closing = False
        self._sending = False

    def put(self, parcel: Parcel) -> None:
        """Add a parcel and wake the lane."""
        self.outbox.put(parcel)
        self._more.set()

    def hurry(self) -> None:
        """Send what waits to be merged at once: the process is about to end."""
        self._closing = True
        self._more.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return not len(self.outbox) and not self._sending

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._until_due()
            wait = self._pace.wait_s(time.monotonic())
            if wait > 0:
                await asyncio.sleep(wait)  # more may arrive meanwhile and go along
            await self._send_some()

    async def _until_due(self) -> None:
        while True:
            due = self.outbox.due_in(time.monotonic())
            if due == 0 or (self._closing and due is not None):
                return
            self._more.clear()
            try:
                await asyncio.wait_for(self._more.wait(), due)
            except TimeoutError:
                return

    async def _send_some(self) -> None:
        parcels = self.outbox.take(time.monotonic(), 10, all_=self._closing)
        if not parcels:
            return
        body, count = message(parcels, self._look)
        self.outbox.put_back(parcels[count:])
        del parcels[count:]
        self._sending = True
        try:
            answer = await self._post(body)
            if answer.status == 400:  # not the form it wants: words without embeds are better than nothing
                answer = await self._post(plain_message(parcels, self._look))
        except BaseException:
            self.outbox.put_back(parcels)
            raise
        finally:
            self._sending = False
        self._settle(parcels, answer)

    def _settle(self, parcels: list[Parcel], answer: Answer) -> None:
        now = time.monotonic()
        if answer.pause_s:
            self._pace.pause(now, min(answer.pause_s, LONGEST_ASKED_PAUSE_S))
        if answer.taken:
            self._failures = 0
            self.is_gone = False
            self._delivered(parcels)
            return
        self.outbox.put_back(parcels)
        if answer.status == 429:
            _log.info("discord asks for a pause", seconds=answer.pause_s)
            return
        pause = min(FIRST_PAUSE_S * 2**self._failures, LONGEST_PAUSE_S)
        self._failures = min(self._failures + 1, 10)
        self._pace.pause(now, pause)
        _log.warning("a notice could not be delivered", status=answer.status, why=answer.why, again_in_s=pause)
        if answer.status in _GONE and not self.is_gone:
            self.is_gone = True
            self._tell_gone(self)

    async def _post(self, body: dict[str, Any]) -> Answer:
        try:
            async with self._session.post(
                self._url,
                json=body,
                params={"wait": "true"},  # answered when the message is there, not when it was received
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=DEADLINE_S),
            ) as reply:
                return Answer(reply.status, await _pause_asked_for(reply), await _said(reply))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
            return Answer(0, why=type(e).__name__)  # its text may hold the address
        finally:  # the server has counted it by now, at some moment since it left
            self._pace.sent(time.monotonic())


async def _pause_asked_for(reply: aiohttp.ClientResponse) -> float:
    """Return the seconds the server asks for: `retry_after` of a 429, or an allowance that is used up."""
    headers = reply.headers
    if reply.status == 429:
        try:
            body = await reply.json(content_type=None)
            return max(0.0, float(body["retry_after"]))
        except (aiohttp.ClientError, ValueError, KeyError, TypeError):
            return max(0.0, _number(headers.get("Retry-After"), FIRST_PAUSE_S))
    if headers.get("X-RateLimit-Remaining") == "0":
        return max(0.0, _number(headers.get("X-RateLimit-Reset-After"), 0.0))
    return 0.0


async def _said(reply: aiohttp.ClientResponse) -> str:
    """Return Discord's own short reason for a refusal; never the page of a proxy."""
    if reply.status < 400 or reply.status == 429:
        return ""
    try:
        body = await reply.json(content_type=None)
        return str(body["message"])[:100]
    except (aiohttp.ClientError, ValueError, KeyError, TypeError):
        return reply.reason or ""


def _number(text: str | None, default: float) -> float:
    try:
        return float(text) if text is not None else default
    except ValueError:
        return default
