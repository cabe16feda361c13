"""A journal as the run of a backtest: the same files, so that the same report draws what really happened."""

from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from src.backtest.evaluator import Record, assess, count_exits, count_reasons, count_sides, evaluate, statistics
from src.backtest.fold import Output, Tape, empty_output, write_decision, write_trade
from src.backtest.result import BacktestResult
from src.core.config import Settings
from src.core.domain.account import PredictionStatus, Trade
from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.journal import Kind, Stored
from src.core.domain.market import PPM, Bar, Instrument, Money
from src.core.domain.orders import Reason
from src.core.domain.time import BAR_15M, Millis, format_jst
from src.core.exceptions import NoJournal
from src.core.orchestration.questions.accounting import read_books, whole
from src.core.orchestration.questions.trader_status import trade_in
from src.core.orchestration.wiring import core_params, instrument
from src.trading.decision_record import Recorded, read_decision
from src.trading.journal import JournalReader

Ints = npt.NDArray[np.int64]
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_REMEDY: Final = "let the trader run for some candles, then ask again"


def journal_run(reader: JournalReader, settings: Settings) -> BacktestResult:
    """Return what a trader did as the result of a run.

    A bar that could not be used has no line; what was planned, held and earned is what the journal says.

    Raises
    ------
    NoJournal
        If there is no decision yet.
    StoreDamaged
        If a line was written by another version.
    """
    bars, decisions = _lines(reader)
    if not decisions:
        raise NoJournal("there is no decision in the journal yet", remedy=_REMEDY)
    pair, params = instrument(settings), core_params(settings)
    books = read_books(reader)
    trades = [trade_in(line) for line in books.trades]
    names = tuple(settings.strategies)
    flowed = _flowed(reader, decisions)
    output = _output(decisions, trades, len(names))
    output.equity[:] -= flowed  # a deposit is no result
    candles = Candles.of(bars)
    tape = _tape(candles, decisions)
    initial = Money(books.first.cash)
    source = f"the journal of the {settings.mode} trader"
    info = SeriesInfo(f"{settings.mode} journal", pair.symbol, BAR_15M, False, source)
    result = BacktestResult(info, pair, names, tape, output, trades, {})
    summary = _summary(result, candles, initial, settings, params.costs.slippage_ppm, decisions[-1].config)
    return BacktestResult(info, pair, names, tape, output, trades, summary)


def _lines(reader: JournalReader) -> tuple[list[Bar], list[Recorded]]:
    """Return the bars that were decided on and the decisions, of each bar the last."""
    seen: dict[int, Bar] = {}
    decided: dict[int, Recorded] = {}
    for line in reader.walk(Kind.BAR, Kind.DECISION):
        if line.entry.kind is Kind.DECISION:
            recorded = read_decision(line)
            decided[recorded.row.closed_at] = recorded
        elif "closed_at" in line.entry.body:
            bar = _bar(line)
            seen[bar.closed_at] = bar
    both = sorted(seen.keys() & decided.keys())
    return [seen[at] for at in both], [decided[at] for at in both]


def _flowed(reader: JournalReader, decisions: list[Recorded]) -> Ints:
    """Return, at each decision, the deposits less withdrawals that the trader had noticed before it."""
    cash = [line for line in reader.walk(Kind.ALARM) if line.entry.body.get("what") == "cash"]
    numbers = [line.number for line in cash]
    sums = np.cumsum([0, *(whole(line, "flow") for line in cash)])
    places = np.searchsorted(numbers, [recorded.number for recorded in decisions])
    return np.asarray(sums[places], np.int64)


def _bar(line: Stored) -> Bar:
    values: dict[str, Any] = {name: line.entry.body[name] for name in Bar._fields}
    return Bar(**values)


def _output(decisions: list[Recorded], trades: list[Trade], strategies: int) -> Output:
    output = empty_output(max(len(decisions), len(trades)), strategies)
    for i, recorded in enumerate(decisions):
        write_decision(output, i, recorded.decision, recorded.account, recorded.after)
    for k, trade in enumerate(trades):
        write_trade(output.trades, k, trade)
    bars = len(decisions)
    return Output(*(column if name == "trades" else column[:bars] for name, column in output._asdict().items()))


def _tape(candles: Candles, decisions: list[Recorded]) -> Tape:
    bars = len(decisions)
    return Tape(
        closed_at=candles.closed_at,
        open=candles.open,
        high=candles.high,
        low=candles.low,
        close=candles.close,
        volume=candles.volume,
        quality=np.array([recorded.row.quality for recorded in decisions], np.int64),
        rows=np.full((bars, 1), np.nan),
        places=(),
        prediction_status=np.array([recorded.prediction.status for recorded in decisions], np.int64),
        prediction=np.array([recorded.prediction.probability for recorded in decisions], np.float64),
        maker_fee_ppm=np.array([recorded.account.maker_fee_ppm for recorded in decisions], np.int64),
        taker_fee_ppm=np.array([recorded.account.taker_fee_ppm for recorded in decisions], np.int64),
    )


def _summary(
    result: BacktestResult, candles: Candles, initial: Money, settings: Settings, slippage_ppm: int, config: str
) -> dict[str, Any]:
    """Return the same figures as a backtest's summary, computed by the same functions."""
    out, tape, trades, pair, names = result.output, result.tape, result.trades, result.instrument, result.strategies
    first_open, last_close = int(candles.open[0]), int(candles.close[-1])
    figures = evaluate(initial, tape.closed_at, out.equity, out.position, first_open, last_close, trades)
    record = Record(
        initial=initial,
        closed_at=tape.closed_at,
        equity=out.equity,
        position=out.position,
        close=candles.close,
        first_open=first_open,
        trades=trades,
        strategies=names,
        money_unit=float(pair.money_unit),
    )
    return {
        "series": result.series.name,
        "source": result.series.source,
        "synthetic": _is_simulated(settings),
        "symbol": pair.symbol,
        "from": format_jst(Millis(int(tape.closed_at[0]) - BAR_15M)),
        "to": format_jst(Millis(int(tape.closed_at[-1]))),
        "strategies": list(names),
        "fee_schedule": "billed",
        "mode": settings.mode,
        "maker_fee_rate": _rates(tape.maker_fee_ppm),
        "taker_fee_rate": _rates(tape.taker_fee_ppm),
        "slippage_rate": slippage_ppm / PPM,
        "bars": len(tape.closed_at),
        "bars_warmup": 0,
        "bars_cold": int(np.count_nonzero(out.reason == Reason.COLD)),
        "bars_halted": int(out.halted.sum()),
        "trades": len(trades),
        "trades_by_side": count_sides(trades),
        "trades_by_strategy": {name: sum(t.leader == k for t in trades) for k, name in enumerate(names)},
        "exits": count_exits(trades),
        "initial_balance": _jpy(initial, pair),
        "final_balance": _jpy(initial + sum(t.net for t in trades), pair),
        **figures._asdict(),
        "fees_jpy": _jpy(sum(t.fee for t in trades), pair),
        "interest_jpy": _jpy(sum(t.interest for t in trades), pair),
        "slippage_jpy": _jpy(sum(t.slippage for t in trades), pair),
        "reasons": count_reasons(out.reason),
        "data_hash": candles.sha256(),
        "config_hash": config,
        "settings": settings.model_dump(mode="json"),
        "model": _model(tape, settings),
        "trials_counted": 0,
        "trial_ledger": None,
        "statistics": statistics(assess(record, None)),
    }


def _is_simulated(settings: Settings) -> bool:
    """Return whether the candles came from this machine: from a simulated exchange, not from a market."""
    url = settings.data.base_url
    return url is not None and urlsplit(url).hostname in _THIS_MACHINE


def _model(tape: Tape, settings: Settings) -> dict[str, Any]:
    """Return what the journal tells of the model: whether it was to be asked, and on how many bars it answered."""
    if not settings.model.used:
        return {"used": False}
    bars, good = len(tape.closed_at), int(np.count_nonzero(tape.prediction_status == PredictionStatus.GOOD))
    status = PredictionStatus.GOOD if good else PredictionStatus.NONE
    return {"used": True, "status": status.name, "text": f"asked, and good on {good:,} of {bars:,} bars"}


def _rates(ppm: Ints) -> list[float]:
    return [int(rate) / PPM for rate in np.unique(ppm)]


def _jpy(sum_: int, pair: Instrument) -> float:
    return float(pair.jpy(Money(sum_)))
