"""A trader beside the backtest of its hours: nothing differs in bar mode, and what is made to differ is told."""

import asyncio

import numpy as np
import pytest

from src.backtest.gap import Parts
from src.core.domain.journal import Verb
from src.core.domain.market import BTC_JPY
from src.core.domain.time import BAR_15M, DAY, Millis
from src.core.orchestration.orchestrator import Tick
from src.core.orchestration.questions.comparing import compare_journal, comparison_plain
from src.core.orchestration.questions.comparison_page import CAUSE_WORDS, PART_WORDS, comparison_tables
from src.core.orchestration.questions.divergence import Cause
from src.trading.journal import CommandDesk, JournalReader
from src.trading.journal.database import database_url
from tests.parity.test_live_engine import LiveDesk
from tests.trader_journal import DAYS, FIRST, sample_world

ALWAYS = Millis(2**62)
NOON = Millis(FIRST + DAY // 2)


def beside(traded, journal, after=0, until=ALWAYS):
    with JournalReader(database_url(journal, {})) as reader:
        return compare_journal(reader, traded.settings, "sample", Millis(after), until)


@pytest.fixture(scope="module")
def world(traded):
    return sample_world(traded.settings, 2)


def run(desk) -> None:
    asyncio.run(desk.run())


def test_in_bar_mode_no_decision_and_no_unit_differs(traded):
    found = beside(traded, traded.journal)
    assert found.divergences == ()
    assert found.parts == Parts()
    assert found.billed == found.supposed != 0
    assert found.refolded == found.decided == found.bars == DAYS * 96
    assert any(each.billed.out.fills for each in found.pairs)


@pytest.mark.parametrize("hours", [7, 31])
def test_a_stretch_may_begin_in_the_middle_with_the_traders_own_memory(traded, hours):
    found = beside(traded, traded.journal, FIRST + hours * 4 * BAR_15M, FIRST + 3 * DAY)
    assert (found.divergences, found.parts) == ((), Parts())
    assert found.first > FIRST + hours * 4 * BAR_15M
    assert found.last == FIRST + 3 * DAY


def test_what_another_fee_costs_is_told_as_fee(traded, world, tmp_path):
    dearer = np.full_like(world.tape.taker_fee_ppm, 1_100)
    desk = LiveDesk(world._replace(tape=world.tape._replace(taker_fee_ppm=dearer)), tmp_path, traded.settings)
    run(desk)
    found = beside(traded, tmp_path / "journal.db")
    assert found.holds
    assert found.parts.total == found.billed - found.supposed
    assert found.parts.fee < 0
    closed = [each for each in found.pairs if each.billed and each.supposed and each.billed.out.fills]
    assert closed
    assert {each.origin.cause for each in found.divergences} <= {Cause.RATES, Cause.FEES, Cause.FILL_PRICE}


def test_a_spread_that_only_the_trader_saw_is_told_as_the_market(traded, world, tmp_path):
    wide = world._replace(market=world.market._replace(spread_ppm=5_000))
    run(LiveDesk(wide, tmp_path, traded.settings))
    found = beside(traded, tmp_path / "journal.db")
    assert found.billed == 0
    assert found.divergences[0].origin.cause is Cause.MARKET
    alone = sum(each.supposed.net for each in found.pairs)
    assert found.parts == Parts(supposed_alone=-alone)
    assert found.parts.total == -found.supposed


class Absent(LiveDesk):
    """A trader that was not there while its exchange went on: some hours of bars never reached it."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self._whole = list(self.bars)

    async def run(self) -> None:
        handle = None
        await self.open()
        handle, self.trader.handle = self.trader.handle, lambda work: self._perhaps(handle, work)
        self.open = self._opened
        await super().run()

    async def _opened(self) -> None:
        pass

    async def _perhaps(self, handle, work) -> None:
        away = NOON <= self.exchange.now < NOON + DAY // 2
        if not (away and hasattr(work, "closed_at")):
            await handle(work)


def test_bars_without_a_trader_come_first(traded, world, tmp_path):
    run(Absent(world, tmp_path, traded.settings))
    found = beside(traded, tmp_path / "journal.db")
    gone = [each for each in found.divergences if each.billed is None]
    assert len(gone) == 48
    assert {each.origin.cause for each in gone} == {Cause.ABSENT}
    assert found.bars - found.decided == 48
    assert found.divergences[0].closed_at == NOON
    assert {each.origin.at for each in found.divergences if each.origin.cause is Cause.ABSENT} == {NOON}
    assert found.parts.total == found.billed - found.supposed
    assert found.holds


class Commanded(LiveDesk):
    """A trader that a person halts at noon."""

    async def _react(self) -> None:
        if self.exchange.now == NOON and not self.trader.executor.book.halted:
            with CommandDesk(database_url(self.folder / "journal.db", {})) as desk:
                desk.leave(Verb.FLATTEN, "lunch", NOON)
            await self.trader.handle(Tick(NOON))
        await super()._react()


def test_a_persons_command_is_told_as_that(traded, world, tmp_path):
    run(Commanded(world, tmp_path, traded.settings))
    found = beside(traded, tmp_path / "journal.db")
    assert found.divergences
    assert {each.origin.cause for each in found.divergences} <= {Cause.COMMAND, Cause.NOT_SENT}
    assert found.holds


def test_the_page_has_words_for_every_cause_and_part_in_both_languages(traded, capsys):
    assert CAUSE_WORDS.keys() == set(Cause)
    assert PART_WORDS.keys() == set(Parts._fields)
    found = beside(traded, traded.journal)
    for language in ("ja", "en"):
        assert comparison_tables(found, BTC_JPY, language).renderables
    plain = comparison_plain(found, BTC_JPY)
    assert plain["gap_jpy"] == "0.0000"
    assert set(plain["parts_jpy"]) == set(Parts._fields)
