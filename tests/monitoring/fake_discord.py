"""A local server that treats webhooks as Discord documents it: limits, refusals, and what was delivered."""

import time
from collections import defaultdict, deque
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer


class FakeDiscord:
    """Webhooks at `url(name)`; `script[name]` is answered first, one (status, headers, body) a request."""

    def __init__(self, burst: tuple[int, float] = (5, 2.0)) -> None:
        self.delivered: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.requests: list[tuple[str, float, int]] = []  # name, when, status answered
        self.script: dict[str, list[tuple[int, dict[str, str], Any]]] = defaultdict(list)
        self.missing: set[str] = set()
        self.delay_s = 0.0
        self._burst = burst
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        app = web.Application()
        app.add_routes([web.post("/api/webhooks/{name}/{token}", self._post)])
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._server.close()

    def url(self, name: str) -> str:
        return str(self._server.make_url(f"/api/webhooks/{name}/canary-{name}-4711"))

    def titles(self, name: str) -> list[str]:
        return [embed["title"] for message in self.delivered[name] for embed in message.get("embeds", [])]

    def statuses(self, name: str) -> list[int]:
        return [status for where, _, status in self.requests if where == name]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        name, now = request.match_info["name"], time.monotonic()
        status, headers, body = self._judge(name, now, await request.json())
        self.requests.append((name, now, status))
        assert request.query["wait"] == "true"
        return web.json_response(body, status=status, headers=headers)

    def _judge(self, name: str, now: float, message: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        if name in self.missing:
            return 404, {}, {"message": "Unknown Webhook", "code": 10015}
        if self.script[name]:
            status, headers, body = self.script[name].pop(0)
            if status == 200:
                self.delivered[name].append(message)
            return status, headers, body
        recent = self._recent[name]
        while recent and now - recent[0] > self._burst[1]:
            recent.popleft()
        if len(recent) >= self._burst[0]:
            wait = round(self._burst[1] - (now - recent[0]) + 0.05, 3)
            return 429, {"Retry-After": str(wait)}, {"message": "You are being rate limited.", "retry_after": wait}
        recent.append(now)
        fault = fault_of(message)
        if fault:
            return 400, {}, {"message": "Invalid Form Body", "code": 50035, "errors": fault}
        self.delivered[name].append(message)
        return 200, {}, {"id": str(len(self.requests))}


def fault_of(message: dict[str, Any]) -> str:
    """What Discord would refuse in a message, "" if nothing."""
    content, embeds = message.get("content", ""), message.get("embeds", [])
    if not content.strip() and not embeds:
        return "empty"
    if units(content) > 2_000 or len(embeds) > 10:
        return "content or number of embeds"
    total = 0
    for embed in embeds:
        fields = embed.get("fields", [])
        texts = [
            (embed.get("title", ""), 256),
            (embed.get("description", ""), 4_096),
            (embed.get("footer", {}).get("text", ""), 2_048),
        ]
        texts += [(field["name"], 256) for field in fields] + [(field["value"], 1_024) for field in fields]
        if len(fields) > 25 or any(units(text) > most for text, most in texts):
            return "a part of an embed"
        if any(not field["name"].strip() or not field["value"].strip() for field in fields):
            return "an empty field"
        total += sum(units(text) for text, _ in texts)
    return "all embeds together" if total > 6_000 else ""


def units(text: str) -> int:
    """The length as Discord counts it."""
    return len(text.encode("utf-16-le")) // 2
