"""The whole matrix: every step of every life under every fault that strikes there, and a seeded sample of it."""

import asyncio
import itertools
import multiprocessing
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from src.core.orchestration.drill.cell import Cell, Result, make_template, run_cell
from src.core.orchestration.drill.faults import CLEAN, FAULTS
from src.core.orchestration.drill.lives import LIVES

CHANGES: Final = ("submit", "cancel", "write")  # steps that change something: kill points before and after
READS_AFTER: Final = 14  # steps after a strike at which a read or a sleep is a kill point, too: two readings of all
CELLS_OF_A_WORLD: Final = 5  # in a sample
AGAIN: Final = (3, 8, 15)  # steps of the restarted trader at which it is killed once more


class Drilled(NamedTuple):
    """A cell, what it was called, and what came of it."""

    cell: Cell
    row: str
    result: Result

    @property
    def ends_world(self) -> bool:
        """Whether all cells of its life, fault and setting are done."""
        return self.cell.step == 0


class World(NamedTuple):
    """A life, a fault and a setting, by their places in the lists: what can be told to another process."""

    life: int
    fault: int
    reserve: bool

    @property
    def cell(self) -> Cell:
        """The cell that is never killed."""
        return Cell(LIVES[self.life], FAULTS[self.fault], self.reserve)


async def drill(
    *, sample: int = 0, seed: int = 0, processes: int = 1, on_plan: Callable[[int], None] = lambda worlds: None
) -> AsyncIterator[Drilled]:
    """Run cells, each in a journal of its own. A life, a fault and a setting make a world; its steps make its cells.

    Parameters
    ----------
    sample
        How many cells; 0 is all.
    seed
        Which sample.
    processes
        How many worlds are lived at a time, each in a process of its own; 1 is this process. The cells and their order
        are the same.
    on_plan
        Told how many worlds there will be; each ends with a cell that is never killed.
    """
    worlds = [World(*at) for at in itertools.product(range(len(LIVES)), range(len(FAULTS)), (True, False))]
    chance = random.Random(seed)  # noqa: S311 - a sample, repeatable
    if sample:
        worlds = chance.sample(worlds, min(len(worlds), -(-sample // CELLS_OF_A_WORLD)))
    on_plan(len(worlds))
    jobs = [(world, chance.getrandbits(32) if sample else None) for world in worlds]
    if processes == 1:
        for world, drawn in jobs:
            for found in await drill_world(world, drawn):
                yield _drilled(world, found)
        return
    loop, fresh = asyncio.get_running_loop(), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=fresh) as pool:
        lived = [loop.run_in_executor(pool, _in_a_process, world, drawn) for world, drawn in jobs]
        try:
            for (world, _), result in zip(jobs, lived, strict=True):
                for found in await result:
                    yield _drilled(world, found)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class Found(NamedTuple):
    """What came of a cell of a known world."""

    step: int
    after: bool
    again: int
    row: str
    result: Result


def _drilled(world: World, found: Found) -> Drilled:
    cell = world.cell._replace(step=found.step, after=found.after, again=found.again)
    return Drilled(cell, found.row, found.result)


def _in_a_process(world: World, drawn: int | None) -> list[Found]:
    return asyncio.run(drill_world(world, drawn))


async def drill_world(world: World, drawn: int | None) -> list[Found]:
    """Run the cells of a world, or a few of them by the luck of `drawn`; the last one is never killed."""
    with tempfile.TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        template = await make_template(folder)
        whole, cells = await _survey(world.cell, folder, template)
        if drawn is not None:
            chance = random.Random(drawn)  # noqa: S311 - a sample, repeatable
            cells = chance.sample(cells, min(len(cells), CELLS_OF_A_WORLD - 1))
        lived = []
        for cell, row in cells:
            result = await run_cell(cell, folder / "cell", template)
            lived.append(Found(cell.step, cell.after, cell.again, row, result))
    return [*lived, Found(0, False, 0, whole.row, whole.result)]


async def _survey(whole: Cell, folder: Path, template: Path) -> tuple[Drilled, list[tuple[Cell, str]]]:
    """Live once without being killed; return that and the cells that its steps span.

    There are none if the fault never strikes: that world is another's.
    """
    result = await run_cell(whole, folder / "survey", template)
    clean, cells = whole.fault is CLEAN, []
    for number, name in result.steps:
        near = clean or result.struck <= number <= result.struck + READS_AFTER
        matters = name.startswith(CHANGES)
        if matters or near:
            cells.append((whole._replace(step=number), f"before {name}"))
        if matters:
            cells.append((whole._replace(step=number, after=True), f"after {name}"))
        if matters and clean:
            cells += [(whole._replace(step=number, after=True, again=k), "killed twice") for k in AGAIN]
    struck = clean or result.struck > 0
    return Drilled(whole, "never killed", result), cells if struck else []


class Tally(NamedTuple):
    """Cells of one row and one column, taken together."""

    cells: int
    failed: int
    naked_ms: int  # the longest
    recovered: frozenset[str]


def tally(drilled: Sequence[Drilled]) -> dict[tuple[str, str], Tally]:
    """Return tallies by row and fault."""
    table: dict[tuple[str, str], Tally] = {}
    for cell, row, result in drilled:
        key = (row, cell.fault.name)
        old = table.get(key, Tally(0, 0, 0, frozenset()))
        table[key] = Tally(
            old.cells + 1,
            old.failed + bool(result.wrong),
            max(old.naked_ms, result.naked_ms),
            old.recovered | frozenset(result.recovered.split()),
        )
    return table
