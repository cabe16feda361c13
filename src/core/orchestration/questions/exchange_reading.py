"""The exchange of a trader, opened to read from beside it: the real account, or the file of a paper one."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from src.backtest.simulated_exchange import SimulatedExchange, UserId
from src.backtest.simulated_port import EventRelay, SimulatedPort
from src.core.clock import SystemClock
from src.core.config import Settings
from src.core.exceptions import NoJournal
from src.core.orchestration.live_wiring import PAPER_FILE, driven_clock
from src.core.orchestration.wiring import bitbank_margin, instrument
from src.core.protocols import Clock, ExchangePort
from src.data.api_keys import keys_from_environment
from src.data.bitbank_margin import BitbankMargin


class Opened(NamedTuple):
    """A port to read from, and whose time it is."""

    port: ExchangePort
    clock: Clock
    real: BitbankMargin | None  # None: a paper account


@asynccontextmanager
async def exchange_of(settings: Settings) -> AsyncIterator[Opened]:
    """Open the exchange that a trader with these settings trades on; nothing is sent and nothing written.

    Raises
    ------
    ConfigError
        If keys are missing.
    NoJournal
        If a paper trader has left no account.
    """
    if settings.mode == "paper":
        exchange = _paper_exchange(Path(settings.journal.folder) / PAPER_FILE)
        port = SimulatedPort(EventRelay(exchange), UserId(1), instrument(settings))
        yield Opened(port, SystemClock(), None)
        return
    driven = await driven_clock(os.environ)
    clock: Clock = SystemClock() if driven is None else driven
    real = bitbank_margin(settings, clock, keys_from_environment(os.environ), heartbeat=False)
    driving: asyncio.Future[None] | None = None
    if driven is not None:
        driven.watch(real)
        driving = asyncio.ensure_future(driven.run())  # its time moves only while a read waits for its turn
    try:
        yield Opened(real, clock, real)
    finally:
        await real.close()
        if driving is not None:
            driving.cancel()
            await asyncio.gather(driving, return_exceptions=True)


def _paper_exchange(path: Path) -> SimulatedExchange:
    if not path.is_file():
        raise NoJournal(f"there is no paper account at {path}", remedy="start one with `python main.py --mode paper`")
    return SimulatedExchange.restore(path.read_bytes())
