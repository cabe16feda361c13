"""The drill's exchange: a simulated one whose market moves by a script and whose positions are watched from outside."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

from src.backtest.simulated_exchange import (
    BTC_JPY_RULES,
    SimulatedExchange,
    Step,
    Switches,
)
from src.backtest.simulated_port import EventRelay, SimulatedPort
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.time import Millis

PAIR: Final = BTC_JPY_RULES.pair
PRICE: Final = Ticks(10_000_000)
SPREAD: Final = 1_000
TOUCH_LOTS: Final = 5  # of the others at the best prices
DEEP_LOTS: Final = 10_000  # of the others one tick behind
CASH: Final = Decimal(1_000_000)  # JPY
CALL_MS: Final = 20  # what every call takes
NIGHT: Final = Millis(1_767_279_590_000)  # ten seconds before midnight in Japan: a day of interest starts on the way

Happening = Callable[[], Awaitable[None]]


class Venue:
    """One exchange, one trader's account on it, and what happens there by itself.

    Parameters
    ----------
    reserve
        Whether a waiting stop reserves its part of the position.
    position_delay
        Milliseconds by which the exchange's position ledger lags its fills.
    """

    def __init__(self, *, reserve: bool, position_delay: int = 0) -> None:
        switches = Switches(waiting_stops_reserve=reserve, position_delay=position_delay)
        self.exchange = SimulatedExchange({PAIR: BTC_JPY_RULES}, switches, start=NIGHT, seed=1)
        self.user = self.exchange.add_user("trader", {"jpy": CASH})
        self.port = SimulatedPort(EventRelay(self.exchange), self.user)
        self.watch = Watch()
        self._due: list[tuple[Millis, int, Happening]] = []
        self._count = 0
        self.bid = self.ask = Ticks(0)
        self.quote(PRICE)
        self.exchange.move_market(PAIR, self._step(Side.BUY, 1))

    def now(self) -> Millis:
        """Return the exchange's time."""
        return self.exchange.now

    async def sleep_until(self, at: Millis) -> None:
        """Move time on, through everything that happens on the way."""
        while self._due and self._due[0][0] <= at:
            due, _, happening = self._due.pop(0)
            self._pass(max(due, self.exchange.now))
            await happening()
            self.look()
        self._pass(max(at, self.exchange.now))

    def at(self, when: Millis, happening: Happening) -> None:
        """Let something happen later."""
        self._count += 1
        self._due.append((when, self._count, happening))
        self._due.sort(key=lambda entry: entry[:2])

    def quote(self, price: Ticks) -> None:
        """Let the others quote around a price; what they pass through trades."""
        self.bid, self.ask = Ticks(price - SPREAD // 2), Ticks(price + SPREAD // 2)
        self.exchange.move_market(PAIR, self._step())

    def trade(self, price: Ticks) -> None:
        """Let the others quote around a price and trade there."""
        side = Side.BUY if price + SPREAD // 2 >= self.ask else Side.SELL
        self.bid, self.ask = Ticks(price - SPREAD // 2), Ticks(price + SPREAD // 2)
        self.exchange.move_market(PAIR, self._step(side, 1))

    def fill(self, lots: int, side: Side = Side.SELL) -> None:
        """Let the others take what stands at the touch and `lots` of ours behind it."""
        self.exchange.move_market(PAIR, self._step(side, TOUCH_LOTS + lots))
        self.exchange.move_market(PAIR, self._step())

    def thin_out(self) -> None:
        """Let the others take their orders away."""
        self.exchange.move_market(PAIR, Step({1: 1}, {900_000_000: 1}))

    def look(self) -> None:
        """Note how much of the position is without an order that would close it."""
        rows = self.exchange.margin_positions(self.user).positions
        held = sum(row.lots for row in rows if row.pair == PAIR)
        closing = 0
        for order in self.exchange.active_orders(self.user):
            opens = order.position_side is not None and (order.side is Side.BUY) is (
                order.position_side.value == "long"
            )
            closing += 0 if opens else int(order.remaining_lots or 0)
        self.watch.note(self.exchange.now, held - closing)

    def last(self) -> Ticks:
        """Return the last traded price."""
        return self.exchange.ticker(PAIR).last or PRICE

    def cash(self) -> Money:
        """Return the JPY on the account."""
        return Money(next(view.onhand for view in self.exchange.assets(self.user) if view.asset == "jpy"))

    def _pass(self, at: Millis) -> None:
        self.look()
        self.exchange.advance(at)
        self.look()

    def _step(self, side: Side = Side.NONE, lots: int = 0) -> Step:
        bids = {int(self.bid): TOUCH_LOTS, int(self.bid) - 1: DEEP_LOTS}
        asks = {int(self.ask): TOUCH_LOTS, int(self.ask) + 1: DEEP_LOTS}
        return Step(bids, asks, side, lots)


class Watch:
    """Measures, on the exchange itself, for how long a position was without an order that closes it."""

    def __init__(self) -> None:
        self.longest = 0
        self.bare = Lots(0)
        self._since: Millis | None = None

    def note(self, at: Millis, bare: int) -> None:
        """Note that `bare` lots are unprotected at `at`."""
        self.bare = Lots(max(bare, 0))
        if self._since is not None:
            self.longest = max(self.longest, at - self._since)
        if bare <= 0:
            self._since = None
        elif self._since is None:
            self._since = at
