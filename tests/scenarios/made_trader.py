"""The order engine with a journal of its own on a simulated exchange, driven second by second."""

from pathlib import Path

from src.core.domain.journal import Kind
from src.core.domain.market import Money, Side
from src.core.domain.notices import Notice
from src.core.domain.orders import EntryKind
from src.core.domain.time import DAY, SECOND, Millis
from src.core.orchestration.drill.cell import OWNER
from src.core.orchestration.drill.faults import CLEAN, FAULTS
from src.core.orchestration.drill.faulty_port import FaultyPort
from src.core.orchestration.drill.lives import verdict
from src.core.orchestration.drill.tripwire import Tripwire
from src.core.orchestration.drill.venue import CASH, PAIR, PRICE, Venue
from src.trading.book import fresh_book
from src.trading.book_record import read_book
from src.trading.decision import fresh_state
from src.trading.drawdown_manager import RiskParams
from src.trading.executor import Executor, ExecutorParams
from src.trading.intents import Patience
from src.trading.journal import LeaseTerms, database_url, open_journal
from src.trading.reconcile import Limits

TERMS = LeaseTerms(length_ms=400 * DAY)
BY_NAME = {fault.name: fault for fault in FAULTS}


class Listener:
    """What a person was told."""

    def __init__(self) -> None:
        self.told: list[Notice] = []

    def tell(self, notice: Notice) -> None:
        self.told.append(notice)

    async def close(self) -> None:
        pass

    def topics(self) -> set[str]:
        return {notice.topic.value for notice in self.told}


class Trader:
    """One account, its journal, and the engine that may die and come again."""

    def __init__(self, folder: Path, *, fault: str = "none", reserve: bool = True, kind: EntryKind = EntryKind.MARKET):
        self.venue = Venue(reserve=reserve)
        self.port = FaultyPort(self.venue, BY_NAME.get(fault, CLEAN), Tripwire())
        self.listener = Listener()
        self.kind = kind
        self._url = database_url(folder / "journal.db", {})

    async def start(self) -> "Trader":
        self.journal = await open_journal(self._url, self.venue, owner=OWNER, terms=TERMS)
        await self.journal.acquire()
        stored = await self.journal.last(Kind.STATE)
        cash = Money(int(CASH * 10_000))
        book = fresh_book(fresh_state(cash), cash, 0, 0, self.venue.now()) if stored is None else read_book(stored)
        params = ExecutorParams(
            self.kind, 15 * SECOND, 60 * SECOND, 10 * SECOND, 5 * SECOND, 500,
            Limits(quotes=3, quote_ms=3 * SECOND), Patience(lurk_ms=60 * SECOND),
        )  # fmt: skip
        self.engine = Executor(self.port, self.journal, self.venue, self.listener, params, RiskParams(), book)
        await self.engine.settle()
        return self

    async def die(self) -> None:
        """Nothing of the engine is left but what it wrote down."""
        await self.journal.close()
        del self.engine

    async def restart(self) -> None:
        await self.die()
        await self.start()

    async def enter(self, side: Side = Side.BUY):
        return await self.engine.enter(verdict(side), PRICE, self.venue.now())

    async def wait(self, seconds: int = 1) -> None:
        """Let time pass without the engine."""
        await self.venue.sleep_until(Millis(self.venue.now() + seconds * SECOND))

    async def live(self, seconds: int = 1) -> None:
        """Let time pass, the engine looking every second."""
        for _ in range(seconds):
            await self.wait()
            await self.engine.on_price(self.venue.last())
            await self.engine.settle()

    async def entries(self, *kinds: Kind):
        return [stored.entry.body for stored in await self.journal.entries(kinds, limit=10_000)]

    def held(self, side: str = "long") -> int:
        rows = self.venue.exchange.margin_positions(self.venue.user).positions
        return next(row.lots for row in rows if row.pair == PAIR and row.position_side.value == side)

    def resting(self):
        return self.venue.exchange.active_orders(self.venue.user)

    def stops(self) -> list[tuple[int, int]]:
        """Size and trigger of each stop that waits."""
        return sorted((order.remaining_lots, order.trigger_price) for order in self.resting() if order.trigger_price)
