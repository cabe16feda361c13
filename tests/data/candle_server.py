"""A local stand-in for bitbank's public server: real sockets, scripted answers, one thread."""

import asyncio
import json
import threading
from collections import defaultdict
from typing import Any, NamedTuple, Self

from aiohttp import web

HTML = "<html><body>502 Bad Gateway</body></html>"
NOT_FOUND = json.dumps({"success": 0, "data": {"code": 10000}})


class Answer(NamedTuple):
    """What the server sends for one request."""

    body: str | bytes
    status: int = 200
    content_type: str = "application/json"
    delay_s: float = 0.0
    cut: bool = False  # close the connection in the middle of the body


def candle_body(kind: str, rows: list[list[Any]], **extra: Any) -> str:
    """Return a candle file as bitbank writes it."""
    item = {"type": kind, "ohlcv": rows, "timestamp": 1_700_000_000_000, **extra}
    return json.dumps({"success": 1, "data": {"candlestick": [item], "timestamp": 1_700_000_000_000}})


def rows_of(start: int, count: int, step: int = 900_000, price: int = 6_000_000) -> list[list[Any]]:
    """Return `count` plausible rows from the open time `start` on; the same time has always the same row."""
    rows = []
    for i in range(count):
        opened = start + i * step
        base = price + (opened // step * 7919) % 10_000
        rows.append(
            [str(base), str(base + 500), str(base - 400), str(base + 100), f"{1 + i % 7}.{i % 10_000:04d}", opened]
        )
    return rows


class CandleServer:
    """Serves `files` by path ("btc_jpy/candlestick/15min/20240101"); unknown ones are 404 with code 10000.

    `script[path]` is answered first, one entry a request.
    """

    def __init__(self) -> None:
        self.files: dict[str, Answer] = {}
        self.script: dict[str, list[Answer]] = defaultdict(list)
        self.requests: list[str] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()
        self._down = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join(10)

    def day(self, name: str, rows: list[list[Any]], kind: str = "15min") -> None:
        """Serve a day or year file."""
        self.files[f"btc_jpy/candlestick/{kind}/{name}"] = Answer(candle_body(kind, rows))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        self._up.set()
        await self._down.wait()
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # answers nobody waited for
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.requests.append(path)
        script = self.script[path]
        answer = script.pop(0) if script else self.files.get(path, Answer(NOT_FOUND, 404, "text/plain"))
        await asyncio.sleep(answer.delay_s)
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        if not answer.cut:
            return web.Response(body=body, status=answer.status, content_type=answer.content_type)
        response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": answer.content_type})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response
