"""The dashboard's server over real HTTP: who may look, what is answered, and that nothing can be changed."""

import socket
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from src.core.exceptions import ConfigError, JournalFailed, NoCandles
from src.monitoring.dashboard import Dashboard
from src.monitoring.dashboard.page import WORDS, page
from src.monitoring.dashboard.server import cookie_name

TOKEN = "canary-token-0123456789"
WINDOWS = (1, 7, 30)
PATHS = ["/", "/page.js", "/page.css", "/plotly.js", "/overview?days=7", "/why?at=1700000000000"]

Answer = tuple[int, str, dict[str, str]]


class Journal:
    """What the page asks; the test says what is answered."""

    def __init__(self) -> None:
        self.overview: Callable[[int], dict[str, Any]] = lambda days: {"days": days}
        self.why: Callable[[int], list[str]] = lambda at: [f"asked about {at}"]

    def read(self, days: int) -> dict[str, Any]:
        return self.overview(days)

    def explain(self, at: int) -> list[str]:
        return self.why(at)

    def server(self) -> Dashboard:
        return Dashboard(
            "paper BTC/JPY",
            "en",
            self.read,
            self.explain,
            windows=WINDOWS,
            token=TOKEN,
            charts="/* draws */",
        )


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
async def site(journal: Journal) -> AsyncIterator[str]:
    server = journal.server()
    port = await server.start(0)
    yield f"http://127.0.0.1:{port}"
    await server.close()


async def ask(url: str, method: str = "GET", cookie: str | None = TOKEN, **headers: str) -> Answer:
    cookies = {} if cookie is None else {cookie_name(urlsplit(url).port or 0): cookie}
    async with (
        aiohttp.ClientSession(cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
        session.request(method, url, headers=headers, allow_redirects=False) as reply,
    ):
        return reply.status, await reply.text(), dict(reply.headers)


async def test_the_printed_address_leaves_a_cookie_and_goes_on_without_its_token(site):
    status, _, headers = await ask(f"{site}/enter?token={TOKEN}", cookie=None)
    assert status == 303
    assert headers["Location"] == "/"
    assert {part.strip() for part in headers["Set-Cookie"].split(";")} >= {
        f"{cookie_name(urlsplit(site).port or 0)}={TOKEN}",
        "HttpOnly",
        "SameSite=Strict",
    }


@pytest.mark.parametrize("path", PATHS)
async def test_who_has_the_cookie_sees_everything_and_who_has_not_sees_nothing(site, path):
    assert (await ask(site + path))[0] == 200
    for cookie in (None, "", TOKEN[:-1], TOKEN + "0", "é"):
        status, text, _ = await ask(site + path, cookie=cookie)
        assert status == 401
        assert "open the address that `dashboard` printed" in text


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "%C3%A9", "%FF"])
async def test_a_wrong_token_leaves_no_cookie(site, token):
    status, _, headers = await ask(f"{site}/enter?token={token}", cookie=None)
    assert status == 401
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("path", ["/enter?token=" + TOKEN, *PATHS, "/none"])
async def test_a_page_elsewhere_cannot_ask_through_a_visitors_browser(site, path):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "10.0.0.1"):
        status, text, headers = await ask(site + path, Host=host)
        assert status == 403
        assert TOKEN not in text + str(headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/overview?days=7", "/enter?token=" + TOKEN])
async def test_there_is_no_way_to_change_anything(site, method, path):
    assert (await ask(site + path, method))[0] == 405


@pytest.mark.parametrize("path", [*PATHS, "/none", "/overview?days=2", "/enter?token=x"])
async def test_every_answer_forbids_to_keep_frame_or_run_anything_else(site, path):
    _, _, headers = await ask(site + path)
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", PATHS)
async def test_no_answer_holds_the_token(site, path):
    _, text, headers = await ask(site + path)
    assert TOKEN not in text + str(headers)


@pytest.mark.parametrize("days", ["", "2", "-1", "7.0", "07x", "\u0667", "9" * 400])
async def test_only_the_windows_that_are_offered_can_be_asked_for(site, days):
    status, text, _ = await ask(f"{site}/overview?days={days}")
    assert status == 400
    assert "days is one of 1, 7, 30" in text


@pytest.mark.parametrize("at", ["", "now", "-1", "1e12", "1" * 16, "\u0661"])
async def test_a_moment_that_is_none_is_refused(site, at):
    status, text, _ = await ask(f"{site}/why?at={at}")
    assert status == 400
    assert "milliseconds" in text


async def test_what_is_asked_is_answered(site):
    assert (await ask(f"{site}/overview?days=30"))[1] == '{"days": 30}'
    assert (await ask(f"{site}/why?at=1700000000000"))[1] == '{"lines": ["asked about 1700000000000"]}'


async def test_what_the_journal_refuses_is_told_with_what_to_do(site, journal):
    def none(_: int) -> list[str]:
        raise NoCandles("no decision there", remedy="choose another bar")

    def broken(_: int) -> dict[str, Any]:
        raise JournalFailed("the database is gone", remedy="start it")

    journal.why, journal.overview = none, broken
    status, text, _ = await ask(f"{site}/why?at=1")
    assert (status, text) == (404, '{"error": "no decision there", "remedy": "choose another bar"}')
    status, text, _ = await ask(f"{site}/overview?days=1")
    assert (status, text) == (503, '{"error": "the database is gone", "remedy": "start it"}')


async def test_a_path_that_is_none_is_told(site):
    status, text, _ = await ask(f"{site}/../../etc/passwd")
    assert (status, text) == (404, '{"error": "Not Found"}')


async def test_a_port_that_is_taken_is_told(journal):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1, port {port}") as refused:
            await journal.server().start(port)
    assert "--port" in refused.value.remedy


async def test_two_pages_on_one_machine_do_not_take_each_others_cookie(journal, site):
    second = journal.server()
    port = await second.start(0)
    cookies = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=cookies) as session:
        for address in (site, f"http://127.0.0.1:{port}"):
            async with session.get(f"{address}/enter?token={TOKEN}") as reply:
                assert reply.status == 200
        for address in (site, f"http://127.0.0.1:{port}"):
            async with session.get(f"{address}/overview?days=1") as reply:
                assert reply.status == 200
    await second.close()
    assert len({cookie.key for cookie in cookies}) == 2


async def test_a_number_that_is_none_is_never_sent(site, journal):
    journal.overview = lambda _: {"equity": float("nan")}
    status, text, _ = await ask(f"{site}/overview?days=1")
    assert status == 500
    assert "NaN" not in text


def test_both_languages_say_the_same_things():
    assert list(WORDS["ja"]) == list(WORDS["en"])
    for name, text in WORDS["en"].items():
        assert text.count("{}") == WORDS["ja"][name].count("{}"), name


def test_the_subject_cannot_become_markup():
    made = page("<script>alert(1)</script>", "en", WINDOWS)
    assert "<script>alert" not in made
    assert 'aria-pressed="true">7 days<' in made
