"""One cell of the matrix: a life under a fault, killed at a step, started again, and looked through."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from src.core.domain.journal import Kind, Stored
from src.core.domain.market import Money
from src.core.domain.notices import Notice
from src.core.domain.orders import ExitReason
from src.core.domain.time import SECOND, Millis
from src.core.orchestration.drill.audit import NAKED_MS, RESTART_MS, findings, naked_bound
from src.core.orchestration.drill.faults import Effect, Fault
from src.core.orchestration.drill.faulty_port import FaultyPort
from src.core.orchestration.drill.lives import END_MS, Life
from src.core.orchestration.drill.tripwire import Killed, Step, TripClock, TripJournal, TripPort, Tripwire
from src.core.orchestration.drill.venue import CASH, Happening, Venue
from src.trading.book import Book, fresh_book
from src.trading.book_record import read_book
from src.trading.decision import fresh_state
from src.trading.drawdown_manager import RiskParams
from src.trading.executor import Executor, ExecutorParams
from src.trading.intents import Patience
from src.trading.journal import LeaseTerms, database_url, open_journal
from src.trading.reconcile import Limits

TICK_MS: Final = SECOND  # between two looks at the account
LAST_MS: Final = 150 * SECOND  # by which everything has to be at rest
OWNER: Final = "drill"
TERMS: Final = LeaseTerms(length_ms=3_600 * SECOND)


class Cell(NamedTuple):
    """Coordinates in the matrix."""

    life: Life
    fault: Fault
    reserve: bool  # whether a waiting stop reserves its part of the position
    step: int = 0  # at which the trader is killed; 0: it is not
    after: bool = False  # whether that step is done first
    again: int = 0  # step of the restarted trader at which it is killed once more; 0: it is not


class Result(NamedTuple):
    """What came of a cell."""

    wrong: tuple[str, ...]
    naked_ms: int
    recovered: str  # how doubts were settled
    steps: tuple[Step, ...]  # of the first process
    struck: int  # the step during which the fault struck; 0: never


class _Silence:
    """Nobody listens during a drill."""

    def tell(self, notice: Notice) -> None:
        """Forget."""

    async def close(self) -> None:
        """Nothing to deliver."""


class Rig:
    """Runs one cell in a folder of its own."""

    def __init__(self, cell: Cell, folder: Path) -> None:
        self._cell = cell
        self._file = folder / "journal.db"
        lag = cell.fault.ms if cell.fault.effect is Effect.LEDGER_LAG else 0
        self.venue = Venue(reserve=cell.reserve, position_delay=lag)
        self._begin = self.venue.now()
        self._done = 0  # acts that were begun
        self._first = Tripwire(cell.step, after=cell.after)
        self.port = FaultyPort(self.venue, cell.fault, self._first)
        for move in cell.life.moves:
            self.venue.at(Millis(self._begin + move.at), _happen(self.venue, move.do))

    async def run(self) -> Result:
        """Go through the life and look at what is left."""
        wires = [self._first, Tripwire(self._cell.again), Tripwire()]
        for wire in wires:
            try:
                book, entries, broken = await self.trade(wire)
            except Killed:
                await self.venue.sleep_until(Millis(self.venue.now() + RESTART_MS))
                continue
            return self._result(book, entries, broken)
        raise RuntimeError("the last process cannot be killed")

    async def trade(self, wire: Tripwire) -> tuple[Book, list[Stored], str]:
        """Be one process, from its start to the end of the life."""
        inner = await open_journal(database_url(self._file, {}), self.venue, owner=OWNER, terms=TERMS)
        try:
            await inner.acquire()
            journal = TripJournal(inner, wire)
            stored = await inner.last(Kind.STATE)
            book = self._fresh() if stored is None else read_book(stored)
            executor = Executor(
                TripPort(self.port, wire),
                journal,
                TripClock(self.venue, wire),
                _Silence(),
                _params(self._cell.life),
                RiskParams(),
                book,
            )
            await self._live(executor)
            verified = await inner.verify()
            entries = await inner.entries(limit=100_000)
            return executor.book, entries, verified.why
        finally:
            await inner.close()

    async def _live(self, executor: Executor) -> None:
        """Do what the driver does: decisions when they are due, prices as they come, settling again and again."""
        await executor.settle()
        while self.venue.now() < self._begin + LAST_MS:
            now = self.venue.now()
            acts = self._cell.life.acts
            while self._done < len(acts) and now >= self._begin + acts[self._done].at:
                self._done += 1
                await acts[self._done - 1].do(executor, self.venue.now())
            await executor.on_price(self.venue.last())
            if now >= self._begin + END_MS:
                await executor.leave(ExitReason.COMMAND)
                if _at_rest(executor):
                    return
            await executor.settle()
            await self.venue.sleep_until(Millis(self.venue.now() + TICK_MS))

    def _fresh(self) -> Book:
        cash = Money(int(CASH * 10_000))
        return fresh_book(fresh_state(cash), cash, 0, 0, self._begin)

    def _result(self, book: Book, entries: list[Stored], broken: str) -> Result:
        killed = self._first.fired
        if self._cell.step and not killed:
            raise RuntimeError(f"step {self._cell.step} was not reached: the cell shows nothing")
        bound = naked_bound(self._cell.fault.allowance_ms, killed) + (RESTART_MS if self._cell.again else 0)
        wrong = findings(self.venue, self.port, book, entries, bound)
        outcomes = [s.entry.body.get("outcome") for s in entries if s.entry.kind is Kind.OUTCOME]
        how = " ".join(word for word in ("adopted", "absent") if word in outcomes)
        return Result(
            tuple([*wrong, broken] if broken else wrong),
            self.venue.watch.longest,
            how,
            tuple(self._first.steps),
            self.port.struck_step,
        )


async def run_cell(cell: Cell, folder: Path, template: Path) -> Result:
    """Run one cell in `folder`, which is made and removed; `template` is an empty journal."""
    lay_out(folder, template)
    try:
        return await Rig(cell, folder).run()
    finally:
        shutil.rmtree(folder)


def lay_out(folder: Path, template: Path) -> None:
    """Make a cell's folder with an empty journal in it."""
    folder.mkdir(parents=True)
    shutil.copy(template, folder / "journal.db")


async def make_template(folder: Path) -> Path:
    """Make an empty journal that every cell begins with a copy of."""
    file = folder / "empty.db"
    venue = Venue(reserve=True)
    journal = await open_journal(database_url(file, {}), venue, owner=OWNER, terms=TERMS)
    await journal.close()
    return file


def _happen(venue: Venue, move: Callable[[Venue], None]) -> Happening:
    async def happen() -> None:
        move(venue)

    return happen


def _at_rest(executor: Executor) -> bool:
    book = executor.book
    return executor.is_whole() and not book.orders and not book.holding.entered and not book.ghosts


def _params(life: Life) -> ExecutorParams:
    return ExecutorParams(
        kind=life.kind,
        wait_ms=15 * SECOND,
        stale_ms=60 * SECOND,
        naked_ms=NAKED_MS,
        settle_ms=5 * SECOND,
        slippage_ppm=500,
        limits=Limits(quotes=3, quote_ms=3 * SECOND),
        patience=Patience(lurk_ms=60 * SECOND),
    )
