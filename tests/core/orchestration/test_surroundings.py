"""Rules and clock of the exchange beside what is taken for granted: told once, again each day, and when it is over."""

from types import SimpleNamespace

from src.core.clock import ManualClock
from src.core.config import load_config
from src.core.domain.journal import Kind
from src.core.domain.notices import Tier, Topic
from src.core.domain.orders import EntryKind
from src.core.domain.time import DAY, MINUTE, Millis
from src.core.orchestration.drill.venue import PRICE
from src.core.orchestration.live_wiring import _clock_skew
from src.core.orchestration.surroundings import Surroundings
from src.core.orchestration.wiring import bitbank_margin
from src.data.api_keys import ApiKeys
from src.trading.executor import Outcome
from tests.parity.test_live_engine import JumpingClock, Listener
from tests.scenarios.made_trader import Trader
from tests.trading.test_fact_table import FACTS
from tests.trading.test_fact_table import PAIR as REPORTED

PAIR = REPORTED._replace(flags=frozenset())


class Desk:
    def __init__(self) -> None:
        self.lines, self.listener, self.clock, self.skew = [], Listener(), JumpingClock(0), 0

        async def append(*entries):
            self.lines += entries

        self.executor = SimpleNamespace(pair=PAIR, clock_off=False)
        parts = SimpleNamespace(
            clock=self.clock,
            journal=SimpleNamespace(append=append),
            notifier=self.listener,
            facts=FACTS,
            clock_skew=lambda: self.skew,
            most_skew_ms=2_000,
        )
        self.looks = Surroundings(parts, self.executor)

    async def look(self, after: int = 0):
        """Look once; return what was told of it."""
        before = len(self.listener.told)
        self.clock.reach(self.clock.now() + after)
        await self.looks.look()
        return [(told.tier, told.topic) for told in self.listener.told[before:]]


async def test_rules_as_assumed_are_written_down_each_day_and_not_told():
    desk = Desk()
    assert await desk.look() == await desk.look(MINUTE) == await desk.look(DAY) == []
    assert [(line.kind, line.body["differences"]) for line in desk.lines] == [(Kind.RULES, [])] * 2


async def test_a_difference_is_told_once_then_each_day_and_when_it_is_over():
    desk = Desk()
    await desk.look()
    desk.executor.pair = PAIR._replace(open_taker_ppm=1_200, flags=frozenset({"stop_order"}))
    assert await desk.look(MINUTE) == [(Tier.WARNING, Topic.RULES)]
    said = desk.listener.told[-1].values["what"]
    assert "fee of opening as taker" in said
    assert "stop_order" in said
    assert await desk.look(MINUTE) == []
    assert await desk.look(DAY) == [(Tier.WARNING, Topic.RULES)]
    desk.executor.pair = PAIR
    assert await desk.look(MINUTE) == [(Tier.INFO, Topic.RULES)]
    assert await desk.look(DAY) == []


async def test_rules_that_are_not_known_are_no_difference():
    desk = Desk()
    desk.executor.pair = None
    assert await desk.look() == []
    assert desk.lines == []


async def test_a_clock_that_is_off_is_told_once_and_forbids_new_positions_while_it_lasts():
    desk = Desk()
    desk.skew = -2_000
    assert await desk.look() == []
    desk.skew = -2_001
    assert await desk.look() == [(Tier.CRITICAL, Topic.CLOCK)]
    assert desk.executor.clock_off
    assert await desk.look(MINUTE) == []
    desk.skew = 0
    assert await desk.look(MINUTE) == [(Tier.INFO, Topic.CLOCK)]
    assert not desk.executor.clock_off


async def test_nothing_is_opened_with_a_clock_that_is_off_and_what_rests_is_taken_back(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.LIMIT).start()
    trader.venue.quote(PRICE + 5_000)
    await trader.enter()
    assert len(trader.resting()) == 1
    trader.engine.clock_off = True
    await trader.live()
    assert trader.resting() == ()
    assert await trader.enter() is Outcome.CLOCK
    trader.engine.clock_off = False
    await trader.live()
    assert await trader.enter() is Outcome.SENT


def test_a_live_trader_is_told_the_facts_and_asks_the_exchange_for_its_clock():
    settings = load_config("config/production/base.yaml", {})
    exchange = bitbank_margin(settings, ManualClock(Millis(0)), ApiKeys("k" * 20, "s" * 20))
    assert _clock_skew(exchange)() == 0
    exchange._calls.offset.observe("Thu, 01 Jan 1970 00:01:00 GMT", Millis(0), Millis(0))
    assert _clock_skew(exchange)() == 60_000
