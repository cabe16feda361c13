import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market import BTC_JPY
from src.core.domain.time import BAR_4H, BAR_15M, DAY, MINUTE, Millis
from src.core.exceptions import BadCandles, ConfigError, Retryable
from src.data.exchange_files import FileState, day_file, parse_reply, year_file
from tests.data.bars import START
from tests.data.candle_server import candle_body, rows_of

FILE = day_file(BTC_JPY, BAR_15M, date(2024, 1, 1))
LATER = Millis(START + 2 * DAY)


def reply(rows: Any, kind: str = "15min", **extra: Any) -> Any:
    return json.loads(candle_body(kind, rows, **extra))


def test_files_cover_utc_days_up_to_an_hour_and_utc_years_from_four():
    assert (FILE.candle_type, FILE.name, FILE.start, FILE.end) == ("15min", "20240101", START, START + DAY)
    year = year_file(BTC_JPY, BAR_4H, 2024)
    assert (year.candle_type, year.name, year.start, year.end) == ("4hour", "2024", START, START + 366 * DAY)
    for wrong in (BAR_4H, 7 * MINUTE):
        with pytest.raises(ConfigError):
            day_file(BTC_JPY, wrong, date(2024, 1, 1))
    with pytest.raises(ConfigError):
        year_file(BTC_JPY, BAR_15M, 2024)


def test_open_times_become_close_times_and_text_becomes_whole_ticks_and_lots():
    rows = [["6000000", "6000100", "5999900", "6000050", "1.2345", START]]
    candles = parse_reply(reply(rows), FILE, LATER).candles
    assert tuple(candles.bar(0)) == (START + BAR_15M, 6_000_000, 6_000_100, 5_999_900, 6_000_050, 12_345)


def test_a_bar_still_forming_is_left_out_and_counted():
    answer = parse_reply(reply(rows_of(START, 10)), FILE, Millis(START + 9 * BAR_15M + 5))
    assert len(answer.candles) == 9
    assert answer.intake.forming_rows == 1


def test_rows_with_a_price_of_zero_are_left_out_and_counted():
    rows = rows_of(START, 10)
    rows[4:4] = [["0", "0", "0", "0", "0.0000", START + 3 * BAR_15M]]
    answer = parse_reply(reply(rows), FILE, LATER)
    assert answer.candles == parse_reply(reply(rows_of(START, 10)), FILE, LATER).candles
    assert (answer.intake.zero_rows, answer.intake.duplicate_rows) == (1, 0)


def test_of_rows_of_one_time_the_last_valid_one_is_kept():
    rows = rows_of(START, 10)
    again = ["7000000", "7000000", "7000000", "7000000", "9.0000", rows[4][5]]
    for place in (5, 10):  # behind its like, and late
        answer = parse_reply(reply([*rows[:place], again, *rows[place:]]), FILE, LATER)
        assert len(answer.candles) == 10
        assert answer.candles.bar(4).volume == 90_000
        assert answer.intake.duplicate_rows == 1


def test_unknown_keys_cells_and_series_are_ignored():
    whole = reply([[*row, "new"] for row in rows_of(START, 3)], new_key={"a": 1})
    whole["data"]["candlestick"].append({"type": "1hour", "ohlcv": "?"})
    whole["extra"] = None
    assert len(parse_reply(whole, FILE, LATER).candles) == 3


def test_flat_minutes_without_trades_are_bars():
    rows = [["5", "5", "5", "5", "0.0000", START]]
    assert parse_reply(reply(rows), FILE, LATER).candles.bar(0).volume == 0


def test_a_finished_day_without_rows_is_absent_and_a_running_one_is_not():
    assert parse_reply(reply([]), FILE, LATER).state is FileState.ABSENT
    assert parse_reply(reply([]), FILE, Millis(START + BAR_15M)).state is FileState.PRESENT


GOOD = ["6000000", "6000100", "5999900", "6000050", "1.2345", START]


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "<html>",
        "",
        [],
        {},
        {"success": 1},
        {"success": 1, "data": []},
        {"success": 1, "data": {"candlestick": {}}},
        {"success": 1, "data": {"candlestick": []}},
        {"success": 1, "data": {"candlestick": [{"ohlcv": []}]}},
        {"success": 1, "data": {"candlestick": [{"type": "15min", "ohlcv": None}]}},
        {"success": 0, "data": {"candlestick": [{"type": "15min", "ohlcv": []}]}},
        reply([GOOD], kind="5min"),
        reply([GOOD[:5]]),
        reply(["row"]),
        reply([None]),
        reply([[*GOOD[:5], None]]),
        reply([[*GOOD[:5], "soon"]]),
        reply([[*GOOD[:5], f"{START}.5"]]),
        reply([[None, *GOOD[1:]]]),
        reply([[True, *GOOD[1:]]]),
        reply([["NaN", *GOOD[1:]]]),
        reply([["Infinity", *GOOD[1:]]]),
        reply([["1e400", *GOOD[1:]]]),
        reply([[["1"], *GOOD[1:]]]),
        reply(rows_of(START, 3)[::-1]),
    ],
)
def test_an_answer_that_is_no_candle_file_is_read_again_and_never_an_empty_market(broken: object):
    with pytest.raises(Retryable):
        parse_reply(broken, FILE, LATER)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            ["6000000.5", "6000100", "5999900", "6000050", "1.0", START],
            "'6000000.5', which is not a whole multiple of 1",
        ),
        (["6000000", "6000100", "5999900", "6000050", "0.00001", START], "not a whole multiple of 0.0001"),
        (["6000000", "5", "5999900", "6000050", "1.0", START], "cannot be"),
        (["-5", "6000100", "-9", "6000050", "1.0", START], "cannot be"),
        (["6000000", "6000100", "5999900", "6000050", "-1.0", START], "cannot be"),
        (["6000000", "6000100", "5999900", "6000050", "99999999999", START], "cannot be"),
        ([*GOOD[:5], START + 1], "does not close on the 15m grid"),
        ([*GOOD[:5], START - BAR_15M], "a row that does not belong to it"),
        ([*GOOD[:5], START + DAY], "a row that does not belong to it"),
        ([*GOOD[:5], -1], "a row that does not belong to it: -1"),
    ],
)
def test_a_row_that_breaks_a_rule_refuses_the_file(row: list[Any], said: str):
    with pytest.raises(BadCandles) as caught:
        parse_reply(reply([row]), FILE, LATER)
    assert said in caught.value.what


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(GOOD)
json_values = st.recursive(
    cells, lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=5), inner)
)


@given(json_values)
def test_any_json_at_all_is_refused_by_name(value: object):
    with pytest.raises(Retryable):
        parse_reply(value, FILE, LATER)


@given(st.lists(st.lists(cells, min_size=4, max_size=7) | cells, max_size=5))
def test_any_rows_are_bars_or_refused_by_name(rows: list[object]):
    try:
        answer = parse_reply(reply(rows), FILE, LATER)
    except (Retryable, BadCandles):
        return
    assert len(answer.candles) + sum(answer.intake) == len(rows)
