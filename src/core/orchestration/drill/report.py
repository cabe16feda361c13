"""The drill's table: rows are steps, columns are faults, cells say what came of being killed there."""

from collections.abc import Sequence
from typing import Final

from src.core.orchestration.drill.matrix import Drilled, Tally, tally

NOTHING: Final = "·"
COLUMNS: Final = 6
WIDTH: Final = 26
CELL: Final = 15
LEGEND: Final = (
    "Each cell: how what was in doubt was settled (ok: nothing was; ad: found and adopted; ab: had no effect), the "
    "longest time without a stop or close, the number of lives and settings it was tried in."
)


def table(drilled: Sequence[Drilled]) -> list[str]:
    """Return the table as lines, a few columns at a time; columns are numbered, and named above each part."""
    cells = tally(drilled)
    rows = sorted({row for row, _ in cells}, key=_order)
    faults = list(dict.fromkeys(fault for _, fault in cells))
    lines = [LEGEND]
    for begin in range(0, len(faults), COLUMNS):
        part = list(enumerate(faults[begin : begin + COLUMNS], begin + 1))
        lines += ["", *(f"{number:>3}  {fault}" for number, fault in part)]
        lines.append(" " * WIDTH + "".join(f"{number:>{CELL}}" for number, _ in part))
        for row in rows:
            shown = [_cell(cells.get((row, fault))) for _, fault in part]
            if any(text != NOTHING for text in shown):
                lines.append(f"{row:<{WIDTH}}" + "".join(f"{text:>{CELL}}" for text in shown))
    return lines


def failures(drilled: Sequence[Drilled]) -> list[str]:
    """Return each cell in which something did not hold, so that it can be run again alone."""
    return [
        f"{cell.life.name} | {cell.fault.name} | stops {'reserve' if cell.reserve else 'do not reserve'} | {row} "
        f"(step {cell.step}, again {cell.again}): {'; '.join(result.wrong)}"
        for cell, row, result in drilled
        if result.wrong
    ]


def summary(drilled: Sequence[Drilled]) -> str:
    """Return the whole in one line."""
    failed = sum(bool(d.result.wrong) for d in drilled)
    naked = max((d.result.naked_ms for d in drilled), default=0)
    faults = len({d.cell.fault.name for d in drilled})
    return f"{len(drilled):,} cells, {faults} faults, {failed} failed; longest without a stop or close {naked:,} ms"


def _cell(found: Tally | None) -> str:
    if found is None:
        return NOTHING
    if found.failed:
        return f"FAILED {found.failed}"
    how = "+".join(sorted(word[:2] for word in found.recovered)) or "ok"
    return f"{how} {found.naked_ms / 1000:.1f}s/{found.cells}"


def _order(row: str) -> tuple[str, str]:
    """Sort steps by what they do, each with its before and after together."""
    when, _, what = row.partition(" ")
    return what, when
