"""The running trader: bars, streams and time in, one task that owns the state, decisions and orders out.

    orchestrator = Orchestrator(load_config("config/production/base.yaml"))
    await orchestrator.run()                  # for months
    await orchestrator.run_trading_cycle()    # or one bar

Pumps wait for bars, stream events and time and put what comes into one queue; `run` takes it out, one after the other.
Start-up and recovery are one path: read the journal, read the account, settle the difference, go on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from src.core.config import Settings, load_config
from src.core.domain.account import PredictionStatus
from src.core.domain.events import ExchangeEvent, OrderSeen, StreamDown, StreamUp, TradeSeen
from src.core.domain.health import Health, Phase
from src.core.domain.journal import Command, Entry, Json, Kind, Verb
from src.core.domain.market import Bar, Lots, Money
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.record import as_json
from src.core.domain.time import SECOND, Millis
from src.core.exceptions import (
    BadCandles,
    ConfigError,
    HaltTrading,
    JournalFailed,
    LeaseLost,
    NoCandles,
    Retryable,
    SkipBar,
)
from src.core.logger import get_logger
from src.core.orchestration.cycle import Judged, decision_body, params_hash
from src.core.orchestration.live_wiring import live_parts
from src.core.orchestration.parts import Parts
from src.core.orchestration.surroundings import Surroundings
from src.trading.book import fresh_book
from src.trading.book_record import read_book
from src.trading.decision import fresh_state
from src.trading.drawdown_manager import lift_halt
from src.trading.executor import Executor, Outcome

T = TypeVar("T")

# Whoever stops us gives ten seconds; a stop that rests on the exchange needs none of them.
ENDING_S: Final = 6.5  # until an entry is withdrawn and all is protected: a stop that got lost is waited for five
FINISH_S: Final = 2.0  # of it for what is being done when the end is asked for
LAST_WORDS_S: Final = 0.5  # for the journal's last line
SOON: Final = SECOND
_log = get_logger(__name__)
LONGEST_WAIT: Final = 60 * SECOND  # between two attempts to start


class Skipped(NamedTuple):
    """A bar that cannot be traded on."""

    why: str


class Tick(NamedTuple):
    """It is time to look after things."""

    at: Millis


Work = Bar | Skipped | Tick | ExchangeEvent


class Job(NamedTuple):
    """Something to deal with, and how its bringer learns that it is done."""

    work: Work
    done: asyncio.Event


class Orchestrator:
    """Runs the decision core on a live market, or on the simulated account that stands in for it.

    Parameters
    ----------
    config
        Settings, or the path of their file.
    parts
        What it is made of; None takes what the settings name.
    """

    def __init__(self, config: Settings | str | Path, parts: Parts | None = None) -> None:
        self._settings = config if isinstance(config, Settings) else load_config(config)
        self._parts = parts
        self._keeper: asyncio.Task[None] | None = None
        self._driver: asyncio.Future[None] | None = None
        self._end_page: Callable[[], Awaitable[None]] | None = None
        self._phase = Phase.STARTING
        self._beat: Millis | None = None
        self._queue: asyncio.Queue[Job] = asyncio.Queue()
        self._stop = asyncio.Event()
        self._ready: _Ready | None = None

    @property
    def executor(self) -> Executor:
        """The owner of the book, once started.

        Raises
        ------
        HaltTrading
            Before `run` or `run_trading_cycle` has started it.
        """
        return self._started().executor

    def health(self) -> Health:
        """Return how the trader is now."""
        found = Health(self._settings.mode, self._phase, self._beat, lease=self._keeper is not None)
        ready = self._ready
        if ready is None:
            return found
        book, bar = ready.executor.book, ready.last_bar
        why = ready.halt_reason or ("by a person" if book.halted else "")
        why = why or ("drawdown" if book.state.risk.halted else "")
        return found._replace(
            phase=Phase.HALTED if why and self._phase is Phase.TRADING else self._phase,
            last_cycle=ready.last_cycle,
            last_bar=None if bar is None else bar.closed_at,
            streams=ready.streams[True],
            halted=why,
            unresolved=int(book.pending is not None) + len(book.ghosts),
            naked_since=book.naked_since or None,
            equity=ready.equity,
            position=Lots(book.holding.lots * book.holding.side),
        )

    def stop(self) -> None:
        """Ask `run` to end: resting entries are withdrawn, protection stays where it is."""
        self._stop.set()

    async def run(self) -> None:
        """Trade until `stop`, or until the lease or the journal is lost.

        Raises
        ------
        LeaseLost, JournalFailed
            Nothing may be sent any more; protection stays on the exchange.
        """
        try:
            await self.start()
            await self._serve(self._started())
        finally:
            await self.close()

    async def _serve(self, ready: "_Ready") -> None:
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._pump(self._next_bar), name="bars"),
            asyncio.create_task(self._pump(self._next_event), name="events"),
            asyncio.create_task(self._pump(self._next_tick), name="ticks"),
            asyncio.create_task(self._stop.wait(), name="stop"),
        ]
        watched = [*tasks, *(task for task in (self._keeper, self._driver) if task is not None)]
        try:
            while not self._stop.is_set():
                await self._take_one(watched)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._leave_in_order(ready)

    async def run_until(self, at: Millis) -> None:
        """Trade until that moment: a rehearsal on a simulated exchange has an end."""
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        clock = self._started().parts.clock
        ending = asyncio.create_task(clock.sleep_until(at))
        ending.add_done_callback(lambda _: self.stop())
        try:
            await self.run()
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)

    async def run_trading_cycle(self) -> Judged | None:
        """Wait for the next closed bar and act on it; None if it could not be traded on."""
        await self.start()
        ready = self._started()
        work = await self._next_bar()
        if isinstance(work, Bar):
            return await self._on_bar(ready, work)
        await self.handle(work)
        return None

    # ---- start and end

    async def start(self) -> None:
        """Take the lease, read journal, market and account, and settle whatever differs; once."""
        if self._ready is not None:
            return
        if self._parts is None:
            self._parts = await live_parts(self._settings)
        parts = self._parts
        if self._end_page is None:
            self._end_page = await parts.open_page(self.health)
        if parts.drive is not None and self._driver is None:
            self._driver = asyncio.ensure_future(parts.drive())
            await asyncio.sleep(0)  # from its first turn on it sees what works in threads, and lets no time pass then
        await self._take_lease(parts)
        self._keeper = asyncio.create_task(self._keep_lease(parts), name="lease")
        await self._check_mode(parts)
        await self._patiently(parts, lambda: self._open_market(parts))
        executor = await self._patiently(parts, lambda: self._open_account(parts))
        self._ready = _Ready(parts, executor)
        body: dict[str, Json] = {**parts.identity, "config": self._settings.hash()}
        await parts.journal.append(Entry(Kind.STARTED, parts.clock.now(), body))
        parts.notifier.tell(Notice(Tier.INFO, Topic.STARTED, parts.clock.now(), {"mode": self._settings.mode}))
        await self._settle(self._ready)
        await self._ready.surroundings.look()
        self._phase, self._beat = Phase.TRADING, parts.clock.now()

    async def close(self) -> None:
        """Let everything go: lease, connections, journal. What rests on the exchange stays there."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        parts, self._parts, self._ready = self._parts, None, None
        if parts is None:
            return
        if self._driver is not None:  # first: a simulated market must not go on while nobody trades
            self._driver.cancel()
            await asyncio.gather(self._driver, return_exceptions=True)
            self._driver = None
        if self._end_page is not None:
            await self._end_page()
            self._end_page = None
        await parts.exchange.close()
        await parts.close()
        await parts.notifier.close()
        with suppress(LeaseLost, JournalFailed):
            await parts.journal.release()
        await parts.journal.close()

    async def _take_lease(self, parts: Parts) -> None:
        """Wait until this process is the one that trades the account."""
        while not await parts.journal.acquire():
            self._phase, self._beat = Phase.WAITING, parts.clock.now()
            await parts.clock.sleep_until(Millis(parts.clock.now() + parts.watch_ms))

    async def _check_mode(self, parts: Parts) -> None:
        """Refuse the journal of another mode: paper positions are not live ones."""
        started = await parts.journal.last(Kind.STARTED)
        mode = None if started is None else started.entry.body.get("mode")
        if mode not in {None, self._settings.mode}:
            raise ConfigError(
                f"the journal is of mode {mode}, not {self._settings.mode}",
                remedy="give each mode a database of its own (DATABASE_URL), or a journal.folder",
            )

    async def _open_market(self, parts: Parts) -> None:
        parts.cycle.open(await parts.bars.history())

    async def _open_account(self, parts: Parts) -> Executor:
        stored = await parts.journal.last(Kind.STATE)
        if stored is not None:
            book = read_book(stored)
        else:
            account = await parts.exchange.account()
            orders = await parts.exchange.active_orders()
            fills = await parts.exchange.fills(0, Millis(0))
            last_order = max([*(o.order_id for o in orders), *(f.order_id for f in fills)], default=0)
            last_trade = max((f.trade_id for f in fills), default=0)
            book = fresh_book(fresh_state(account.cash), account.cash, last_order, last_trade, parts.clock.now())
        return Executor(
            parts.exchange, parts.journal, parts.clock, parts.notifier, parts.execution, parts.params.risk, book
        )

    async def _patiently(self, parts: Parts, begin: Callable[[], Awaitable[T]]) -> T:
        """Try until it works: a start during maintenance waits for its end."""
        wait = SECOND
        while True:
            try:
                return await begin()
            except (Retryable, NoCandles) as e:
                parts.notifier.tell(Notice(Tier.WARNING, Topic.EXCHANGE, parts.clock.now(), {"what": e.what}))
                await parts.clock.sleep_until(Millis(parts.clock.now() + wait))
                wait = min(2 * wait, LONGEST_WAIT)

    async def _leave_in_order(self, ready: "_Ready") -> None:
        """Leave things so that nobody has to watch them."""
        parts = ready.parts
        self._phase = Phase.STOPPING
        cut_off = ready.cut_off
        try:
            async with asyncio.timeout_at(self._ends_at(ready)):
                while not await ready.executor.withdraw():  # a stop that got lost is waited for, then sent again
                    await parts.clock.sleep_until(Millis(parts.clock.now() + SOON // 2))
        except TimeoutError:
            cut_off = "the withdrawal of an entry"
        except (LeaseLost, JournalFailed):
            raise
        except HaltTrading as e:
            cut_off = e.what
        left = ready.executor.left_behind() | {"cut_off": cut_off}
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await parts.journal.append(Entry(Kind.STOPPED, parts.clock.now(), left))
        bare = ready.executor.is_bare()
        unclear = bare or bool(cut_off) or left["doubt"] is not None
        _log.log(logging.WARNING if unclear else logging.INFO, "what is left on the exchange", **left)
        shown = {name: str(value) for name, value in left.items() if value}
        tier = Tier.CRITICAL if bare else Tier.WARNING if unclear else Tier.INFO
        parts.notifier.tell(Notice(tier, Topic.STOPPED, parts.clock.now(), shown))

    def _ends_at(self, ready: "_Ready") -> float:
        """Return until when the end may act, by the loop's clock; it counts from the first question."""
        if ready.ends_at is None:
            ready.ends_at = asyncio.get_running_loop().time() + ENDING_S
        return ready.ends_at

    def _started(self) -> "_Ready":
        if self._ready is None:
            raise HaltTrading("the trader has not been started", remedy="call run or run_trading_cycle first")
        return self._ready

    # ---- what comes in

    async def _pump(self, wait: Callable[[], Awaitable[Work]]) -> None:
        """Bring one thing after the other; the next is asked for when the one before has been dealt with."""
        while True:
            job = Job(await wait(), asyncio.Event())
            await self._queue.put(job)
            await job.done.wait()

    async def _next_bar(self) -> Work:
        parts = self._started().parts
        try:
            return await parts.bars.next_bar()
        except SkipBar as e:
            return Skipped(e.what)

    async def _next_event(self) -> ExchangeEvent:
        return await self._started().parts.exchange.next_event()

    async def _next_tick(self) -> Tick:
        """Wait for the next look around: soon while something is not as it should be, also if that comes meanwhile."""
        ready = self._started()
        clock, began = ready.parts.clock, ready.parts.clock.now()
        at = Millis(began + ready.parts.watch_ms)
        sleeping = asyncio.ensure_future(clock.sleep_until(at))
        troubled = asyncio.ensure_future(ready.trouble.wait())
        try:
            await asyncio.wait([sleeping, troubled], return_when=asyncio.FIRST_COMPLETED)
            if not sleeping.done():
                at = Millis(min(at, clock.now() + SOON))
                await clock.sleep_until(at)
        finally:
            for waiting in (sleeping, troubled):
                waiting.cancel()
            await asyncio.gather(sleeping, troubled, return_exceptions=True)
        return Tick(at)

    async def _keep_lease(self, parts: Parts) -> None:
        """Renew the lease beside everything else: settling a doubt may take longer than it lasts."""
        while True:
            await parts.clock.sleep_until(Millis(parts.clock.now() + parts.lease_ms // 4))
            if not await parts.journal.acquire():
                raise LeaseLost("another process trades this account", remedy="stop this one, or wait for its turn")

    async def _take_one(self, watched: Sequence["asyncio.Future[Any]"]) -> None:
        """Take one thing from the queue and deal with it; a pump that died ends the run."""
        taking = asyncio.create_task(self._queue.get())
        try:
            await asyncio.wait([taking, *watched], return_when=asyncio.FIRST_COMPLETED)
            for task in watched:
                if task.done():
                    task.result()
            if taking.done():
                await self._deal(taking.result(), watched)
        finally:
            taking.cancel()

    async def _deal(self, job: Job, watched: Sequence["asyncio.Future[Any]"]) -> None:
        """Deal with one thing; what ends the run ends this too, a person's wish after a while.

        What is cut off may leave an order in doubt, as a crash does, and the next start reads it back.
        """
        handling = asyncio.create_task(self.handle(job.work), name="handling")
        try:
            await asyncio.wait([handling, *watched], return_when=asyncio.FIRST_COMPLETED)
            for task in watched:
                if task.done():
                    task.result()
            if not handling.done():
                self._ends_at(self._started())
                await asyncio.wait([handling], timeout=FINISH_S)
            if handling.done():
                handling.result()
                job.done.set()
            else:
                self._started().cut_off = type(job.work).__name__
        finally:
            handling.cancel()
            await asyncio.gather(handling, return_exceptions=True)

    async def handle(self, work: Work) -> None:
        """Deal with one thing that came in; a doubt that needs a person forbids new positions and is told."""
        ready = self._started()
        self._beat = ready.parts.clock.now()
        try:
            await self._dispatch(ready, work)
        except (LeaseLost, JournalFailed):
            raise
        except HaltTrading as e:
            ready.halt_reason = e.what
            now = ready.parts.clock.now()
            ready.parts.notifier.tell(Notice(Tier.CRITICAL, Topic.HALTED, now, {"what": e.what, "remedy": e.remedy}))
            await ready.executor.halt(True)

    async def _dispatch(self, ready: "_Ready", work: Work) -> None:
        executor = ready.executor
        if isinstance(work, Bar):
            await self._on_bar(ready, work)
        elif isinstance(work, Skipped):
            await self._on_skipped(ready, work)
        elif isinstance(work, Tick):
            await self._on_tick(ready)
        elif isinstance(work, TradeSeen):
            await executor.on_price(work.price)
        else:
            self._listen(ready, work)
        if ready.dirty:
            await self._settle(ready)

    def _listen(self, ready: "_Ready", event: ExchangeEvent) -> None:
        """Note what a stream said; most of it is known already, since every change is read at once."""
        executor = ready.executor
        if isinstance(event, StreamUp | StreamDown):
            ready.streams[event.private] = isinstance(event, StreamUp)
        if isinstance(event, OrderSeen):
            executor.on_order(event.order)
        ready.dirty = ready.dirty or executor.is_news(event)

    # ---- what is done

    async def _on_bar(self, ready: "_Ready", bar: Bar) -> Judged | None:
        executor, cycle = ready.executor, ready.parts.cycle
        received = ready.parts.clock.now()
        try:
            row = cycle.row(bar)
        except BadCandles as e:
            await self._on_skipped(ready, Skipped(e.what))
            return None
        executor.see(bar.high, bar.low)
        await self._settle(ready)
        await ready.surroundings.look()
        judged = cycle.judge(row, executor.account(bar.close, bar.closed_at), executor.book.state)
        now = ready.parts.clock.now()
        body = decision_body(judged) | {"config": ready.config}
        await executor.record(
            Entry(Kind.BAR, received, as_json(bar)), Entry(Kind.DECISION, now, body), state=judged.after
        )
        ready.last_bar, ready.last_cycle = bar, ready.parts.clock.now()
        ready.equity = judged.account.equity if judged.account.known else None
        await self._tell_model(ready, judged)
        await self._act(ready, judged, bar)
        return judged

    async def _act(self, ready: "_Ready", judged: Judged, bar: Bar) -> None:
        executor, decision = ready.executor, judged.decision
        if decision.reason == Reason.EXIT_POSITION:
            await executor.leave(decision.exit_reason)
        elif decision.reason == Reason.ENTER:
            outcome = await executor.enter(decision.verdict, bar.close, bar.closed_at)
            await self._tell_entry(ready, judged, outcome)
        elif judged.after.plan != judged.before.plan:
            await self._settle(ready)

    async def _tell_model(self, ready: "_Ready", judged: Judged) -> None:
        """Say it when a model that is to be asked falls into doubt, and when it comes out of it; not bar after bar."""
        state = PredictionStatus(judged.prediction.status)
        if not ready.parts.params.model.used or state in {PredictionStatus.NOT_ASKED, ready.model_state}:
            return
        ready.model_state, now = state, ready.parts.clock.now()
        values = {"state": state.name, "model": judged.model}
        await ready.parts.journal.append(Entry(Kind.ALARM, now, {"topic": Topic.MODEL.value, **values}))
        tier = Tier.INFO if state is PredictionStatus.GOOD else Tier.WARNING
        ready.parts.notifier.tell(Notice(tier, Topic.MODEL, now, values))

    async def _tell_entry(self, ready: "_Ready", judged: Judged, outcome: Outcome) -> None:
        verdict, now = judged.decision.verdict, ready.parts.clock.now()
        body: dict[str, Json] = {"decided_at": judged.row.closed_at, "outcome": outcome.value, "entry": True}
        await ready.parts.journal.append(Entry(Kind.OUTCOME, now, body))
        values = {"side": verdict.side.name, "lots": str(verdict.lots), "outcome": outcome.value}
        topic = Topic.ENTERED if outcome is Outcome.SENT else Topic.REFUSED
        ready.parts.notifier.tell(Notice(Tier.INFO, topic, now, values))

    async def _on_skipped(self, ready: "_Ready", skipped: Skipped) -> None:
        now = ready.parts.clock.now()
        await ready.parts.journal.append(Entry(Kind.BAR, now, {"skipped": skipped.why}))
        ready.parts.notifier.tell(Notice(Tier.WARNING, Topic.DATA, now, {"what": skipped.why}))
        await self._settle(ready)

    async def _on_tick(self, ready: "_Ready") -> None:
        for command in await ready.parts.journal.commands():
            await self._obey(ready, command)
        await self._settle(ready)
        await ready.surroundings.look()

    async def _obey(self, ready: "_Ready", command: Command) -> None:
        executor, parts = ready.executor, ready.parts
        if command.verb is Verb.RESUME:
            account = executor.account(ready.last_bar.close, parts.clock.now()) if ready.last_bar else None
            state = executor.book.state
            if account is not None and account.known:
                state = state._replace(risk=lift_halt(state.risk, account.equity))
            elif state.risk.halted:
                return  # the halt is measured on equity, which is not known now: the command waits
            ready.halt_reason = ""
            await executor.record(self._command_entry(ready, command), state=state)
            await executor.halt(False)
        else:
            await executor.record(self._command_entry(ready, command), state=executor.book.state)
            await executor.halt(True)
            if command.verb is Verb.FLATTEN:
                await executor.leave(ExitReason.COMMAND)
        topic = Topic.RESUMED if command.verb is Verb.RESUME else Topic.HALTED
        values = {"what": command.reason, "remedy": "python main.py resume --reason ..."}
        parts.notifier.tell(Notice(Tier.WARNING, topic, parts.clock.now(), values))

    def _command_entry(self, ready: "_Ready", command: Command) -> Entry:
        body: dict[str, Json] = {"number": command.number, "verb": command.verb.value, "reason": command.reason}
        return Entry(Kind.COMMAND, ready.parts.clock.now(), body)

    async def _settle(self, ready: "_Ready") -> None:
        ready.dirty = not await ready.executor.settle()


class _Ready:
    """A started trader: its parts, and what it remembers only while it runs."""

    def __init__(self, parts: Parts, executor: Executor) -> None:
        self.parts = parts
        self.executor = executor
        self.surroundings = Surroundings(parts, executor)
        self.config = params_hash(parts.params)
        self.trouble = asyncio.Event()  # the account is to be looked at again, soon
        self.cut_off = ""  # what the end did not wait for
        self.ends_at: float | None = None  # once the end was asked for
        self.last_bar: Bar | None = None
        self.streams = {True: False, False: False}  # private and public: connected
        self.halt_reason = ""
        self.last_cycle: Millis | None = None
        self.equity: Money | None = None
        self.model_state = PredictionStatus.GOOD  # what was last told of the model

    @property
    def dirty(self) -> bool:
        """Whether something is not as it should be."""
        return self.trouble.is_set()

    @dirty.setter
    def dirty(self, dirty: bool) -> None:
        if dirty:
            self.trouble.set()
        else:
            self.trouble.clear()
