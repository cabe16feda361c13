"""The drill itself: a sample of it holds, it kills where it says, and its audit notices what it is there to notice."""

from pathlib import Path

import pytest

from src.core.domain.journal import Kind
from src.core.exceptions import OutcomeUnknown
from src.core.orchestration.drill.audit import findings
from src.core.orchestration.drill.cell import Cell, Rig, lay_out, make_template, run_cell
from src.core.orchestration.drill.faults import CLEAN, FAULTS, Effect
from src.core.orchestration.drill.faulty_port import FaultyPort
from src.core.orchestration.drill.lives import LIVES
from src.core.orchestration.drill.matrix import drill, tally
from src.core.orchestration.drill.report import failures, summary, table
from src.core.orchestration.drill.tripwire import Killed, Tripwire
from src.trading import executor as engine
from src.trading.executor import Executor
from src.trading.intents import Fate, Finding

BY_NAME = {fault.name: fault for fault in FAULTS}


async def lived(tmp_path, cell):
    """A rig that has lived a cell, with its book and journal."""
    folder = tmp_path / "lived"
    lay_out(folder, await make_template(tmp_path))
    rig = Rig(cell, folder)
    book, entries, broken = await rig.trade(Tripwire())
    assert broken == ""
    return rig, book, entries


async def result_of(tmp_path, cell):
    return await run_cell(cell, tmp_path / "cell", await make_template(tmp_path))


@pytest.mark.no_cover
async def test_a_sample_of_the_matrix_holds():
    drilled = [cell async for cell in drill(sample=60, seed=11)]
    assert failures(drilled) == []
    assert len(drilled) > 40
    assert any(cell.result.recovered for cell in drilled)
    assert "0 failed" in summary(drilled)
    assert sum(found.cells for found in tally(drilled).values()) == len(drilled)
    assert any("never killed" in line for line in table(drilled))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.no_cover
async def test_every_fault_strikes_in_some_life_and_nothing_is_lost(fault, tmp_path):
    for number, life in enumerate(LIVES):
        folder = tmp_path / str(number)
        folder.mkdir()
        result = await result_of(folder, Cell(life, fault, reserve=number % 2 == 0))
        assert result.wrong == ()
        if result.struck or fault is CLEAN:
            return
    raise AssertionError(f"{fault.name} never strikes")


async def test_a_step_that_is_never_reached_is_no_success(tmp_path):
    with pytest.raises(RuntimeError, match="not reached"):
        await result_of(tmp_path, Cell(LIVES[0], CLEAN, True, step=100_000))


async def test_the_wire_kills_before_or_after_its_step():
    for after, done in ((False, []), (True, ["done"])):
        wire, seen = Tripwire(2, after=after), []
        async with wire.step("one"):
            pass
        with pytest.raises(Killed):
            async with wire.step("two"):
                seen.append("done")
        assert seen == done


async def test_a_kill_is_not_swallowed_by_what_handles_errors():
    wire = Tripwire(1, after=True)
    with pytest.raises(Killed):
        async with wire.step("one"):
            raise OutcomeUnknown("no answer", remedy="read back")


async def test_the_audit_notices_an_order_sent_twice(tmp_path):
    rig, book, entries = await lived(tmp_path, Cell(LIVES[0], CLEAN, True))
    assert findings(rig.venue, rig.port, book, entries, 10_000) == []
    rig.port.sent.append(rig.port.sent[0])
    assert any("without an intent of its own" in line for line in findings(rig.venue, rig.port, book, entries, 10_000))


async def test_the_audit_notices_an_order_that_the_journal_does_not_know(tmp_path):
    rig, book, entries = await lived(tmp_path, Cell(LIVES[0], CLEAN, True))
    without = [stored for stored in entries if stored.entry.kind is not Kind.OUTCOME]
    assert any("unknown to the journal" in line for line in findings(rig.venue, rig.port, book, without, 10_000))


async def test_the_audit_notices_a_trade_that_was_not_booked(tmp_path):
    rig, book, entries = await lived(tmp_path, Cell(LIVES[1], CLEAN, True))
    fills = [stored for stored in entries if stored.entry.kind is Kind.FILL]
    without = [stored for stored in entries if stored is not fills[-1]]
    assert any("trades" in line for line in findings(rig.venue, rig.port, book, without, 10_000))


async def test_the_audit_notices_one_unit_of_money(tmp_path):
    rig, book, entries = await lived(tmp_path, Cell(LIVES[0], CLEAN, True))
    wrong = book._replace(cash=book.cash + 1)
    assert any("cash" in line for line in findings(rig.venue, rig.port, wrong, entries, 10_000))


async def test_the_audit_notices_a_position_that_stays_naked(tmp_path):
    rig, book, entries = await lived(tmp_path, Cell(LIVES[0], CLEAN, True))
    assert rig.venue.watch.longest > 0
    assert any("naked" in line for line in findings(rig.venue, rig.port, book, entries, rig.venue.watch.longest - 1))


async def test_a_trader_that_sends_again_after_a_lost_reply_fails_the_drill(tmp_path, monkeypatch):
    async def stubborn(self, order):
        try:
            return await create(self, order)
        except OutcomeUnknown:
            self.sent.append(order)
            return await self._create(order)

    create = FaultyPort.submit
    monkeypatch.setattr(FaultyPort, "submit", stubborn)
    result = await result_of(tmp_path, Cell(LIVES[0], BY_NAME["entry: reply lost"], True))
    assert any("without an intent of its own" in line for line in result.wrong)


async def test_a_trader_that_takes_a_lost_order_for_nothing_fails_the_drill(tmp_path, monkeypatch):
    def careless(intents, *rest):
        return tuple(Finding(Fate.ABSENT, ()) for _ in intents)

    monkeypatch.setattr(engine, "find", careless)
    result = await result_of(tmp_path, Cell(LIVES[0], BY_NAME["entry: reply lost"], True))
    assert any("unknown to the journal" in line for line in result.wrong)


async def test_a_trader_that_places_no_stop_fails_the_drill(tmp_path, monkeypatch):
    async def later(self, action):
        return False

    monkeypatch.setattr(Executor, "_place_stop", later)
    monkeypatch.setattr(engine, "protected", lambda book, active: book.holding.lots)
    result = await result_of(tmp_path, Cell(LIVES[0], CLEAN, True))
    assert any("naked" in line for line in result.wrong)


def test_no_fault_is_listed_twice_and_every_effect_is_used():
    assert len(BY_NAME) == len(FAULTS)
    assert {fault.effect for fault in FAULTS} == set(Effect)


async def test_what_a_person_is_told_of_an_order_is_in_the_journal_as_well(tmp_path):
    cell = Cell(LIVES[0], BY_NAME["stop: 70004 three times"], True)
    _, _, entries = await lived(tmp_path, cell)
    alarms = [stored.entry.body for stored in entries if stored.entry.kind is Kind.ALARM]
    assert {"topic": "refused", "tier": "WARNING", "what": "a stop was refused with 70004"} in alarms
    assert len(alarms) == len({str(alarm) for alarm in alarms})  # what holds on is told once


OPEN = Path("/proc/self/fd")


def open_files() -> int:
    return len(list(OPEN.iterdir()))


@pytest.mark.skipif(not OPEN.is_dir(), reason="the system does not list a process's open files")
async def test_a_cell_leaves_no_file_open(tmp_path):  # the whole matrix is one process
    template = await make_template(tmp_path)
    await run_cell(Cell(LIVES[0], CLEAN, True, step=20), tmp_path / "cell", template)
    before = open_files()
    for _ in range(3):
        await run_cell(Cell(LIVES[0], CLEAN, True, step=20), tmp_path / "cell", template)
    assert open_files() == before
