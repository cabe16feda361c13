"""PubNub's addresses: subscribe with its long poll, leave, heartbeat, time."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl, unquote

from src.core.domain.time import SECOND
from src.twin.fault_rules import Answer, Lose
from src.twin.private_stream import SUBSCRIBE_KEY, TOKENS_PER_MILLI, Channel, news, poll_answer, time_token
from src.twin.reply import Reply, encoded, unknown_url
from src.twin.service import Service

SCRIPT_TYPE = "text/javascript; charset=UTF-8"


class Polls:
    """Answers what a PubNub client asks.

    Parameters
    ----------
    service
        Whose private stream is read.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, target: str) -> Reply:
        """Return the answer to one address; a subscribe call waits for news."""
        path, _, query = target.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["v2", "subscribe", key, channel, "0"]:
                return await self._subscribe(key, channel, given)
            case ["v2", "presence", "sub-key", _, "channel", _, "leave" | "heartbeat" as what]:
                return _json(200, {"status": 200, "message": "OK", "action": what, "service": "Presence"})
            case ["time", "0"]:
                return _json(200, [self._service.now * TOKENS_PER_MILLI])
        return unknown_url()

    async def _subscribe(self, key: str, name: str, given: dict[str, str]) -> Reply:
        for action in self._service.strike("poll", name):
            if isinstance(action, Answer):
                return _json(action.status, {"error": True, "status": action.status, "message": action.body or ""})
            if isinstance(action, Lose):
                at = given.get("tt", "0")
                return poll_answer(name, int(at) if at.isascii() and at.isdigit() else 0, [])
        if key != SUBSCRIBE_KEY:
            error = {"message": "Invalid Subscribe Key", "error": True, "service": "Access Manager", "status": 400}
            return _json(400, error)
        denial = self._service.private.denial(name, given.get("auth", ""), self._service.now)
        channel = self._service.private.named(name)
        if denial is not None or channel is None:
            return denial or _json(403, {"message": "Forbidden", "error": True, "status": 403})
        since = given.get("tt", "0")
        after = int(since) if since.isascii() and since.isdigit() and len(since) < 20 else 0
        if not after:
            return poll_answer(name, time_token(channel, self._service.now), [])
        return await self._held(channel, after, given.get("auth", ""))

    async def _held(self, channel: Channel, after: int, token: str) -> Reply:
        """Return news as soon as there are any, nothing after the holding time, or 403 once the token has expired."""
        private, loop = self._service.private, asyncio.get_running_loop()
        ends = loop.time() + self._service.switches.poll_hold / SECOND
        while not (messages := news(channel, after)):
            left = ends - loop.time()
            if left <= 0:
                return poll_answer(channel.name, max(after, time_token(channel, self._service.now)), [])
            channel.arrived.clear()
            try:
                await asyncio.wait_for(channel.arrived.wait(), min(left, 1))
            except TimeoutError:
                if denial := private.denial(channel.name, token, self._service.now):
                    return denial
        return poll_answer(channel.name, messages[-1][0], messages)


def _json(status: int, content: Any) -> Reply:
    return Reply(status, encoded(content), SCRIPT_TYPE)
