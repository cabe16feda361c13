"""The whole matrix: every step of every life under every fault that strikes there, and a seeded sample of it."""

import random
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
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


async def drill(
    *, sample: int = 0, seed: int = 0, on_plan: Callable[[int], None] = lambda worlds: None
) -> AsyncIterator[Drilled]:
    """Run cells, each in a journal of its own. A life, a fault and a setting make a world; its steps make its cells.

    Parameters
    ----------
    sample
        How many cells; 0 is all.
    seed
        Which sample.
    on_plan
        Told how many worlds there will be; each ends with a cell that is never killed.
    """
    worlds = [(life, fault, reserve) for life in LIVES for fault in FAULTS for reserve in (True, False)]
    chance = random.Random(seed)  # noqa: S311 - a sample, repeatable
    if sample:
        worlds = chance.sample(worlds, min(len(worlds), -(-sample // CELLS_OF_A_WORLD)))
    on_plan(len(worlds))
    with tempfile.TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        template = await make_template(folder)
        for world in worlds:
            whole, cells = await _survey(Cell(*world), folder, template)
            if sample:
                cells = chance.sample(cells, min(len(cells), CELLS_OF_A_WORLD - 1))
            for cell, row in cells:
                yield Drilled(cell, row, await run_cell(cell, folder / "cell", template))
            yield whole


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
