"""The times of a candle file, in whichever of the usual forms they are written."""

from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from src.core.domain.candles import Int64s
from src.core.domain.time import JST_OFFSET

Cells = Any  # a pyarrow array of one of several types

EARLIEST: Final = 1_230_940_800_000  # 2009-01-03, the first block: anything before is a misread unit
LATEST: Final = 100_000_000_000_000  # year 5138 in milliseconds; more is microseconds
SECONDS_BELOW: Final = 100_000_000_000  # a smaller number counts seconds, a larger one milliseconds


class FileTimes(NamedTuple):
    """Open times of the rows."""

    opened_at: Int64s  # ms UTC
    naive_as: str | None  # how times without an offset were read: "JST" or "UTC"; None if they carried one


class TimesRefused(ValueError):
    """A row's time cannot be read."""

    def __init__(self, row: int, shown: str, rule: str) -> None:
        super().__init__(rule)
        self.row = row
        self.shown = shown
        self.rule = rule


def read_times(column: Cells, *, naive_utc: bool) -> FileTimes:
    """Return the times of a column of ISO text, epoch numbers (as text or not) or Parquet timestamps.

    Raises
    ------
    TimesRefused
        If one cannot be read; the first is named.
    """
    cells = column.combine_chunks()
    _refuse(np.asarray(cells.is_null()), cells, "the timestamp is missing")
    if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        times = _from_timestamps(cells, naive_utc)
    elif pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type):
        times = FileTimes(_from_numbers(cells), None)
    else:
        times = _from_text(cells.cast(pa.string()), naive_utc)
    outside = (times.opened_at < EARLIEST) | (times.opened_at >= LATEST)
    _refuse(outside, cells, "the timestamp is not a time of this market (a wrong unit?)")
    return times


def _refuse(broken: npt.NDArray[np.bool_], cells: Cells, rule: str) -> None:
    if broken.any():
        i = int(np.flatnonzero(broken)[0])
        raise TimesRefused(i, str(cells[i].as_py()), rule)


def _from_text(cells: Cells, naive_utc: bool) -> FileTimes:
    try:
        return FileTimes(_from_numbers(cells.cast(pa.float64())), None)
    except pa.ArrowInvalid:
        pass
    for form in (pa.timestamp("ms", "UTC"), pa.timestamp("ms")):
        try:
            return _from_timestamps(cells.cast(form), naive_utc)
        except pa.ArrowInvalid:
            continue
    return _from_text_one_by_one(cells, naive_utc)


def _from_text_one_by_one(cells: Cells, naive_utc: bool) -> FileTimes:
    """Read ISO times that are not all of one form, or name the first that is no time."""
    moments: list[datetime] = []
    for row, text in enumerate(cells.to_pylist()):
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError as e:
            raise TimesRefused(row, repr(text), "the timestamp is neither ISO 8601 nor seconds since 1970") from e
        if moments and (moment.tzinfo is None) != (moments[0].tzinfo is None):
            raise TimesRefused(row, text, "some timestamps carry an offset from UTC and some do not")
        moments.append(moment)
    column = pa.array(moments, pa.timestamp("us", None if moments[0].tzinfo is None else "UTC"))
    return _from_timestamps(column, naive_utc)


def _from_timestamps(cells: Cells, naive_utc: bool) -> FileTimes:
    zone = cells.type.tz if pa.types.is_timestamp(cells.type) else None
    try:
        millis = cells.cast(pa.timestamp("ms", zone)).cast(pa.int64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as e:  # finer than a millisecond: certainly not the open of a candle
        raise TimesRefused(*_first_fraction(cells), "the timestamp is not on any timeframe's grid") from e
    if zone is not None:
        return FileTimes(millis, None)
    return FileTimes(millis, "UTC") if naive_utc else FileTimes(millis - JST_OFFSET, "JST")


def _first_fraction(cells: Cells) -> tuple[int, str]:
    per_milli = {"us": 1_000, "ns": 1_000_000}[cells.type.unit]
    row = int(np.flatnonzero(cells.cast(pa.int64()).to_numpy(zero_copy_only=False) % per_milli)[0])
    return row, str(cells[row])


def _from_numbers(cells: Cells) -> Int64s:
    values: npt.NDArray[np.float64] = cells.to_numpy(zero_copy_only=False).astype(np.float64)
    _refuse(~np.isfinite(values), cells, "the timestamp is not a finite number")
    unit = 1_000 if abs(values[0]) < SECONDS_BELOW else 1  # the first row decides; a mixture fails the range check
    _refuse(np.abs(values) >= LATEST, cells, "the timestamp counts neither seconds nor milliseconds since 1970")
    millis = values * unit
    _refuse(millis != np.rint(millis), cells, "the timestamp is not on any timeframe's grid")
    return millis.astype(np.int64)
