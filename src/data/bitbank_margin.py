"""A margin account on bitbank behind `ExchangePort`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from src.core.domain.events import ExchangeEvent
from src.core.domain.exchange import AccountReport, FillReport, MarketReport, OrderReport, PairReport
from src.core.domain.market import Instrument, Side
from src.core.domain.time import SECOND, Millis
from src.core.exceptions import HaltTrading, OrderRefused, OutcomeUnknown, Retryable
from src.core.protocols import Clock
from src.data.api_keys import ApiKeys
from src.data.bitbank_calls import TOO_MANY_REQUESTS, BitbankCalls, CodeGiven, NoAnswer, Parameters
from src.data.event_queue import EventQueue
from src.data.margin_replies import (
    cash_of,
    fills_of,
    holdings_of,
    margin_of,
    mode_of,
    order_of,
    orders_of,
    pair_of,
    ticker_of,
)
from src.data.private_stream import POLL_S, Credentials, PrivateStream
from src.data.public_stream import SILENCE_S, PublicStream
from src.data.rate_gate import RateGate
from src.data.wire_fields import BrokenReply, Fields
from src.trading.error_codes import NOT_SENT, Reaction, may_pass, meaning, needs_a_person, nothing_done, reaction
from src.trading.outgoing import OutgoingOrder, Purpose

READS_A_SECOND: Final = 10
WRITES_A_SECOND: Final = 6
PUBLIC_READS_A_SECOND: Final = 5  # not published; the content network refreshes once a second
ONE_ORDER: Final = "privateGetUserSpotOrder"
PAGE: Final = 1_000  # rows of a list; the most that trade_history gives
FIRST_WAIT_S: Final = 0.25  # before the first repeat of a read; doubled each time
LONGEST_WAIT_S: Final = 2.0
RATE_PAUSE: Final = SECOND  # after "too many requests"

READ_BACK: Final = "read back active orders, trades and positions; do not send it again"
READ_LATER: Final = "read again later; meanwhile the state is unknown, and nothing is opened"
ASK_A_PERSON: Final = (
    "check at bitbank that the key exists and may trade on margin, and that this machine's clock is right; then resume"
)


class Urgency(IntEnum):
    """Order in which writes wait for their turn."""

    CANCEL = 0
    STOP = 1
    CLOSE = 2
    ENTRY = 3


_URGENCY: Final = {Purpose.STOP: Urgency.STOP, Purpose.CLOSE: Urgency.CLOSE, Purpose.ENTRY: Urgency.ENTRY}
_SIDE_WORDS: Final = {Side.BUY: "buy", Side.SELL: "sell"}

Data = Mapping[str, Any]
Parsed = TypeVar("Parsed")


class Terms(NamedTuple):
    """How the exchange is reached."""

    private_url: str = "https://api.bitbank.cc"
    public_url: str = "https://public.bitbank.cc"
    private_stream: str = "https://ps.pndsn.com"
    public_stream: str = "wss://stream.bitbank.cc/socket.io/?EIO=4&transport=websocket"
    time_window_ms: int = 3_000  # how old a request may be when the exchange looks at it
    deadline_s: float = 5.0  # of one request
    read_deadline_s: float = 10.0  # of a read with its repeats, on the injected clock
    max_clock_skew_ms: int = 2_000  # no entry is sent while the clocks differ by more for certain
    heartbeat: bool = True  # whether the ticker is followed too: its silence tells that the public stream is dead


class BitbankMargin:
    """One margin account on one pair of bitbank; see `ExchangePort` for what it promises.

    Reads are repeated until they work out or `read_deadline_s` has passed; what is sent is sent once. There is one
    exception that sends nothing twice: a request whose signature or time the exchange refused, which it says before
    it looks at the order, is signed once more.

    Parameters
    ----------
    clock
        Paces and signs requests and stamps reports.
    keys
        Of the account.
    instrument
        The pair and the grids that answers must be on; `pair` reports the exchange's own.
    terms
        How the exchange is reached.
    page
        Rows asked for at once, at most 1000.
    silence_s, poll_s
        See `PublicStream` and `PrivateStream`.
    """

    def __init__(
        self,
        clock: Clock,
        keys: ApiKeys,
        instrument: Instrument,
        terms: Terms = Terms(),
        *,
        page: int = PAGE,
        silence_s: float = SILENCE_S,
        poll_s: float = POLL_S,
    ) -> None:
        self._page = page
        self._clock = clock
        self._instrument = instrument
        self._terms = terms
        self._calls = BitbankCalls(
            clock,
            keys,
            private_url=terms.private_url,
            public_url=terms.public_url,
            time_window_ms=terms.time_window_ms,
            deadline_s=terms.deadline_s,
        )
        self._reads = RateGate(clock, READS_A_SECOND)
        self._writes = RateGate(clock, WRITES_A_SECOND)
        self._public = RateGate(clock, PUBLIC_READS_A_SECOND)
        self._events = EventQueue(clock)
        self._public_stream = PublicStream(
            clock, instrument, self._events, terms.public_stream, heartbeat=terms.heartbeat, silence_s=silence_s
        )
        self._private_stream = PrivateStream(
            clock, instrument, self._events, terms.private_stream, self._credentials, poll_s=poll_s
        )
        self._streams = (self._public_stream, self._private_stream)
        self._tasks: list[asyncio.Task[None]] = []
        self.in_flight = 0  # requests whose answers are not here yet, polls of streams not counted

    async def close(self) -> None:
        """End streams and connections; orders stay as they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for gate in (self._reads, self._writes, self._public):
            await gate.close()
        await self._calls.close()

    @property
    def clock_skew_ms(self) -> int:
        """How far the exchange's clock is ahead of ours for certain, from the Date header; 0 if they may agree."""
        return self._calls.offset.certain_ms

    @property
    def clock_bounds(self) -> tuple[int, int] | None:
        """Between which differences (exchange's time − ours, ms) the clocks lie; None before the first answer."""
        return self._calls.offset.bounds

    # ------------------------------------------------------------------------------------------------ what is sent

    async def submit(self, order: OutgoingOrder) -> OrderReport:
        """Send one order, once, and return it as it was accepted."""
        if order.purpose is Purpose.ENTRY:
            self._check_clock()
        what = repr(order)
        data = await self._write("privatePostUserSpotOrder", self._body(order), _URGENCY[order.purpose], what)
        report = self._accepted(data, what)
        asked = (order.side, order.position, order.type, order.lots, order.price, order.trigger)
        if (report.side, report.position, report.type, report.start, report.price, report.trigger) != asked:
            raise OutcomeUnknown(f"the exchange accepted something else than {what}", remedy=READ_BACK)
        return report

    async def cancel(self, order_id: int) -> OrderReport:
        """Cancel one order and return it as the exchange then had it."""
        what = f"cancelling order {order_id}"
        body = {"pair": self._instrument.pair, "order_id": order_id}
        data = await self._write("privatePostUserSpotCancelOrder", body, Urgency.CANCEL, what)
        report = self._accepted(data, what)
        if report.order_id != order_id:
            raise OutcomeUnknown(f"the exchange answered {what} with another order", remedy=READ_BACK)
        return report

    def _body(self, order: OutgoingOrder) -> Parameters:
        grid = self._instrument
        body: dict[str, object] = {
            "pair": grid.pair,
            "side": _SIDE_WORDS[order.side],
            "type": order.type.value,
            "amount": f"{grid.amount(order.lots):f}",
            "position_side": order.position.value,
        }
        if order.price is not None:
            body["price"] = f"{grid.price(order.price):f}"
        if order.trigger is not None:
            body["trigger_price"] = f"{grid.price(order.trigger):f}"
        if order.post_only:
            body["post_only"] = True
        return body

    def _check_clock(self) -> None:
        skew = self.clock_skew_ms
        if abs(skew) > self._terms.max_clock_skew_ms:
            raise HaltTrading(
                f"this machine's clock differs from bitbank's by at least {abs(skew)} ms: no entry was sent",
                remedy="let the machine's clock be set by NTP",
            )

    def _accepted(self, data: Data, what: str) -> OrderReport:
        try:
            return order_of(data, self._instrument)
        except BrokenReply as e:
            raise OutcomeUnknown(f"the answer to {what} cannot be read: {e.what}", remedy=READ_BACK) from e

    async def _write(self, method: str, body: Parameters, urgency: Urgency, what: str) -> Data:
        try:
            return await self._signed(self._writes, method, body, urgency)
        except CodeGiven as e:
            self._heed_rate(self._writes, e.code)
            if not (e.certain and nothing_done(e.code)):
                raise OutcomeUnknown(f"{what}: {meaning(e.code)}", remedy=READ_BACK) from e
            if needs_a_person(e.code):
                raise HaltTrading(f"{what} was refused with {meaning(e.code)}", remedy=ASK_A_PERSON) from e
            raise OrderRefused(f"{what} was refused with {meaning(e.code)}", code=e.code, remedy=_remedy(e.code)) from e
        except NoAnswer as e:
            if not e.sent:
                raise OrderRefused(f"{what}: {meaning(NOT_SENT)}", code=NOT_SENT, remedy="check the network") from e
            raise OutcomeUnknown(f"{what}: {e}", remedy=READ_BACK) from e
        except BrokenReply as e:
            raise OutcomeUnknown(f"{what}: {e.what}", remedy=READ_BACK) from e

    # ------------------------------------------------------------------------------------------------ what is read

    async def order(self, order_id: int) -> OrderReport:
        """Return one order, active or ended."""
        which = {"pair": self._instrument.pair, "order_id": order_id}

        def parse(data: Data) -> OrderReport:
            report = order_of(data, self._instrument)
            if report.order_id != order_id:
                raise BrokenReply(f"asked for order {order_id}, the exchange answered with another")
            return report

        return await self._read(ONE_ORDER, which, parse)

    async def active_orders(self) -> tuple[OrderReport, ...]:
        """Return every waiting and resting order of the pair, spot and foreign ones included, oldest first."""
        found: dict[int, OrderReport] = {}
        which: dict[str, object] = {"pair": self._instrument.pair, "count": self._page}
        while True:
            rows = await self._read("privateGetUserSpotActiveOrders", which, self._orders)
            known = len(found)
            found.update({row.order_id: row for row in rows})
            if len(rows) < self._page:
                return tuple(found[order_id] for order_id in sorted(found))
            if len(found) == known:
                raise Retryable("the list of active orders does not go on where it ended", remedy=READ_LATER)
            which["end_id"] = min(found)  # lists come newest first; whether the bound itself is listed is not known

    async def fills(self, after: int, since: Millis) -> tuple[FillReport, ...]:
        """Return all our trades with an id above `after` that were executed at `since` or later, oldest first."""
        found: dict[int, FillReport] = {}
        which: dict[str, object] = {"pair": self._instrument.pair, "count": self._page, "order": "asc"}
        which |= {"from_id": after} if after > 0 else {}
        which["since"] = start = max(since - 1, 0)  # whether the bounds themselves are listed is not known
        while True:
            rows = await self._read("privateGetUserSpotTradeHistory", which, self._fills)
            known = len(found)
            found.update({row.trade_id: row for row in rows})
            if len(rows) < self._page:
                break
            if len(found) == known:  # `from_id` is not documented: without it, time alone leads on
                last = max(row.executed_at for row in rows) - 1
                if last <= start:
                    raise Retryable("the list of trades does not go on where it ended", remedy=READ_LATER)
                which["since"] = start = last
            which["from_id"] = max(found)
        wanted = (row for row in found.values() if row.trade_id > after and row.executed_at >= since)
        return tuple(sorted(wanted, key=lambda row: row.trade_id))

    def _orders(self, data: Data) -> list[OrderReport]:
        return orders_of(data, self._instrument)

    def _fills(self, data: Data) -> list[FillReport]:
        return fills_of(data, self._instrument)

    async def account(self) -> AccountReport:
        """Return cash, both positions and the margin's state."""
        asked_at = self._clock.now()
        (cash, first), (held, second), (margin, third) = await _together(
            self._timed("privateGetUserAssets", lambda data: cash_of(data, self._instrument)),
            self._timed("privateGetUserMarginPositions", lambda data: holdings_of(data, self._instrument)),
            self._timed("privateGetUserMarginStatus", lambda data: margin_of(data, self._instrument)),
        )
        return AccountReport(
            cash=cash,
            long=held.long,
            short=held.short,
            margin=margin.state,
            margin_balance=margin.balance,
            requirement=margin.requirement,
            level_bps=margin.level_bps,
            call_bps=margin.call_bps,
            losscut_bps=margin.losscut_bps,
            capacity_long=margin.capacity_long,
            capacity_short=margin.capacity_short,
            notice=held.notice,
            payable=held.payable,
            read_at=asked_at,
            latency_ms=max(first, second, third),
        )

    async def market(self) -> MarketReport:
        """Return best prices, last price and the circuit breaker's mode."""
        asked_at = self._clock.now()
        which = {"pair": self._instrument.pair}
        top, mode = await _together(
            self._read("publicGetPairTicker", which, lambda data: ticker_of(data, self._instrument), self._public),
            self._read(
                "publicGetPairCircuitBreakInfo", which, lambda data: mode_of(data, self._instrument), self._public
            ),
        )
        return MarketReport(bid=top.bid, ask=top.ask, last=top.last, mode=mode, read_at=asked_at)

    async def pair(self) -> PairReport:
        """Return the pair's rules, fees and flags as they are now."""
        asked_at = self._clock.now()
        pairs, statuses = await _together(
            self._read("marketsGetSpotPairs", {}, _as_it_is),
            self._read("privateGetSpotStatus", {}, _as_it_is),
        )
        return pair_of(pairs, statuses, self._instrument, asked_at)

    # ----------------------------------------------------------------------------------------- what the streams say

    async def next_event(self) -> ExchangeEvent:
        """Wait for the next thing the exchange's streams say; the first call connects them."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(stream.run()) for stream in self._streams]
            for task in self._tasks:
                task.add_done_callback(self._ended)
        return await self._events.get()

    @property
    def received(self) -> int:
        """How many messages the streams brought so far."""
        return sum(stream.received for stream in self._streams)

    @property
    def connections(self) -> int:
        """How often a stream was connected so far."""
        return sum(stream.connections for stream in self._streams)

    @property
    def joins(self) -> int:
        """How often a room of the public stream was joined so far."""
        return self._public_stream.joins

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited, or a stream is being connected; a stream that listens is not busy."""
        return self.in_flight > 0 or any(stream.connecting for stream in self._streams)

    @property
    def idle(self) -> bool:
        """Whether nobody is about to read an event."""
        return not self._tasks or self._events.idle

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Tell readers when a stream ended by itself, which it never does but by a fault of this program."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._events.fail(error)

    async def _credentials(self) -> Credentials:
        def parse(data: Data) -> Credentials:
            row = Fields(data, "subscribe", self._instrument)
            return Credentials(row.text("pubnub_channel"), row.text("pubnub_token"))

        return await self._read("subscribe", {}, parse)

    async def _timed(self, method: str, parse: Callable[[Data], Parsed]) -> tuple[Parsed, int]:
        began = self._clock.now()
        return await self._read(method, {}, parse), self._clock.now() - began

    async def _read(
        self, method: str, which: Parameters, parse: Callable[[Data], Parsed], gate: RateGate | None = None
    ) -> Parsed:
        """Read once or oftener, and return what `parse` makes of the answer.

        Raises
        ------
        Retryable
            It did not work out inside the deadline.
        HaltTrading
            Key, permissions or clock were refused.
        OrderRefused
            There is no such order: by the read of one order alone.
        """
        gate = gate or self._reads
        ends = self._clock.now() + int(self._terms.read_deadline_s * SECOND)

        def too_late(state: RetryCallState) -> bool:
            return self._clock.now() + int(state.upcoming_sleep * SECOND) >= ends

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Again),
            stop=too_late,
            wait=wait_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S),
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(self._read_once, gate, method, which, parse)

    async def _read_once(
        self, gate: RateGate, method: str, which: Parameters, parse: Callable[[Data], Parsed]
    ) -> Parsed:
        try:
            return parse(await self._signed(gate, method, which, 0))
        except CodeGiven as e:
            self._heed_rate(gate, e.code)
            text = f"{method} was answered with {meaning(e.code)}"
            if e.certain and needs_a_person(e.code):
                raise HaltTrading(text, remedy=ASK_A_PERSON) from e
            if e.certain and method == ONE_ORDER and reaction(e.code) is Reaction.REREAD:
                raise OrderRefused(text, code=e.code, remedy=_remedy(e.code)) from e
            raise (_Again if may_pass(e.code) else Retryable)(text, remedy=READ_LATER) from e
        except NoAnswer as e:
            raise _Again(f"{method}: {e}", remedy=READ_LATER) from e
        except BrokenReply as e:
            raise _Again(f"{method}: {e.what}", remedy=e.remedy) from e

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep_until(Millis(self._clock.now() + int(seconds * SECOND)))

    # ------------------------------------------------------------------------------------------------------- both

    async def _signed(self, gate: RateGate, method: str, parameters: Parameters, urgency: int) -> Data:
        """Send a request in its turn; if its signature or time is refused, sign and send it once more."""
        try:
            return await self._called(gate, method, parameters, urgency)
        except CodeGiven as e:
            refused = reaction(e.code)
            again = refused is Reaction.KEY or (refused is Reaction.CLOCK and self._calls.set_clock())
            if not (again and e.certain):
                raise
        return await self._called(gate, method, parameters, urgency)

    async def _called(self, gate: RateGate, method: str, parameters: Parameters, urgency: int) -> Data:
        async with gate.turn(urgency):
            self.in_flight += 1
            try:
                return await self._calls.call(method, parameters)
            finally:
                self.in_flight -= 1

    def _heed_rate(self, gate: RateGate, code: int) -> None:
        if code == TOO_MANY_REQUESTS:
            gate.hold(RATE_PAUSE)


class _Again(Retryable):
    """A read that may work out if it is repeated at once."""


def _as_it_is(data: Data) -> Data:
    return data


def _remedy(code: int) -> str:
    return {
        Reaction.BUG: "the program sent something wrong: report it with this line",
        Reaction.SKIP: "read account, pair and market, then decide anew",
        Reaction.WAIT: "wait until the exchange lifts the restriction; `pair` shows its flags",
        Reaction.REREAD: "read the order and the positions",
        Reaction.SUSPENDED: "repeat it if it cancels or protects; open nothing",
    }.get(reaction(code), READ_BACK)


async def _together(*reads: Awaitable[Any]) -> list[Any]:
    """Wait for all reads, also if one fails, so that none runs on unheard; then raise the first failure."""
    results = await asyncio.gather(*reads, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
