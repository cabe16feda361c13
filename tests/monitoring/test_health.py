"""The health page over real HTTP."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from src.core.domain.health import Health, Phase
from src.core.domain.market import BTC_JPY
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError
from src.monitoring.health import HealthServer, monitoring_token
from src.monitoring.metrics import Metrics

TOKEN = "canary-token-0123456789"
NOW = Millis(1_700_000_000_000)
STALE_MS = 120_000


class Trader:
    """A trader whose health the test sets."""

    def __init__(self) -> None:
        self.health = Health("live", Phase.TRADING, last_beat=Millis(NOW - 1_500), halted="")
        self.now = NOW

    def server(self, token: str = TOKEN) -> HealthServer:
        metrics = Metrics(BTC_JPY, lambda: self.health, lambda: self.now)
        return HealthServer(lambda: self.health, metrics, lambda: self.now, stale_ms=STALE_MS, token=token)


@pytest.fixture
def trader() -> Trader:
    return Trader()


@pytest.fixture
async def page(trader: Trader) -> AsyncIterator[str]:
    server = trader.server()
    host, port = await server.start("127.0.0.1", 0)
    yield f"http://{host}:{port}"
    await server.close()


async def get(url: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as reply:
        return reply.status, await reply.text(), dict(reply.headers)


@pytest.mark.parametrize(
    ("phase", "age_ms", "alive", "ready"),
    [
        (Phase.STARTING, None, 503, 503),
        (Phase.STARTING, 0, 200, 503),
        (Phase.WAITING, 1_000, 200, 200),
        (Phase.TRADING, STALE_MS, 200, 200),
        (Phase.TRADING, STALE_MS + 1, 503, 503),
        (Phase.HALTED, 1_000, 200, 200),
        (Phase.STOPPING, 1_000, 200, 503),
    ],
)
async def test_a_trader_is_alive_while_its_loop_turns_and_ready_while_it_works_or_waits(
    page, trader, phase, age_ms, alive, ready
):
    beat = None if age_ms is None else Millis(NOW - age_ms)
    trader.health = Health("live", phase, last_beat=beat)
    assert (await get(f"{page}/healthz"))[0] == alive
    status, text, headers = await get(f"{page}/readyz")
    assert status == ready
    assert f'"phase": "{phase.value}"' in text
    assert headers["Cache-Control"] == "no-store"


async def test_health_shows_no_figure_of_the_account(page, trader):
    trader.health = trader.health._replace(equity=987_654_321, position=4_242)
    for path in ("healthz", "readyz"):
        text = (await get(f"{page}/{path}"))[1]
        assert "987" not in text
        assert "4242" not in text


async def test_metrics_need_the_token(page):
    assert (await get(f"{page}/metrics"))[0] == 401
    for wrong in (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, "Bearer", "Basic x", "Bearer 日本"):
        status, text, headers = await get(f"{page}/metrics", Authorization=wrong)
        assert status == 401
        assert headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in text
    status, text, headers = await get(f"{page}/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'trader_phase{mode="live",phase="trading"} 1.0' in text


async def test_without_a_token_nobody_reads_the_metrics(trader):
    server = trader.server(token="")
    host, port = await server.start("127.0.0.1", 0)
    for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
        status, text, _ = await get(f"http://{host}:{port}/metrics", **header)
        assert status == 403
        assert "MONITORING_TOKEN" in text
    await server.close()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.1.5", "[::"])
async def test_a_page_of_another_site_cannot_read_it_through_a_browser(page, host):
    for path in ("healthz", "readyz", "metrics"):
        assert (await get(f"{page}/{path}", Host=host, Authorization=f"Bearer {TOKEN}"))[0] == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8420", "127.0.0.1", "[::1]:8420"])
async def test_every_name_of_this_machine_is_answered(page, host):
    assert (await get(f"{page}/healthz", Host=host))[0] == 200


async def test_on_all_addresses_the_platforms_name_is_answered_and_metrics_still_need_the_token(trader):
    server = trader.server()
    _, port = await server.start("0.0.0.0", 0)
    page = f"http://127.0.0.1:{port}"
    assert (await get(f"{page}/healthz", Host="trader.example"))[0] == 200
    assert (await get(f"{page}/metrics", Host="trader.example"))[0] == 401
    await server.close()


async def test_only_reading_is_possible_and_other_paths_do_not_exist(page):
    async with aiohttp.ClientSession() as session:
        for path, status in (("healthz", 405), ("metrics", 405), ("", 404), ("../etc/passwd", 404)):
            async with session.post(f"{page}/{path}") as reply:
                assert reply.status == status


async def test_a_port_that_is_taken_is_an_error_that_names_the_setting(trader, page):
    port = int(page.rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1, port {port}") as caught:
        await trader.server().start("127.0.0.1", port)
    assert "monitoring.port" in str(caught.value)


async def test_it_is_gone_after_closing(trader):
    server = trader.server()
    host, port = await server.start("127.0.0.1", 0)
    await server.close()
    with pytest.raises(OSError, match="onnect"):
        await asyncio.open_connection(host, port)


def test_a_short_token_is_refused_and_a_line_break_is_taken_off():
    assert monitoring_token({}) == ""
    assert monitoring_token({"MONITORING_TOKEN": f"{TOKEN}\n"}) == TOKEN
    for wrong in ("short", "日本" * 20):
        with pytest.raises(ConfigError, match="MONITORING_TOKEN") as caught:
            monitoring_token({"MONITORING_TOKEN": wrong})
        assert wrong not in str(caught.value)
