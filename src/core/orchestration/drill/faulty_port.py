"""The simulated exchange as a faulty one: a port that lets one fault strike."""

from decimal import Decimal
from typing import NoReturn

from src.backtest.simulated_exchange import CircuitMode, Flags, OrderRequest, PairStatus
from src.core.domain.events import ExchangeEvent
from src.core.domain.exchange import AccountReport, FillReport, MarketReport, OrderReport, PairReport
from src.core.domain.market import Lots, Side, Ticks
from src.core.domain.time import SECOND, Millis
from src.core.exceptions import OrderRefused, OutcomeUnknown, Retryable
from src.core.orchestration.drill.faults import Effect, Fault
from src.core.orchestration.drill.tripwire import Tripwire
from src.core.orchestration.drill.venue import CALL_MS, PAIR, PRICE, Venue
from src.trading.outgoing import OutgoingOrder

SLOW_MS = 4 * SECOND
GAP = 200_000  # ticks
REMEDY = "read back"
STRANGE_AMOUNT = Decimal("0.0002")
STRANGE_PRICE = Decimal(9_000_000)


class FaultyPort:
    """An `ExchangePort` on the venue; counts what it really creates.

    Parameters
    ----------
    fault
        Strikes once, at its moment; it goes on across restarts of the trader.
    wire
        Of the first process, whose step of the strike is kept.
    """

    def __init__(self, venue: Venue, fault: Fault, wire: Tripwire) -> None:
        self._venue, self._fault, self._inner, self._wire = venue, fault, venue.port, wire
        self.struck_at: Millis | None = None
        self.struck_step = 0
        self.strangers: set[int] = set()
        self.sent: list[OutgoingOrder] = []
        self.created: list[int] = []
        self._left = fault.times
        self._hidden: set[int] = set()
        self._before: AccountReport | None = None
        self._last_trade = 0

    # ---- orders

    async def submit(self, order: OutgoingOrder) -> OrderReport:
        """Send an order."""
        await self._take_time(sends=True)
        self.sent.append(order)
        if not self._strikes(order):
            return await self._create(order)
        return await self._strike(order)

    async def cancel(self, order_id: int) -> OrderReport:
        """Cancel an order."""
        await self._take_time(sends=True)
        fault = self._fault
        again = fault.effect is Effect.REFUSED and self._left > 0
        if fault.purpose is not None or (self.struck_at is not None and not again) or fault.effect is Effect.NOTHING:
            return await self._withdraw(order_id)
        self._begin()
        if fault.effect is Effect.REFUSED:
            self._refuse()
        if fault.effect in {Effect.FILL_WINS, Effect.FILL_PARTLY}:
            await self._fill_first(order_id)
            return await self._withdraw(order_id)
        if fault.effect is Effect.REPLY_LOST:
            await self._withdraw(order_id)
        raise OutcomeUnknown("the answer to the cancel is lost", remedy=REMEDY)

    # ---- reads

    async def order(self, order_id: int) -> OrderReport:
        """Read an order."""
        await self._take_time()
        return await self._inner.order(order_id)

    async def active_orders(self) -> tuple[OrderReport, ...]:
        """Read the active orders."""
        await self._take_time()
        orders = await self._inner.active_orders()
        if self._fault.effect is Effect.HIDDEN and self._lasts():
            return tuple(order for order in orders if order.order_id not in self._hidden)
        return orders

    async def fills(self, after: int, since: Millis) -> tuple[FillReport, ...]:
        """Read our trades."""
        await self._take_time()
        fills = await self._inner.fills(after, since)
        if self._fault.effect is Effect.NO_TRADES and self._lasts():
            return tuple(fill for fill in fills if fill.trade_id <= self._last_trade)
        return fills

    async def account(self) -> AccountReport:
        """Read the account."""
        await self._take_time()
        if self._fault.effect is Effect.STALE and self._lasts() and self._before is not None:
            return self._before
        return await self._inner.account()

    async def market(self) -> MarketReport:
        """Read the market."""
        await self._take_time()
        return await self._inner.market()

    async def pair(self) -> PairReport:
        """Read the pair's rules."""
        await self._take_time()
        return await self._inner.pair()

    async def next_event(self) -> ExchangeEvent:
        """Wait for an event."""
        return await self._inner.next_event()

    async def close(self) -> None:
        """Do nothing: the venue outlives the trader."""

    # ---- the fault

    def _strikes(self, order: OutgoingOrder) -> bool:
        fault = self._fault
        if fault.effect is Effect.NOTHING or fault.purpose is not order.purpose:
            return False
        return self.struck_at is None or (fault.effect is Effect.REFUSED and self._left > 0)

    def _begin(self) -> None:
        self.struck_at = self.struck_at or self._venue.now()
        self.struck_step = self.struck_step or len(self._wire.steps)

    def _lasts(self) -> bool:
        return self.struck_at is not None and self._venue.now() < self.struck_at + self._fault.ms

    async def _take_time(self, *, sends: bool = False) -> None:
        slow = self._fault.effect is Effect.SLOW and self._lasts()
        await self._venue.sleep_until(Millis(self._venue.now() + (SLOW_MS if slow else CALL_MS)))
        if self._fault.effect is Effect.DOWN and self._lasts():
            self._lose("the exchange is down", sends=sends)
        if self._fault.effect is Effect.BLIND and self._lasts() and not sends:
            self._lose("the body is broken", sends=False)

    def _lose(self, why: str, *, sends: bool) -> NoReturn:
        raise OutcomeUnknown(why, remedy=REMEDY) if sends else Retryable(why, remedy="read again")

    def _refuse(self) -> NoReturn:
        self._left -= 1
        raise OrderRefused("refused", code=self._fault.code, remedy="decide anew")

    async def _create(self, order: OutgoingOrder) -> OrderReport:
        report = await self._inner.submit(order)
        self.created.append(report.order_id)
        self._venue.look()
        if self._lasts():
            self._hidden.add(report.order_id)
        return report

    async def _withdraw(self, order_id: int) -> OrderReport:
        try:
            return await self._inner.cancel(order_id)
        finally:
            self._venue.look()

    async def _strike(self, order: OutgoingOrder) -> OrderReport:
        venue, effect = self._venue, self._fault.effect
        self._begin()
        if effect is Effect.REFUSED:
            self._refuse()
        if effect in {Effect.NOT_DONE, Effect.DOWN}:
            raise OutcomeUnknown("no answer", remedy=REMEDY)
        if effect is Effect.LATE:
            venue.at(Millis(venue.now() + self._fault.ms), lambda: self._arrive(order))
            raise OutcomeUnknown("no answer", remedy=REMEDY)
        self._before = await self._inner.account()
        self._last_trade = max((f.trade_id for f in await self._inner.fills(0, Millis(0))), default=0)
        self._disturb()
        report = await self._create(order)
        if effect in {Effect.REPLY_LOST, Effect.BLIND}:
            raise OutcomeUnknown("the answer is lost", remedy=REMEDY)
        if effect in {Effect.SYSTEM_CANCEL, Effect.SYSTEM_CANCEL_GAP}:
            venue.at(Millis(venue.now() + CALL_MS), lambda: self._drop(report.order_id))
        return report

    async def _arrive(self, order: OutgoingOrder) -> None:
        """Accept an order that nobody waits for any more, or refuse it unheard."""
        try:
            await self._create(order)
        except OrderRefused:
            return

    async def _drop(self, order_id: int) -> None:
        """Cancel an order as the exchange itself does."""
        venue = self._venue
        try:
            await self._withdraw(order_id)
        except OrderRefused:
            return
        if self._fault.effect is Effect.SYSTEM_CANCEL_GAP:
            held = next(row for row in venue.exchange.margin_positions(venue.user).positions if row.lots)
            down = held.position_side.value == "long"
            venue.trade(Ticks(PRICE - GAP if down else PRICE + GAP))

    def _disturb(self) -> None:
        """Change the exchange just before the order arrives."""
        venue, fault = self._venue, self._fault
        restored = Millis(venue.now() + fault.ms)
        if fault.effect is Effect.CROSSED:
            venue.quote(Ticks(PRICE - GAP // 10))
            venue.at(Millis(venue.now() + CALL_MS), self._restore)
        elif fault.effect is Effect.THIN:
            venue.thin_out()
            venue.at(restored, self._restore)
        elif fault.effect is Effect.BREAK:
            venue.exchange.set_mode(PAIR, CircuitMode.CIRCUIT_BREAK)
            venue.at(restored, self._restore)
        elif fault.effect is Effect.FLAGS:
            venue.exchange.set_flags(PAIR, Flags(stop_stop_order=True))
            venue.at(restored, self._restore)
        elif fault.effect is Effect.MINIMUM:
            venue.exchange.set_status(PAIR, PairStatus.BUSY, Lots(15))
            venue.at(restored, self._restore)
        elif fault.effect is Effect.STRANGER:
            request = OrderRequest(PAIR, "buy", "limit", STRANGE_AMOUNT, STRANGE_PRICE, None, None, "long")
            self.strangers.add(venue.exchange.submit(venue.user, request).order_id)

    async def _restore(self) -> None:
        venue, effect = self._venue, self._fault.effect
        if effect is Effect.BREAK:
            venue.exchange.set_mode(PAIR, CircuitMode.NONE)
        elif effect is Effect.FLAGS:
            venue.exchange.set_flags(PAIR, Flags())
        elif effect is Effect.MINIMUM:
            venue.exchange.set_status(PAIR, PairStatus.NORMAL)
        venue.quote(PRICE)

    async def _fill_first(self, order_id: int) -> None:
        """Let an order trade in full, or in part, just before it is cancelled."""
        venue, order = self._venue, await self._inner.order(order_id)
        if order.trigger is not None:
            venue.trade(order.trigger)
        elif order.price is not None:
            part = 1 if self._fault.effect is Effect.FILL_PARTLY else int(order.remaining or 0)
            venue.fill(part, Side(-order.side))
