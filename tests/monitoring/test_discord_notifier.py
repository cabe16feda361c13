"""Notices over real HTTP to a local server that enforces Discord's limits."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from src.core.clock import ManualClock
from src.core.domain.market import BTC_JPY
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import Millis
from src.core.logger import configure_logging
from src.monitoring.discord_notifier import DiscordNotifier
from src.monitoring.notice_words import title
from src.monitoring.webhooks import Webhooks
from tests.monitoring.fake_discord import FakeDiscord

AT = Millis(1_700_000_000_000)
KEY = "canary-api-key-0815"
Make = Callable[..., DiscordNotifier]


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as server:
        yield server


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "notices"


@pytest.fixture
async def make(discord: FakeDiscord, spool: Path) -> AsyncIterator[Make]:
    made: list[DiscordNotifier] = []

    def notifier(**given: Any) -> DiscordNotifier:
        url = discord.url
        addresses = given.pop("addresses", Webhooks(url("info"), url("warning"), url("critical")))
        options = {"where": "live BTC/JPY", "pair": BTC_JPY, "merge_s": 60.0, "secrets": [KEY], "close_s": 1.0} | given
        made.append(DiscordNotifier(addresses, options.pop("language", "en"), spool, **options))
        return made[-1]

    yield notifier
    for each in made:
        await each.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    root = logging.getLogger()
    before, handlers = root.level, root.handlers[:]
    file = tmp_path / "log" / "trader.log"
    configure_logging("debug", ManualClock(AT), file, [KEY])
    yield lambda: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(before)


def notice(tier: Tier, topic: Topic = Topic.DATA, at: int = 0, **values: str) -> Notice:
    return Notice(tier, topic, Millis(AT + at), values)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the server runs in this loop
            await asyncio.sleep(0.01)


async def test_each_tier_goes_to_its_own_webhook_in_the_language_that_is_set(make, discord):
    notifier = make(language="ja")
    await notifier.start()
    for tier, topic in zip(Tier, (Topic.DAILY, Topic.STREAM, Topic.NAKED), strict=True):
        notifier.tell(notice(tier, topic, what="0.0123 BTC"))
    await notifier.close()
    assert discord.titles("info") == [title(Topic.DAILY, "ja")]
    assert discord.titles("warning") == [title(Topic.STREAM, "ja")]
    assert discord.titles("critical") == [title(Topic.NAKED, "ja")]
    (field,) = discord.delivered["critical"][0]["embeds"][0]["fields"]
    assert field == {"name": "詳細", "value": "0.0123 BTC", "inline": True}


async def test_a_flood_becomes_one_notice_and_one_with_a_count(make, discord):
    notifier = make(merge_s=0.5)
    await notifier.start()
    for number in range(1_000):
        notifier.tell(notice(Tier.WARNING, Topic.STREAM, number, what=f"number {number}"))
        if number == 0:
            await until(lambda: bool(discord.delivered["warning"]))
    await until(lambda: len(discord.titles("warning")) == 2)
    await asyncio.sleep(0.6)
    assert len(discord.titles("warning")) == 2
    merged = discord.delivered["warning"][1]
    assert "×999" in merged["content"]
    assert merged["embeds"][0]["fields"][0]["value"] == "number 999"


async def test_of_many_critical_notices_every_one_arrives_in_order_and_no_limit_is_broken(make, discord, spool):
    notifier = make()
    await notifier.start()
    for number in range(65):
        notifier.tell(notice(Tier.CRITICAL, Topic.NAKED, number, what=f"number {number}"))
    await until(lambda: len(discord.titles("critical")) == 65)
    told = [f["value"] for m in discord.delivered["critical"] for e in m["embeds"] for f in e["fields"]]
    assert told == [f"number {n}" for n in range(65)]
    assert 429 not in discord.statuses("critical")
    await until(lambda: not list(spool.iterdir()))


async def test_more_messages_than_discord_allows_are_spread_without_one_refusal(make, discord):
    notifier = make(merge_s=0.01)
    await notifier.start()
    begun = time.monotonic()
    for number in range(7):
        notifier.tell(notice(Tier.INFO, list(Topic)[number]))
        await until(lambda sent=number: len(discord.titles("info")) > sent)
    assert time.monotonic() - begun >= 2.0
    assert set(discord.statuses("info")) == {200}


async def test_a_429_is_waited_out_as_long_as_it_says_and_the_notice_arrives_once(make, discord):
    discord.script["critical"] = [(429, {"Retry-After": "9"}, {"retry_after": 0.4, "global": False})]
    notifier = make()
    await notifier.start()
    notifier.tell(notice(Tier.CRITICAL))
    await until(lambda: bool(discord.titles("critical")))
    (_, refused, _), (_, taken, _) = discord.requests
    assert 0.4 <= taken - refused < 3
    assert len(discord.titles("critical")) == 1


async def test_an_allowance_that_is_used_up_is_waited_for_before_it_is_refused(make, discord):
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.5"}
    discord.script["critical"] = [(200, spent, {})]
    notifier = make()
    await notifier.start()
    notifier.tell(notice(Tier.CRITICAL))
    await until(lambda: len(discord.requests) == 1)
    notifier.tell(notice(Tier.CRITICAL))
    await until(lambda: len(discord.requests) == 2)
    assert discord.requests[1][1] - discord.requests[0][1] >= 0.5


async def test_a_server_in_trouble_is_tried_again_until_it_takes_the_notice(make, discord):
    discord.script["critical"] = [(503, {}, {}), (502, {}, "<html>")]
    notifier = make()
    await notifier.start()
    notifier.tell(notice(Tier.CRITICAL))
    await until(lambda: bool(discord.titles("critical")))
    assert discord.statuses("critical") == [503, 502, 200]


async def test_a_message_that_is_refused_for_its_form_is_sent_in_plain_words(make, discord):
    discord.script["critical"] = [(400, {}, {"message": "Invalid Form Body"})]
    notifier = make()
    await notifier.start()
    notifier.tell(notice(Tier.CRITICAL, Topic.MARGIN, what="level 48 %"))
    await until(lambda: bool(discord.delivered["critical"]))
    (message,) = discord.delivered["critical"]
    assert "embeds" not in message
    assert "details: level 48 %" in message["content"]


async def test_what_is_critical_is_on_the_disk_before_it_is_sent_and_arrives_after_a_restart(make, discord, spool):
    discord.script["critical"] = [(500, {}, {})] * 100
    first = make()
    await first.start()
    first.tell(notice(Tier.CRITICAL, Topic.MARGIN, what="level 48 %"))
    first.tell(notice(Tier.INFO, Topic.DAILY))
    await until(lambda: len(discord.requests) >= 2)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if "Lane.run" in repr(task):
            task.cancel()  # the process is gone
    assert len(list(spool.iterdir())) == 1
    discord.script["critical"] = []
    second = make()
    await second.start()
    await until(lambda: bool(discord.titles("critical")))
    assert discord.titles("critical") == [title(Topic.MARGIN, "en")]
    assert discord.delivered["critical"][0]["embeds"][0]["timestamp"].startswith("2023-11-14T22:13:20")
    await until(lambda: not list(spool.iterdir()))


async def test_a_critical_notice_told_before_the_start_or_after_the_end_is_kept_for_the_next_start(make, discord):
    first = make()
    first.tell(notice(Tier.CRITICAL, Topic.CLOCK))
    await first.start()
    await first.close()
    first.tell(notice(Tier.CRITICAL, Topic.STOPPED, 1))
    first.tell(notice(Tier.WARNING, Topic.STREAM, 1))
    assert discord.titles("critical") == [title(Topic.CLOCK, "en")]
    await make().start()
    await until(lambda: len(discord.titles("critical")) == 2)
    assert discord.titles("critical")[1] == title(Topic.STOPPED, "en")
    assert not discord.titles("warning")


async def test_a_damaged_record_is_put_aside_and_the_others_arrive(make, discord, spool, log):
    spool.mkdir()
    (spool / "000-a.notice").write_text("{half", encoding="ascii")
    (spool / "001-b.notice").write_text(
        '{"tier": "CRITICAL", "topic": "gone", "at": 1, "values": {}}', encoding="ascii"
    )
    first = make()
    first.tell(notice(Tier.CRITICAL))
    await first.start()
    await until(lambda: bool(discord.titles("critical")))
    await first.close()
    assert sorted(path.name for path in spool.iterdir()) == ["000-a.damaged", "001-b.damaged"]
    assert [line["level"] for line in log() if "cannot be read" in line["event"]] == ["error", "error"]


async def test_when_the_critical_webhook_is_deleted_another_one_is_used(make, discord):
    discord.missing.add("critical")
    notifier = make()
    await notifier.start()
    notifier.tell(notice(Tier.CRITICAL, Topic.FOREIGN))
    await until(lambda: bool(discord.titles("warning")))
    assert discord.titles("warning") == [title(Topic.FOREIGN, "en")]


async def test_a_broken_webhook_holds_no_other_tier_up(make, discord):
    discord.missing.add("info")
    notifier = make()
    await notifier.start()
    notifier.tell(notice(Tier.INFO))
    await until(lambda: len(discord.requests) == 1)
    notifier.tell(notice(Tier.WARNING))
    await until(lambda: bool(discord.titles("warning")), 2)


async def test_without_a_webhook_each_notice_is_in_the_log_at_its_level_and_nothing_is_kept(make, spool, log):
    notifier = make(addresses=Webhooks())
    await notifier.start()
    for tier in Tier:
        notifier.tell(notice(tier, Topic.EXCHANGE, what="maintenance"))
    await notifier.close()
    told = [line for line in log() if line["event"] == "notice"]
    assert [line["level"] for line in told] == ["info", "warning", "critical"]
    assert told[0]["topic"] == "exchange"
    assert told[0]["values"] == {"what": "maintenance"}
    assert not spool.exists()


async def test_what_is_less_urgent_than_is_set_is_logged_and_not_sent(make, discord, log):
    notifier = make(least=Tier.WARNING)
    await notifier.start()
    notifier.tell(notice(Tier.INFO))
    notifier.tell(notice(Tier.WARNING))
    await notifier.close()
    assert not discord.titles("info")
    assert discord.titles("warning")
    assert len([line for line in log() if line["event"] == "notice"]) == 2


async def test_telling_touches_neither_disk_nor_network(make, discord, spool):
    notifier = make()
    await notifier.start()
    discord.script["critical"] = [(500, {}, {})] * 1_000
    for number in range(20):
        notifier.tell(notice(Tier.CRITICAL, at=number))
    assert not spool.exists()  # the disk is left to a thread, the network to later
    assert not discord.requests
    await until(lambda: len(list(spool.glob("*.notice"))) == 20)


async def test_a_disk_that_refuses_the_record_does_not_keep_the_notice_from_being_sent(make, discord, spool, log):
    spool.write_text("a file where the folder should be", encoding="ascii")
    notifier = make()
    await notifier.start()
    notifier.tell(notice(Tier.CRITICAL))
    await until(lambda: bool(discord.titles("critical")))
    assert [line["level"] for line in log() if "could not be kept" in line["event"]] == ["critical"]


async def test_closing_ends_within_seconds_even_if_nothing_can_be_delivered(make, discord, spool):
    discord.script["critical"] = [(500, {}, {})] * 1_000
    notifier = make()
    await notifier.start()
    notifier.tell(notice(Tier.CRITICAL))
    await until(lambda: bool(discord.requests))
    async with asyncio.timeout(10):
        await notifier.close()
    assert len(list(spool.iterdir())) == 1
    await notifier.close()


async def test_no_secret_is_in_any_message_record_or_log_line(make, discord, spool, log, tmp_path):
    discord.missing.add("info")
    discord.script["critical"] = [(500, {}, {}), (302, {"Location": discord.url("warning")}, {})]
    notifier = make()
    await notifier.start()
    dead = make(addresses=Webhooks(*["http://127.0.0.1:1/api/webhooks/1/canary-dead-4711"] * 3))
    await dead.start()
    for each in (notifier, dead):
        for tier in Tier:
            each.tell(notice(tier, Topic.REFUSED, what=f"key {KEY} at {discord.url('info')}"))
    await until(lambda: bool(discord.titles("critical")) and bool(discord.titles("warning")))
    await notifier.close()
    await dead.close()
    assert "canary" not in str(discord.delivered)
    assert "canary" not in "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file())
    assert list(spool.glob("*.notice"))
