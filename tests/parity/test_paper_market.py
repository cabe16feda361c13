"""Paper trading against the backtest: a trader with tasks and a clock, over restarts and bars that do not come."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import numpy as np
import pytest

from src.backtest.simulated_exchange import margin_fees
from src.core.clock import ManualClock, SystemClock
from src.core.domain.candles import Candles
from src.core.domain.events import OrderSeen, StreamUp
from src.core.domain.market import BTC_JPY, Bar, Money
from src.core.domain.time import BAR_15M, Millis
from src.core.exceptions import ConfigError, SkipBar, StoreDamaged
from src.core.orchestration.bar_costs import BarCosts
from src.core.orchestration.paper_market import BEHIND, EARLY, PaperAccount, paper_clock
from tests.backtest.made_worlds import Made, made_world, run_fold
from tests.backtest.scripted import Scripted, scripted
from tests.parity.plain_trader import PlainTrader
from tests.parity.test_bar_mode import bars_of, differences, fees_for, rules_for, switches_for, terms_for


class NoMore(Exception):
    """The source has given all it has."""


class Given:
    """A source of bars that are known at once; None stands for one that did not come."""

    def __init__(self, bars: list[Bar | None]) -> None:
        self.bars = list(bars)

    async def next_bar(self) -> Bar:
        await asyncio.sleep(0)
        if not self.bars:
            raise NoMore
        bar = self.bars.pop(0)
        if bar is None:
            raise SkipBar("it did not come", remedy="none")
        return bar


def opened(path, made: Made, start: int | None = None, **changed) -> PaperAccount:
    fees = fees_for(made)
    costs = BarCosts(terms_for(made), rules_for(made), switches_for(made), lambda at: margin_fees(*fees[at]))
    begin = bars_of(made)[0].closed_at - BAR_15M if start is None else start
    return PaperAccount(path, costs._replace(**changed), BTC_JPY, cash=Money(made.cash), start=Millis(begin))


class MarketsClock:
    """Shows when it is the market that waits: then everybody has done what there was to do."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.waits = clock, False

    def now(self) -> Millis:
        return self.clock.now()

    async def sleep_until(self, at: Millis) -> None:
        self.waits = at > self.clock.now()
        await self.clock.sleep_until(at)
        self.waits = False


class Room:
    """A trader with two tasks, one that reads events and one that cancels what has rested for long, on one clock."""

    def __init__(
        self, account: PaperAccount, made: Made, clock: ManualClock, trader: PlainTrader | None = None
    ) -> None:
        self.account, self.clock, self.markets = account, clock, MarketsClock(clock)
        self.port = account.port(made.market.latency_ms)
        self.trader = trader or PlainTrader(self.port, made.tape, made.params, made.market, made.cash)
        self.trader.port = self.port
        self.place = {bar.closed_at: i for i, bar in enumerate(bars_of(made))}

    async def trade(self, source: Given) -> None:
        """Trade until the source has no more bars."""
        tasks = [asyncio.create_task(act()) for act in (self._read, self._drive)]
        try:
            await self._follow(source)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def _follow(self, source: Given) -> None:
        bars, running = self.account.bars(source, self.markets), set()
        while True:
            try:
                bar = await bars.next_bar()
            except SkipBar:
                continue
            except NoMore:
                break
            await self.trader.on_close(self.place[bar.closed_at], bar)
            if self.trader.entry_id is not None and self.trader.expires_at:
                running.add(asyncio.create_task(self._expire(self.trader.entry_id, self.trader.expires_at)))
        for task in running:
            task.cancel()

    async def _expire(self, entry_id: int, at: int) -> None:
        await self.clock.sleep_until(Millis(at))
        if self.trader.entry_id == entry_id and self.clock.now() == at:
            await self.trader.on_time()

    async def _read(self) -> None:
        while True:
            event = await self.port.next_event()
            await asyncio.sleep(0)  # a reader takes its time
            await self.trader.on_event(event)

    async def _drive(self) -> None:
        while True:
            for _ in range(5):  # whoever is about to sleep gets to it
                await asyncio.sleep(0)
            wake = self.clock.next_wake()
            if wake is not None and self.markets.waits:
                self.clock.advance_to(wake)


@pytest.mark.parametrize("seed", [1, 2, 3, 25])
async def test_a_paper_trader_gets_what_the_backtest_says(seed, tmp_path):
    made = made_world(seed)
    room = Room(opened(tmp_path / "paper.json", made), made, ManualClock(Millis(0)))
    await room.trade(Given(bars_of(made)))
    assert differences(run_fold(made), room.trader, told_late=1)[:5] == []


async def test_a_paper_account_goes_on_after_a_restart_at_any_bar(tmp_path):
    made = made_world(3)
    bars, path = bars_of(made), tmp_path / "paper.json"
    trader, clock = None, ManualClock(Millis(0))
    for first in range(0, len(bars), 37):
        room = Room(opened(path, made), made, clock, trader)
        await room.trade(Given(bars[max(first - 1, 0) : first + 37]))
        trader = room.trader
    assert differences(run_fold(made), trader, told_late=1)[:5] == []


async def test_orders_and_positions_are_on_disk_before_their_answer_is_given(tmp_path):
    made = scripted([(1_000, 1_010, 990, 1_000)] * 6, {1: 1})
    path = tmp_path / "paper.json"
    room = Room(opened(path, made), made, ManualClock(Millis(0)))
    seen: list[int] = []

    async def note(event) -> None:
        if isinstance(event, OrderSeen):
            seen.append(len(await PaperOf(path, made).active()))
        await on_event(event)

    on_event: Callable[[object], Awaitable[None]] = room.trader.on_event
    room.trader.on_event = note
    await room.trade(Given(bars_of(made)))
    assert await PaperOf(path, made).lots() == 1
    assert 1 in seen


class PaperOf:
    """What a paper account's file says."""

    def __init__(self, path, made: Made) -> None:
        self.port = opened(path, made).port(0)

    async def active(self):
        return await self.port.active_orders()

    async def lots(self) -> int:
        return (await self.port.account()).long.lots


async def test_orders_wait_over_a_bar_that_did_not_come(tmp_path):
    made = scripted(
        [(1_000, 1_010, 990, 1_000)] * 3 + [(1_200, 1_210, 1_190, 1_200)] * 3, {1: 1}, times=[0, 1, 2, 4, 5, 6]
    )
    bars = bars_of(made)
    room = Room(opened(tmp_path / "paper.json", made), made, ManualClock(Millis(0)))
    await room.trade(Given([*bars[:3], None, *bars[3:]]))
    assert differences(run_fold(made), room.trader, told_late=1) == []


async def test_what_happens_while_nobody_is_there_happens_to_what_rests_on_the_exchange(tmp_path):
    made = scripted(
        [(1_000, 1_010, 990, 1_000)] * 4 + [(1_000, 1_010, 850, 1_000)] + [(1_000, 1_010, 990, 1_000)] * 3,
        {1: 1},
        strategy=Scripted(stop=100.0, target=0.0),
    )
    bars, path = bars_of(made), tmp_path / "paper.json"
    room = Room(opened(path, made), made, ManualClock(Millis(0)))
    await room.trade(Given(bars[:4]))
    assert await PaperOf(path, made).lots() == 1
    again = opened(path, made)
    assert again.catch_up(Candles.of(bars[:7])) == 3
    port = again.port(0)
    fills = await port.fills(0, Millis(0))
    assert [fill.price for fill in fills] == [1_000, 900]
    assert (await port.account()).long.lots == 0
    assert again.exchange.now == bars[6].closed_at
    assert again.catch_up(Candles.of(bars[:7])) == 0


def test_the_stored_bars_before_a_new_account_are_its_past(tmp_path):
    made = made_world(1)
    bars = bars_of(made)
    account = opened(tmp_path / "paper.json", made, start=bars[9].closed_at)
    assert account.catch_up(Candles.of(bars[:10])) == 0
    assert account.market.played.last == bars[9].close
    assert account.catch_up(Candles.empty()) == 0


def test_an_account_opened_with_other_costs_is_refused_and_named(tmp_path):
    made = made_world(1)
    path = tmp_path / "paper.json"
    opened(path, made)
    with pytest.raises(ConfigError, match="other costs \\(switches\\)"):
        opened(path, made, switches=switches_for(made)._replace(interest_hour=23))
    with pytest.raises(ConfigError, match="other costs \\(terms\\)"):
        opened(path, made, terms=terms_for(made)._replace(slippage_ppm=9))
    opened(path, made)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "paper.json"
    path.write_text("{}")
    with pytest.raises(StoreDamaged):
        opened(path, made_world(1))


async def test_a_paper_traders_clock_is_late_by_a_bar_and_by_the_time_until_a_candle_is_known():
    clock = SystemClock()
    late = paper_clock(clock, BAR_15M)
    assert BAR_15M + BEHIND - 1_000 < clock.now() - late.now() <= BAR_15M + BEHIND
    before = clock.now()
    await late.sleep_until(Millis(late.now() + 30))
    assert clock.now() - before >= 30
    assert EARLY < BEHIND


async def test_a_new_port_says_first_that_its_streams_are_up(tmp_path):
    port = opened(tmp_path / "paper.json", made_world(1)).port(0)
    assert [type(await port.next_event()) for _ in range(2)] == [StreamUp, StreamUp]
    assert np.isfinite((await port.account()).cash)
