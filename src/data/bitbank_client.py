"""Reads bitbank's public candle files through ccxt's raw method.

ccxt carries the request; what an answer means is decided here (`exchange_files`): its unified calls turn a broken
answer into an empty list, and read only day files.
"""

import asyncio
import re
from types import TracebackType
from typing import Final, Self

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from src.core.domain.time import MINUTE, SECOND, Millis
from src.core.exceptions import Retryable
from src.core.protocols import Clock
from src.data.ccxt_parts import ccxt_parts
from src.data.exchange_files import AGAIN, ExchangeFile, FileReply, FileState, nothing, parse_reply
from src.data.pace import Pace

PUBLIC_URL: Final = "https://public.bitbank.cc"
URL_NOT_FOUND: Final = "10000"
CODE: Final = re.compile(r'"code":\s*"?(\d+)')
PUBLISHED_AFTER: Final = 30 * MINUTE  # a day's file appears some minutes after 00:00 UTC; twelve were seen
CLOSED_FOR: Final = 3 * SECOND  # a bar counts as closed this long after its end: the servers' cache lags 1 to 2 s


class BitbankClient:
    """bitbank's public server.

    Parameters
    ----------
    clock
        Says which bars are closed and which day is running.
    base_url
        The server; another one in tests and against the simulated exchange.
    pace_s
        Least time between two requests, seconds.
    deadline_s
        Longest time one request may take, seconds.
    attempts
        How often one file is asked for in all before `Retryable` is raised.
    backoff_s
        Wait before the first repeat, seconds; doubled each time, at most 30 s.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        base_url: str = PUBLIC_URL,
        pace_s: float = 1.0,
        deadline_s: float = 10.0,
        attempts: int = 5,
        backoff_s: float = 1.0,
    ) -> None:
        self._clock = clock
        self._pace = Pace(pace_s)
        self._fetching = 0
        self._deadline_s = deadline_s
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._ccxt = ccxt_parts()  # loaded here: a backtest names this class, no more
        urls = dict.fromkeys(("public", "private", "markets"), base_url.rstrip("/"))
        self._api = self._ccxt.bitbank(
            {
                "urls": {"api": urls},
                "enableRateLimit": False,  # paced here
                "timeout": int(deadline_s * 1_000),
                "options": {"maxRetriesOnFailure": 0},
            }
        )

    async def __aenter__(self) -> Self:
        """Return the client; the connection is made by the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    @property
    def busy(self) -> bool:
        """Whether a file is being fetched, the pauses before and between requests included."""
        return self._fetching > 0

    async def fetch(self, file: ExchangeFile) -> FileReply:
        """Read one candle file, now; see `FileSource`.

        Returns
        -------
        FileReply
            The closed bars. `NOT_YET` for the running day in its first half hour while there is no file;
            `ABSENT` when there is none otherwise.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Retryable),
            stop=stop_after_attempt(self._attempts),
            wait=wait_exponential(multiplier=self._backoff_s, max=30),
            reraise=True,
        )
        self._fetching += 1
        try:
            return await retrying(self._fetch_once, file)
        finally:
            self._fetching -= 1

    async def _fetch_once(self, file: ExchangeFile) -> FileReply:
        await self._pace.turn()
        asked_at = self._clock.now()  # before the request: what closes while it travels is not in it for sure
        try:
            reply = await self._request(file)
        except _NotFound:
            return nothing(_why_absent(file, asked_at))
        return parse_reply(reply, file, Millis(asked_at - CLOSED_FOR))

    async def _request(self, file: ExchangeFile) -> object:
        address = f"{file.instrument.pair}/candlestick/{file.candle_type}/{file.name}"
        params = {"pair": file.instrument.pair, "candletype": file.candle_type, "yyyymmdd": file.name}
        try:
            async with asyncio.timeout(self._deadline_s):
                reply: object = await self._api.publicGetPairCandlestickCandletypeYyyymmdd(params)
                return reply
        except self._ccxt.error as e:
            code = CODE.search(str(e))
            if code is not None and code[1] == URL_NOT_FOUND:
                raise _NotFound from e
            why = f"code {code[1]}" if code is not None else f"{type(e).__name__}: {_brief(e)}"
            raise Retryable(f"bitbank did not give {address}: {why}", remedy=AGAIN) from e
        except TimeoutError as e:
            raise Retryable(f"bitbank did not give {address} in {self._deadline_s:g} s", remedy=AGAIN) from e


class _NotFound(Exception):
    """The exchange says that there is no such file."""


def _why_absent(file: ExchangeFile, now: Millis) -> FileState:
    running = file.start <= now < file.end
    return FileState.NOT_YET if running and now - file.start < PUBLISHED_AFTER else FileState.ABSENT


def _brief(error: Exception) -> str:
    """Return the error's text in one line, without the web page that may hang on it."""
    return " ".join(str(error).partition("<")[0].split())[:200]
