"""Milliseconds in, milliseconds out: Japan appears only where people read or write."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.time import (
    BAR_15M,
    DAY,
    HOUR,
    JST,
    Millis,
    bar_end,
    bar_open,
    format_jst,
    jst_day,
    month_start,
    next_month_start,
    parse_time,
    to_datetime,
    to_millis,
    utc_date,
)

instants = st.integers(0, 4_102_444_800_000)  # 1970 to 2100


@given(instants)
def test_a_time_survives_the_way_to_a_datetime_and_back(at):
    assert to_millis(to_datetime(at)) == at
    assert to_datetime(at).utcoffset() == timedelta(0)


def test_a_naive_datetime_is_japans():
    assert to_millis(datetime(1970, 1, 1, 9)) == 0
    assert to_millis(datetime(1970, 1, 1, 9)) == to_millis(datetime(1970, 1, 1, tzinfo=UTC))
    assert to_millis(datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=-5)))) == 5 * HOUR


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2023-07-01", datetime(2023, 6, 30, 15, tzinfo=UTC)),
        (" 2023-07-01T09:00 ", datetime(2023, 7, 1, 0, tzinfo=UTC)),
        ("2023-07-01T00:00+00:00", datetime(2023, 7, 1, 0, tzinfo=UTC)),
        ("2023-07-01T00:00:00Z", datetime(2023, 7, 1, 0, tzinfo=UTC)),
    ],
)
def test_people_write_times_as_japan_reads_them(text, at):
    assert parse_time(text) == to_millis(at)


@pytest.mark.parametrize("text", ["", "yesterday", "2023-13-01", "01/07/2023", "2023-07-01 25:00"])
def test_what_is_no_time_is_refused_with_what_to_write(text):
    with pytest.raises(ValueError, match="write 2023-07-01"):
        parse_time(text)


def test_a_time_is_shown_in_japan():
    assert format_jst(to_millis(datetime(2023, 6, 30, 15, 4, tzinfo=UTC))) == "2023-07-01 00:04 JST"
    assert JST.utcoffset(None) == timedelta(hours=9)


@given(instants, st.integers(0, 23))
def test_a_japanese_day_turns_at_its_hour_and_lasts_24(at, hour):
    local = to_datetime(at).astimezone(JST)
    started = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    turned = started if started <= local else started - timedelta(days=1)
    assert jst_day(at, hour) == jst_day(to_millis(turned), hour)
    assert jst_day(to_millis(turned) - 1, hour) == jst_day(at, hour) - 1
    assert jst_day(at + DAY, hour) == jst_day(at, hour) + 1


@given(instants)
def test_months_follow_one_another(at):
    start, after = month_start(at), next_month_start(at)
    assert start <= at < after
    assert month_start(after) == after
    assert month_start(after - 1) == start
    assert 28 * DAY <= after - start <= 31 * DAY
    assert utc_date(start).day == 1


def test_december_is_followed_by_january():
    assert utc_date(next_month_start(to_millis(datetime(2023, 12, 31, tzinfo=UTC)))) == date(2024, 1, 1)


@given(st.integers(0, 4 * 10**12))
def test_a_bar_holds_its_open_and_not_its_close(at):
    opened, last = bar_open(Millis(at)), bar_end(Millis(at))
    assert opened <= at <= last
    assert (opened % BAR_15M, last - opened) == (0, BAR_15M - 1)
