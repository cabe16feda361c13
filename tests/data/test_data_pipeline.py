import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from src.core.clock import ManualClock
from src.core.domain.candles import Candles
from src.core.domain.market import BTC_JPY
from src.core.domain.time import BAR_4H, BAR_15M, DAY, HOUR, MINUTE, Millis, to_millis
from src.core.exceptions import BadCandles, ConfigError, NoCandles, Retryable
from src.data.aggregation import aggregate
from src.data.bitbank_client import BitbankClient
from src.data.data_cache import DataCache
from src.data.data_pipeline import CrossCheck, DataPipeline, DownloadSummary, Progress, series_name
from tests.data.bars import START
from tests.data.candle_server import NOT_FOUND, Answer, CandleServer, candle_body, rows_of

NAME = "bitbank_btc_jpy_15m"
ALWAYS = (Millis(0), Millis(2**62))
LATER = Millis(START + 40 * DAY)


@pytest.fixture
def server() -> Iterator[CandleServer]:
    with CandleServer() as running:
        for day in range(6):
            running.day(f"2024010{day + 1}", rows_of(START + day * DAY, 96))
        yield running


class Desk:
    """A pipeline against the local server, with a store of its own."""

    def __init__(self, server: CandleServer, root: Path) -> None:
        self.server = server
        self.cache = DataCache(root)
        self.seen: list[Progress] = []

    def download(self, first: int, last: int, now: Millis = LATER) -> DownloadSummary:
        """Fetch from day `first` to the end of day `last` of January 2024 (UTC)."""
        start, end = Millis(START + (first - 1) * DAY), Millis(START + last * DAY)
        return self.run(lambda p: p.download(start, end, self.seen.append), now)

    def run(self, work, now: Millis = LATER):
        async def inside():
            clock = ManualClock(now)
            options = {"pace_s": 0.0, "backoff_s": 0.0, "attempts": 2}
            async with BitbankClient(clock, base_url=self.server.url, **options) as client:
                return await work(DataPipeline(client, self.cache, clock))

        return asyncio.run(inside())

    def stored(self) -> Candles:
        return DataCache(self.cache.root).read(NAME, *ALWAYS)

    def asked(self) -> list[str]:
        names = [path.rsplit("/", 1)[1] for path in self.server.requests]
        self.server.requests.clear()
        return names


@pytest.fixture
def desk(server: CandleServer, tmp_path: Path) -> Desk:
    return Desk(server, tmp_path)


def test_every_day_of_the_range_is_fetched_stored_and_reported(desk: Desk):
    summary = desk.download(1, 3)
    assert desk.asked() == ["20240101", "20240102", "20240103"]
    assert (summary.days, summary.fetched, summary.skipped, summary.new_bars) == (3, 3, 0, 288)
    assert (summary.quality.bars, summary.quality.coverage, summary.missing_days) == (288, 1.0, ())
    assert desk.stored().bar(0).closed_at == START + BAR_15M
    assert desk.stored().bar(-1).closed_at == START + 3 * DAY
    assert [(p.day.day, p.done, p.days, p.new_bars) for p in desk.seen] == [
        (1, 1, 3, 96),
        (2, 2, 3, 192),
        (3, 3, 3, 288),
    ]
    assert desk.cache.open_series(NAME).source == "bitbank public REST"


def test_complete_days_are_not_fetched_again(desk: Desk):
    desk.download(2, 3)
    desk.asked()
    summary = desk.download(1, 4)
    assert desk.asked() == ["20240101", "20240104"]
    assert (summary.skipped, summary.fetched, summary.new_bars, summary.quality.bars) == (2, 2, 192, 384)


def test_a_download_that_failed_keeps_its_days_and_goes_on_from_there(desk: Desk):
    desk.server.script["btc_jpy/candlestick/15min/20240103"] = [Answer("<html>"), Answer("<html>")]
    with pytest.raises(Retryable):
        desk.download(1, 4)
    assert len(desk.stored()) == 192
    desk.asked()
    desk.download(1, 4)
    assert desk.asked() == ["20240103", "20240104"]
    assert len(desk.stored()) == 384


def test_the_running_day_is_fetched_again_each_time(desk: Desk):
    noon = Millis(START + DAY + 12 * HOUR + 5_000)
    assert desk.download(1, 2, now=noon).quality.bars == 96 + 48
    desk.asked()
    summary = desk.download(1, 2, now=Millis(noon + HOUR))
    assert desk.asked() == ["20240102"]
    assert summary.new_bars == 4


def test_just_after_midnight_yesterday_is_used_and_today_is_empty(desk: Desk):
    desk.server.files["btc_jpy/candlestick/15min/20240102"] = Answer(NOT_FOUND)
    summary = desk.download(1, 2, now=Millis(START + DAY + 4 * MINUTE))
    assert (summary.not_yet, summary.missing_days, summary.quality.bars) == (True, (), 96)


def test_a_day_is_not_taken_as_final_right_after_its_end_nor_from_an_old_copy(desk: Desk):
    desk.server.day("20240101", rows_of(START, 95))  # the last bar is not in this copy yet
    desk.download(1, 1, now=Millis(START + DAY + 5 * MINUTE))
    desk.download(1, 1, now=Millis(START + DAY + HOUR))
    desk.server.day("20240101", rows_of(START, 96))
    assert desk.download(1, 1, now=Millis(START + DAY + HOUR)).new_bars == 1
    desk.asked()
    assert desk.download(1, 1, now=Millis(START + DAY + HOUR)).skipped == 1
    assert desk.asked() == []


def test_an_old_day_that_ends_in_an_outage_is_complete_as_it_is(desk: Desk):
    desk.server.day("20240101", rows_of(START, 80))
    summary = desk.download(1, 2)
    assert (summary.quality.gaps, summary.quality.missing) == (1, 16)
    assert desk.download(1, 2).skipped == 2


def test_a_past_day_without_a_file_is_named_and_asked_for_again(desk: Desk):
    del desk.server.files["btc_jpy/candlestick/15min/20240102"]
    summary = desk.download(1, 3)
    assert summary.missing_days == (date(2024, 1, 2),)
    assert summary.quality.longest_gap == 96
    desk.asked()
    desk.download(1, 3)
    assert desk.asked() == ["20240102"]


def test_a_young_bar_that_the_exchange_corrects_is_corrected_and_counted(desk: Desk):
    noon = Millis(START + 12 * HOUR + 5_000)
    desk.download(1, 1, now=noon)
    rows = rows_of(START, 96)
    rows[47][4] = "9.0000"
    desk.server.day("20240101", rows)
    summary = desk.download(1, 1, now=Millis(noon + HOUR))
    assert (summary.revised_bars, summary.new_bars) == (1, 4)
    assert desk.stored().bar(47).volume == 90_000


def test_an_old_bar_that_the_exchange_gives_otherwise_is_refused_by_name(desk: Desk):
    desk.download(1, 1, now=Millis(START + 12 * HOUR))
    rows = rows_of(START, 96)
    rows[3][4] = "9.0000"
    desk.server.day("20240101", rows)
    with pytest.raises(BadCandles, match="2024-01-01 10:00 JST"):
        desk.download(1, 1)
    assert len(desk.stored()) == 47


def test_what_was_left_out_on_the_way_is_in_the_report(desk: Desk):
    rows = rows_of(START, 96)
    rows[9:9] = [["0", "0", "0", "0", "0.0000", rows[9][5]], rows[8]]
    desk.server.day("20240101", rows)
    summary = desk.download(1, 1)
    assert (summary.quality.intake.zero_rows, summary.quality.intake.duplicate_rows) == (1, 1)


def test_refresh_goes_on_from_the_newest_bar(desk: Desk):
    desk.download(1, 2)
    desk.asked()
    summary = desk.run(lambda p: p.refresh(), Millis(START + 3 * DAY + 6 * HOUR + 5_000))
    assert desk.asked() == ["20240103", "20240104"]
    assert (summary.new_bars, desk.stored().bar(-1).closed_at) == (96 + 24, START + 3 * DAY + 6 * HOUR)


def test_refresh_of_nothing_says_what_to_do(desk: Desk):
    with pytest.raises(NoCandles):
        desk.run(lambda p: p.refresh())


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (START, START, "the range is empty"),
        (START + DAY, START, "the range is empty"),
        (LATER, LATER + DAY, "lies in the future"),
        (0, DAY, "no candles before 2017-02-14"),
    ],
)
def test_a_range_without_any_day_is_a_wrong_argument(desk: Desk, start: int, end: int, said: str):
    with pytest.raises(ConfigError, match=said):
        desk.run(lambda p: p.download(Millis(start), Millis(end)))
    assert desk.asked() == []


def test_a_range_begun_before_the_exchange_starts_on_its_first_day(desk: Desk):
    first = to_millis(datetime(2017, 2, 14, tzinfo=UTC))
    desk.server.day("20170214", rows_of(first, 96))
    summary = desk.run(lambda p: p.download(Millis(0), Millis(first + DAY)))
    assert (summary.days, summary.new_bars) == (1, 96)


# The 4-hour view.


def test_both_views_come_from_the_stored_quarter_hours(desk: Desk):
    desk.download(1, 2)
    start, end = Millis(START + 2 * BAR_4H), Millis(START + 5 * BAR_4H + HOUR)
    views = desk.run(lambda p: asyncio.sleep(0, p.views(start, end)))
    assert views.quarter_hour == desk.stored().between(start, end)
    assert views.four_hour.closed_at.tolist() == [START + i * BAR_4H for i in (3, 4, 5)]
    whole = aggregate(desk.stored(), BAR_4H)
    assert views.four_hour == whole.candles.between(start, end)
    assert set(whole.parts) == {16}


def four_hours(rows: list[list]) -> list[list]:
    """Return the rows of the exchange's own 4-hour file."""
    groups = [rows[i : i + 16] for i in range(0, len(rows), 16)]
    return [
        [
            group[0][0],
            str(max(int(row[1]) for row in group)),
            str(min(int(row[2]) for row in group)),
            group[-1][3],
            f"{sum(round(float(row[4]) * 10_000) for row in group) / 10_000:.4f}",
            group[0][5],
        ]
        for group in groups
    ]


def test_the_exchanges_own_four_hour_bars_agree_or_are_reported(desk: Desk):
    desk.download(1, 3)
    rows = four_hours([row for day in range(6) for row in rows_of(START + day * DAY, 96)])
    desk.server.day("2024", rows, kind="4hour")
    assert desk.run(lambda p: p.cross_check(2024)) == CrossCheck(2024, 18, (), 0, 0)
    rows[4][1] = "6999999"
    del rows[9]
    desk.server.files["btc_jpy/candlestick/4hour/2024"] = Answer(candle_body("4hour", rows))
    found = desk.run(lambda p: p.cross_check(2024))
    assert found == CrossCheck(2024, 17, (Millis(START + 5 * BAR_4H),), 0, 1)


def test_without_a_year_file_nothing_was_compared(desk: Desk):
    desk.download(1, 1)
    assert desk.run(lambda p: p.cross_check(2024)).compared == 0


def test_the_series_is_named_after_exchange_pair_and_length():
    assert series_name(BTC_JPY) == NAME


def test_old_days_are_stored_together_and_a_bad_one_does_not_keep_those_before_it(desk: Desk, monkeypatch):
    commits = []
    append = DataCache.append

    def counted(self, *given, **more):
        commits.append(len(given[1]))
        return append(self, *given, **more)

    monkeypatch.setattr(DataCache, "append", counted)
    desk.download(1, 3)
    assert commits == [288]
    rows = rows_of(START + 4 * DAY, 96)
    desk.server.day("20240105", rows)
    desk.download(5, 5)
    desk.server.day("20240105", [[*row[:4], "99.0", row[5]] for row in rows])  # as if it had not been complete
    monkeypatch.setattr(DataCache, "complete_days", lambda self, name: frozenset())
    with pytest.raises(BadCandles):
        desk.download(4, 6)
    assert desk.stored().bar(-1).closed_at == START + 5 * DAY
    assert len(desk.stored()) == 5 * 96
