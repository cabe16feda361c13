"""The twin's one HTTP server: REST, both streams and the control endpoint on one port."""

import asyncio
import hmac
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache
from typing import Final

from aiohttp import web

from src.core.domain.time import SECOND
from src.twin.acts import perform_due
from src.twin.body import LARGEST_BODY
from src.twin.call_faults import CallFaults
from src.twin.calls import Calls
from src.twin.control import Control
from src.twin.fault_rules import Silence
from src.twin.keeper import Keeper
from src.twin.lock_step import LockStep
from src.twin.poll import Polls
from src.twin.reply import Reply, encoded, failure
from src.twin.request import BAD_REQUEST, Request
from src.twin.service import Service

TICK: Final = 50  # milliseconds of the machine's clock between two looks at what is due
WARNING: Final = "simulated exchange on this machine: no order here is real"
WARNING_HEADER: Final = "X-Not-Bitbank"
TOKEN_HEADER: Final = "X-Twin-Token"  # noqa: S105 - a name, not a token
CONTROL: Final = "/twin/"


class Server:
    """Answers every request on the twin's port.

    Parameters
    ----------
    service
        What answers.
    keeper
        Saves the state.
    token
        Opens the control endpoint.
    """

    def __init__(self, service: Service, keeper: Keeper, token: str) -> None:
        self._service = service
        self._keeper = keeper
        self._token = token
        self._lock_step = LockStep(service)
        self._control = Control(service, self._lock_step)
        self._polls = Polls(service)
        self._calls = Calls(service, self._lock_step, keeper.changed)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the response to one request."""
        path = request.raw_path
        if path.startswith("/socket.io/") and request.query.get("transport") == "websocket":
            return await self._service.public.serve(request, self._service.switches)
        if path.startswith(("/v2/", "/time/")):
            return await self._sent(request, await self._polls.answer(request.raw_path), CallFaults(()))
        asked = await _request(request)
        if asked is None:
            return await self._sent(request, failure(BAD_REQUEST), CallFaults(()))
        if path.startswith(CONTROL):
            return await self._sent(request, self._controlled(asked), CallFaults(()))
        reply, faults = await self._calls.answer(asked)
        return await self._sent(request, reply, faults)

    async def run_time(self) -> None:
        """Let what is due happen, for ever: the market, the rooms' cadence, faults with a time."""
        while True:
            if not self._service.venue.clock.lock_step:
                self._service.catch_up()
                perform_due(self._service)
            await asyncio.sleep(TICK / SECOND)

    def _controlled(self, asked: Request) -> Reply:
        given = asked.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token.encode()):
            return Reply(403, encoded({"error": f"the control endpoint needs the header {TOKEN_HEADER}"}))
        reply = self._control.answer(asked)
        perform_due(self._service)
        self._keeper.changed()
        return reply

    async def _sent(self, request: web.BaseRequest, reply: Reply, faults: CallFaults) -> web.StreamResponse:
        headers = {
            "Content-Type": reply.content_type,
            "Date": _http_date(self._service.now // SECOND),
            WARNING_HEADER: WARNING,
        }
        broken = faults.connection()
        if broken is not None:
            await _break(request, silent=isinstance(broken, Silence))
        short = faults.truncation()
        if short is None:
            return web.Response(status=reply.status, body=reply.body, headers=headers)
        body = reply.body[: short.keep]
        if not short.announce_all:
            return web.Response(status=reply.status, body=body, headers=headers)
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.content_length = len(reply.body)
        with suppress(ConnectionError):  # who asked may be gone
            await response.prepare(request)
            await response.write(body)
        _cut(request)
        return response


async def _request(request: web.BaseRequest) -> Request | None:
    """Return the request with its raw body; None if that is larger than any real one, or broken off."""
    body = b""
    if request.can_read_body:
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > LARGEST_BODY:
                    return None
                chunks.append(chunk)
        except web.RequestPayloadError:  # chunks that are none, or an end before the announced length
            return None
        body = b"".join(chunks)
    return Request(request.method, request.raw_path, request.headers, body)


async def _break(request: web.BaseRequest, *, silent: bool) -> None:
    """Say nothing until the client gives up, then (or at once) cut the connection."""
    while silent and request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(TICK / SECOND)
    _cut(request)


def _cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)
