"""The running market's closed bars, each once and in order, from the exchange's candle files.

bitbank streams no candles. A bar counts as complete when the exchange's own day file holds it, asked for shortly after
its end; bars that were missed while the program or the network was down come first. What never comes is a gap.
"""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from src.core.domain.candles import Candles
from src.core.domain.market import Bar, Instrument
from src.core.domain.time import BAR_15M, DAY, SECOND, Millis, format_jst, utc_date
from src.core.exceptions import BadCandles, NoCandles, Retryable, SkipBar
from src.core.protocols import Clock
from src.data.data_cache import DataCache
from src.data.data_pipeline import DataPipeline
from src.data.exchange_files import FileReply, FileSource, day_file

HISTORY: Final = 200 * DAY  # the slowest feature needs 120 days before the first of a month


class Punctuality(NamedTuple):
    """When a bar is asked for, and how long it is waited for."""

    after_ms: int = 2 * SECOND  # after its end: the exchange's cache lags by 1 to 2 s
    every_ms: int = SECOND  # between two questions
    patience_ms: int = 120 * SECOND  # then it is a gap


class LiveBars:
    """Closed bars as they come.

    Parameters
    ----------
    source
        Reads candle files now, without repeats of its own.
    cache
        The trader's own store; every bar that was given is in it before the next is waited for.
    """

    def __init__(
        self,
        source: FileSource,
        cache: DataCache,
        clock: Clock,
        instrument: Instrument,
        punctuality: Punctuality = Punctuality(),
    ) -> None:
        self._source = source
        self._cache = cache
        self._clock = clock
        self._instrument = instrument
        self._when = punctuality
        self._pipeline = DataPipeline(source, cache, clock, instrument=instrument)
        self._last = Millis(0)
        self._ready: deque[Bar] = deque()
        self._unstored: list[Bar] = []

    async def history(self) -> Candles:
        """Fetch what the store lacks, and return the stored bars that warm the features.

        Raises
        ------
        Retryable
            If the exchange gives no usable answer.
        NoCandles
            If there is none at all.
        """
        now = self._clock.now()
        start = Millis(now - HISTORY)
        await self._pipeline.download(start, now)
        name = self._pipeline.info.name
        newest = self._cache.extent(name).last
        if newest is None:
            raise NoCandles("the exchange has no candles", remedy="check market.symbol and exchange.public_url")
        self._last = newest
        return self._cache.read(name, start, newest)

    async def next_bar(self) -> Bar:
        """Wait for the next closed bar; see `BarSource`."""
        if not self._ready:
            await self._store()
            await self._fetch_next()
        bar = self._ready.popleft()
        self._last = bar.closed_at
        self._unstored.append(bar)
        return bar

    async def _fetch_next(self) -> None:
        due = Millis(self._last + BAR_15M)
        await self._clock.sleep_until(Millis(due + self._when.after_ms))
        give_up = Millis(due + self._when.patience_ms)
        trouble = "the exchange's file does not hold it"
        while True:
            try:
                reply = await self._read_day(due)
            except (Retryable, BadCandles) as e:
                trouble = e.what
            else:
                fresh = [bar for bar in reply.candles if bar.closed_at > self._last]
                if fresh:
                    self._ready.extend(fresh)
                    return
            if self._clock.now() >= give_up:
                self._last = due
                raise SkipBar(
                    f"the bar that closed {format_jst(due)} did not come: {trouble}",
                    remedy="check the exchange's status; trading goes on by itself once bars come again",
                )
            await self._clock.sleep_until(Millis(self._clock.now() + self._when.every_ms))

    async def _read_day(self, due: Millis) -> FileReply:
        return await self._source.fetch(day_file(self._instrument, BAR_15M, utc_date(Millis(due - 1))))

    async def _store(self) -> None:
        """Put what was given into the store; later than the decision on it, which must not wait for the disk."""
        if not self._unstored:
            return
        candles = Candles.of(self._unstored)
        await asyncio.to_thread(
            self._cache.append, self._pipeline.info.name, candles, self._pipeline.info, replace=True
        )
        self._unstored.clear()
