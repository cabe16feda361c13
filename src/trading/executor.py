"""Makes the exchange have what it should have: sends, reads back, protects, closes. Once, and written down first.

Every effect goes through a port: journal, exchange, clock, notifier. The order around a POST is always: the intent is
in the journal, then it is sent, then its outcome is in the journal. Whatever was not written down as an outcome is in
doubt, after a crash as after a timeout, and is read back before anything else is sent. docs/orders.md draws it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from src.core.domain.account import Account
from src.core.domain.events import ExchangeEvent, FillSeen, ModeSeen, OrderSeen, PositionSeen, StreamUp
from src.core.domain.exchange import (
    LIVING,
    POSITION_OF,
    AccountReport,
    CircuitMode,
    FillReport,
    MarginState,
    OrderReport,
    OrderStatus,
    PairReport,
)
from src.core.domain.journal import Entry, Json, Kind
from src.core.domain.market import PPM, Lots, Money, Side, Ticks, notional
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.record import as_json
from src.core.domain.time import MINUTE, SECOND, Millis
from src.core.exceptions import OrderRefused, OutcomeUnknown, Retryable
from src.core.protocols import Clock, ExchangePort, Journal, Notifier
from src.trading.book import (
    FLAT,
    NO_ENTRY,
    STAYING,
    Book,
    EntryPlan,
    Intent,
    Leaving,
    Working,
    accepted,
    adopted,
    changed,
    doubted,
    ended,
    filled,
    intended,
    is_new,
    is_opening,
    looked_at,
    lost,
    opened,
    refused,
    seen,
    trade_of,
    without_ghost,
)
from src.trading.decision import State, exited
from src.trading.drawdown_manager import RiskParams
from src.trading.intents import (
    Fate,
    Finding,
    Patience,
    candidates,
    find,
    forgotten_at,
    quarantined_until,
    waiting_ms,
)
from src.trading.ledger import worse
from src.trading.outgoing import OutgoingOrder, Purpose, close, entry, protective_stop
from src.trading.reconcile import (
    GONE_READS,
    Act,
    Action,
    Facts,
    Limits,
    can_protect,
    foreign_lots,
    foreign_orders,
    next_action,
    protected,
    unbooked_of,
)
from src.trading.risk import Verdict, approve

POSITION_UPDATE: Final = "margin_position_update"
FIRES_AT_ONCE: Final = 60018
EXCEEDS_POSITION: Final = 50062
NOT_FOUND: Final = 50009
TOO_SMALL: Final = frozenset({60004, 70010})  # the minimum was raised: read it, then merge, close or wait
SUSPENDED: Final = frozenset({70004, 70013, 70018})  # cancels and protective orders are tried until they work
OVERLAP: Final = 10 * MINUTE  # of two reads of our trades
ROUNDS: Final = 60  # actions in one settling; more is a loop
PAUSE: Final = 200  # milliseconds between two looks at something that is on its way
RETRY: Final = SECOND  # between two attempts at what was refused for now
NO_DIFFERENCE: Final = (Lots(0), Lots(0))
PAIR_AGE: Final = MINUTE


class ExecutorParams(NamedTuple):
    """How orders are worked."""

    kind: EntryKind
    wait_ms: int  # a resting entry is cancelled after this
    stale_ms: int  # a decision older than this is not sent
    naked_ms: int  # a position that cannot be protected for so long is closed
    settle_ms: int  # how long trades, orders and positions may disagree before it is called a difference
    slippage_ppm: int  # what a close at the target may give away, as the backtest assumes
    limits: Limits
    patience: Patience


class Outcome(StrEnum):
    """What became of a decision to enter. Stored: never renamed."""

    SENT = "sent"
    STALE = "stale"  # it came too late
    QUARANTINED = "quarantined"  # an order's fate is not known
    HALTED = "halted"  # by a person
    FOREIGN = "foreign"  # something on the account is not ours
    CIRCUIT = "circuit"  # the market does not trade continuously
    RESTRICTED = "restricted"  # the exchange's flags forbid the order or its protection
    CLOCK = "clock"  # our clock and the exchange's differ
    MARGIN = "margin"  # the exchange demands collateral, or has none to lend
    NOT_FLAT = "not_flat"
    UNKNOWN_ACCOUNT = "unknown_account"


class Executor:
    """Owns the book and everything that is sent.

    Parameters
    ----------
    book
        As the journal's newest state has it.
    """

    def __init__(
        self,
        exchange: ExchangePort,
        journal: Journal,
        clock: Clock,
        notifier: Notifier,
        params: ExecutorParams,
        risk: RiskParams,
        book: Book,
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._notifier = notifier
        self._params = params
        self._risk = risk
        self.book = book
        self.facts: Facts | None = None  # None: the account is not known
        self.foreign = False
        self.clock_off = False  # told by the driver: nothing new is opened meanwhile, and what rests is taken back
        self._pair: PairReport | None = None
        self._witness: dict[int, OrderReport] = {}  # orders the stream spoke of, as a second witness of what was sent
        self._told: set[str] = set()  # alarms that hold, told once
        self._unwritten: list[Entry] = []  # alarms that were told; the next thing written takes them along
        self._flow: tuple[Money, Millis] | None = None  # an unexplained change of cash, and since when
        self._difference = NO_DIFFERENCE  # of the exchange's position from ours, once it has lasted
        self._guarded = Lots(0)  # lots that a stop protects though no trade shows them yet
        self._bare_since = Millis(0)  # when this process first saw lots without a stop; 0: there are none
        self._give_up_at = Millis(0)  # when this settling leaves the rest for later
        self._no_cancels_until = Millis(0)

    # ---- what the driver asks for

    def is_whole(self) -> bool:
        """Return whether nothing is in doubt, unprotected or on its way."""
        return self.facts is not None and self.book.pending is None and self.book.naked_since == 0

    def account(self, mark: Ticks, at: Millis) -> Account:
        """Return the account as the decision core sees it, valued at `mark`."""
        held, facts = self.book.holding, self.facts
        booked = facts is not None and facts.unbooked.lots == 0
        known = booked and self.book.pending is None and not self.foreign
        if facts is None:
            zero = Money(0)
            return Account(False, zero, mark, Side.NONE, Lots(0), Ticks(0), at, False, 0, 0, 0, 0)
        report = facts.account
        cost = sum(p.fee_due + p.interest_due for p in (report.long, report.short))
        open_result = report.long.lots * mark - report.long.product + report.short.product - report.short.lots * mark
        bid, ask = facts.market.bid, facts.market.ask
        spread = PPM if bid is None or ask is None else (ask - bid) * PPM // mark
        return Account(
            known=known,
            equity=Money(report.cash + open_result - cost),
            mark=mark,
            side=held.side if held.lots > 0 else Side.NONE,
            lots=held.lots,
            entry=Ticks(held.paid // held.entered) if held.entered else Ticks(0),
            opened_at=held.opened_at,
            waiting=self.book.waiting,
            spread_ppm=spread,
            latency_ms=report.latency_ms,
            maker_fee_ppm=facts.pair.open_maker_ppm,
            taker_fee_ppm=facts.pair.open_taker_ppm,
        )

    async def enter(self, verdict: Verdict, mark: Ticks, decided_at: Millis) -> Outcome:
        """Begin to work an entry, or say why not."""
        why = self._forbids(verdict, mark, decided_at)
        if why is not Outcome.SENT:
            return why
        kind = self._params.kind
        resting = kind != EntryKind.MARKET
        expires_at = Millis(decided_at + (self._params.wait_ms if resting else self._params.stale_ms))
        take_until = Millis(expires_at + self._params.stale_ms if kind == EntryKind.MAKER_THEN_TAKER else 0)
        limit = mark if kind == EntryKind.LIMIT else Ticks(0)
        plan = EntryPlan(verdict, kind, decided_at, limit, expires_at, take_until, 0, True)
        self.book = self.book._replace(entry=plan)
        await self.settle()
        return Outcome.SENT

    async def leave(self, reason: ExitReason, price: Ticks | None = None) -> None:
        """Close the position, and what an entry on its way may still open.

        A wish that is being carried out stays, except that any other replaces the target's, which may be given up.
        """
        book, pending = self.book, self.book.pending
        opening = book.entry.open or (pending is not None and pending.purpose is Purpose.ENTRY)
        yields = book.leaving.reason == ExitReason.NONE or (book.leaving.reason == ExitReason.TARGET != reason)
        if (book.holding.lots > 0 or opening) and yields:
            self._want_out(reason, price)
            await self._write()
        await self.settle()

    def _want_out(self, reason: ExitReason, price: Ticks | None = None) -> None:
        """Begin to close, and open nothing more meanwhile."""
        leaving, entry = Leaving(reason, price, self._clock.now(), 0), self.book.entry._replace(open=False)
        self.book = self.book._replace(leaving=leaving, entry=entry)

    async def on_price(self, price: Ticks) -> None:
        """Look whether a public trade has gone through the target of the open position."""
        held, plan = self.book.holding, self.book.state.plan
        if held.lots == 0 or plan.stop == 0:
            return
        self.book = seen(self.book, price, price)
        beyond = (price - plan.target) * held.side > 0
        if plan.target == 0 or not beyond or self.book.leaving.reason != ExitReason.NONE:
            return
        worst = worse(plan.target, Side(-held.side), self._params.slippage_ppm)
        await self.leave(ExitReason.TARGET, worst)

    async def record(self, *entries: Entry, state: State) -> None:
        """Write entries down together with the core's next state."""
        self.book = self.book._replace(state=state)
        await self._write(*entries)

    def see(self, high: Ticks, low: Ticks) -> None:
        """Remember the range of prices that the open position has lived through."""
        self.book = seen(self.book, high, low)

    @property
    def pair(self) -> PairReport | None:
        """The pair's rules as they were last read, at most a minute before the account."""
        return self._pair

    async def halt(self, halted: bool) -> None:
        """Forbid new positions, or allow them again; the next settling cancels what rests of an entry."""
        self.book = self.book._replace(halted=halted)
        await self._write()

    async def withdraw(self) -> bool:
        """Cancel what rests of an entry and protect what is open: nobody will watch it; return whether that is done."""
        if self.book.entry.open:
            over = self.book.entry._replace(expires_at=self._clock.now(), take_until=Millis(0))
            self.book = self.book._replace(entry=over)
        if await self.settle():
            return True
        left = self.left_behind()  # an account that is not clear in all may be safe all the same
        return not self.is_bare() and left["doubt"] is None and not left["orders"]

    def is_bare(self) -> bool:
        """Return whether lots of ours are open that no stop of ours is known to cover."""
        stops = sum(order.lots - order.executed for order in self.book.orders if order.purpose is Purpose.STOP)
        return self.book.holding.lots > stops

    def left_behind(self) -> dict[str, Json]:
        """Return what rests on the exchange, or may, should this process end now; lots are signed by side."""
        book = self.book
        stops = sum(order.lots - order.executed for order in book.orders if order.purpose is Purpose.STOP)
        others: list[Json] = [order.order_id for order in book.orders if order.purpose is not Purpose.STOP]
        return {
            "position": book.holding.lots * book.holding.side,
            "protected": stops,
            "orders": others,
            "doubt": None if book.pending is None else book.pending.number,
        }

    def is_news(self, event: ExchangeEvent) -> bool:
        """Return whether a stream says something that the last reading did not show."""
        if isinstance(event, FillSeen):
            return is_new(self.book, event.fill.trade_id)
        if isinstance(event, OrderSeen):
            return self._is_new_order(event.order)
        if isinstance(event, ModeSeen):
            self._pair = None
        if isinstance(event, PositionSeen):  # each fill brings one of these; a notice comes alone
            return event.text != POSITION_UPDATE or not self.is_whole()
        return isinstance(event, ModeSeen | StreamUp)

    def _is_new_order(self, order: OrderReport) -> bool:
        known = self.book.find(order.order_id)
        if known is None:
            return self.book.pending is not None or (order.status in LIVING and order.order_id > self.book.last_order)
        shown = () if self.facts is None else self.facts.active
        return order not in shown

    def on_order(self, order: OrderReport) -> None:
        """Remember an order that the stream spoke of."""
        self._witness[order.order_id] = order
        if len(self._witness) > 1_000:
            self._witness.pop(next(iter(self._witness)))

    async def settle(self) -> bool:
        """Act until the exchange has what it should have; return whether it has, or False for later."""
        self._give_up_at = Millis(self._clock.now() + self._params.settle_ms)
        for _ in range(ROUNDS):
            if not await self.sync() or self.facts is None:
                return False
            action = next_action(self.book, self.facts, self._params.limits)
            if action.act == Act.NOTHING:
                return True
            if not await self._do(action):
                return False
        self._alarm(Tier.CRITICAL, Topic.DIFFERENCE, what=f"the account did not settle in {ROUNDS} actions")
        return False

    # ---- reading

    async def sync(self) -> bool:
        """Read the account until trades, orders and positions agree; return whether they do."""
        give_up = self._clock.now() + self._params.settle_ms
        while True:
            try:
                agrees = await self._read()
            except Retryable as e:
                self.facts = None
                self._alarm(Tier.WARNING, Topic.EXCHANGE, key="unreadable", what=e.what)
                return False
            self._told.discard("unreadable")
            self._heed_margin()
            if agrees:
                await self._agreed()
                return True
            if self._is_bare_and_unbooked():
                return True  # protection does not wait for the list of trades
            if self._clock.now() >= give_up:
                return await self._differs()
            await self._pause()

    def _is_bare_and_unbooked(self) -> bool:
        """Return whether an order has executed what no trade shows yet, and no stop covers it."""
        facts = self.facts
        if facts is None or facts.unbooked.lots == 0 or self.book.pending is not None:
            return False
        bare = self.book.holding.lots + facts.unbooked.lots - protected(self.book, facts.active)
        return bare >= facts.pair.min_lots and can_protect(facts)

    async def _read(self) -> bool:
        """Read once and book what is new; return whether everything agrees."""
        active = await self._exchange.active_orders()
        since = Millis(max(self.book.read_at - OVERLAP, 0))
        fills = await self._exchange.fills(self.book.floor, since)
        if self.book.pending is not None or self.book.ghosts:
            await self._resolve(active, fills)
        await self._book_fills(fills)
        account = await self._exchange.account()
        shown, agrees = await self._follow_orders(active)
        living = tuple(order for order in shown if order.status is None or order.status in LIVING)
        market, pair = await self._exchange.market(), await self._rules()
        now = self._clock.now()
        unbooked = unbooked_of(self.book, shown, account, market)
        held_back = now < self._no_cancels_until
        strange = self.foreign or self.clock_off
        self.facts = Facts(now, living, account, market, pair, strange, held_back, unbooked)
        await self._measure_naked()
        return agrees and foreign_lots(self.book, account) == self._difference

    async def _rules(self) -> PairReport:
        if self._pair is None or self._clock.now() - self._pair.read_at >= PAIR_AGE:
            self._pair = await self._exchange.pair()
        return self._pair

    async def _book_fills(self, fills: tuple[FillReport, ...]) -> None:
        before = self.book
        entries = []
        for fill in fills:
            if not is_new(self.book, fill.trade_id):
                continue
            if not self._is_ours(fill):
                self.book = looked_at(self.book, fill.trade_id)
                self._alarm(Tier.CRITICAL, Topic.FOREIGN, what=f"trade {fill.trade_id} is of an order that is not ours")
            else:
                self._book(fill)
                self._mention_close(fill)
            entries.append(self._entry(Kind.FILL, as_json(fill)))
        if self.book != before:
            self.book = opened(self.book)
            await self._write(*entries)

    def _book(self, fill: FillReport) -> None:
        """Book a fill of ours; lots that had a stop before their trade was listed have not become naked by it."""
        was_guarded = is_opening(fill) and self.book.naked_since == 0 and fill.lots <= self._guarded
        self.book = filled(self.book, fill)
        if was_guarded:
            self._guarded = Lots(self._guarded - fill.lots)
            self.book = self.book._replace(naked_since=Millis(0))

    def _mention_close(self, fill: FillReport) -> None:
        """Tell of a close that was not ordered by this program."""
        why = self.book.holding.why
        if is_opening(fill) or why not in {ExitReason.LOSSCUT, ExitReason.FOREIGN}:
            return
        topic = Topic.MARGIN if why == ExitReason.LOSSCUT else Topic.FOREIGN
        self._alarm(Tier.CRITICAL, topic, what=f"{fill.lots} lots were closed by {why.name}, trade {fill.trade_id}")

    def _is_ours(self, fill: FillReport) -> bool:
        """Return whether a fill belongs in the book: an order of ours, or anybody's close of our position."""
        if self.book.find(fill.order_id) is not None:
            return True
        held = self.book.holding
        on_ours = held.lots >= fill.lots and fill.position is POSITION_OF.get(held.side)
        return on_ours and not is_opening(fill)

    async def _follow_orders(self, active: tuple[OrderReport, ...]) -> tuple[tuple[OrderReport, ...], bool]:
        """Read what became of orders of ours that are not listed; return all that were seen and whether all agrees."""
        listed = {order.order_id: order for order in active}
        living, agrees = list(active), True
        for order in self.book.orders:
            shown = listed.get(order.order_id)
            if shown is not None:
                self._heed_status(shown)
                agrees = agrees and shown.executed == order.executed
                if order.gone:
                    self.book = changed(self.book, order._replace(gone=0))
                continue
            report = await self._read_order(order)
            if report is not None and report.status in LIVING:
                living.append(report)
            elif report is not None and report.executed != order.executed:
                agrees = False  # its trades are not listed yet
                living.append(report)
            else:
                agrees = await self._is_gone(order, report) and agrees
        return tuple(living), agrees

    async def _read_order(self, order: Working) -> OrderReport | None:
        """Return an order that is not listed, or None if the exchange says that there is none."""
        try:
            return await self._exchange.order(order.order_id)
        except OrderRefused as e:
            if e.code != NOT_FOUND:
                raise Retryable(f"order {order.order_id} could not be read: {e.what}", remedy=e.remedy) from e
            return None

    def _heed_status(self, report: OrderReport) -> bool:
        """Return whether an order's status is a known word; if not, tell."""
        if report.status is None:
            what = f"order {report.order_id} has an unknown status"
            self._alarm(Tier.CRITICAL, Topic.EXCHANGE, key=f"status {report.order_id}", what=what)
        return report.status is not None

    async def _is_gone(self, order: Working, report: OrderReport | None) -> bool:
        """Take an order for ended; a stop whose position is still open only after several looks.

        That the exchange does not know an order that it has accepted is believed only when nothing can lag any more.
        """
        young = self._clock.now() < order.sent_at + waiting_ms(order.purpose, self._params.patience)
        if report is None and young:
            return False
        complete = report is not None and report.status is OrderStatus.FULLY_FILLED
        guarding = order.purpose is Purpose.STOP and self.book.holding.lots > 0 and not order.withdrawn
        looks = min(order.gone + 1, GONE_READS)
        if report is not None and not self._heed_status(report):
            self.book = changed(self.book, order._replace(gone=looks))
            return False
        if guarding and not complete and looks < GONE_READS:
            self.book = changed(self.book, order._replace(gone=looks))
            return False
        self.book = ended(self.book, order.order_id)
        status = "unknown to the exchange" if report is None else str(report.status)
        body: dict[str, Json] = {"order_id": order.order_id, "purpose": int(order.purpose), "status": status}
        await self._write(self._entry(Kind.ORDER, body))
        if guarding and not complete and self.book.leaving.reason == ExitReason.NONE:
            self._alarm(Tier.CRITICAL, Topic.NAKED, what=f"stop {order.order_id} ended as {status}")
        return True

    async def _agreed(self) -> None:
        self.book = self.book._replace(read_at=self._clock.now())
        facts = self.facts
        if facts is None:
            return
        strangers = foreign_orders(self.book, facts.active)
        unclear = any(self.book.find(o.order_id) and o.status is None for o in facts.active)
        self.foreign = bool(strangers) or unclear or self._difference != NO_DIFFERENCE
        self.facts = facts._replace(strange=self.foreign or self.clock_off)
        if strangers:
            listed = ", ".join(str(order.order_id) for order in strangers)
            self._alarm(Tier.CRITICAL, Topic.FOREIGN, key=f"orders {listed}", what=f"orders {listed} are not ours")
        else:
            self._forget("orders")
        if self._difference == NO_DIFFERENCE:
            self._forget("lots")
        await self._explain_cash(facts.account)

    def _heed_margin(self) -> None:
        """Close what is open when the exchange demands collateral; it would otherwise close it by force."""
        if self.facts is None:
            return
        account = self.facts.account
        demands = [] if account.margin is MarginState.NORMAL else [f"margin {account.margin}"]
        demands += [] if account.notice is None else [f"notice {account.notice}"]
        demands += [] if account.payable <= 0 else [f"{account.payable} money units owed"]
        if not demands:
            self._forget("margin")
            return
        what = ", ".join(demands)
        self._alarm(Tier.CRITICAL, Topic.MARGIN, key=f"margin {what}", what=what)
        called = account.margin is MarginState.CALL or account.notice is not None
        if called and self.book.holding.lots > 0 and self.book.leaving.reason in {ExitReason.NONE, ExitReason.TARGET}:
            self._want_out(ExitReason.MARGIN_CALL)

    async def _differs(self) -> bool:
        """Say that trades, orders and positions do not agree; return whether anything of ours needs looking after.

        Nothing new is opened while they do not agree; what is ours is protected and closed all the same.
        """
        facts, book = self.facts, self.book
        if facts is None:
            return False
        self._difference = long, short = foreign_lots(book, facts.account, facts.unbooked)
        if self._difference != NO_DIFFERENCE:
            self.foreign = True
            self.facts = facts._replace(strange=True)
            what = f"the exchange's position differs from the journal's by {long} lots long and {short} lots short"
            self._alarm(Tier.CRITICAL, Topic.FOREIGN, key=f"lots {long} {short}", what=what)
        return bool(book.holding.entered or book.orders or book.entry.open or book.leaving.reason)

    async def _explain_cash(self, account: AccountReport) -> None:
        """Take a change of cash that no trade explains for a deposit or withdrawal, once it has lasted."""
        flow = Money(account.cash - self.book.cash)
        now = self._clock.now()
        if flow == 0:
            self._flow = None
            return
        if self._flow is None or self._flow[0] != flow:
            self._flow = (flow, now)
            return
        if now - self._flow[1] < self._params.settle_ms:
            return
        risk = self.book.state.risk
        peak = Money(max(risk.peak_equity + flow, 1))
        state = self.book.state._replace(risk=risk._replace(peak_equity=peak))
        self.book = self.book._replace(cash=account.cash, state=state)
        await self._write(self._entry(Kind.ALARM, {"what": "cash", "flow": flow}))
        self._alarm(Tier.WARNING, Topic.DIFFERENCE, what=f"cash changed by {flow} money units that no trade explains")

    # ---- doubt

    async def _resolve(self, active: tuple[OrderReport, ...], fills: tuple[FillReport, ...]) -> None:
        """Find out what became of what was sent and not answered."""
        book, patience, now = self.book, self._params.patience, self._clock.now()
        known = [*(order.order_id for order in book.orders), *book.answered]
        pending = () if book.pending is None else (book.pending,)
        intents = (*pending, *book.ghosts)
        traded = [await self._read_traded(i) for i in candidates(intents, fills, known)]
        shown = [*active, *traded, *self._witness.values()]
        for intent, finding in zip(intents, find(intents, shown, known, now, patience), strict=True):
            if finding.orders:
                await self._found(intent, finding)
            elif intent in pending and finding.fate is Fate.ABSENT:
                await self._give_up(intent)
            elif intent not in pending and now >= forgotten_at(intent, patience):
                self.book = without_ghost(self.book, intent.number)

    async def _read_traded(self, order_id: int) -> OrderReport:
        """Return an order that has traded: until it can be read, whose trades those are is not known."""
        try:
            return await self._exchange.order(order_id)
        except OrderRefused as e:
            raise Retryable(f"order {order_id} has traded and cannot be read: {e.what}", remedy=e.remedy) from e

    async def _found(self, intent: Intent, finding: Finding) -> None:
        """Take the orders for ours that answer an intent."""
        is_late = self.book.pending is None or intent.number != self.book.pending.number
        self.book = self.book._replace(pending=self.book.pending if is_late else None)
        for report in finding.orders:
            self.book = adopted(self.book, intent, report)
        if finding.fate is Fate.AMBIGUOUS:
            self.book = self.book._replace(halted=True)
        if is_late and intent.purpose is Purpose.ENTRY and self.book.holding.lots == 0:
            self._want_out(ExitReason.NAKED)  # its decision is long over, and so are its levels
        ids: list[Json] = [report.order_id for report in finding.orders]
        await self._outcome(intent, "adopted", orders=ids, late=is_late)
        clear = finding.fate is Fate.FOUND
        what = f"intent {intent.number} is order {ids}" if clear else f"orders {ids} all answer intent {intent.number}"
        self._alarm(Tier.WARNING if clear else Tier.CRITICAL, Topic.SETTLED_OUTCOME, what=what)

    async def _give_up(self, intent: Intent) -> None:
        self.book = lost(self.book)
        if intent.purpose is Purpose.ENTRY:
            self.book = self.book._replace(entry=self.book.entry._replace(open=False))
        await self._outcome(intent, "absent")
        self._alarm(Tier.WARNING, Topic.SETTLED_OUTCOME, what=f"intent {intent.number} had no effect")

    # ---- acting

    async def _do(self, action: Action) -> bool:
        """Carry one action out; return whether to look again at once."""
        if action.act == Act.WAIT:
            return await self._wait(PAUSE)
        if action.act == Act.PLACE_STOP:
            return await self._place_stop(action)
        if action.act == Act.CANCEL:
            return await self._cancel(action)
        if action.act == Act.CLOSE:
            return await self._close(action)
        if action.act == Act.QUOTE:
            return await self._quote(action)
        if action.act == Act.FINISH:
            await self._finish()
            return True
        if action.act == Act.STAY:
            self.book = self.book._replace(leaving=STAYING)
        elif action.act == Act.LEAVE:
            self._want_out(action.reason)
        else:
            self.book = self.book._replace(entry=self._over())
        await self._write()
        return True

    def _over(self) -> EntryPlan:
        return self.book.entry._replace(open=False) if self.book.holding.entered > 0 else NO_ENTRY

    async def _place_stop(self, action: Action) -> bool:
        side = self.book.holding.side if self.book.holding.lots > 0 else self.book.entry.verdict.side
        position, trigger = POSITION_OF[side], action.trigger
        if trigger is None:
            raise ValueError("a stop needs a trigger")
        held = self.book.holding.lots + (0 if self.facts is None else self.facts.unbooked.lots)
        resting = 0 if self.facts is None else protected(self.book, self.facts.active)
        crowded = resting + action.lots > held  # together they are more than the position
        code = await self._send(protective_stop(position, action.lots, trigger))
        if code is None:
            if crowded and self.book.pending is None and self.book.stops_reserve is None:
                self.book = self.book._replace(stops_reserve=False)
            return True
        if code == EXCEEDS_POSITION and crowded and self.book.stops_reserve is not True:
            self.book = self.book._replace(stops_reserve=True)
            return True
        if code in SUSPENDED or code == EXCEEDS_POSITION:
            self._alarm(Tier.WARNING, Topic.REFUSED, key=f"stop {code}", what=f"a stop was refused with {code}")
            return await self._wait(RETRY)
        self._pair = None  # whatever refused it may have changed the rules
        if code in TOO_SMALL or self.book.leaving.reason != ExitReason.NONE:
            return await self._wait(RETRY)
        moved = ExitReason.TRAIL if self.book.state.plan.moved else ExitReason.STOP
        self._want_out(moved if code == FIRES_AT_ONCE else ExitReason.NAKED)
        if code != FIRES_AT_ONCE:
            self._alarm(Tier.CRITICAL, Topic.NAKED, what=f"a stop was refused with {code}: the position is closed")
        return True

    async def _cancel(self, action: Action) -> bool:
        body: dict[str, Json] = {"order_id": action.order_id, "why": action.why}
        order = self.book.find(action.order_id)
        if order is not None and order.purpose is Purpose.STOP and self.book.naked_since == 0:
            self.book = self.book._replace(naked_since=self._clock.now())  # the next reading says whether it is
        try:
            await self._exchange.cancel(action.order_id)
        except OrderRefused as e:
            await self._write(self._entry(Kind.CANCEL, body | {"refused": e.code}))
            if e.code in SUSPENDED:
                self._no_cancels_until = Millis(self._clock.now() + 2 * RETRY)
                self._alarm(Tier.CRITICAL, Topic.EXCHANGE, key="suspended", what=f"cancels are refused with {e.code}")
                return True
            return await self._wait(PAUSE)
        except OutcomeUnknown as e:
            await self._write(self._entry(Kind.CANCEL, body | {"unknown": e.what}))
            return await self._wait(PAUSE)
        if order is not None:
            self.book = changed(self.book, order._replace(withdrawn=True))
        self._told.discard("suspended")
        await self._write(self._entry(Kind.CANCEL, body))
        return True

    async def _close(self, action: Action) -> bool:
        leaving = self.book.leaving
        self.book = self.book._replace(leaving=leaving._replace(tries=leaving.tries + 1))
        code = await self._send(close(POSITION_OF[self.book.holding.side], action.lots, action.price))
        if code is None:
            return True
        self._pair = None  # whatever refused it may have changed the rules
        self._alarm(Tier.CRITICAL, Topic.REFUSED, key=f"close {code}", what=f"a close was refused with {code}")
        if code in SUSPENDED or code == EXCEEDS_POSITION:
            self.book = self.book._replace(leaving=leaving)  # nothing is wrong with its price
        return await self._wait(RETRY)

    async def _quote(self, action: Action) -> bool:
        plan = self.book.entry
        approved = approve(plan.verdict, plan.limit, plan.decided_at)
        if approved is None:
            raise ValueError("the entry being worked was never approved")
        self.book = self.book._replace(entry=plan._replace(quotes=plan.quotes + 1))
        code = await self._send(entry(approved, action.lots, action.price, post_only=True))
        if code is not None:
            self.book = self.book._replace(entry=self._over())
            await self._write()
            self._alarm(Tier.WARNING, Topic.REFUSED, what=f"the entry was refused with {code}")
        return True

    async def _send(self, order: OutgoingOrder) -> int | None:
        """Send one order; return the code of a certain refusal, else None (accepted, or in doubt)."""
        self.book = intended(self.book, order, self._clock.now())
        intent = self.book.pending
        if intent is None:
            raise ValueError("an order was to be sent without its intent")
        await self._write(self._entry(Kind.INTENT, as_json(intent)))
        try:
            report = await self._exchange.submit(order)
        except OrderRefused as e:
            self.book = refused(self.book)
            await self._outcome(intent, "refused", code=e.code)
            return e.code
        except OutcomeUnknown as e:
            self.book = doubted(self.book, e.what)
            await self._outcome(intent, "unknown", why=e.what)
            self._alarm(Tier.CRITICAL, Topic.UNKNOWN_OUTCOME, what=f"{order}: {e.what}")
            return None
        self.book = accepted(self.book, report)
        await self._outcome(intent, "accepted", order_id=report.order_id)
        return None

    async def _finish(self) -> None:
        trade = trade_of(self.book)
        state = exited(self.book.state, trade, self._risk)
        billed = Money(trade.gross - trade.fee - trade.interest)
        body = as_json(trade) | {"maker_lots": self.book.holding.maker, "rounding": billed - trade.net}
        self.book = self.book._replace(state=state, holding=FLAT, leaving=STAYING, entry=NO_ENTRY)
        await self._write(self._entry(Kind.TRADE, body))
        values = {
            "side": trade.side.name,
            "lots": str(trade.lots),
            "net": str(trade.net),
            "why": trade.exit_reason.name,
        }
        self._notifier.tell(Notice(Tier.INFO, Topic.CLOSED, self._clock.now(), values))
        self._forget("stop", "close", "naked", "status")

    # ---- protection, measured

    async def _measure_naked(self) -> None:
        facts, held = self.facts, self.book.holding
        if facts is None:
            return
        bare = held.lots + facts.unbooked.lots - protected(self.book, facts.active)
        since = self.book.naked_since
        self._guarded = facts.unbooked.lots if bare <= 0 else Lots(0)
        if bare <= 0:
            self._bare_since = Millis(0)
            if since > 0:
                self.book = self.book._replace(naked_since=Millis(0))
                body: dict[str, Json] = {"since": since, "ms": facts.now - since, "why": self.book.leaving.reason.name}
                await self._write(self._entry(Kind.NAKED, body))
                self._forget("naked")
            return
        if since == 0:
            self.book = self.book._replace(naked_since=facts.unbooked.since or facts.now)
        self._bare_since = self._bare_since or facts.now
        if facts.now - self._bare_since >= self._params.naked_ms:  # it had its chance to be protected
            self._alarm(Tier.CRITICAL, Topic.NAKED, key="naked", what=f"{bare} lots unprotected since {since}")
            if self.book.leaving.reason == ExitReason.NONE:
                self._want_out(ExitReason.NAKED)

    # ---- gates outside the core

    def _forbids(self, verdict: Verdict, mark: Ticks, decided_at: Millis) -> Outcome:
        """Return why the exchange's or the trader's state forbids an approved entry, or SENT."""
        facts, book = self.facts, self.book
        if facts is None:
            return Outcome.UNKNOWN_ACCOUNT
        if self._clock.now() - decided_at > self._params.stale_ms:
            return Outcome.STALE
        now, patience = self._clock.now(), self._params.patience
        if book.pending is not None or any(now < quarantined_until(ghost, patience) for ghost in book.ghosts):
            return Outcome.QUARANTINED
        if book.halted:
            return Outcome.HALTED
        if self.foreign:
            return Outcome.FOREIGN
        if self.clock_off:
            return Outcome.CLOCK
        if book.holding.lots > 0 or book.entry.open:
            return Outcome.NOT_FLAT
        if facts.market.mode is not CircuitMode.NONE:
            return Outcome.CIRCUIT
        if not can_protect(facts) or facts.pair.flags or not facts.pair.enabled:
            return Outcome.RESTRICTED
        account = facts.account
        demanded = account.margin is not MarginState.NORMAL or account.notice is not None or account.payable > 0
        capacity = account.capacity_long if verdict.side == Side.BUY else account.capacity_short
        if demanded or notional(mark, verdict.lots) > capacity:
            return Outcome.MARGIN
        return Outcome.SENT

    # ---- writing

    def _entry(self, kind: Kind, body: Mapping[str, Json]) -> Entry:
        return Entry(kind, self._clock.now(), body)

    async def _write(self, *entries: Entry) -> None:
        """Write down what happened together with the book as it is after it."""
        alarms, self._unwritten = self._unwritten, []
        await self._journal.append(*alarms, *entries, self._entry(Kind.STATE, as_json(self.book)))

    async def _outcome(self, intent: Intent, what: str, **more: Json) -> None:
        body: dict[str, Json] = {"intent": intent.number, "outcome": what, "purpose": int(intent.purpose), **more}
        await self._write(self._entry(Kind.OUTCOME, body))

    def _alarm(self, tier: Tier, topic: Topic, *, key: str | None = None, what: str) -> None:
        """Tell a person; what holds on under one key is told once."""
        if key is not None:
            if key in self._told:
                return
            self._told.add(key)
        self._notifier.tell(Notice(tier, topic, self._clock.now(), {"what": what}))
        self._unwritten.append(self._entry(Kind.ALARM, {"topic": topic.value, "tier": tier.name, "what": what}))

    def _forget(self, *starts: str) -> None:
        """Let alarms be told again whose keys begin so: what they spoke of is over."""
        self._told = {key for key in self._told if not key.startswith(starts)}

    async def _wait(self, ms: int) -> bool:
        """Wait a little; return whether this settling still has time."""
        await self._clock.sleep_until(Millis(self._clock.now() + ms))
        return self._clock.now() < self._give_up_at

    async def _pause(self) -> None:
        await self._clock.sleep_until(Millis(self._clock.now() + PAUSE))
