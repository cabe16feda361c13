"""Faults of months of running: state lost with the disk, two instances at once, a secret with a line break, floods."""

import asyncio
from pathlib import Path

import pytest

from src.core.clock import ManualClock
from src.core.domain.journal import Entry, Kind, Verb
from src.core.domain.market import BTC_JPY
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import Millis
from src.core.exceptions import LeaseLost
from src.monitoring.discord_notifier import DiscordNotifier
from src.monitoring.webhooks import Webhooks, webhooks
from src.trading.journal import CommandDesk, LeaseTerms, database_url, open_journal
from tests.monitoring.fake_discord import FakeDiscord

START = Millis(1_700_000_000_000)
TERMS = LeaseTerms()


async def test_drawdown_state_and_timers_are_lost_at_each_revision(tmp_path):
    url, clock = database_url(tmp_path / "live.db", {}), ManualClock(START)
    old = await open_journal(url, clock, terms=TERMS)
    assert await old.acquire()
    state = {"halted": True, "peak": 12_345_678_901_234, "resume_at": START + 3_600_000, "share": 0.1 + 0.2}
    await old.append(Entry(Kind.STATE, START, state))
    with CommandDesk(url) as desk:
        desk.leave(Verb.HALT, "by hand", START)
    await old.release()
    await old.close()
    new = await open_journal(url, clock, terms=TERMS)
    assert await new.acquire()
    found = await new.last(Kind.STATE)
    assert found is not None
    assert found.entry.body == state
    assert [command.verb for command in await new.commands()] == [Verb.HALT]
    await new.close()


async def test_two_instances_of_a_rolling_deploy_run_at_once(tmp_path):
    url, clock = database_url(tmp_path / "live.db", {}), ManualClock(START)
    old, new = [await open_journal(url, clock, terms=TERMS) for _ in range(2)]
    assert await old.acquire()
    assert not await new.acquire()
    with pytest.raises(LeaseLost):
        await new.append(Entry(Kind.INTENT, START, {"number": 1}))
    clock.advance_to(Millis(START + TERMS.length_ms))  # the old one was asleep: it must not send before it has asked
    assert not old.holds_lease()
    with pytest.raises(LeaseLost):
        await old.append(Entry(Kind.INTENT, START, {"number": 1}))
    assert await old.entries() == []
    await old.close()
    await new.close()


def test_a_secret_with_a_line_break_at_its_end_breaks_the_webhook():
    assert webhooks({"DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/abcdefgh\r\n"}).critical.endswith("gh")


async def tell(discord: FakeDiscord, spool: Path, notices: list[Notice], seconds: float) -> None:
    url = discord.url("all")
    notifier = DiscordNotifier(Webhooks(url, url, url), "ja", spool, where="live BTC/JPY", pair=BTC_JPY, merge_s=60.0)
    await notifier.start()
    for notice in notices:
        notifier.tell(notice)
    await asyncio.sleep(seconds)
    await notifier.close()


async def test_discord_refuses_texts_that_are_not_ascii(tmp_path):
    notice = Notice(Tier.CRITICAL, Topic.NAKED, START, {"what": '建玉 "0.01" BTC\n\\ 🚀 \u2028 \ud83d'})
    async with FakeDiscord() as discord:
        await tell(discord, tmp_path / "spool", [notice], 0.0)
        assert discord.statuses("all") == [200]
        shown = discord.delivered["all"][0]["embeds"][0]["fields"][0]["value"]
    assert '建玉 "0.01" BTC\n\\ 🚀' in shown


async def test_discord_is_flooded_until_it_refuses_everything(tmp_path):
    storm = [Notice(Tier.WARNING, Topic.REFUSED, Millis(START + n), {"code": "60001"}) for n in range(5_000)]
    async with FakeDiscord() as discord:
        await tell(discord, tmp_path / "spool", storm, 0.5)
        assert len(discord.requests) <= 2
        assert discord.statuses("all") == [200] * len(discord.requests)


async def test_an_error_in_telling_leads_to_another_notice_and_so_on_for_ever(tmp_path):
    async with FakeDiscord() as discord:
        discord.script["all"] = [(400, {}, {"message": "Invalid Form Body"})] * 1_000
        await tell(discord, tmp_path / "spool", [Notice(Tier.CRITICAL, Topic.MARGIN, START, {"what": "x"})], 2.0)
        assert len(discord.requests) <= 10  # with embeds and without, after pauses that double
    assert len(list((tmp_path / "spool").glob("*.notice"))) == 1
