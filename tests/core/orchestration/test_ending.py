"""The end of a running trader that somebody asks for: inside ten seconds, and it says what it leaves."""

import asyncio
from types import SimpleNamespace

import pytest

from src.core.config import load_config
from src.core.domain.journal import Kind
from src.core.domain.notices import Tier, Topic
from src.core.exceptions import HaltTrading, LeaseLost
from src.core.orchestration import orchestrator
from src.core.orchestration.orchestrator import Job, Orchestrator, Tick, _Ready
from src.core.orchestration.wiring import core_params
from tests.parity.test_live_engine import JumpingClock, Listener

BARE = {"position": -20, "protected": 0, "orders": [7], "doubt": 3}
SAFE = {"position": 20, "protected": 20, "orders": [], "doubt": None}


class Desk:
    def __init__(self, monkeypatch, withdraw, left=SAFE) -> None:
        for name in ("FINISH_S", "ENDING_S", "LAST_WORDS_S"):
            monkeypatch.setattr(orchestrator, name, 0.05)
        self.lines, self.listener = [], Listener()

        async def append(*entries):
            self.lines += entries

        journal = SimpleNamespace(append=append)
        settings = load_config("config/paper/base.yaml")
        parts = SimpleNamespace(
            clock=JumpingClock(0), journal=journal, notifier=self.listener, watch_ms=1_000, params=core_params(settings)
        )
        self.trader = Orchestrator(settings)
        executor = SimpleNamespace(withdraw=withdraw, left_behind=lambda: dict(left), is_bare=lambda: left is BARE)
        self.ready = self.trader._ready = _Ready(parts, executor)

    async def leave(self):
        await self.trader._leave_in_order(self.ready)
        (line,), (told,) = self.lines, self.listener.told
        assert (line.kind, told.topic) == (Kind.STOPPED, Topic.STOPPED)
        return line.body, told


async def hanging():
    await asyncio.Event().wait()


async def at_once():
    return True


async def test_what_is_left_is_written_down_and_told(monkeypatch):
    body, told = await Desk(monkeypatch, at_once).leave()
    assert body == SAFE | {"cut_off": ""}
    assert told.tier is Tier.INFO
    assert told.values == {"position": "20", "protected": "20"}


async def test_a_withdrawal_that_takes_too_long_is_cut_off_and_said(monkeypatch):
    body, told = await Desk(monkeypatch, hanging, BARE).leave()
    assert body["cut_off"] == told.values["cut_off"] != ""
    assert told.tier is Tier.CRITICAL  # a position without a stop is left
    assert (told.values["orders"], told.values["doubt"]) == ("[7]", "3")


async def test_it_tries_again_until_all_is_in_order(monkeypatch):
    tries = []

    async def at_the_third():
        tries.append(1)
        return len(tries) == 3

    body, told = await Desk(monkeypatch, at_the_third).leave()
    assert (len(tries), body["cut_off"], told.tier) == (3, "", Tier.INFO)


async def test_a_refused_key_does_not_keep_it_from_ending(monkeypatch):
    async def refused():
        raise HaltTrading("the key was revoked", remedy="make a new one")

    body, told = await Desk(monkeypatch, refused).leave()
    assert body["cut_off"] == "the key was revoked"
    assert told.tier is Tier.WARNING


async def dealing(desk, handle, *watched):
    desk.trader.handle = handle
    job = Job(Tick(0), asyncio.Event())
    await asyncio.wait_for(desk.trader._deal(job, watched), 5)
    return job.done.is_set()


async def test_what_is_being_done_is_waited_for_only_so_long(monkeypatch):
    desk = Desk(monkeypatch, at_once)
    before = asyncio.all_tasks()
    stop = asyncio.create_task(at_once())
    assert not await dealing(desk, lambda work: hanging(), stop)
    assert desk.ready.cut_off == "Tick"
    assert asyncio.all_tasks() == before  # nothing of it goes on
    assert await dealing(desk, lambda work: asyncio.sleep(0.01), stop)


async def test_a_lost_lease_ends_what_is_being_done(monkeypatch):
    desk = Desk(monkeypatch, at_once)

    async def lost():
        raise LeaseLost("another has it", remedy="stop")

    before = asyncio.all_tasks()
    keeper = asyncio.create_task(lost())
    with pytest.raises(LeaseLost):
        await dealing(desk, lambda work: hanging(), keeper)
    assert asyncio.all_tasks() == before


async def test_a_start_that_fails_lets_everything_go_and_a_market_moves_only_once_it_sees_who_works():
    begun, ended = [], []

    async def drive():
        begun.append("driver")
        await hanging()

    async def acquire():
        assert begun == ["driver"]
        raise LeaseLost("another has it", remedy="stop")

    def ends(name):
        async def end():
            ended.append(name)

        return end

    async def open_page(health):
        return ends("page")

    journal = SimpleNamespace(acquire=acquire, release=ends("lease"), close=ends("journal"))
    parts = SimpleNamespace(
        open_page=open_page,
        drive=drive,
        journal=journal,
        exchange=SimpleNamespace(close=ends("exchange")),
        notifier=SimpleNamespace(close=ends("notifier")),
        close=ends("connections"),
    )
    before = asyncio.all_tasks()
    with pytest.raises(LeaseLost):
        await Orchestrator(load_config("config/paper/base.yaml"), parts).run_until(0)
    assert sorted(ended) == ["connections", "exchange", "journal", "lease", "notifier", "page"]
    assert asyncio.all_tasks() == before


async def test_an_error_of_what_is_being_done_comes_out(monkeypatch):
    async def broken(work):
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        await dealing(Desk(monkeypatch, at_once), broken, asyncio.create_task(asyncio.sleep(0)))
