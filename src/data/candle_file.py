"""Candles from a file: CSV or Parquet with open times, checked row by row, or refused as a whole."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from src.core.domain.candles import Candles, Int64s
from src.core.domain.time import BAR_15M, Millis, format_jst
from src.core.exceptions import BadCandles, ConfigError
from src.data.aggregation import aggregate
from src.data.file_times import TimesRefused, read_times
from src.data.quality import LIMIT, Intake
from src.data.timeframes import TIMEFRAMES, label

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Column = Any  # pyarrow.ChunkedArray of one of several types; what comes out of it is checked

PRICES: Final = ("open", "high", "low", "close")
NEEDED: Final = ("timestamp", *PRICES, "volume")
LOTS_PER_COIN: Final = 10_000  # a lot is 0.0001 BTC
GRAINS_PER_LOT: Final = 10_000  # volumes are summed on a finer grid (1e-8 BTC) and rounded once
ON_GRID: Final = 1e-6  # ticks or lots: what binary fractions of on-grid numbers can be off by


class CandleFile(NamedTuple):
    """What a file held, ready to be stored."""

    path: Path
    rows: int
    file_timeframe: int  # milliseconds, of the rows
    timeframe: int  # of `candles`: 15 minutes if the rows are finer
    candles: Candles
    intake: Intake
    extra_columns: tuple[str, ...]  # not read
    incomplete: tuple[Millis, ...]  # closes of 15-minute bars left out at the ends: not all of their rows are there
    naive_as: str | None  # "JST" or "UTC" when the times carried no offset, else None


def read_candles(path: Path | str, *, naive_utc: bool = False) -> CandleFile:
    """Read a file of candles.

    Parameters
    ----------
    path
        A `.csv` (with a header) or `.parquet` file with the columns timestamp (the candle's *open* time: ISO 8601,
        seconds or milliseconds since 1970, or a Parquet timestamp), open, high, low, close (JPY), volume (BTC).
    naive_utc
        Times without an offset are UTC; otherwise they are Japan's, as everywhere in this program.

    Raises
    ------
    BadCandles
        If a row breaks a rule; file, row (the first data row is 1), time and rule are named.
    ConfigError
        If there is no such file or it is neither CSV nor Parquet.
    """
    path = Path(path)
    table, extra = _read_table(path)
    if not table.num_rows:
        raise BadCandles(f"{path} holds no candles", remedy="give a file with at least two rows")
    try:
        times = read_times(table.column("timestamp"), naive_utc=naive_utc)
    except TimesRefused as e:
        raise _refusal(path, e.row, e.shown, e.rule) from e
    check = _Check(path, times.opened_at)
    raw = {name: _numbers(table.column(name), name, check) for name in (*PRICES, "volume")}
    _require_sense(raw, check)
    timeframe = _timeframe(times.opened_at, check)
    bars, intake, incomplete = _to_bars(times.opened_at, raw, timeframe, check)
    return CandleFile(
        path, table.num_rows, timeframe, max(timeframe, BAR_15M), bars, intake, extra, incomplete, times.naive_as
    )


class _Check(NamedTuple):
    """Refuses the first row for which a rule is broken."""

    path: Path
    opened_at: Int64s

    def refuse(self, broken: Mask, rule: str, *columns: Floats | Int64s | Sequence[str]) -> None:
        """Raise for the first true row; `rule` is filled with that row's values of `columns`."""
        if broken.any():
            i = int(np.flatnonzero(broken)[0])
            shown = format_jst(Millis(int(self.opened_at[i])))
            raise _refusal(self.path, i, shown, rule.format(*(column[i] for column in columns)))


def _refusal(path: Path, row: int, shown: str, rule: str) -> BadCandles:
    return BadCandles(
        f"{path}, row {row + 1:,} ({shown}): {rule}", remedy="correct or remove that row; nothing was stored"
    )


def _read_table(path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the needed columns and the names of the others."""
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", remedy="check the path; it is relative to the current folder")
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"{path} is neither .csv nor .parquet", remedy="convert it to one of them")
    try:
        return reader(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as e:  # a broken footer is an OSError to pyarrow
        first_line = (str(e).splitlines() or ["unreadable"])[0]
        raise BadCandles(
            f"{path} cannot be read as {path.suffix[1:].upper()}: {first_line}",
            remedy="write it anew as UTF-8 CSV or as Parquet; nothing was stored",
        ) from e


def _read_csv(path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    content = path.read_bytes()
    text = content.decode("utf-8-sig")  # all of it: a broken letter anywhere refuses the file
    header = [name.strip().lower() for name in next(csv.reader(text.splitlines()[:1]), [])]
    extra = _extra_columns(path, header)
    broken: list[pa_csv.InvalidRow] = []
    try:
        return _parse_csv(content, header, broken), extra
    except pa.ArrowInvalid:
        if not broken or broken[0].number is None:
            raise
        cells, row = broken[0].actual_columns, broken[0].number - 2  # the header is number 1
        rule = f"the row has {cells} cells, the header {len(header)}"
        raise _refusal(path, row, broken[0].text.split(",")[0], rule) from None


def _parse_csv(content: bytes, header: list[str], broken: list[pa_csv.InvalidRow]) -> pa.Table:
    """Return the needed columns as text; a row with too few or too many cells is put on `broken`."""

    def stop_at(row: pa_csv.InvalidRow) -> Literal["error"]:
        broken.append(row)
        return "error"

    return pa_csv.read_csv(
        io.BytesIO(content),
        read_options=pa_csv.ReadOptions(column_names=header, skip_rows=1, use_threads=False),
        parse_options=pa_csv.ParseOptions(invalid_row_handler=stop_at),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(NEEDED, pa.string()), include_columns=list(NEEDED), strings_can_be_null=False
        ),
    )


def _read_parquet(path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    file = pq.ParquetFile(path)
    extra = _extra_columns(path, file.schema_arrow.names)
    return file.read(columns=list(NEEDED)), extra


def _extra_columns(path: Path, names: list[str]) -> tuple[str, ...]:
    wrong = [name for name in NEEDED if names.count(name) != 1]
    if not names:
        raise BadCandles(f"{path} is empty", remedy="give a file with a header and at least two rows")
    if wrong:
        times = "missing" if wrong[0] not in names else "there more than once"
        raise BadCandles(
            f"{path}: the column {wrong[0]!r} is {times} (columns: {', '.join(names)})",
            remedy=f"name the columns {', '.join(NEEDED)}; nothing was stored",
        )
    return tuple(name for name in names if name not in NEEDED)


def _numbers(column: Column, name: str, check: _Check) -> Floats:
    """Return a column as finite floats."""
    cells = column.combine_chunks()
    check.refuse(np.asarray(cells.is_null()), f"{name} is missing")
    try:
        values: Floats = cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        texts = [str(cell) for cell in cells.to_pylist()]
        check.refuse(np.array([not _is_number(text) for text in texts]), name + " is {!r}, not a number", texts)
        values = np.array([float(text) for text in texts])
    check.refuse(~np.isfinite(values), name + " is {}", values)
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python reads 1_000 as a number; a file that says so is damaged


def _require_sense(raw: dict[str, Floats], check: _Check) -> None:
    """Refuse rows no market can have made, and times that do not increase."""
    for name in PRICES:
        check.refuse(raw[name] <= 0, name + " is {:g}; a price is above zero", raw[name])
    high, low = raw["high"], raw["low"]
    for name in ("open", "low", "close"):
        check.refuse(high < raw[name], "high {:.10g} is below " + name + " {:.10g}", high, raw[name])
    for name in ("open", "close"):
        check.refuse(low > raw[name], "low {:.10g} is above " + name + " {:.10g}", low, raw[name])
    check.refuse(raw["volume"] < 0, "volume is {:g}; it is never negative", raw["volume"])
    step = np.diff(check.opened_at, prepend=check.opened_at[0] - 1)
    row_before = np.arange(len(step))
    check.refuse(step == 0, "the time is the same as that of row {:,}", row_before)
    check.refuse(step < 0, "the time lies before that of row {:,}; rows must be sorted by time", row_before)


def _timeframe(opened_at: Int64s, check: _Check) -> int:
    """Return the smallest step between rows, if it is a timeframe, and hold every time to its grid."""
    if len(opened_at) < 2:
        raise BadCandles(
            f"{check.path} has one row: how long its candle is cannot be told", remedy="give at least two rows"
        )
    steps = np.diff(opened_at, prepend=opened_at[0])
    step = int(steps[1:].min())
    if step not in TIMEFRAMES.values():
        known = ", ".join(TIMEFRAMES)
        rule = f"the step from the row before, the smallest in the file, is {label(step)}; candles may be {known} long"
        check.refuse((steps == step) & (np.arange(len(steps)) > 0), rule)
    check.refuse(opened_at % step != 0, f"the time is {{:,}} ms off the {label(step)} grid (in UTC)", opened_at % step)
    return step


def _to_bars(
    opened_at: Int64s, raw: dict[str, Floats], timeframe: int, check: _Check
) -> tuple[Candles, Intake, tuple[Millis, ...]]:
    """Return the rows as bars on the exchange's grids, made longer where they are finer than 15 minutes."""
    too_much = raw["volume"] >= LIMIT / LOTS_PER_COIN  # the product could be more than a float holds
    check.refuse(too_much, "volume is {:g}; more than this program counts", raw["volume"])
    grains = np.rint(raw["volume"] * LOTS_PER_COIN * GRAINS_PER_LOT).astype(np.int64)
    first, high, low, last = (_ticks(raw[name], name, check) for name in PRICES)
    rows = Candles(opened_at + timeframe, first, high, low, last, grains)
    incomplete: tuple[Millis, ...] = ()
    if timeframe < BAR_15M:
        rows, incomplete = _longer(rows, timeframe, check.path)
    lots = np.rint(rows.volume / GRAINS_PER_LOT).astype(np.int64)
    intake = Intake(
        rounded_prices=sum(int(np.count_nonzero(np.abs(raw[n] - np.rint(raw[n])) > ON_GRID)) for n in PRICES),
        rounded_volumes=int(np.count_nonzero(rows.volume != lots * GRAINS_PER_LOT)),
    )
    return replace(rows, volume=lots), intake, incomplete


def _ticks(price: Floats, name: str, check: _Check) -> Int64s:
    """Return a price column in whole yen."""
    nearest = np.rint(price)
    check.refuse(nearest < 1, name + " is {:g}; less than half a yen", price)
    check.refuse(nearest >= LIMIT, name + " is {:g}; more than this program counts", price)
    return nearest.astype(np.int64)


def _longer(rows: Candles, timeframe: int, path: Path) -> tuple[Candles, tuple[Millis, ...]]:
    """Return 15-minute bars; the first and the last only if the file surely has all of their rows."""
    bars = aggregate(rows, BAR_15M).candles
    keep = np.ones(len(bars), np.bool_)
    keep[0] &= rows.closed_at[0] - timeframe == bars.closed_at[0] - BAR_15M
    keep[-1] &= rows.closed_at[-1] == bars.closed_at[-1]
    if not keep.any():
        raise BadCandles(f"{path} holds no complete 15-minute bar", remedy="give a longer stretch of candles")
    return bars.rows(keep), tuple(Millis(int(at)) for at in bars.closed_at[~keep])
