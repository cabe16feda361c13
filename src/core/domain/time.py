"""Time is an integer: milliseconds since 1970-01-01 UTC. Japan's clock appears only at the edges."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, NewType

Millis = NewType("Millis", int)

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
BAR_15M: Final = 15 * MINUTE
BAR_4H: Final = 4 * HOUR
JST_OFFSET: Final = 9 * HOUR
JST: Final = timezone(timedelta(hours=9), "JST")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_millis(moment: datetime) -> Millis:
    """Return `moment` as milliseconds UTC, exactly; a naive datetime is Japan's local time."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=JST)
    return Millis((aware - _EPOCH) // timedelta(milliseconds=1))


def to_datetime(at: Millis) -> datetime:
    """Return the UTC datetime of `at`, exactly."""
    return _EPOCH + timedelta(milliseconds=at)


def parse_time(text: str) -> Millis:
    """Read an ISO 8601 date or time; without an offset it is Japan's local time.

    Raises
    ------
    ValueError
        If `text` is not ISO 8601; the message shows what to write.
    """
    try:
        return to_millis(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError) as e:
        raise ValueError(
            f"{text!r} is not a date or time; write 2023-07-01, 2023-07-01T09:00 (JST) or 2023-07-01T00:00+00:00"
        ) from e


def format_jst(at: Millis) -> str:
    """Return `at` as people in Japan write it: 2023-07-01 09:00 JST."""
    return to_datetime(at).astimezone(JST).strftime("%Y-%m-%d %H:%M JST")


def jst_day(at: Millis, hour: int = 0) -> int:
    """Return the number of the Japanese day that `at` falls in, when days turn at `hour` o'clock JST."""
    return (at + JST_OFFSET - hour * HOUR) // DAY


def bar_open(at: Millis) -> Millis:
    """Return the open time of the 15-minute bar that `at` falls in; a bar holds its open and not its close."""
    return Millis(at // BAR_15M * BAR_15M)


def bar_end(at: Millis) -> Millis:
    """Return the last instant of the 15-minute bar that `at` falls in."""
    return Millis(at // BAR_15M * BAR_15M + BAR_15M - 1)


def month_start(at: Millis) -> Millis:
    """Return the first instant of the UTC month that `at` falls in."""
    d = to_datetime(at)
    return to_millis(datetime(d.year, d.month, 1, tzinfo=UTC))


def next_month_start(at: Millis) -> Millis:
    """Return the first instant of the UTC month after the one that `at` falls in."""
    d = to_datetime(at)
    return to_millis(datetime(d.year + d.month // 12, d.month % 12 + 1, 1, tzinfo=UTC))


def utc_date(at: Millis) -> date:
    """Return the UTC calendar date of `at`."""
    return to_datetime(at).date()
