"""The exchange of a trader, opened to read from beside it: the real account, or the file of a paper one."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from src.backtest.simulated_exchange import SimulatedExchange, UserId
from src.backtest.simulated_port import EventRelay, SimulatedPort
from src.core.clock import SystemClock
from src.core.config import Settings
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError, NoJournal
from src.core.orchestration.live_wiring import CONTROL_VARIABLE, PAPER_FILE, TOKEN_VARIABLE, driven_clock
from src.core.orchestration.wiring import bitbank_margin, instrument
from src.core.protocols import Clock, ExchangePort
from src.data.api_keys import keys_from_environment
from src.data.bitbank_margin import BitbankMargin

NAP_S: Final = 0.001  # between two attempts to move the exchange, while it answers others


class Opened(NamedTuple):
    """A port to read from, and whose time it is."""

    port: ExchangePort
    clock: Clock
    real: BitbankMargin | None  # None: a paper account


@asynccontextmanager
async def exchange_of(settings: Settings) -> AsyncIterator[Opened]:
    """Open the exchange of a trader with these settings to read from; a paper account stays as it is.

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
    clock: Clock = SystemClock() if driven is None else StillClock(driven.now(), os.environ)
    real = bitbank_margin(settings, clock, keys_from_environment(os.environ), heartbeat=False)
    try:
        yield Opened(real, clock, real)
    finally:
        await real.close()


class StillClock:
    """The time of a simulated exchange in lock-step, which stands still for who only reads.

    A question must not let the market go on without its trader. Where a read has to wait for its turn, the exchange is
    moved by just that, which is less than a second.
    """

    def __init__(self, start: Millis, environment: Mapping[str, str]) -> None:
        self._now = start
        self._control = environment[CONTROL_VARIABLE].rstrip("/")
        self._headers = {"X-Twin-Token": environment.get(TOKEN_VARIABLE, "")}

    def now(self) -> Millis:
        """Return the exchange's time."""
        return self._now

    async def sleep_until(self, at: Millis) -> None:
        """Move the exchange to `at` if it is not there yet."""
        await asyncio.sleep(0)
        async with aiohttp.ClientSession(headers=self._headers) as session:
            while self._now < at:
                async with session.post(f"{self._control}/wait", json={"until": at, "seen": None}) as reply:
                    woken = await reply.json()
                if reply.status != HTTPStatus.OK:
                    raise ConfigError(
                        f"the simulated exchange does not move: {woken.get('error')}",
                        remedy=f"export the control address and {TOKEN_VARIABLE} that it announced",
                    )
                self._now = Millis(max(self._now, int(woken["now"])))
                await asyncio.sleep(NAP_S)


def _paper_exchange(path: Path) -> SimulatedExchange:
    if not path.is_file():
        raise NoJournal(f"there is no paper account at {path}", remedy="start one with `python main.py --mode paper`")
    return SimulatedExchange.restore(path.read_bytes())
