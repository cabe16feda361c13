"""A trader beside the backtest of the same hours: which decisions differ and why, and what the difference cost.

The backtest begins with the account and the memory that the trader had at the first flat close of the stretch, on the
trader's own candles or on others that are named. What a model said is taken from the journal: it may have been
replaced since. Whatever differs is then the market's, the exchange's or the program's doing.
"""

from typing import Any, NamedTuple

import numpy as np

from src.backtest.fold import Tape, World, fresh_world
from src.backtest.gap import Paired, Parts, explain, pair
from src.backtest.preparation import fee_rates
from src.backtest.tape import as_lists, build_tape
from src.core.config import Settings
from src.core.domain.account import PredictionStatus
from src.core.domain.candles import Candles
from src.core.domain.journal import Json
from src.core.domain.market import Bar, Instrument, Money
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import BAR_15M, DAY, Millis, format_jst
from src.core.exceptions import NoCandles
from src.core.orchestration.ml_adapter import with_predictions
from src.core.orchestration.questions.billed_run import Billed, billed_deals, flows, read_billed
from src.core.orchestration.questions.divergence import Divergence, divergences
from src.core.orchestration.questions.replaying import refold
from src.core.orchestration.questions.step import key_of
from src.core.orchestration.questions.supposed_run import Supposed, suppose
from src.core.orchestration.stored_candles import open_stock
from src.core.orchestration.wiring import feature_settings, instrument, market_params, trading_store
from src.data.data_pipeline import series_name
from src.trading.columns_read import columns_of
from src.trading.decision import Decision, Params
from src.trading.journal import JournalReader

_WARM_UP = 200 * DAY  # as the running trader warms its features


class Comparison(NamedTuple):
    """Both accounts of one stretch."""

    first: Millis  # close of the first bar
    last: Millis
    bars: int
    decided: int  # by the trader
    refolded: int  # of these, those that its own inputs lead to again
    left_out: int  # decisions of other settings before the stretch
    divergences: tuple[Divergence, ...]
    pairs: tuple[Paired, ...]
    billed: Money  # change of the trader's equity, without deposits and withdrawals
    supposed: Money  # change of the backtest's
    flows: Money
    parts: Parts  # of the difference

    @property
    def holds(self) -> bool:
        """Whether every decision follows from its inputs and the parts explain the whole difference."""
        whole = self.billed - self.supposed
        return self.refolded == self.decided and self.parts.unexplained == 0 and self.parts.total == whole


def compare_journal(
    reader: JournalReader, settings: Settings, data: str | None, after: Millis, until: Millis
) -> Comparison:
    """Set a journal beside the backtest of the same bars.

    Parameters
    ----------
    data
        Other candles than the trader's own: a stored series, a file, or "sample".
    after, until
        The stretch lies between these closes, `until` included.

    Raises
    ------
    NoJournal
        If no stretch can be compared.
    NoCandles
        If the candles do not reach over it.
    """
    billed = read_billed(reader, settings, after, until)
    recorded = billed.recorded
    start, end = recorded[0].row.closed_at, recorded[-1].row.closed_at
    candles = _candles(settings, data, billed, start, end)
    params = recorded_params(billed)
    tape = _tape(settings, candles, params, billed)
    world = _world(billed)
    supposed = suppose(as_lists(tape), world, billed.params, market_params(settings))
    deals = billed_deals(billed, params.costs)
    pairs = pair(deals, supposed.deals)
    flow = flows(billed)
    change = Money(recorded[-1].account.equity - recorded[0].account.equity - flow)
    return Comparison(
        start,
        end,
        len(supposed.steps),
        len(recorded),
        _refolded(billed),
        billed.left_out,
        tuple(divergences(billed, deals, supposed, _bars(tape))),
        tuple(pairs),
        change,
        supposed.change,
        flow,
        _explained(pairs, change, supposed),
    )


def recorded_params(billed: Billed) -> Params:
    """Return the parameters of the stretch's first bar."""
    return billed.params(billed.recorded[0].row.closed_at)


def _explained(pairs: list[Paired], change: Money, supposed: Supposed) -> Parts:
    """Return the parts; what the trader's equity did beside its deals is unexplained."""
    parts = explain(pairs)
    beside = change - sum(one.billed.net for one in pairs if one.billed is not None)
    return parts._replace(unexplained=Money(parts.unexplained + beside))


def _refolded(billed: Billed) -> int:
    """Return how many decisions their own inputs lead to again."""
    return sum(
        key_of(refold(each, billed.params(each.row.closed_at)).decision) == key_of(each.decision)
        for each in billed.recorded
    )


def _candles(settings: Settings, data: str | None, billed: Billed, start: Millis, end: Millis) -> Candles:
    """Return candles that warm the features and cover the stretch."""
    if data is not None:
        return _covering(open_stock(settings, data).read(start, end), start, end)
    store, name = trading_store(settings), series_name(instrument(settings))
    stored = store.read(name, Millis(start - _WARM_UP), end) if name in store.names() else Candles.empty()
    kept = {int(at) for at in stored.closed_at}  # the newest bars are stored a bar later
    missing = [bar for at, bar in billed.bars.items() if at not in kept and start <= at <= end]
    bars = {int(columns[0]): Bar(*(int(value) for value in columns)) for columns in zip(*stored.columns, strict=True)}  # type: ignore[arg-type]
    bars |= {bar.closed_at: bar for bar in missing}
    return _covering(Candles.of([bars[at] for at in sorted(bars)]), start, end)


def _covering(candles: Candles, start: Millis, end: Millis) -> Candles:
    found = candles.between(Millis(0), end)
    if len(found) == 0 or not int(found.closed_at[0]) < start <= end == int(found.closed_at[-1]):
        raise NoCandles(
            f"the candles do not reach from before {format_jst(start)} to {format_jst(end)}",
            remedy="name candles that do with --data, or a shorter stretch with --start and --end",
        )
    return found


def _tape(settings: Settings, candles: Candles, params: Params, billed: Billed) -> Tape:
    first = int(np.searchsorted(candles.closed_at, billed.recorded[0].row.closed_at))
    maker, taker = fee_rates(settings, candles.closed_at)
    tape = build_tape(candles, first, maker, taker, feature_settings(settings), columns_of(params))
    said = {each.row.closed_at: each.prediction for each in billed.recorded}
    answers = [said.get(Millis(int(at))) for at in tape.closed_at]
    status = [int(PredictionStatus.NONE) if each is None else int(each.status) for each in answers]
    probability = [float("nan") if each is None else each.probability for each in answers]
    return with_predictions(tape, np.array(status, np.int64), np.array(probability, np.float64))


def _world(billed: Billed) -> World:
    """Return the backtest's world before the first bar: the trader's money and memory."""
    first = billed.recorded[0]
    return fresh_world(first.account.equity)._replace(state=first.before)


def _bars(tape: Tape) -> dict[Millis, Bar]:
    columns = zip(*(column.tolist() for column in tape[:6]), strict=True)
    return {Millis(row[0]): Bar(*row) for row in columns}


def comparison_plain(found: Comparison, pair_: Instrument) -> dict[str, Json]:
    """Return both accounts in JSON's types; sums in JPY as exact texts."""
    parts = {name: str(pair_.jpy(value)) for name, value in found.parts._asdict().items()}
    return {
        "from": format_jst(Millis(found.first - BAR_15M)),
        "to": format_jst(found.last),
        "bars": found.bars,
        "decided": found.decided,
        "refolded": found.refolded,
        "left_out": found.left_out,
        "holds": found.holds,
        "divergences": [_divergence_plain(each) for each in found.divergences],
        "deals": [_pair_plain(each, pair_) for each in found.pairs],
        "billed_jpy": str(pair_.jpy(found.billed)),
        "supposed_jpy": str(pair_.jpy(found.supposed)),
        "flows_jpy": str(pair_.jpy(found.flows)),
        "gap_jpy": str(pair_.jpy(Money(found.billed - found.supposed))),
        "parts_jpy": dict(parts),
    }


def _divergence_plain(each: Divergence) -> dict[str, Json]:
    return {
        "closed_at": format_jst(each.closed_at),
        "billed": None if each.billed is None else decision_text(each.billed),
        "supposed": decision_text(each.supposed),
        "cause": each.origin.cause.value,
        "since": format_jst(each.origin.at),
        "detail": each.origin.detail,
    }


def decision_text(decision: Decision) -> str:
    """Return a decision in one word or two: its reason, and the lots or the exit."""
    if decision.reason == Reason.ENTER:
        return f"ENTER {decision.verdict.side.name} {decision.verdict.lots}"
    if decision.reason == Reason.EXIT_POSITION:
        return f"EXIT_POSITION {ExitReason(decision.exit_reason).name}"
    return Reason(decision.reason).name


def _pair_plain(each: Paired, pair_: Instrument) -> dict[str, Json]:
    found: dict[str, Any] = {}
    for name, deal in (("billed", each.billed), ("supposed", each.supposed)):
        found[name] = None if deal is None else {
            "decided_at": format_jst(deal.decided_at),
            "ended_at": format_jst(deal.ended_at),
            "side": deal.side.name,
            "lots": deal.lots,
            "fills": deal.into.fills + deal.out.fills,
            "net_jpy": str(pair_.jpy(deal.net)),
        }  # fmt: skip
    return found
