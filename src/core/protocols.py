"""The ports: what the shell promises to the core, and nothing about how it is done."""

from collections.abc import Sequence
from typing import Protocol

from src.core.domain.account import Contribution, Prediction
from src.core.domain.candles import Candles
from src.core.domain.events import ExchangeEvent
from src.core.domain.exchange import AccountReport, FillReport, MarketReport, OrderReport, PairReport
from src.core.domain.journal import Command, Entry, Kind, Stored
from src.core.domain.market import Bar
from src.core.domain.notices import Notice
from src.core.domain.time import Millis
from src.features.row import Row
from src.trading.outgoing import OutgoingOrder


class Clock(Protocol):
    """The only source of "now"."""

    def now(self) -> Millis:
        """Return the present time."""
        ...

    async def sleep_until(self, at: Millis) -> None:
        """Return at `at` or later; at once if it has passed."""
        ...


class BarSource(Protocol):
    """A market's closed bars, in order, each exactly once."""

    async def history(self) -> Candles:
        """Return the bars before the first that `next_bar` will give: enough to warm the slowest feature.

        Raises
        ------
        Retryable
            If they cannot be had now.
        """
        ...

    async def next_bar(self) -> Bar:
        """Wait for the next closed bar.

        Raises
        ------
        SkipBar
            The bar exists but cannot be trusted; the caller goes on with the one after it.
        """
        ...


class Predictor(Protocol):
    """A model that judges proposed trades. Absence and doubt are answers, not errors."""

    def predict(self, row: Row) -> Prediction:
        """Return the judgement of the side proposed on `row`."""
        ...

    def explain(self, row: Row) -> tuple[Contribution, ...]:
        """Return each input's part in that judgement, the largest first; none where there was none."""
        ...

    @property
    def text(self) -> str:
        """Which model this is, or why there is none and what to do about it."""
        ...


class ExchangePort(Protocol):
    """One account on one pair of one exchange: bitbank, or the simulated exchange that stands in for it.

    Every implementation passes tests/contracts/exchange_contract.py. Reads are repeated inside the adapter, within its
    own deadline; what is sent is never repeated.

    Raises
    ------
    Retryable
        By every read: it could not be read now. Never an empty answer instead.
    HaltTrading
        By every call: the key, its permissions or the clock are refused; a person is needed.
    """

    async def submit(self, order: OutgoingOrder) -> OrderReport:
        """Send one order, once, and return it as it was accepted.

        Raises
        ------
        OrderRefused
            The exchange gave a code that is known to mean that nothing was created.
        OutcomeUnknown
            Anything else. The exchange takes no id of ours, so a repeat could open a second position: read back.
        """
        ...

    async def cancel(self, order_id: int) -> OrderReport:
        """Cancel one order and return it as the exchange then had it.

        Raises
        ------
        OrderRefused
            It was not cancelled: the code says why (ended already, unknown, suspended). Read the order.
        OutcomeUnknown
            Anything else; cancelling again is harmless.
        """
        ...

    async def order(self, order_id: int) -> OrderReport:
        """Return one order, active or ended.

        Raises
        ------
        OrderRefused
            50009: the exchange does not know it, or no longer.
        """
        ...

    async def active_orders(self) -> tuple[OrderReport, ...]:
        """Return every waiting and resting order of the pair, spot and foreign ones included, oldest first."""
        ...

    async def fills(self, after: int, since: Millis) -> tuple[FillReport, ...]:
        """Return all our trades with an id above `after` that were executed at `since` or later, oldest first."""
        ...

    async def account(self) -> AccountReport:
        """Return cash, both positions and the margin's state."""
        ...

    async def market(self) -> MarketReport:
        """Return best prices, last price and the circuit breaker's mode."""
        ...

    async def pair(self) -> PairReport:
        """Return the pair's rules, fees and flags as they are now."""
        ...

    async def next_event(self) -> ExchangeEvent:
        """Wait for the next thing the exchange's streams say.

        Streams lose, repeat and reorder; what they say is a hint to read. The adapter reconnects by itself and says so.
        """
        ...

    async def close(self) -> None:
        """End streams and connections; orders stay as they are."""
        ...


class Journal(Protocol):
    """What happened, append-only, on disk before `append` returns. One writer at a time, held by a lease.

    Every implementation passes tests/contracts/journal_contract.py.

    Raises
    ------
    JournalFailed
        By every call, if the database does not take part.
    """

    async def append(self, *entries: Entry) -> int:
        """Write all entries or none, durably, and return the number of the last.

        Raises
        ------
        LeaseLost
            Another process holds the lease now: nothing was written, nothing may be sent.
        JournalFailed
            The database did not take them: nothing may be sent.
        """
        ...

    async def last(self, kind: Kind) -> Stored | None:
        """Return the newest entry of a kind."""
        ...

    async def entries(self, kinds: Sequence[Kind] = (), *, after: int = 0, limit: int = 1_000) -> list[Stored]:
        """Return entries with a number above `after`, oldest first; of every kind if none is given."""
        ...

    async def commands(self) -> list[Command]:
        """Return what people asked for and nobody has yet done, oldest first.

        An entry of `Kind.COMMAND` with the command's `number` in its body marks it as done.
        """
        ...

    async def acquire(self) -> bool:
        """Try to take the lease, or renew it; return whether it is held now."""
        ...

    async def release(self) -> None:
        """Give the lease up."""
        ...

    async def close(self) -> None:
        """Close the database."""
        ...


class Notifier(Protocol):
    """Tells a person. Never blocks trading and never raises; a critical notice is not lost."""

    def tell(self, notice: Notice) -> None:
        """Queue a notice."""
        ...

    async def close(self) -> None:
        """Deliver what is queued, within seconds."""
        ...
