"""Where a backtest's candles come from: a stored series, a file as it lies, or the sample market when asked for.

The long-term store is opened read-only, so a backtest cannot change anything live trading relies on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from src.core.config import Settings
from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.time import BAR_15M, DAY, Millis, to_datetime
from src.core.exceptions import ConfigError, NoCandles
from src.data import sample_market
from src.data.candle_file import read_candles
from src.data.data_cache import DataCache

SAMPLE: Final = "sample"
_WARM_UP: Final = 160 * DAY  # the slowest view needs 120 days before the first of a month
_SAMPLE_LAST: Final = Millis(1_767_225_600_000)  # 2026-01-01 00:00 UTC: where "the last 30 days" of it end
_BEGINNING: Final = Millis(0)


class CandleStock(NamedTuple):
    """A series that can be read."""

    info: SeriesInfo
    first: Millis  # close of the first bar
    last: Millis  # close of the last bar
    read: Callable[[Millis, Millis], Candles]  # (start, end): bars up to `end`, with enough before `start` to warm up


def open_stock(settings: Settings, data: str | None) -> CandleStock:
    """Return the candles that `data` names.

    Parameters
    ----------
    data
        "sample", the path of a candle file, or the name of a stored series; None is the series of the settings.

    Raises
    ------
    NoCandles
        If no such series is stored; the message names the command that gets it.
    ConfigError
        If the candles are not of 15 minutes.
    """
    if data == SAMPLE:
        return CandleStock(sample_market.INFO, Millis(sample_market.FIRST + BAR_15M), _SAMPLE_LAST, _read_sample)
    if data is not None and Path(data).suffix.lower() in {".csv", ".parquet"}:
        return _file(Path(data), settings.market.symbol)
    return _series(settings, data or settings.data.series)


def download_command(start: Millis, end: Millis) -> str:
    """Return the command that stores candles for a range."""
    dates = f"--start {to_datetime(start):%Y-%m-%d} --end {to_datetime(Millis(end + DAY)):%Y-%m-%d}"
    return f"python main.py data download --symbol BTC/JPY --timeframe 15m {dates}"


def _read_sample(start: Millis, end: Millis) -> Candles:
    return sample_market.sample_candles(Millis(max(start - _WARM_UP, sample_market.FIRST)), end)


def _file(path: Path, symbol: str) -> CandleStock:
    found = read_candles(path)
    info = SeriesInfo(path.stem.lower(), symbol, found.timeframe, False, f"file {path.name}")
    return _stock(info, found.candles)


def _series(settings: Settings, name: str) -> CandleStock:
    cache = DataCache(settings.data.history, read_only=True, segments_in_memory=settings.data.segments_in_memory)
    if name not in cache.names():
        known = ", ".join(cache.names()) or "none"
        raise NoCandles(
            f"no candles are stored as {name!r} (stored: {known})",
            remedy="get them with `python main.py data download --symbol BTC/JPY --timeframe 15m --start 2023-01-01"
            " --end 2024-01-01`, bring your own with `python main.py data import FILE`, or try the made-up sample"
            " market with `--data sample`",
        )
    info, extent = cache.open_series(name), cache.extent(name)
    if extent.last is None:
        raise NoCandles(f"series {name!r} is empty", remedy="store candles with `python main.py data download`")
    return _stock(info, cache.read(name, _BEGINNING, extent.last))


def _stock(info: SeriesInfo, candles: Candles) -> CandleStock:
    if info.timeframe != BAR_15M:
        raise ConfigError(
            f"series {info.name!r} has {info.timeframe // 60_000}-minute candles; decisions are made on 15 minutes",
            remedy="give candles of 1, 5 or 15 minutes: coarser ones cannot be split",
        )
    first, last = Millis(int(candles.closed_at[0])), Millis(int(candles.closed_at[-1]))
    return CandleStock(info, first, last, lambda _start, end: candles.between(_BEGINNING, end))
