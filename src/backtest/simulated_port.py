"""The simulated exchange behind the port that live trading speaks to: one account on one pair, in one process."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from src.backtest.simulated_exchange import (
    Event,
    EventKind,
    Flags,
    MarginTerms,
    OrderFilter,
    OrderRequest,
    OrderView,
    PositionView,
    Refused,
    SimulatedExchange,
    TradeFilter,
    TradeView,
    TransactionView,
    UserId,
)
from src.core.domain.events import (
    ExchangeEvent,
    FillSeen,
    ModeSeen,
    OrderSeen,
    PositionSeen,
    StreamUp,
    TradeSeen,
)
from src.core.domain.exchange import (
    AccountReport,
    FillReport,
    MarketReport,
    OrderReport,
    PairReport,
    PositionReport,
    PositionSide,
)
from src.core.domain.market import BTC_JPY, Instrument, Lots, Money, Side, Ticks
from src.core.domain.time import Millis
from src.core.exceptions import HaltTrading, OrderRefused, OutcomeUnknown, TraderError
from src.trading.error_codes import needs_a_person, nothing_done
from src.trading.ledger import BPS
from src.trading.outgoing import OutgoingOrder

SIDES: Final = {Side.BUY: "buy", Side.SELL: "sell"}
PPM_IN_BPS: Final = 100
HUNDREDTHS_IN_PERCENT: Final = BPS // 100
CALL_LEVEL: Final = 100  # percent of the requirement


class EventRelay:
    """Passes what happens on one exchange on to those who trade there.

    Parameters
    ----------
    exchange
        Whose events are drained here and nowhere else.
    on_change
        Called after every change of an account and before anybody is told of it: what is to be on disk is written
        here.
    """

    def __init__(self, exchange: SimulatedExchange, on_change: Callable[[], None] | None = None) -> None:
        self.exchange = exchange
        self._on_change = on_change
        self._listeners: list[SimulatedPort] = []

    def join(self, port: "SimulatedPort") -> None:
        """Tell a port from now on what concerns it."""
        self._listeners.append(port)

    def leave(self, port: "SimulatedPort") -> None:
        """Tell a port nothing more."""
        self._listeners.remove(port)

    def tell(self) -> None:
        """Pass on what has happened since the last time."""
        events = self.exchange.drain()
        if self._on_change is not None and any(event.user is not None for event in events):
            self._on_change()
        for event in events:
            for port in self._listeners:
                port.hear(event)

    async def settled(self) -> None:
        """Return when every port's reader has read all there is, has done what follows from it, and waits for more.

        A reader is taken to be done with an event when it asks for the next one. Somebody must be reading each port:
        an event that nobody asks for is waited for until the port is closed.
        """
        while any(not port.idle for port in self._listeners):
            for port in tuple(self._listeners):
                await port.caught_up()


class SimulatedPort:
    """An `ExchangePort` on a simulated exchange.

    What is asked is answered at once and as a whole. What a code means for the caller is read as bitbank's client does.

    Parameters
    ----------
    relay
        Of the exchange.
    user
        Whose account it is.
    instrument
        The pair; its grids are the exchange's.
    latency_ms
        Reported as that of reading the account: a simulation has none of its own.
    """

    def __init__(
        self, relay: EventRelay, user: UserId, instrument: Instrument = BTC_JPY, *, latency_ms: int = 0
    ) -> None:
        self._relay = relay
        self._exchange = relay.exchange
        self._user = user
        self._instrument = instrument
        self._pair = instrument.pair
        self._latency_ms = latency_ms
        self._events: asyncio.Queue[ExchangeEvent] = asyncio.Queue()
        self._reading = False  # an event was handed out and its reader has not come back
        self._closed = False
        for private in (False, True):
            self._events.put_nowait(StreamUp(private, self._exchange.now))
        relay.join(self)

    # ---- orders

    async def submit(self, order: OutgoingOrder) -> OrderReport:
        """Send one order; see `ExchangePort.submit`."""
        view = self._change(lambda: self._exchange.submit(self._user, self._request(order)))
        return self._order(view)

    async def cancel(self, order_id: int) -> OrderReport:
        """Cancel one order; see `ExchangePort.cancel`."""
        return self._order(self._change(lambda: self._exchange.cancel(self._user, self._pair, order_id)))

    async def order(self, order_id: int) -> OrderReport:
        """Return one order; see `ExchangePort.order`."""
        try:
            return self._order(self._exchange.order(self._user, self._pair, order_id))
        except Refused as e:
            raise _refusal(e) from e

    async def active_orders(self) -> tuple[OrderReport, ...]:
        """Return every waiting and resting order of the pair, oldest first."""
        views = self._exchange.active_orders(self._user, OrderFilter(pair=self._pair))
        return tuple(self._order(view) for view in reversed(views))

    async def fills(self, after: int, since: Millis) -> tuple[FillReport, ...]:
        """Return our trades with an id above `after` executed at `since` or later, oldest first."""
        found: list[TradeView] = []
        while True:
            first = found[-1].trade_id if found else after
            wanted = TradeFilter(pair=self._pair, since=Millis(since - 1), from_id=first + 1, ascending=True)
            page = self._exchange.trade_history(self._user, wanted)
            found += page
            if not page:
                return tuple(self._fill(view) for view in found if view.executed_at >= since)

    def _change(self, act: Callable[[], OrderView]) -> OrderView:
        if self._closed:
            raise HaltTrading("the port is closed", remedy="make a new one")
        try:
            view = act()
        except Refused as e:
            raise _refusal(e) from e
        self._relay.tell()
        return view

    def _request(self, order: OutgoingOrder) -> OrderRequest:
        grid = self._instrument
        return OrderRequest(
            self._pair,
            SIDES[order.side],
            order.type.value,
            grid.amount(order.lots),
            None if order.price is None else grid.price(order.price),
            None if order.trigger is None else grid.price(order.trigger),
            True if order.post_only else None,
            order.position.value,
        )

    # ---- state

    async def account(self) -> AccountReport:
        """Return cash, both positions and the margin's state."""
        exchange, user = self._exchange, self._user
        status, held = exchange.margin_status(user), exchange.margin_positions(user)
        cash = next(view for view in exchange.assets(user) if view.asset == "jpy")
        sides = {view.position_side: view for view in held.positions if view.pair == self._pair}
        room = next(found for found in status.available_balances if found.pair == self._pair)
        level = status.total_margin_balance_percentage
        return AccountReport(
            Money(cash.onhand),
            self._position(sides[PositionSide.LONG]),
            self._position(sides[PositionSide.SHORT]),
            status.status,
            status.total_margin_balance,
            Money(status.total_position_maintenance_margin + status.total_open_order_maintenance_margin),
            level,
            None if level is None else CALL_LEVEL * HUNDREDTHS_IN_PERCENT,
            None if level is None else held.losscut_individual_ppm // PPM_IN_BPS,
            room.long,
            room.short,
            held.notice.what,
            held.payables.amount,
            exchange.now,
            self._latency_ms,
        )

    async def market(self) -> MarketReport:
        """Return best prices, last price and the circuit breaker's mode."""
        ticker, circuit = self._exchange.ticker(self._pair), self._exchange.circuit_break_info(self._pair)
        return MarketReport(ticker.buy, ticker.sell, ticker.last, circuit.mode, self._exchange.now)

    async def pair(self) -> PairReport:
        """Return the pair's rules, fees and flags as they are now."""
        view = next(found for found in self._exchange.pairs() if found.rules.pair == self._pair)
        status = next(found for found in self._exchange.statuses() if found.pair == self._pair)
        rules, fees, terms = view.rules, view.rules.fees, _terms(view.rules.margin)
        following = view.next_margin
        grid = self._instrument._replace(
            tick_size=Decimal(1).scaleb(-rules.price_digits),
            lot_size=Decimal(1).scaleb(-rules.amount_digits),
            min_lots=rules.min_lots,
            max_lots=rules.market_max_lots,
        )
        return PairReport(
            grid,
            status.min_lots,
            status.status,
            _raised(rules.flags),
            True,
            fees.open_maker_ppm,
            fees.open_taker_ppm,
            fees.close_maker_ppm,
            fees.close_taker_ppm,
            terms.long_interest_ppm,
            terms.short_interest_ppm,
            terms.individual_ratio_ppm // PPM_IN_BPS,
            None if following is None else following.individual_ratio_ppm // PPM_IN_BPS,
            self._exchange.now,
        )

    # ---- events

    async def next_event(self) -> ExchangeEvent:
        """Wait for the next event; asking for it says that the one before has been dealt with."""
        self._done()
        event = await self._events.get()
        self._reading = True
        return event

    async def close(self) -> None:
        """Stop listening; orders stay as they are."""
        if self._closed:
            return
        self._closed = True
        self._relay.leave(self)
        self._done()
        while not self._events.empty():  # whoever waits for them to be read waits in vain
            self._events.get_nowait()
            self._events.task_done()

    def empty(self) -> bool:
        """Return whether there is no event to be had without waiting."""
        return self._events.empty()

    @property
    def idle(self) -> bool:
        """Whether every event has been dealt with."""
        return self._events.empty() and not self._reading

    async def caught_up(self) -> None:
        """Return when every event so far has been dealt with, or the port is closed."""
        await self._events.join()

    def hear(self, event: Event) -> None:
        """Queue what an event of the exchange means to this account."""
        if event.pair not in {None, self._pair} or event.user not in {None, self._user}:
            return
        found = self._read(event)
        if found is not None:
            self._events.put_nowait(found)

    def _done(self) -> None:
        if self._reading:
            self._reading = False
            self._events.task_done()

    def _read(self, event: Event) -> ExchangeEvent | None:
        what = event.payload
        if isinstance(what, OrderView):
            return OrderSeen(self._order(what))
        if isinstance(what, TradeView):
            return FillSeen(self._fill(what))
        if isinstance(what, TransactionView):
            return TradeSeen(what.transaction_id, what.side, what.price, what.lots, what.executed_at)
        if event.kind in {EventKind.POSITION, EventKind.PAYABLE, EventKind.NOTICE}:
            return PositionSeen(event.kind.value)
        if event.kind in {EventKind.CIRCUIT, EventKind.PAIR}:
            return ModeSeen(event.kind.value)
        return None  # balances: every change of them comes with a trade or a position

    # ---- the exchange's views as the domain's reports

    def _order(self, view: OrderView) -> OrderReport:
        return OrderReport(
            view.order_id,
            view.side,
            view.position_side,
            view.type,
            view.status,
            view.start_lots,
            view.remaining_lots,
            view.executed_lots,
            view.price,
            view.trigger_price,
            bool(view.post_only),
            view.ordered_at,
            view.expire_at,
        )

    def _fill(self, view: TradeView) -> FillReport:
        margin = view.position_side is not None
        return FillReport(
            view.trade_id,
            view.order_id,
            view.side,
            view.position_side,
            view.type,
            view.price,
            view.lots,
            view.maker,
            view.fee_quote,
            view.fee_occurred,
            view.interest or Money(0),
            view.profit_loss if margin else None,
            view.executed_at,
        )

    def _position(self, view: PositionView) -> PositionReport:
        return PositionReport(
            view.position_side,
            Lots(view.lots),
            view.product,
            Ticks(view.average_price),
            view.unrealized_fee,
            view.unrealized_interest,
        )


def _refusal(refused: Refused) -> TraderError:
    if needs_a_person(refused.code):
        return HaltTrading(refused.what, remedy=refused.remedy)
    if not nothing_done(refused.code):
        return OutcomeUnknown(refused.what, remedy="read back active orders, trades and positions")
    return OrderRefused(refused.what, code=refused.code, remedy=refused.remedy)


def _raised(flags: Flags) -> frozenset[str]:
    """Return the names of the flags that stop something."""
    return frozenset(name for name, raised in zip(Flags._fields, flags, strict=True) if raised)


def _terms(terms: MarginTerms | None) -> MarginTerms:
    if terms is None:
        raise HaltTrading("the pair has no margin trading", remedy="trade a pair that has: btc_jpy")
    return terms
