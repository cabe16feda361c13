import asyncio
import time
from collections.abc import Iterator
from datetime import date

import pytest

from src.core.clock import ManualClock
from src.core.domain.market import BTC_JPY
from src.core.domain.time import BAR_4H, BAR_15M, DAY, HOUR, MINUTE, Millis
from src.core.exceptions import Retryable
from src.data.bitbank_client import BitbankClient
from src.data.exchange_files import ExchangeFile, FileReply, FileState, day_file, year_file
from tests.data.bars import START
from tests.data.candle_server import HTML, NOT_FOUND, Answer, CandleServer, candle_body, rows_of

FILE = day_file(BTC_JPY, BAR_15M, date(2024, 1, 1))
PATH = "btc_jpy/candlestick/15min/20240101"
LATER = Millis(START + 3 * DAY)
GOOD = Answer(candle_body("15min", rows_of(START, 96)))


@pytest.fixture
def server() -> Iterator[CandleServer]:
    with CandleServer() as running:
        yield running


def fetch(
    server: CandleServer, file: ExchangeFile = FILE, now: Millis = LATER, attempts: int = 2, deadline_s: float = 5.0
) -> FileReply:
    async def run() -> FileReply:
        options = {"pace_s": 0.0, "backoff_s": 0.0, "attempts": attempts, "deadline_s": deadline_s}
        async with BitbankClient(ManualClock(now), base_url=server.url, **options) as client:
            return await client.fetch(file)

    return asyncio.run(run())


def test_a_day_file_is_read_with_one_request(server: CandleServer):
    server.files[PATH] = GOOD
    reply = fetch(server)
    assert (reply.state, len(reply.candles), reply.candles.bar(-1).closed_at) == (FileState.PRESENT, 96, START + DAY)
    assert server.requests == [PATH]


def test_a_year_file_is_asked_for_by_its_year(server: CandleServer):
    server.day("2024", rows_of(START, 6, BAR_4H), kind="4hour")
    assert len(fetch(server, year_file(BTC_JPY, BAR_4H, 2024)).candles) == 6
    assert server.requests == ["btc_jpy/candlestick/4hour/2024"]


FAULTS = {
    "429 with a code": Answer('{"success":0,"data":{"code":10009}}', 429),
    "429 without": Answer(HTML, 429, "text/html"),
    "maintenance": Answer('{"success":0,"data":{"code":10007}}'),
    "a system error": Answer('{"success":0,"data":{"code":70001}}', 500),
    "a gateway's page": Answer(HTML, 502, "text/html"),
    "a gateway's timeout": Answer(HTML, 504, "text/html"),
    "a firewall's page": Answer(HTML, 403, "text/html"),
    "a page that says 200": Answer(HTML, 200, "text/html"),
    "a page that says 404": Answer(HTML, 404, "text/html"),
    "half of the JSON": Answer(str(GOOD.body)[:2_000]),
    "nothing": Answer(""),
    "no data": Answer('{"success":1}'),
    "data of another type": Answer('{"success":1,"data":[]}'),
    "JSON of another type": Answer("[1,2]"),
    "bytes": Answer(bytes(range(256)), 200, "application/octet-stream"),
    "a redirect to nowhere": Answer("", 301),
    "a cut connection": GOOD._replace(cut=True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_read_over(server: CandleServer, fault: str):
    server.script[PATH] = [FAULTS[fault], GOOD]
    assert len(fetch(server).candles) == 96
    assert server.requests == [PATH, PATH]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lasting_fault_is_retryable_after_a_bounded_number_of_repeats_and_never_an_empty_day(
    server: CandleServer, fault: str
):
    server.files[PATH] = FAULTS[fault]
    with pytest.raises(Retryable, match="15min/20240101") as caught:
        fetch(server, attempts=3)
    assert server.requests == [PATH] * 3  # ccxt repeats nothing on its own
    assert "<" not in caught.value.what


def test_a_server_that_does_not_answer_is_given_up_at_the_deadline(server: CandleServer):
    server.files[PATH] = GOOD._replace(delay_s=30.0)
    before = time.monotonic()
    with pytest.raises(Retryable):
        fetch(server, attempts=1, deadline_s=0.3)
    assert time.monotonic() - before < 10


def test_a_server_that_is_not_there_is_retryable():
    with CandleServer() as gone:
        pass
    with pytest.raises(Retryable):
        fetch(gone)


@pytest.mark.parametrize("status", [200, 404])
def test_the_running_days_file_may_not_be_there_yet_just_after_midnight_utc(server: CandleServer, status: int):
    server.files[PATH] = Answer(NOT_FOUND, status, "text/plain")
    reply = fetch(server, now=Millis(START + 4 * MINUTE))
    assert (reply.state, len(reply.candles)) == (FileState.NOT_YET, 0)
    assert len(server.requests) == 1  # an answer, not a fault


@pytest.mark.parametrize("now", [START + 2 * HOUR, START + DAY, START + 500 * DAY])
def test_a_file_that_should_be_there_and_is_not_is_absent(server: CandleServer, now: int):
    reply = fetch(server, now=Millis(now))
    assert (reply.state, len(reply.candles)) == (FileState.ABSENT, 0)


def test_a_bar_is_not_taken_in_the_seconds_after_its_end_while_the_servers_copy_may_be_old(server: CandleServer):
    server.files[PATH] = Answer(candle_body("15min", rows_of(START, 4)))
    assert len(fetch(server, now=Millis(START + 3 * BAR_15M)).candles) == 2
    assert len(fetch(server, now=Millis(START + 3 * BAR_15M + 3_000)).candles) == 3


def test_requests_keep_their_distance(server: CandleServer):
    server.files[PATH] = GOOD

    async def run() -> float:
        async with BitbankClient(ManualClock(LATER), base_url=server.url, pace_s=0.15) as client:
            before = time.monotonic()
            await asyncio.gather(*(client.fetch(FILE) for _ in range(4)))
            return time.monotonic() - before

    assert asyncio.run(run()) >= 3 * 0.15


def test_it_is_busy_while_a_file_is_fetched_and_not_afterwards(server: CandleServer):
    server.files[PATH] = GOOD

    async def run() -> list[bool]:
        async with BitbankClient(ManualClock(LATER), base_url=server.url, pace_s=0.0) as client:
            seen = [client.busy]
            fetching = asyncio.create_task(client.fetch(FILE))
            await asyncio.sleep(0)
            seen.append(client.busy)
            await fetching
            return [*seen, client.busy]

    assert asyncio.run(run()) == [False, True, False]
