"""The unmodified clients, pointed at a twin by what they document for that."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import ccxt
import ccxt.async_support
import pybotters
from pybotters.auth import Hosts

from tests.contracts.bitbank.desk import Desk


def _settings(desk: Desk, options: dict[str, Any]) -> dict[str, Any]:
    base = desk.twin.rest
    return {
        "apiKey": desk.account.key,
        "secret": desk.account.secret,
        "urls": {"api": {"public": base, "private": base, "markets": base}},
        "enableRateLimit": False,
        "options": options,
    }


def sync_ccxt(desk: Desk, **options: Any) -> Any:
    """ccxt's bitbank class."""
    return ccxt.bitbank(_settings(desk, options))


@asynccontextmanager
async def async_ccxt(desk: Desk, **options: Any):
    """ccxt's bitbank class for asyncio."""
    client = ccxt.async_support.bitbank(_settings(desk, options))
    try:
        yield client
    finally:
        await client.close()


class Loop:
    """An event loop in a thread of its own, so that tests can call asyncio clients as they call the others."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, function: Any, *arguments: Any, **named: Any) -> Any:
        async def run() -> Any:
            result = function(*arguments, **named)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Awaited:
    """A client for asyncio whose methods are awaited in a loop elsewhere."""

    def __init__(self, client: Any, loop: Loop) -> None:
        self.__dict__.update(client=client, loop=loop)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.client, name)
        return (lambda *a, **k: self.loop.call(value, *a, **k)) if callable(value) else value

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.client, name, value)


@contextmanager
def awaited_ccxt(desk: Desk, loop: Loop, **options: Any) -> Iterator[Awaited]:
    """ccxt's bitbank class for asyncio, to be called without await."""
    client = loop.call(ccxt.async_support.bitbank, _settings(desk, options))
    try:
        yield Awaited(client, loop)
    finally:
        loop.call(client.close)


@asynccontextmanager
async def botters(desk: Desk):
    """A pybotters client; it chooses how to sign by host name, which its Hosts table maps."""
    Hosts.items["127.0.0.1"] = Hosts.items["api.bitbank.cc"]
    apis = {"bitbank": [desk.account.key, desk.account.secret]}
    async with pybotters.Client(apis=apis, base_url=desk.twin.rest) as client:
        yield client
