"""Where a trader decided otherwise than the backtest of the same hours, and what came first.

A decision that differs is made again with the trader's inputs put in one after the other: the bar's features, the
market around it, the fee rates, the position, the pauses, the money. What turns it is why it differs; position, pauses
and money have a history, so they are followed back to the event that made them differ.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from src.backtest.gap import Deal
from src.core.domain.account import Account, Trade
from src.core.domain.journal import Kind, Stored
from src.core.domain.market import Bar
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis
from src.core.orchestration.questions.billed_run import Billed, step_of
from src.core.orchestration.questions.step import Step, key_of
from src.core.orchestration.questions.supposed_run import Supposed
from src.trading.decision import Decision, Params, State, decide


class Cause(StrEnum):
    """What came first. In JSON answers: never renamed."""

    SKIPPED = "skipped"  # the bar did not come, or could not be used
    ABSENT = "absent"  # no trader decided on it
    BARS = "bars"  # the bar itself is another
    FEATURES = "features"  # the bar is the same, its history another
    MARKET = "market"  # spread or latency as measured
    RATES = "rates"  # fee rates
    UNREAD = "unread"  # the account was not known
    NOT_SENT = "not_sent"  # the entry was decided and not begun: stale, halted, restricted, ...
    REFUSED = "refused"  # by the exchange
    NOT_FILLED = "not_filled"
    PARTIAL = "partial"
    FILLED = "filled"  # the trader's order was filled, the supposed one not
    EXIT = "exit"  # inside the bar a stop or target was met in one account alone
    COMMAND = "command"  # a person's
    FORCED = "forced"  # the exchange closed it, or somebody else
    FLOW = "flow"  # a deposit or withdrawal
    FILL_PRICE = "fill_price"
    FEES = "fees"
    INTEREST = "interest"
    OTHER = "other"  # equal inputs, another result: another program


class Origin(NamedTuple):
    """What came first, and on which bar it shows."""

    cause: Cause
    at: Millis
    detail: str = ""


class Divergence(NamedTuple):
    """A bar on which the two decided differently."""

    closed_at: Millis
    billed: Decision | None  # None: nothing was decided
    supposed: Decision
    origin: Origin


class Interval(NamedTuple):
    """What happened between two decisions of the trader."""

    lines: Sequence[Stored]
    billed: tuple[Deal, ...]  # that ended in it
    supposed: tuple[Trade, ...]


def divergences(billed: Billed, deals: Sequence[Deal], supposed: Supposed, bars: dict[Millis, Bar]) -> list[Divergence]:
    """Return every bar on which the decisions differ, oldest first.

    Parameters
    ----------
    bars
        What the backtest ran on.
    """
    return _Tracer(billed, deals, supposed, bars).trace()


class _Tracer:
    """Walks both accounts side by side and remembers since when they differ."""

    def __init__(self, billed: Billed, deals: Sequence[Deal], supposed: Supposed, bars: dict[Millis, Bar]) -> None:
        self._billed = billed
        self._deals = deals
        self._supposed = supposed
        self._bars = bars
        self._numbers = [line.number for line in billed.happened]
        self._position: Origin | None = None
        self._last_position: Origin | None = None  # kept when positions are alike again: pauses outlive them
        self._risk: Origin | None = None
        self._money: Origin | None = None

    def trace(self) -> list[Divergence]:
        """Return what differs."""
        recorded = {each.row.closed_at: each for each in self._billed.recorded}
        found: list[Divergence] = []
        number, before, previous = self._billed.recorded[0].number, Millis(0), None
        last: tuple[Step, Step] | None = None
        for step in self._supposed.steps:
            one = recorded.get(step.closed_at)
            if one is None:
                previous = previous or self._missing(step.closed_at, number)
                found.append(Divergence(step.closed_at, None, step.decision, previous))
                continue
            ours = step_of(one)
            between = self._between(number, one.number, before, step.closed_at)
            self._follow(ours, step, last, previous, between)
            previous = None
            if key_of(ours.decision) != key_of(step.decision):
                previous = self._why(ours, step)
                found.append(Divergence(step.closed_at, ours.decision, step.decision, previous))
            number, before, last = one.number, step.closed_at, (ours, step)
        return found

    def _between(self, after: int, until: int, start: Millis, end: Millis) -> Interval:
        lines = self._billed.happened[bisect_right(self._numbers, after) : bisect_left(self._numbers, until)]
        ours = tuple(deal for deal in self._deals if start <= deal.ended_at < end)
        theirs = tuple(trade for trade in self._supposed.trades if start <= trade.closed_at < end)
        return Interval(lines, ours, theirs)

    def _missing(self, at: Millis, number: int) -> Origin:
        lines = self._billed.happened[bisect_right(self._numbers, number) :]
        bar = next((line for line in lines if line.entry.kind is Kind.BAR), None)
        if bar is not None and "skipped" in bar.entry.body:
            return Origin(Cause.SKIPPED, at, str(bar.entry.body["skipped"]))
        return Origin(Cause.ABSENT, at)

    def _follow(
        self, ours: Step, theirs: Step, last: tuple[Step, Step] | None, previous: Origin | None, between: Interval
    ) -> None:
        """Note since when position, pauses and money differ."""
        one, other, at = ours.account, theirs.account, theirs.closed_at
        if (one.side, one.lots, one.waiting) == (other.side, other.lots, other.waiting):
            self._position = None
        elif self._position is None:
            self._position = previous or position_event(ours, theirs, last, between)
            self._last_position = self._position
        if one.equity == other.equity or not one.known:
            self._money = None if one.known else self._money
        elif self._money is None:
            self._money = self._position or money_event(ours, theirs, between)
        if _pauses(ours.before) == _pauses(theirs.before):
            self._risk = None
        elif self._risk is None:
            self._risk = _commanded(between, at) or self._position or self._last_position or self._money

    def _why(self, ours: Step, theirs: Step) -> Origin:
        """Return what turns the supposed decision into the trader's."""
        at = theirs.closed_at
        if not ours.account.known:
            return Origin(Cause.UNREAD, at)
        params = self._billed.params(at)
        one, mixed = ours.account, theirs.account
        same = self._billed.bars.get(at) == self._bars.get(at)
        row = Origin(Cause.FEATURES if same else Cause.BARS, at)
        state = theirs.before
        if _turns(ours, mixed, state, params):
            return row
        mixed = mixed._replace(spread_ppm=one.spread_ppm, latency_ms=one.latency_ms, mark=one.mark)
        if _turns(ours, mixed, state, params):
            return Origin(Cause.MARKET, at, f"spread {one.spread_ppm} ppm, latency {one.latency_ms} ms")
        mixed = mixed._replace(maker_fee_ppm=one.maker_fee_ppm, taker_fee_ppm=one.taker_fee_ppm)
        if _turns(ours, mixed, state, params):
            return Origin(Cause.RATES, at)
        mixed = one._replace(equity=mixed.equity)
        state = state._replace(plan=ours.before.plan)
        unknown = Origin(Cause.OTHER, at)
        if _turns(ours, mixed, state, params):
            return self._position or self._money or unknown
        state = ours.before
        if _turns(ours, mixed, state, params):
            return self._risk or self._money or unknown
        return (self._money or unknown) if _turns(ours, one, state, params) else unknown


def _turns(ours: Step, account: Account, state: State, params: Params) -> bool:
    return key_of(decide(state, ours.row, ours.prediction, account, params)[1]) == key_of(ours.decision)


def _pauses(state: State) -> tuple[object, ...]:
    risk = state.risk
    return risk.halted, risk.streak_until, risk.cooldown_until


def _commanded(between: Interval, at: Millis) -> Origin | None:
    line = next((line for line in between.lines if line.entry.kind is Kind.COMMAND), None)
    return None if line is None else Origin(Cause.COMMAND, at, str(line.entry.body.get("verb")))


def position_event(ours: Step, theirs: Step, last: tuple[Step, Step] | None, between: Interval) -> Origin:
    """Return why the two hold different positions after deciding alike."""
    at, one, other = theirs.closed_at, ours.account, theirs.account
    if not one.known:
        return Origin(Cause.UNREAD, at)
    command = _commanded(between, at)
    if command is not None:
        return command
    ended = [ExitReason(int(str(x.entry.body["exit_reason"]))) for x in between.lines if x.entry.kind is Kind.TRADE]
    if ExitReason.LOSSCUT in ended or ExitReason.FOREIGN in ended:
        return Origin(Cause.FORCED, at, ", ".join(each.name for each in ended))
    if one.lots and other.lots:
        return Origin(Cause.PARTIAL, at, f"{one.lots} lots, supposed {other.lots}")
    entering = last is not None and last[1].account.lots == 0
    if not entering or ended or between.supposed:
        return Origin(Cause.EXIT, at, ", ".join(each.name for each in ended))
    if one.lots:
        return Origin(Cause.FILLED, at)
    return _not_entered(between, at)


def _not_entered(between: Interval, at: Millis) -> Origin:
    outcomes = [line.entry.body for line in between.lines if line.entry.kind is Kind.OUTCOME]
    refused = next((body for body in outcomes if body.get("outcome") == "refused"), None)
    if refused is not None:
        return Origin(Cause.REFUSED, at, str(refused.get("code")))
    decided = next((body for body in outcomes if body.get("entry") is True), None)
    if decided is None:
        return Origin(Cause.NOT_SENT, at, "the process ended before it was begun")
    if decided.get("outcome") != "sent":
        return Origin(Cause.NOT_SENT, at, str(decided.get("outcome")))
    return Origin(Cause.NOT_FILLED, at)


def money_event(ours: Step, theirs: Step, between: Interval) -> Origin:
    """Return why the two own different sums while they hold the same."""
    at = theirs.closed_at
    flow = next((x for x in between.lines if x.entry.kind is Kind.ALARM and x.entry.body.get("what") == "cash"), None)
    if flow is not None:
        return Origin(Cause.FLOW, at, str(flow.entry.body.get("flow")))
    if ours.account.entry != theirs.account.entry:
        return Origin(Cause.FILL_PRICE, at, f"entry {ours.account.entry}, supposed {theirs.account.entry}")
    if between.billed and between.supposed:
        one, other = between.billed[-1], between.supposed[-1]
        if one.gross != other.gross:
            return Origin(Cause.FILL_PRICE, at)
        return Origin(Cause.FEES if one.fee != other.fee else Cause.INTEREST, at)
    return Origin(Cause.FILL_PRICE if ours.account.lots else Cause.OTHER, at)
