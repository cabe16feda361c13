"""The exchange, its market and its time in one place: everything that moves it goes through here.

All of it runs in one event loop and nothing in it waits, so each call is carried out as a whole before the next.
"""

from typing import Final, Protocol

from src.backtest.exchange.codes import URL_NOT_FOUND, Refused
from src.backtest.simulated_exchange import Event, EventKind, PairRules, SimulatedExchange
from src.core.domain.time import Millis
from src.twin import wire
from src.twin.twin_clock import TwinClock

PRIVATE: Final = frozenset(
    {
        EventKind.ORDER_NEW,
        EventKind.ORDER,
        EventKind.ORDER_INVALIDATION,
        EventKind.TRADE,
        EventKind.ASSETS,
        EventKind.POSITION,
        EventKind.PAYABLE,
        EventKind.NOTICE,
    }
)


class Driver(Protocol):
    """Other people's trading, which moves the market."""

    def advance(self, to: Millis) -> None:
        """Trade up to `to`, and take the exchange's time there."""
        ...

    def next_due(self) -> Millis | None:
        """Return when it will trade next; None if never again."""
        ...

    def snapshot(self) -> bytes:
        """Return its state."""
        ...


class Venue:
    """An exchange that keeps up with a clock.

    Parameters
    ----------
    exchange
        Owned by this venue from now on.
    clock
        Whose market time it follows.
    driver
        Who else trades; None: only the accounts do.
    """

    def __init__(self, exchange: SimulatedExchange, clock: TwinClock, driver: Driver | None = None) -> None:
        self.exchange = exchange
        self.clock = clock
        self.driver = driver
        self.rules: dict[str, PairRules] = {view.rules.pair: view.rules for view in exchange.pairs()}

    def catch_up(self, to: Millis | None = None) -> None:
        """Let happen what happens up to the clock's market time, or up to `to` if that is earlier."""
        target = self.clock.market() if to is None else min(to, self.clock.market())
        if target <= self.exchange.now:
            return
        if self.driver is not None:
            self.driver.advance(target)
        if target > self.exchange.now:
            self.exchange.advance(target)

    def next_due(self) -> Millis | None:
        """Return the next instant at which something happens by itself."""
        times = [self.exchange.next_due(), None if self.driver is None else self.driver.next_due()]
        return min((at for at in times if at is not None), default=None)

    def drain(self) -> list[Event]:
        """Return what happened since the last call."""
        return self.exchange.drain()


class PublicData:
    """The market as everybody sees it, in the wire's form."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def pairs(self) -> tuple[str, ...]:
        """Return the names of all pairs."""
        return tuple(self._venue.rules)

    def ticker(self, pair: str) -> wire.Json:
        """Return the ticker object."""
        return wire.ticker(self._venue.exchange.ticker(pair), self._rules(pair))

    def tickers(self) -> list[wire.Json]:
        """Return the tickers of all pairs."""
        return [{"pair": pair, **self.ticker(pair)} for pair in self.pairs()]

    def depth(self, pair: str) -> wire.Json:
        """Return the book."""
        return wire.depth(self._venue.exchange.depth(pair), self._rules(pair))

    def transactions(self, pair: str, day: str | None = None) -> wire.Json:
        """Return the newest 60 trades, or those of a finished UTC day."""
        rules = self._rules(pair)
        rows = self._venue.exchange.transactions(pair, day)
        return {"transactions": [wire.transaction(row, rules) for row in rows]}

    def candles(self, pair: str, type_: str, date: str) -> wire.Json:
        """Return a candle file."""
        return wire.candles(self._venue.exchange.candles(pair, type_, date), self._rules(pair))

    def circuit_break_info(self, pair: str) -> wire.Json:
        """Return the circuit breaker's state."""
        return wire.circuit_break_info(self._venue.exchange.circuit_break_info(pair), self._rules(pair))

    def pair_list(self) -> wire.Json:
        """Return every pair's rules."""
        return {"pairs": [wire.pair(view) for view in self._venue.exchange.pairs()]}

    def statuses(self) -> wire.Json:
        """Return how busy every pair is."""
        rows = self._venue.exchange.statuses()
        return {"statuses": [wire.status(view, self._venue.rules[view.pair]) for view in rows]}

    def _rules(self, pair: str) -> PairRules:
        rules = self._venue.rules.get(pair)
        if rules is None:
            raise Refused(URL_NOT_FOUND)
        return rules
