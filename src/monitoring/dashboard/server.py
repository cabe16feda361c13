"""Serves the dashboard on this machine alone, to whoever holds its token, and reads only.

The address with the token is printed once; it leaves a cookie and goes on to one without it, so that the token stays
in no history, no bookmark and no `Referer`. Only requests that name this machine are answered (see `loopback.py`).
There is no way to change anything: every request but GET is refused.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from src.core.domain.time import Millis
from src.core.exceptions import NoCandles, TraderError
from src.monitoring.dashboard.page import SCRIPT, STYLE, page
from src.monitoring.listener import Listener
from src.monitoring.loopback import host_of, is_near

ADDRESS: Final = "127.0.0.1"

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": _POLICY,
}

_DUMPS: Final = partial(json.dumps, ensure_ascii=False, allow_nan=False)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Dashboard:
    """Serves the page.

    Parameters
    ----------
    subject
        Which trader it is about.
    read
        Returns what the page shows of the last so many days, in JSON's types; it blocks, and runs in a thread.
    explain
        Returns the lines that say why a bar closed at a moment was decided as it was; it blocks, too.
    windows
        The numbers of days that can be asked for.
    token
        Who knows it may look.
    charts
        Source of the library that draws.
    """

    def __init__(
        self,
        subject: str,
        language: str,
        read: Callable[[int], dict[str, Any]],
        explain: Callable[[Millis], list[str]],
        *,
        windows: tuple[int, ...],
        token: str,
        charts: str,
    ) -> None:
        self._page = page(subject, language, windows)
        self._read = read
        self._explain = explain
        self._windows = windows
        self._token = token
        self._charts = charts
        self._one_at_a_time = asyncio.Lock()  # pages left open in several windows do not read the journal at once
        self._cookie = ""  # its name
        self._listener = Listener(
            "the dashboard", "choose another port with --port (0 takes one that is free), or end what listens there"
        )

    async def start(self, port: int) -> int:
        """Listen, and return the port.

        Parameters
        ----------
        port
            0 takes one that is free.

        Raises
        ------
        ConfigError
            If nobody can listen there.
        """
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/enter", self._enter),
                web.get("/", self._text(self._page, "text/html")),
                web.get("/page.js", self._text(SCRIPT, "text/javascript")),
                web.get("/page.css", self._text(STYLE, "text/css")),
                web.get("/plotly.js", self._text(self._charts, "text/javascript")),
                web.get("/overview", self._overview),
                web.get("/why", self._why),
            ]
        )
        _, listening = await self._listener.start(app, ADDRESS, port)
        self._cookie = cookie_name(listening)
        return listening

    async def close(self) -> None:
        """Stop listening."""
        await self._listener.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_near(host_of(request)):
            return _answer(403, {"error": "this address is not one of this machine"})
        if request.method not in ("GET", "HEAD"):
            return _answer(405, {"error": "this page only reads"})
        if request.path != "/enter" and not self._knows(request.cookies.get(self._cookie, "")):
            return _answer(401, {"error": "open the address that `dashboard` printed when it was started"})
        try:
            return await handler(request)
        except web.HTTPException as e:
            return _answer(e.status, {"error": e.reason})

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token.encode())

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        if not self._knows(request.query.get("token", "")):
            return _answer(401, {"error": "this is not the address that `dashboard` printed when it was started last"})
        answer = web.Response(status=303, headers={**_HEADERS, "Location": "/"})
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict", path="/")
        return answer

    def _text(self, text: str, kind: str) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(text=text, content_type=kind, charset="utf-8", headers=_HEADERS)

        return answer

    async def _overview(self, request: web.Request) -> web.StreamResponse:
        days = _number(request.query.get("days", ""))
        if days not in self._windows:
            return _answer(400, {"error": f"days is one of {', '.join(map(str, self._windows))}"})
        return await self._asked(lambda: self._read(days))

    async def _why(self, request: web.Request) -> web.StreamResponse:
        at = _number(request.query.get("at", ""))
        if at is None:
            return _answer(400, {"error": "at is the close of a bar, in milliseconds since 1970 (UTC)"})
        return await self._asked(lambda: {"lines": self._explain(Millis(at))})

    async def _asked(self, question: Callable[[], dict[str, Any]]) -> web.StreamResponse:
        """Ask in a thread; what the journal refuses is told, whatever else is wrong ends the request alone."""
        async with self._one_at_a_time:
            try:
                return _answer(200, await asyncio.to_thread(question))
            except NoCandles as e:
                return _answer(404, {"error": e.what, "remedy": e.remedy})
            except TraderError as e:
                return _answer(503, {"error": e.what, "remedy": e.remedy})


def cookie_name(port: int) -> str:
    """Return the name of the cookie of the page on a port: browsers keep those of all ports of a machine together."""
    return f"trader_dashboard_{port}"


def _answer(status: int, body: Mapping[str, object]) -> web.Response:
    return web.json_response(body, status=status, headers=_HEADERS, dumps=_DUMPS)


def _number(text: str) -> int | None:
    """Return a whole number of up to 15 digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None
