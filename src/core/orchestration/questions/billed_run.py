"""A journal's account: its decisions, the deals that were billed, and everything else that happened to it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from src.backtest.gap import Deal, Leg
from src.core.config import Settings
from src.core.domain.exchange import POSITION_OF
from src.core.domain.journal import Kind, Stored
from src.core.domain.market import PPM, Bar, Lots, Money, Side, Ticks, notional
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis
from src.core.exceptions import NoJournal
from src.core.orchestration.cycle import params_hash
from src.core.orchestration.questions.replaying import params_of
from src.core.orchestration.questions.step import Step, asked_out, deciding
from src.core.orchestration.questions.supposed_run import days_of
from src.core.orchestration.wiring import core_params
from src.trading.book import average
from src.trading.decision import Params
from src.trading.decision_record import Recorded, read_decision
from src.trading.journal import JournalReader
from src.trading.ledger import CostParams

_REMEDY = "let the trader run for some candles, ask for an earlier time, or give the settings it ran with"


class Billed(NamedTuple):
    """What a journal tells of a stretch of bars."""

    recorded: tuple[Recorded, ...]  # one for each bar that was decided on
    bars: dict[Millis, Bar]
    shares: tuple[tuple[Millis, Params], ...]  # parameters, from the bar on that closes then
    happened: tuple[Stored, ...]  # between the decisions: outcomes, commands, flows, trades, skipped bars
    fills: tuple[Stored, ...]
    left_out: int  # decisions of other settings before

    @property
    def steps(self) -> tuple[Step, ...]:
        """The decisions with what went into them."""
        return tuple(step_of(each) for each in self.recorded)

    def params(self, at: Millis) -> Params:
        """Return the parameters of the bar that closes at `at`."""
        return next(params for since, params in reversed(self.shares) if since <= at)


def step_of(one: Recorded) -> Step:
    """Return a recorded decision as a step."""
    return Step(one.row, one.prediction, one.account, one.before, one.after, one.decision)


def read_billed(reader: JournalReader, settings: Settings, after: Millis, until: Millis) -> Billed:
    """Return the stretch that can be compared: from the first flat close on, all with the present settings.

    Parameters
    ----------
    after, until
        Closes of bars: the stretch lies between, `until` included.

    Raises
    ------
    NoJournal
        If there is no such stretch.
    """
    base = core_params(settings)
    params, own = base, params_hash(base)
    shares: list[tuple[Millis, Params]] = [(Millis(0), base)]
    decided: dict[Millis, Recorded] = {}
    bars: dict[Millis, Bar] = {}
    others = 0
    for line in reader.walk(Kind.STARTED, Kind.BAR, Kind.DECISION):
        if line.entry.kind is Kind.STARTED:
            params = params_of(line, base)
            own = params_hash(params)
        elif line.entry.kind is Kind.BAR:
            if "closed_at" in line.entry.body:
                bar = _bar(line)
                bars[bar.closed_at] = bar
        else:
            recorded = read_decision(line)
            at = recorded.row.closed_at
            if not after < at <= until:
                continue
            if recorded.config != own:
                others += len(decided) + 1
                decided.clear()
                continue
            decided[at] = recorded
            if shares[-1][1] != params:
                shares.append((at, params))
    stretch = _comparable([decided[at] for at in sorted(decided)])
    if not stretch:
        raise NoJournal("there is nothing to compare: no bar at which the account was known and flat", remedy=_REMEDY)
    first, last = stretch[0].number, stretch[-1].number
    kinds = (Kind.OUTCOME, Kind.COMMAND, Kind.ALARM, Kind.TRADE, Kind.BAR)
    happened = tuple(line for line in reader.walk(*kinds) if first < line.number)
    fills = tuple(line for line in reader.walk(Kind.FILL) if first < line.number < last)
    return Billed(tuple(stretch), bars, tuple(shares), happened, fills, others)


def _comparable(recorded: list[Recorded]) -> list[Recorded]:
    """Return the decisions from the first at which nothing was held to the last at which the account was known."""
    known = [k for k, each in enumerate(recorded) if each.account.known]
    begin = next((k for k in known if recorded[k].account.lots == 0 and not recorded[k].account.waiting), None)
    return [] if begin is None else recorded[begin : known[-1] + 1]


def _bar(line: Stored) -> Bar:
    values: dict[str, Any] = {name: line.entry.body[name] for name in Bar._fields}
    return Bar(**values)


def flows(billed: Billed) -> Money:
    """Return deposits less withdrawals that the trader noticed in the stretch."""
    last = billed.recorded[-1].number
    lines = (line.entry.body for line in billed.happened if line.entry.kind is Kind.ALARM and line.number < last)
    found = (body.get("flow") for body in lines if body.get("what") == "cash")
    return Money(sum(flow for flow in found if isinstance(flow, int)))


class _Fill(NamedTuple):
    """What a deal needs of one fill."""

    at: Millis
    price: Ticks
    lots: Lots
    fee: Money  # caused by it
    interest: Money
    profit: Money


def billed_deals(billed: Billed, costs: CostParams) -> list[Deal]:
    """Return the deals of the stretch; what is open at its end is valued at the last close."""
    last = billed.recorded[-1].number
    trades = [line for line in billed.happened if line.entry.kind is Kind.TRADE and line.number < last]
    ours = _orders(billed)
    deals: list[Deal] = []
    steps, place = billed.steps, 0
    for trade in [*trades, None]:
        fills = []
        while place < len(billed.fills) and (trade is None or billed.fills[place].number < trade.number):
            fills.append(billed.fills[place])
            place += 1
        opening, closing, side = _sorted(fills, ours)
        if not opening:
            continue
        why = ExitReason.NONE if trade is None else ExitReason(int(str(trade.entry.body["exit_reason"])))
        deals.append(_deal(opening, closing, side, why, steps, costs))
    return deals


def _orders(billed: Billed) -> set[int]:
    found: set[int] = set()
    for line in billed.happened:
        if line.entry.kind is Kind.OUTCOME:
            orders = line.entry.body.get("orders") or [line.entry.body.get("order_id")]
            found.update(each for each in (orders if isinstance(orders, list) else []) if isinstance(each, int))
    return found


def _sorted(fills: list[Stored], ours: set[int]) -> tuple[list[_Fill], list[_Fill], Side]:
    """Return opening fills of our orders, closing fills of what they opened, and the side of both."""
    opening: list[_Fill] = []
    closing: list[_Fill] = []
    held = Side.NONE
    for line in fills:
        body: dict[str, Any] = dict(line.entry.body)
        side = Side(body["side"])
        fill = _Fill(
            body["executed_at"],
            body["price"],
            body["lots"],
            body["fee_occurred"],
            body["interest"],
            Money(body["profit"] or 0),
        )
        if body["position"] == POSITION_OF[side].value:
            if body["order_id"] in ours:
                opening.append(fill)
                held = side
        elif held == -side:
            closing.append(fill)
    return opening, closing, held


def _deal(
    opening: list[_Fill], closing: list[_Fill], side: Side, why: ExitReason, steps: Sequence[Step], costs: CostParams
) -> Deal:
    decided, last = deciding(steps, opening[0].at), steps[-1]
    if decided is None:
        raise ValueError("a position without a decision")
    lots = Lots(sum(fill.lots for fill in opening))
    left = Lots(lots - sum(fill.lots for fill in closing))
    ended_at = closing[-1].at if left == 0 else last.closed_at
    product = _product(opening)
    entry = average(product, lots, side)
    asked = asked_out(steps, ended_at, why, entry) if left == 0 else last.account.mark
    received = Money(_product(closing) + notional(last.account.mark, left))
    fee = Money(sum(fill.fee for fill in (*opening, *closing)))
    days = days_of(opening[0].at, ended_at, costs)
    interest = Money(sum(fill.interest for fill in closing))
    net = Money(sum(fill.profit for fill in closing))
    if left:  # what the exchange will collect of the rest is not billed yet
        rest = Money(-((-product * left * costs.interest_ppm_per_day) // (lots * PPM)) * days)
        interest = Money(interest + rest)
        net = Money((received - product) * side - fee - interest)
    return Deal(
        decided.closed_at,
        ended_at,
        side,
        lots,
        Leg(decided.account.mark, product, _weighted(opening), len(opening)),
        Leg(asked, received, _weighted(closing), len(closing)),
        days,
        costs.interest_ppm_per_day,
        fee,
        interest,
        net,
    )


def _product(fills: list[_Fill]) -> Money:
    return Money(sum(fill.price * fill.lots for fill in fills))


def _weighted(fills: list[_Fill]) -> int:
    """Return the sum of notional times rate; a fill's rate is the whole number of ppm that its fee is nearest to."""
    total = 0
    for fill in fills:
        product = fill.price * fill.lots
        total += product * ((2 * fill.fee * PPM + product) // (2 * product))
    return total
