"""The unmodified clients, pointed at a twin by what they document for that."""

from contextlib import asynccontextmanager
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


@asynccontextmanager
async def botters(desk: Desk):
    """A pybotters client; it chooses how to sign by host name, which its Hosts table maps."""
    Hosts.items["127.0.0.1"] = Hosts.items["api.bitbank.cc"]
    apis = {"bitbank": [desk.account.key, desk.account.secret]}
    async with pybotters.Client(apis=apis, base_url=desk.twin.rest) as client:
        yield client
