from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.time import BAR_15M, JST_OFFSET, MINUTE
from src.core.exceptions import BadCandles, ConfigError
from src.data.candle_file import read_candles
from tests.data.bars import START

HEADER = "timestamp,open,high,low,close,volume"
ROWS = (
    "2024-01-01T00:00:00Z,100,110,90,105,1",
    "2024-01-01T00:15:00Z,105,120,95,100,2.5",
    "2024-01-01T00:30:00Z,100,101,99,100,0",
)
CLOSED = [START + (i + 1) * BAR_15M for i in range(3)]


def csv_file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "candles.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def parquet_file(folder: Path, times: pa.Array, **columns: Any) -> Path:
    count = len(times)
    table = {"timestamp": times, **{n: [100.0] * count for n in ("open", "high", "low", "close", "volume")}, **columns}
    path = folder / "candles.parquet"
    pq.write_table(pa.table(table), path)
    return path


def test_a_row_is_stamped_with_its_close_in_ticks_and_lots(tmp_path: Path):
    given_file = read_candles(csv_file(tmp_path, *ROWS))
    assert given_file.candles.closed_at.tolist() == CLOSED
    assert tuple(given_file.candles.bar(1)) == (CLOSED[1], 105, 120, 95, 100, 25_000)
    assert (given_file.rows, given_file.timeframe, given_file.incomplete, given_file.naive_as) == (3, BAR_15M, (), None)


FORMS = {
    "with an offset": ["2024-01-01T09:00:00+09:00", "2024-01-01T09:15:00+09:00", "2024-01-01T09:30:00+09:00"],
    "mixed offsets": ["2024-01-01T00:00:00+00:00", "2024-01-01T09:15:00+09:00", "2024-01-01T00:30:00Z"],
    "a space": ["2024-01-01 00:00:00+00:00", "2024-01-01 00:15:00+00:00", "2024-01-01 00:30:00+00:00"],
    "seconds": ["1704067200", "1704068100", "1704069000"],
    "seconds as floats": ["1704067200.0", "1704068100.0", "1704069000.0"],
    "milliseconds": ["1704067200000", "1704068100000", "1704069000000"],
}


@pytest.mark.parametrize("form", FORMS)
def test_times_in_any_usual_form_mean_the_same(tmp_path: Path, form: str):
    rows = [time + row[row.index(",") :] for time, row in zip(FORMS[form], ROWS, strict=True)]
    assert read_candles(csv_file(tmp_path, *rows)).candles.closed_at.tolist() == CLOSED


def test_a_time_without_an_offset_is_japans_unless_said_otherwise_and_the_report_says_which(tmp_path: Path):
    path = csv_file(tmp_path, *(row.replace("Z", "") for row in ROWS))
    japan, utc = read_candles(path), read_candles(path, naive_utc=True)
    assert (japan.naive_as, utc.naive_as) == ("JST", "UTC")
    assert utc.candles.closed_at.tolist() == CLOSED
    assert (utc.candles.closed_at - japan.candles.closed_at == JST_OFFSET).all()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_parquet_timestamps_of_any_unit_and_zone_mean_the_same(tmp_path: Path, unit: str, zone: str):
    moments = [datetime(2024, 1, 1, 0, 15 * i, tzinfo=UTC) for i in range(3)]
    path = parquet_file(tmp_path, pa.array(moments, pa.timestamp(unit, zone)))
    assert read_candles(path).candles.closed_at.tolist() == CLOSED


def test_parquet_prices_may_be_whole_numbers_decimals_or_text(tmp_path: Path):
    times = pa.array([START, START + BAR_15M])
    path = parquet_file(tmp_path, times, open=[100, 100], volume=pa.array([Decimal("1.5")] * 2), close=["100", "100"])
    assert read_candles(path).candles.volume.tolist() == [15_000, 15_000]


def test_windows_line_ends_a_byte_order_mark_and_capitals_are_no_obstacle(tmp_path: Path):
    path = tmp_path / "candles.CSV"
    path.write_bytes(("\ufeff" + "\r\n".join([HEADER.title(), *ROWS])).encode())
    assert read_candles(path).candles.closed_at.tolist() == CLOSED


def test_other_columns_are_left_alone_and_named(tmp_path: Path):
    path = csv_file(tmp_path, *(f"x,{row},y" for row in ROWS), header=f"src,{HEADER},note")
    assert read_candles(path).extra_columns == ("src", "note")


def test_numbers_off_the_grid_are_rounded_and_counted(tmp_path: Path):
    rows = [ROWS[0], "2024-01-01T00:15:00Z,100.4,110.6,90,105,1.00004", "2024-01-01T00:30:00Z,100,101,99,100,0.0003"]
    given_file = read_candles(csv_file(tmp_path, *rows))
    assert tuple(given_file.candles.bar(1))[1:] == (100, 111, 90, 105, 10_000)
    assert (given_file.intake.rounded_prices, given_file.intake.rounded_volumes) == (2, 1)


CHANGED = {  # the second row's cells, and what is said about it
    "a price of zero": ("00:15:00Z,105,120,0,100,1", "low is 0; a price is above zero"),
    "a negative price": ("00:15:00Z,-5,120,95,100,1", "open is -5; a price is above zero"),
    "a high below the close": ("00:15:00Z,90,99,80,100,1", "high 99 is below close 100"),
    "a high below the open": ("00:15:00Z,105,104,80,100,1", "high 104 is below open 105"),
    "a high below the low": ("00:15:00Z,105,110,111,107,1", "high 110 is below low 111"),
    "a low above the open": ("00:15:00Z,105,120,106,110,1", "low 106 is above open 105"),
    "a low above the close": ("00:15:00Z,105,120,104,100,1", "low 104 is above close 100"),
    "a negative volume": ("00:15:00Z,105,120,95,100,-0.1", "volume is -0.1; it is never negative"),
    "NaN": ("00:15:00Z,105,120,95,nan,1", "close is nan"),
    "infinity": ("00:15:00Z,105,inf,95,100,1", "high is inf"),
    "an empty cell": ("00:15:00Z,105,,95,100,1", "high is '', not a number"),
    "text": ("00:15:00Z,105,high,95,100,1", "high is 'high', not a number"),
    "a number that Python alone reads": ("00:15:00Z,105,1_20,95,100,1", "high is '1_20', not a number"),
    "an absurd price": ("00:15:00Z,105,1e12,95,100,1", "high is 1e+12; more than this program counts"),
    "an absurd volume": ("00:15:00Z,105,120,95,100,1e12", "volume is 1e+12; more than this program counts"),
    "a volume near a float's largest": (
        "00:15:00Z,105,120,95,100,1e308",
        "volume is 1e+308; more than this program counts",
    ),
    "a price that rounds to nothing": ("00:15:00Z,105,120,0.4,100,1", "low is 0.4; less than half a yen"),
    "the time of the row before": ("00:00:00Z,105,120,95,100,1", "the time is the same as that of row 1"),
    "a time before the row before": ("23:45:00Z,105,120,95,100,1", None),
    "a time off the grid": ("00:15:01Z,105,120,95,100,1", None),
    "a missing cell": ("00:15:00Z,105,120,95,100", "the row has 5 cells, the header 6"),
    "a cell too many": ("00:15:00Z,105,120,95,100,1,9", "the row has 7 cells, the header 6"),
}


@pytest.mark.parametrize("fault", CHANGED)
def test_one_bad_row_refuses_the_file_and_is_named_with_the_rule(tmp_path: Path, fault: str):
    cells, rule = CHANGED[fault]
    with pytest.raises(BadCandles) as caught:
        read_candles(csv_file(tmp_path, ROWS[0], f"2024-01-01T{cells}", ROWS[2]))
    if rule is not None:
        assert f"{tmp_path / 'candles.csv'}, row 2 (2024-01-01" in caught.value.what
        assert caught.value.what.endswith(rule)
    assert "nothing was stored" in caught.value.remedy


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((ROWS[1], ROWS[0], ROWS[2]), "row 2 (2024-01-01 09:00 JST): the time lies before that of row 1"),
        ((ROWS[0], ROWS[1].replace("15:00", "07:00"), ROWS[2]), "smallest in the file, is 7m"),
        (tuple(row.replace("00Z", "30Z") for row in ROWS), "the time is 30,000 ms off the 15m grid"),
        ((ROWS[0], "yesterday,1,1,1,1,1"), "row 2 ('yesterday'): the timestamp is neither ISO 8601 nor seconds"),
        ((ROWS[0], ",1,1,1,1,1"), "row 2 (''): the timestamp is neither"),
        ((ROWS[0], ROWS[1].replace("Z", "")), "row 2 (2024-01-01T00:15:00): some timestamps carry an offset"),
        (("20240101,1,1,1,1,1", "20240102,1,1,1,1,1"), "row 1 (20240101): the timestamp is not a time of this market"),
        (("1704067200000000,1,1,1,1,1",), "counts neither seconds nor milliseconds"),
        (("1704067200,1,1,1,1,1", "1704068100000,1,1,1,1,1"), "row 2"),
        ((ROWS[0].replace("00Z", "00.0005Z"), ROWS[1]), "row 1"),
        (("nan,1,1,1,1,1", "nan,1,1,1,1,1"), "row 1 (nan): the timestamp is not a finite number"),
        ((ROWS[0],), "has one row"),
        ((), "holds no candles"),
    ],
)
def test_times_that_cannot_be_used_are_refused(tmp_path: Path, rows: tuple[str, ...], said: str):
    with pytest.raises(BadCandles) as caught:
        read_candles(csv_file(tmp_path, *rows))
    assert said in caught.value.what


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_missing_or_doubled_column_is_named(tmp_path: Path, column: str):
    with pytest.raises(BadCandles, match=f"the column '{column}' is missing"):
        read_candles(csv_file(tmp_path, *ROWS, header=HEADER.replace(column, "other")))
    with pytest.raises(BadCandles, match=f"the column '{column}' is there more than once"):
        read_candles(csv_file(tmp_path, *(f"{row},1" for row in ROWS), header=f"{HEADER},{column}"))


@pytest.mark.parametrize("content", [b"", b"\n", bytes(range(256)), b"PAR1", HEADER.encode() + b"\n\xff\xfe,,,,,\n"])
@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_what_is_no_table_at_all_is_refused(tmp_path: Path, content: bytes, name: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadCandles, match=name):
        read_candles(tmp_path / name)


@given(st.binary(max_size=200))
def test_any_bytes_are_candles_or_a_named_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_bytes(HEADER.encode() + b"\n" + content)
    with pytest.raises(BadCandles):
        read_candles(path)


@pytest.mark.parametrize("name", ["missing.csv", "candles.txt"])
def test_a_file_that_is_not_there_or_of_another_kind_is_a_wrong_argument(tmp_path: Path, name: str):
    (tmp_path / "candles.txt").write_text(HEADER)
    with pytest.raises(ConfigError):
        read_candles(tmp_path / name)


def test_a_parquet_null_is_refused(tmp_path: Path):
    times = pa.array([START, START + BAR_15M])
    with pytest.raises(BadCandles, match=r"row 2 .*: close is missing"):
        read_candles(parquet_file(tmp_path, times, close=[100.0, None]))
    with pytest.raises(BadCandles, match=r"row 1 .*: the timestamp is missing"):
        read_candles(parquet_file(tmp_path, pa.array([None, START])))


# Candles of other lengths.


def minutes(folder: Path, first: int, count: int, step: int = 1, gone: range = range(0)) -> Path:
    numbers = np.array([m for m in range(first, first + count * step, step) if m not in gone])
    price = 1_000.0 + numbers
    times = pa.array(START + MINUTE * numbers)
    volume = np.full(len(numbers), 0.00003)
    return parquet_file(folder, times, open=price, high=price + 2, low=price - 2, close=price + 1, volume=volume)


def test_minutes_become_quarter_hours(tmp_path: Path):
    given_file = read_candles(minutes(tmp_path, 0, 45))
    assert (given_file.file_timeframe, given_file.timeframe, given_file.incomplete) == (MINUTE, BAR_15M, ())
    # volumes are summed before they are rounded: 15 × 0.00003 BTC is 4.5 lots, not 0
    assert [tuple(bar) for bar in given_file.candles] == [
        (CLOSED[i], 1_000 + 15 * i, 1_016 + 15 * i, 998 + 15 * i, 1_015 + 15 * i, 4) for i in range(3)
    ]
    assert given_file.intake.rounded_volumes == 3


def test_quarter_hours_that_may_be_cut_at_the_ends_are_left_out_and_named(tmp_path: Path):
    given_file = read_candles(minutes(tmp_path, 5, 50))
    assert given_file.candles.closed_at.tolist() == CLOSED[1:]
    assert given_file.incomplete == (CLOSED[0], CLOSED[2] + BAR_15M)


def test_a_quarter_hour_without_any_row_has_no_bar(tmp_path: Path):
    given_file = read_candles(minutes(tmp_path, 0, 45, gone=range(15, 30)))
    assert given_file.candles.closed_at.tolist() == [CLOSED[0], CLOSED[2]]
    assert given_file.incomplete == ()


def test_five_minutes_become_quarter_hours_too(tmp_path: Path):
    given_file = read_candles(minutes(tmp_path, 0, 9, step=5))
    assert (given_file.file_timeframe, len(given_file.candles)) == (5 * MINUTE, 3)


@pytest.mark.parametrize("step", [30, 60])
def test_longer_candles_keep_their_length(tmp_path: Path, step: int):
    given_file = read_candles(minutes(tmp_path, 0, 9, step=step))
    assert given_file.timeframe == given_file.file_timeframe == step * MINUTE
    assert given_file.candles.closed_at[0] == START + step * MINUTE


@pytest.mark.parametrize("step", [2, 10, 240])
def test_any_other_length_is_refused(tmp_path: Path, step: int):
    with pytest.raises(BadCandles, match="candles may be 1m, 5m, 15m, 30m, 1h long"):
        read_candles(minutes(tmp_path, 0, 9, step=step))


def test_a_stretch_shorter_than_a_quarter_hour_is_refused(tmp_path: Path):
    with pytest.raises(BadCandles, match="no complete 15-minute bar"):
        read_candles(minutes(tmp_path, 3, 20))
