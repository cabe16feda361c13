"""Paper trading: real candles, and the simulated exchange in bar mode that fills orders as a backtest would.

A market order fills at the open of the bar that follows its decision, and a candle is known when it has closed. So a
paper account lives a bar's length behind the market: each bar is told to the trader once the next one is known, and
the trader's clock is as late (`paper_clock`). Nothing else differs from live trading.
"""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

from src.backtest.simulated_exchange import (
    BarMarket,
    Phase,
    SimulatedExchange,
    UserId,
)
from src.backtest.simulated_port import EventRelay, SimulatedPort
from src.core.clock import DelayedClock
from src.core.domain.candles import Candles
from src.core.domain.market import Bar, Instrument, Money
from src.core.domain.time import DAY, SECOND, Millis
from src.core.exceptions import ConfigError, SkipBar
from src.core.orchestration.bar_costs import BarCosts
from src.core.protocols import BarSource, Clock
from src.data.atomic_file import write_atomically

OWNER: Final = "paper"
BEHIND: Final = 30 * SECOND  # a candle is known within this after its end, as a rule
KEPT: Final = 2 * DAY  # of public trades: all that a trader asks of the market is its present
EARLY: Final = 5 * SECOND  # before its end a bar's phases begin, so that they are over by then


class PaperMarket:
    """The bars of a source, each lived through by the exchange before it is told.

    Parameters
    ----------
    source
        Closed bars of the real market.
    market
        What plays them.
    relay
        Whose readers react between a bar's phases.
    clock
        The trader's: late enough that the bar after the present one is known (`paper_clock`).
    save
        Called at the end of every bar.
    catch_up
        Lets the exchange live through stored bars that it has missed.
    """

    def __init__(
        self,
        source: BarSource,
        market: BarMarket,
        relay: EventRelay,
        clock: Clock,
        save: Callable[[], None],
        catch_up: Callable[[Candles], int],
    ) -> None:
        self._source = source
        self._catch_up = catch_up
        self._market = market
        self._relay = relay
        self._clock = clock
        self._save = save
        self._ahead: deque[Bar | SkipBar] = deque()

    async def history(self) -> Candles:
        """Return the source's stored bars, after the exchange has lived through those it has missed."""
        history = await self._source.history()
        self._catch_up(history)
        return history

    async def next_bar(self) -> Bar:
        """Live through the next bar, and return it when the one after it has opened; see `BarSource`.

        Between the phases it is waited until whoever reads the exchange's events has dealt with them, so this must be
        awaited beside `next_event`, not before it. A bar that the exchange has already lived through, or that began
        before the account was opened, is returned as it is.

        Raises
        ------
        SkipBar
            The source's, in its place. The orders of the bar before it wait for the first bar that can be trusted.
        """
        if not self._ahead:
            await self._look()
        first = self._ahead[0]
        if isinstance(first, SkipBar):
            self._ahead.popleft()
            raise first
        await self._live_through(first)
        if len(self._ahead) == 1:
            await self._look()
        if self._market.next_due() == self._relay.exchange.now:
            await self._step()
        self._ahead.popleft()
        return first

    async def _look(self) -> None:
        """Wait for the source's next bar."""
        try:
            bar = await self._source.next_bar()
        except SkipBar as e:
            self._ahead.append(e)
            return
        self._ahead.append(bar)
        if bar.closed_at - self._market.played.terms.period >= self._relay.exchange.now:
            self._market.add([bar])

    async def _live_through(self, bar: Bar) -> None:
        while (due := self._market.next_due()) is not None and due <= bar.closed_at:
            opened = self._market.played.bar is not None
            await self._clock.sleep_until(Millis(bar.closed_at - EARLY) if opened else due)
            if await self._step() is Phase.CLOSE:
                self._save()

    async def _step(self) -> Phase | None:
        phase = self._market.step()
        self._relay.tell()
        await self._relay.settled()
        return phase


class PaperAccount:
    """A paper account with its exchange, kept in a file.

    Parameters
    ----------
    path
        The file: read if it exists, and written before anybody is told of a change.
    costs
        An account keeps those that it was opened with for its life, the fees excepted.
    cash
        Of a new account.
    start
        The first instant of a new exchange.

    Raises
    ------
    ConfigError
        If the account was opened with other costs.
    StoreDamaged
        If the file is not what was written.
    """

    def __init__(
        self,
        path: Path,
        costs: BarCosts,
        instrument: Instrument,
        *,
        cash: Money,
        start: Millis,
    ) -> None:
        self._path = path
        self._instrument = instrument
        if path.exists():
            self.exchange = SimulatedExchange.restore(path.read_bytes())
            self.user = UserId(1)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            pairs = {instrument.pair: costs.rules}
            self.exchange = SimulatedExchange(pairs, costs.switches, start=start, seed=0)
            self.user = self.exchange.add_user(OWNER, {"jpy": Decimal(instrument.jpy(cash))})
        self.market = BarMarket(self.exchange, instrument.pair, costs.terms, fees_at=costs.fees_at)
        self._check(costs)
        self.relay = EventRelay(self.exchange, self.save)
        self.save()

    def catch_up(self, history: Candles) -> int:
        """Let the exchange live through what happened while nobody was there, and return how many bars that were.

        Parameters
        ----------
        history
            The newest stored bars; the last of them is where `bars` goes on. Of a new account, they are the past.
        """
        if not len(history):
            return 0
        played, present = self.market.played, self.exchange.now
        past = history.between(Millis(0), present)
        if played.last is None and len(past):
            self.exchange.load_history(self._instrument.pair, past.rows(slice(-1, None)), played.terms.period)
        missed = [bar for bar in history if bar.closed_at - played.terms.period >= present]
        self.market.add(missed)
        self.market.advance(max(present, history.bar(-1).closed_at))
        self.relay.tell()
        self.save()
        return sum(bar.closed_at > (played.closed_at or present) for bar in history)

    def save(self) -> None:
        """Write the whole state; it is on disk when this returns."""
        self.exchange.forget_trades(self._instrument.pair, Millis(self.exchange.now - KEPT))
        write_atomically(self._path, self.exchange.snapshot())

    def port(self, latency_ms: int) -> SimulatedPort:
        """Return the port that the trader speaks to."""
        return SimulatedPort(self.relay, self.user, self._instrument, latency_ms=latency_ms)

    def bars(self, source: BarSource, clock: Clock) -> PaperMarket:
        """Return the market's bars, lived through by the account."""
        return PaperMarket(source, self.market, self.relay, clock, self.save, self.catch_up)

    def _check(self, costs: BarCosts) -> None:
        """Refuse an account that was opened with other costs: its past and its future would not be comparable."""
        found = next(view.rules for view in self.exchange.pairs() if view.rules.pair == self._instrument.pair)
        kept = self.market.played.terms, found._replace(fees=costs.rules.fees), self.exchange.switches
        wanted = costs.terms, costs.rules, costs.switches
        if kept != wanted:
            names = ("terms", "rules", "switches")
            which = ", ".join(n for n, a, b in zip(names, kept, wanted, strict=True) if a != b)
            raise ConfigError(
                f"the paper account {self._path} was opened with other costs ({which})",
                remedy="set the costs as they were, or move the file away to open a new account",
            )


def paper_clock(clock: Clock, period: int) -> DelayedClock:
    """Return the clock of a paper trader: late by a bar and the time until a candle is known."""
    return DelayedClock(clock, period + BEHIND)
