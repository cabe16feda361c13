"""bitbank's candle files: which there are, and what a reply for one means. Pure: no network here.

A file covers one UTC day (candles up to an hour) or one UTC year (from four hours on) and carries open times.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from src.core.domain.candles import Candles
from src.core.domain.market import Bar, Instrument, Lots, Ticks
from src.core.domain.time import BAR_4H, DAY, HOUR, MINUTE, Millis, format_jst, to_millis
from src.core.exceptions import BadCandles, ConfigError, Retryable
from src.data.quality import Intake, require_sound

DAY_TYPES: Final = {
    MINUTE: "1min",
    5 * MINUTE: "5min",
    15 * MINUTE: "15min",
    30 * MINUTE: "30min",
    HOUR: "1hour",
}
YEAR_TYPES: Final = {BAR_4H: "4hour", 8 * HOUR: "8hour", 12 * HOUR: "12hour", DAY: "1day"}
AGAIN: Final = "repeat the command; what is already stored is kept and not fetched again"


class ExchangeFile(NamedTuple):
    """One candle file on bitbank's public server."""

    instrument: Instrument
    timeframe: int  # milliseconds
    candle_type: str  # "15min"
    name: str  # "20240131" or "2024"
    start: Millis  # first instant it covers
    end: Millis  # first instant it does not cover


class FileState(IntEnum):
    """Whether the exchange has the file."""

    PRESENT = 0
    NOT_YET = 1  # of the running day, which bitbank publishes some minutes after 00:00 UTC
    ABSENT = 2  # of a time that is over: there is none, or it is empty


class FileReply(NamedTuple):
    """The closed bars of one file."""

    state: FileState
    candles: Candles
    intake: Intake


class FileSource(Protocol):
    """Where candle files come from."""

    async def fetch(self, file: ExchangeFile) -> FileReply:
        """Read one file, now.

        Raises
        ------
        Retryable
            The exchange gave no usable answer, also after some repeats.
        BadCandles
            The answer breaks a rule of candles.
        """
        ...


def day_file(instrument: Instrument, timeframe: int, day: date) -> ExchangeFile:
    """Return the file of one UTC day.

    Raises
    ------
    ConfigError
        If bitbank has no day files of that timeframe.
    """
    start = to_millis(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return _file(DAY_TYPES, instrument, timeframe, f"{day:%Y%m%d}", (start, Millis(start + DAY)))


def year_file(instrument: Instrument, timeframe: int, year: int) -> ExchangeFile:
    """Return the file of one UTC year; errors as for `day_file`."""
    start, end = (to_millis(datetime(y, 1, 1, tzinfo=UTC)) for y in (year, year + 1))
    return _file(YEAR_TYPES, instrument, timeframe, f"{year:04d}", (start, end))


def parse_reply(reply: object, file: ExchangeFile, closed_by: Millis) -> FileReply:
    """Return the bars in a decoded reply for `file`.

    Rows with a price of zero, rows of a time that comes again, and bars that close after `closed_by` are left
    out and counted. Unknown keys are ignored.

    Raises
    ------
    Retryable
        If the reply is not a candle file: a broken answer is never an empty market.
    BadCandles
        If a row is off the exchange's grids, outside the file or impossible.
    """
    rows = _rows(reply, file)
    priced = [bar for bar in (_bar(row, file) for row in rows) if min(bar[1:5]) != 0]
    latest = {bar.closed_at: bar for bar in priced}  # a time that comes again keeps its place and its last row
    if list(latest) != sorted(latest):
        raise _broken(file, "its rows are not in order of time")
    closed = [bar for bar in latest.values() if bar.closed_at <= closed_by]
    candles = Candles.of(closed)
    require_sound(candles, file.timeframe, f"bitbank's file {file.candle_type}/{file.name}")
    intake = Intake(
        zero_rows=len(rows) - len(priced),
        duplicate_rows=len(priced) - len(latest),
        forming_rows=len(latest) - len(closed),
    )
    state = FileState.ABSENT if not rows and file.end <= closed_by else FileState.PRESENT
    return FileReply(state, candles, intake)


def nothing(state: FileState) -> FileReply:
    """Return the reply that holds no bars."""
    return FileReply(state, Candles.empty(), Intake())


def _file(
    types: Mapping[int, str], instrument: Instrument, timeframe: int, name: str, span: tuple[Millis, Millis]
) -> ExchangeFile:
    if timeframe not in types:
        raise ConfigError(
            f"bitbank has no such file for candles of {timeframe // MINUTE} minutes",
            remedy=f"ask for one of {', '.join(types.values())}",
        )
    return ExchangeFile(instrument, timeframe, types[timeframe], name, *span)


def _broken(file: ExchangeFile, why: str) -> Retryable:
    return Retryable(f"bitbank's answer for {file.candle_type}/{file.name} is not a candle file: {why}", remedy=AGAIN)


def _rows(reply: object, file: ExchangeFile) -> list[object]:
    if not isinstance(reply, dict):
        raise _broken(file, f"a {type(reply).__name__} instead of JSON with data")
    data = reply.get("data")
    if str(reply.get("success")) != "1" or not isinstance(data, dict):
        raise _broken(file, "it has no data")
    series = data.get("candlestick")
    if not isinstance(series, list):
        raise _broken(file, "data has no list 'candlestick'")
    wanted = [item for item in series if isinstance(item, dict) and item.get("type") == file.candle_type]
    if len(wanted) != 1 or not isinstance(wanted[0].get("ohlcv"), list):
        raise _broken(file, f"it has no rows of type {file.candle_type!r}")
    rows: list[object] = wanted[0]["ohlcv"]
    return rows


def _bar(row: object, file: ExchangeFile) -> Bar:
    """Return a row [open, high, low, close, volume, open time] on the integer grids."""
    if not isinstance(row, list) or len(row) < 6:
        raise _broken(file, f"a row is {str(row)[:80]}")
    opened_at = _whole(row[5], file)
    if not file.start <= opened_at < file.end:
        raise BadCandles(
            f"bitbank's file {file.candle_type}/{file.name} has a row that does not belong to it: "
            f"{format_jst(opened_at) if 0 <= opened_at < 2**45 else opened_at}",
            remedy="look at the file on public.bitbank.cc; nothing of it was stored",
        )
    tick, lot = file.instrument.tick_size, file.instrument.lot_size
    first, high, low, last = (Ticks(_on_grid(cell, tick, file)) for cell in row[:4])
    return Bar(Millis(opened_at + file.timeframe), first, high, low, last, Lots(_on_grid(row[4], lot, file)))


def _whole(cell: object, file: ExchangeFile) -> Millis:
    number = _decimal(cell, file)
    if number != number.to_integral_value():
        raise _broken(file, f"a time is {cell!r}")
    return Millis(int(number))


def _on_grid(cell: object, unit: Decimal, file: ExchangeFile) -> int:
    """Return how many units a number in text is, exactly."""
    number = _decimal(cell, file)
    count = int(number / unit)
    if count * unit != number:
        raise BadCandles(
            f"bitbank's file {file.candle_type}/{file.name} has {cell!r}, which is not a whole multiple of {unit}",
            remedy="compare the pair's digits in GET /spot/pairs with this program's; nothing was stored",
        )
    return count


def _decimal(cell: object, file: ExchangeFile) -> Decimal:
    if isinstance(cell, bool) or not isinstance(cell, str | int):
        raise _broken(file, f"a number is {cell!r}")
    try:
        number = Decimal(cell)
    except InvalidOperation as e:
        raise _broken(file, f"a number is {cell!r}") from e
    if not number.is_finite() or abs(number) >= 10**14:  # beyond any price, volume or time in milliseconds
        raise _broken(file, f"a number is {cell!r}")
    return number


def total(intakes: Iterable[Intake]) -> Intake:
    """Return the sum of several counts."""
    result = Intake()
    for intake in intakes:
        result = result.plus(intake)
    return result
