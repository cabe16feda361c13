"""From the exchange into the store: fetch, check, append; old days a month at a time, young ones each by itself."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final, NamedTuple

import numpy as np

from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.market import BTC_JPY, Instrument
from src.core.domain.time import BAR_4H, BAR_15M, DAY, MINUTE, Millis, format_jst, utc_date
from src.core.exceptions import BadCandles, ConfigError, NoCandles
from src.core.protocols import Clock
from src.data.data_cache import DataCache
from src.data.exchange_files import ExchangeFile, FileReply, FileSource, FileState, day_file, total, year_file
from src.data.quality import Intake, QualityReport, assess
from src.data.timeframes import label
from src.features.bars import BarColumns
from src.features.views import four_hour_bars

HISTORY_STARTS: Final = date(2017, 2, 14)  # bitbank's first BTC/JPY candle
SETTLED_AFTER: Final = 15 * MINUTE  # a finished day's file is not final at once: the servers' cache lags
REVISABLE: Final = 2 * DAY  # bars so young may still be corrected by the exchange; older ones never silently
SOURCE: Final = "bitbank public REST"
TOGETHER: Final = 31  # days that are stored in one commit: each waits for the disk several times


class Progress(NamedTuple):
    """How far a download is; days count from the first asked for."""

    day: date
    done: int
    days: int
    new_bars: int


class DownloadSummary(NamedTuple):
    """What a download did."""

    series: str
    days: int  # UTC days the range touches
    skipped: int  # of them stored completely before
    fetched: int
    new_bars: int
    revised_bars: int  # stored before with other values; the exchange's newer ones were taken
    missing_days: tuple[date, ...]  # past days for which the exchange has no file
    not_yet: bool  # the running day's file is not published yet
    quality: QualityReport  # of what is stored for the range now


class Views(NamedTuple):
    """The two views of the market over one range."""

    quarter_hour: Candles
    four_hour: Candles


class CrossCheck(NamedTuple):
    """The exchange's own 4-hour bars against those made from stored 15-minute bars."""

    year: int
    compared: int
    different: tuple[Millis, ...]  # closed_at of bars that both have with other values
    only_exchange: int  # of the stored range
    only_stored: int


class DataPipeline:
    """Fills one series of the store from the exchange and serves it.

    Parameters
    ----------
    source
        Where candle files come from; `BitbankClient`.
    cache
        The store.
    clock
        Says which day is running.
    instrument, timeframe
        What to fetch; the timeframe is one that bitbank has day files of.
    min_parts
        Least number of its 16 quarter hours for a 4-hour bar to exist.
    """

    def __init__(
        self,
        source: FileSource,
        cache: DataCache,
        clock: Clock,
        *,
        instrument: Instrument = BTC_JPY,
        timeframe: int = BAR_15M,
        min_parts: int = 12,
    ) -> None:
        self._source = source
        self._cache = cache
        self._clock = clock
        self._instrument = instrument
        self._timeframe = timeframe
        self._min_parts = min_parts
        self.info = SeriesInfo(series_name(instrument, timeframe), instrument.symbol, timeframe, False, SOURCE)

    async def download(
        self, start: Millis, end: Millis, on_progress: Callable[[Progress], None] = lambda _: None
    ) -> DownloadSummary:
        """Fetch every UTC day that (start, end] touches, up to now, and store them.

        Days stored completely are not fetched again, so a download that was stopped goes on where it was; one that was
        killed has lost `TOGETHER` days at most. The running day is always fetched again.

        Parameters
        ----------
        start, end
            The range; its days are fetched whole.
        on_progress
            Called after each day.

        Raises
        ------
        ConfigError
            If the range is empty, lies in the future or before the exchange's history.
        Retryable
            If the exchange gives no usable answer. The days before are stored.
        BadCandles
            If its answer breaks a rule of candles, or contradicts what is stored. The days before are stored.
        """
        days = utc_days(start, end, self._clock.now())
        complete = self._cache.complete_days(self.info.name)
        tally, batch = _Tally(), _Batch(self._cache, self.info)
        try:
            for done, day in enumerate(days, start=1):
                if day in complete:
                    tally = tally._replace(skipped=tally.skipped + 1)
                else:
                    tally = await self._fetch_day(day, tally, batch)
                on_progress(Progress(day, done, len(days), tally.new_bars))
        finally:
            batch.store()
        return self._summary(days, tally)

    async def refresh(self) -> DownloadSummary:
        """Fetch what is missing between the newest stored bar and now.

        Raises
        ------
        NoCandles
            If nothing is stored yet: how far back to begin is not this method's decision.
        """
        newest = self._cache.extent(self.info.name).last
        if newest is None:
            raise NoCandles(
                f"the series {self.info.name!r} is empty", remedy="fetch it first: `python main.py data download`"
            )
        return await self.download(newest, self._clock.now())

    def views(self, start: Millis, end: Millis) -> Views:
        """Return the stored bars that closed in (start, end], as they are and as 4-hour bars.

        Raises
        ------
        NoCandles, StoreDamaged
            As `DataCache.read`.
        """
        bucket = Millis(start // BAR_4H * BAR_4H)  # the first 4-hour bar needs all of its parts
        bars = self._cache.read(self.info.name, bucket, end)
        longer = Candles(*four_hour_bars(BarColumns(*bars.columns), self._min_parts))
        return Views(bars.between(start, end), longer.between(start, end))

    async def cross_check(self, year: int) -> CrossCheck:
        """Compare the exchange's 4-hour file of a UTC year with the stored bars of that year.

        Raises
        ------
        ConfigError
            If the series is not one of 15-minute bars.
        NoCandles, Retryable, BadCandles
            As `views` and `download`.
        """
        if self._timeframe != BAR_15M:
            raise ConfigError("4-hour bars are made from 15-minute ones", remedy="cross-check the 15m series")
        file = year_file(self._instrument, BAR_4H, year)
        reply = await self._source.fetch(file)
        stored = self._cache.read(self.info.name, file.start, file.end)
        return _compare(year, reply.candles, self.views(file.start, file.end).four_hour, stored)

    async def _fetch_day(self, day: date, tally: "_Tally", batch: "_Batch") -> "_Tally":
        file = day_file(self._instrument, self._timeframe, day)
        reply = await self._source.fetch(file)
        tally = tally._replace(fetched=tally.fetched + 1, intake=total([tally.intake, reply.intake]))
        if reply.state is FileState.NOT_YET:
            return tally._replace(not_yet=True)
        if reply.state is FileState.ABSENT:
            return tally._replace(missing=(*tally.missing, day))
        stored = self._stored(file)
        revised = len(_different(stored, reply.candles))
        new = len(np.setdiff1d(reply.candles.closed_at, stored.closed_at, assume_unique=True))
        complete = [day] if self._is_final(file, reply) else []
        if self._clock.now() - file.end < REVISABLE:
            self._cache.append(self.info.name, reply.candles, self.info, replace=True, complete_days=complete)
        else:
            batch.add(reply.candles, complete)
        return tally._replace(new_bars=tally.new_bars + new, revised=tally.revised + revised)

    def _is_final(self, file: ExchangeFile, reply: FileReply) -> bool:
        """Return whether the file will not change: its day has been over for a while and it reaches the day's end.

        A file that stops early may be an old copy; after two days it is taken as it is (an outage at midnight).
        """
        age = self._clock.now() - file.end
        reaches_end = len(reply.candles) > 0 and reply.candles.bar(-1).closed_at == file.end
        return age >= REVISABLE or (age >= SETTLED_AFTER and reaches_end)

    def _stored(self, file: ExchangeFile) -> Candles:
        """Return what is stored of a file's time."""
        if self.info.name not in self._cache.names():
            return Candles.empty()
        return self._cache.read(self.info.name, file.start, file.end)

    def _summary(self, days: list[date], tally: "_Tally") -> DownloadSummary:
        stored = Candles.empty()
        if self.info.name in self._cache.names():
            span = (day_file(self._instrument, self._timeframe, day) for day in (days[0], days[-1]))
            first, last = span
            stored = self._cache.read(self.info.name, first.start, last.end)
        return DownloadSummary(
            series=self.info.name,
            days=len(days),
            skipped=tally.skipped,
            fetched=tally.fetched,
            new_bars=tally.new_bars,
            revised_bars=tally.revised,
            missing_days=tally.missing,
            not_yet=tally.not_yet,
            quality=assess(stored, self._timeframe, tally.intake),
        )


class _Batch:
    """Days that are stored together."""

    def __init__(self, cache: DataCache, info: SeriesInfo) -> None:
        self._cache = cache
        self._info = info
        self._days: list[tuple[Candles, list[date]]] = []

    def add(self, candles: Candles, complete: list[date]) -> None:
        """Add a day, later than those before."""
        self._days.append((candles, complete))
        if len(self._days) >= TOGETHER:
            self.store()

    def store(self) -> None:
        """Store what was added.

        Raises
        ------
        BadCandles
            If a day is impossible or contradicts what is stored. The days before it are stored.
        """
        days, self._days = self._days, []
        if not days:
            return
        try:
            self._append(Candles.joined(candles for candles, _ in days), [day for _, each in days for day in each])
        except BadCandles:
            for candles, complete in days:
                self._append(candles, complete)

    def _append(self, candles: Candles, complete: list[date]) -> None:
        self._cache.append(self._info.name, candles, self._info, complete_days=complete)


class _Tally(NamedTuple):
    skipped: int = 0
    fetched: int = 0
    new_bars: int = 0
    revised: int = 0
    missing: tuple[date, ...] = ()
    not_yet: bool = False
    intake: Intake = Intake()


def utc_days(start: Millis, end: Millis, now: Millis) -> list[date]:
    """Return the UTC days that (start, end] touches, from the exchange's first one up to now.

    Raises
    ------
    ConfigError
        If there is none: the range is empty, lies in the future or before the exchange's history.
    """
    if start >= now:
        raise ConfigError(
            f"the range lies in the future: it starts {format_jst(start)}, now is {format_jst(now)}",
            remedy="give a start in the past",
        )
    if start >= end:
        raise ConfigError(
            f"the range is empty: it starts {format_jst(start)} and ends {format_jst(end)}",
            remedy="give a start before the end",
        )
    first = max(utc_date(start), HISTORY_STARTS)
    last = utc_date(Millis(min(end, now) - 1))
    if last < first:
        raise ConfigError(
            f"bitbank has no candles before {HISTORY_STARTS}", remedy="give a range after the exchange's first day"
        )
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def series_name(instrument: Instrument, timeframe: int = BAR_15M) -> str:
    """Return the name under which the exchange's candles are stored: bitbank_btc_jpy_15m."""
    return f"bitbank_{instrument.pair}_{label(timeframe)}"


def _different(a: Candles, b: Candles) -> list[Millis]:
    """Return the closes of the bars that both have, with other values."""
    shared, in_a, in_b = np.intersect1d(a.closed_at, b.closed_at, assume_unique=True, return_indices=True)
    pairs = zip(a.columns[1:], b.columns[1:], strict=True)
    differs = np.any([left[in_a] != right[in_b] for left, right in pairs], axis=0)
    return [Millis(int(at)) for at in shared[differs]]


def _compare(year: int, exchange: Candles, made: Candles, stored: Candles) -> CrossCheck:
    """Compare inside the stored range alone: outside it nothing was to be expected."""
    if not len(stored):
        return CrossCheck(year, 0, (), 0, 0)
    first = Millis(-(-(stored.bar(0).closed_at - BAR_15M) // BAR_4H) * BAR_4H)  # the first bucket begun in the store
    last = stored.bar(-1).closed_at
    theirs, ours = exchange.between(first, last), made.between(first, last)
    shared = len(np.intersect1d(theirs.closed_at, ours.closed_at, assume_unique=True))
    return CrossCheck(year, shared, tuple(_different(theirs, ours)), len(theirs) - shared, len(ours) - shared)
