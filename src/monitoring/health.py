"""The page machines ask: /healthz (does it live?), /readyz (may it be relied on?), /metrics (with a token).

It listens on this machine alone unless the settings say otherwise. The health answers hold no figure of the account
and need no token, since platforms ask without one. A page of another site must not read them through a visitor's
browser, so on this machine only requests that name this machine are answered.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from src.core.domain.health import Health, Phase
from src.core.domain.time import SECOND, Millis
from src.core.exceptions import ConfigError
from src.monitoring.listener import Listener
from src.monitoring.loopback import host_of, is_near
from src.monitoring.metrics import CONTENT_TYPE, Metrics

TOKEN: Final = "MONITORING_TOKEN"  # noqa: S105 - the name of the variable
SHORTEST_TOKEN: Final = 16
"""Characters."""

_READY: Final = frozenset({Phase.WAITING, Phase.TRADING, Phase.HALTED})
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def monitoring_token(environ: Mapping[str, str]) -> str:
    """Return the token for what is more than health; "" if none is set, then nobody may read it.

    Raises
    ------
    ConfigError
        If it is too short to be one.
    """
    token = environ.get(TOKEN, "").strip()
    if token and (len(token) < SHORTEST_TOKEN or not token.isascii()):
        raise ConfigError(
            f"{TOKEN} needs at least {SHORTEST_TOKEN} ASCII characters",
            remedy="make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return token


def is_alive(health: Health, now: Millis, stale_ms: int) -> bool:
    """Return whether the engine's loop has turned lately."""
    return health.last_beat is not None and now - health.last_beat <= stale_ms


def is_ready(health: Health, now: Millis, stale_ms: int) -> bool:
    """Return whether the engine does its work, or would take it over at once.

    One that waits for the lease is ready: a platform that ends the old instance only when the new one is ready would
    otherwise wait for ever.
    """
    return is_alive(health, now, stale_ms) and health.phase in _READY


class HealthServer:
    """Serves the page.

    Parameters
    ----------
    stale_ms
        A loop that has not turned for so long counts as hung.
    token
        See `monitoring_token`.
    """

    def __init__(
        self,
        health: Callable[[], Health],
        metrics: Metrics,
        now: Callable[[], Millis],
        *,
        stale_ms: int,
        token: str,
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._now = now
        self._stale_ms = stale_ms
        self._token = token
        self._near = True
        self._listener = Listener(
            "the health page",
            "choose another with `monitoring.port` and `monitoring.host`, or end what listens there",
        )

    @property
    def address(self) -> tuple[str, int]:
        """Address and port on which it listens.

        Raises
        ------
        RuntimeError
            If it does not.
        """
        return self._listener.address

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen, and return address and port.

        Raises
        ------
        ConfigError
            If nobody can listen there.
        """
        self._near = is_near(host)
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [web.get("/healthz", self._healthz), web.get("/readyz", self._readyz), web.get("/metrics", self._read)]
        )
        return await self._listener.start(app, host, port)

    async def close(self) -> None:
        """Stop listening."""
        await self._listener.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._near and not is_near(host_of(request)):
            return _answer(403, {"error": "this address is not one of this machine"})
        return await handler(request)

    async def _healthz(self, request: web.Request) -> web.Response:
        return self._state(is_alive)

    async def _readyz(self, request: web.Request) -> web.Response:
        return self._state(is_ready)

    def _state(self, judge: Callable[[Health, Millis, int], bool]) -> web.Response:
        health, now = self._health(), self._now()
        fine = judge(health, now, self._stale_ms)
        age = None if health.last_beat is None else (now - health.last_beat) / SECOND
        body = {"ok": fine, "phase": health.phase.value, "beat_age_s": age}
        return _answer(200 if fine else 503, body)

    async def _read(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        wanted = f"Bearer {self._token}"
        if not self._token:
            return _answer(403, {"error": f"set {TOKEN} in the trader's environment to read this"})
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode()):
            return _answer(401, {"error": f"send the header: Authorization: Bearer <{TOKEN}>"})
        return web.Response(body=self._metrics.text(), headers={**_HEADERS, "Content-Type": CONTENT_TYPE})


def _answer(status: int, body: Mapping[str, object]) -> web.Response:
    challenge = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return web.json_response(body, status=status, headers={**_HEADERS, **challenge})
