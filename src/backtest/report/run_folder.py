"""A finished run, read back from its folder: summary, trades, decisions and candles.

Money stays in the exchange's whole units until it is shown.
"""

import csv
import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from src.core.domain.candles import COLUMNS, Candles
from src.core.domain.market import INSTRUMENTS, Instrument, Money, Side
from src.core.domain.orders import Reason
from src.core.exceptions import BadCandles, ConfigError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NO_STOP: Final = 0
_REMEDY: Final = "give the folder of a finished backtest, as its last line printed it"
_AGAIN: Final = "repeat the backtest; its folder then holds all that a report needs"
_SUMMARY: Final = (
    "series",
    "source",
    "synthetic",
    "symbol",
    "from",
    "to",
    "strategies",
    "fee_schedule",
    "maker_fee_rate",
    "taker_fee_rate",
    "slippage_rate",
    "bars",
    "bars_cold",
    "bars_halted",
    "initial_balance",
    "final_balance",
    "return_pct",
    "buy_and_hold_pct",
    "max_drawdown_pct",
    "sharpe",
    "exposure_pct",
    "win_rate_pct",
    "profit_factor",
    "expectancy_r",
    "average_hours",
    "reasons",
    "data_hash",
    "config_hash",
)


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Closed trades in the order of their entries, one value a trade in each column."""

    strategy: tuple[str, ...]
    side: Ints  # 1 long, -1 short
    opened_at: Ints  # ms UTC
    closed_at: Ints
    lots: Ints
    entry: Ints  # ticks
    exit: Ints
    exit_reason: tuple[str, ...]
    gross: Ints  # money units
    fee: Ints
    interest: Ints
    slippage: Ints  # already inside `gross`
    net: Ints
    risk: Ints  # planned loss at the first stop; 0: unknown
    worst: Ints  # ticks from the entry, at most 0
    best: Ints  # ticks from the entry, at least 0
    stop: Ints  # as first placed, ticks; NO_STOP: unknown

    def __len__(self) -> int:
        """Return the number of trades."""
        return len(self.net)

    @property
    def result_r(self) -> Floats:
        """Results in planned risks; NaN where the risk is unknown."""
        known = np.where(self.risk > 0, self.risk, 1).astype(np.float64)
        return np.where(self.risk > 0, self.net / known, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """One line a bar."""

    reasons: tuple[str, ...]  # the names that `reason` points into
    reason: Ints
    side: Ints  # of the vote
    confidence: Floats
    equity: Ints  # money units, at the close
    planned_stop: Floats  # distance from the close, ticks; NaN where nothing was planned


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Everything a report knows."""

    name: str  # of the folder
    summary: dict[str, Any]
    instrument: Instrument
    candles: Candles
    decisions: Decisions
    trades: Trades

    @property
    def initial(self) -> Money:
        """Balance before the first bar."""
        return self.instrument.money(Decimal(str(self.summary["initial_balance"])))

    @property
    def final(self) -> Money:
        """Balance after the last trade."""
        return Money(self.initial + int(self.trades.net.sum()))


def read_run(folder: Path) -> Run:
    """Return the run in `folder`.

    Raises
    ------
    ConfigError
        If it is not the folder of a finished run, or its files do not belong together.
    """
    summary = _summary(folder)
    if summary["symbol"] not in INSTRUMENTS:
        _refuse(folder, f"is of {summary['symbol']!r}, which this program does not trade", _REMEDY)
    instrument = INSTRUMENTS[summary["symbol"]]
    table = _table(folder, "decisions.parquet")
    candles = _candles(folder)
    closed_at = _column(folder, table, "closed_at").cast(pa.int64()).to_numpy()
    if not len(candles) or not np.array_equal(closed_at, candles.closed_at):
        _refuse(folder, "holds decisions and candles of different bars", _AGAIN)
    decisions = _decisions(folder, table)
    return Run(
        name=folder.resolve().name,
        summary=summary,
        instrument=instrument,
        candles=candles,
        decisions=decisions,
        trades=_trades(folder, instrument, candles.closed_at, decisions),
    )


def _refuse(folder: Path, what: str, remedy: str, cause: BaseException | None = None) -> NoReturn:
    raise ConfigError(f"{folder} {what}", remedy=remedy) from cause


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        _refuse(folder, f"holds no {name}", _AGAIN if (folder / "summary.json").is_file() else _REMEDY)
    return path


def _summary(folder: Path) -> dict[str, Any]:
    path = _file(folder, "summary.json")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        _refuse(folder, f"has a summary.json that cannot be read: {e}", _AGAIN, e)
    missing = [key for key in _SUMMARY if not isinstance(summary, dict) or key not in summary]
    if missing:
        _refuse(folder, f"has a summary.json without {', '.join(missing)}", _AGAIN)
    found: dict[str, Any] = summary
    return found


def _table(folder: Path, name: str) -> pa.Table:
    path = _file(folder, name)
    try:
        return pq.read_table(path)
    except pa.ArrowException as e:
        _refuse(folder, f"has a {name} that cannot be read: {e}", _AGAIN, e)


def _column(folder: Path, table: pa.Table, name: str) -> Any:
    if name not in table.column_names:
        _refuse(folder, f"has a file without the column {name!r}", _AGAIN)
    return table[name]


def _candles(folder: Path) -> Candles:
    table = _table(folder, "candles.parquet")
    columns = [_column(folder, table, name).cast(pa.int64()).to_numpy() for name in COLUMNS]
    try:
        return Candles(*columns)
    except (BadCandles, TypeError) as e:
        _refuse(folder, f"has a candles.parquet that is not candles: {e}", _AGAIN, e)


def _decisions(folder: Path, table: pa.Table) -> Decisions:
    reason = _column(folder, table, "reason").cast(pa.string()).combine_chunks().dictionary_encode()
    planned = [_column(folder, table, name).cast(pa.float64()).to_numpy() for name in ("entry", "stop")]
    return Decisions(
        reasons=tuple(reason.dictionary.to_pylist()),
        reason=reason.indices.cast(pa.int64()).to_numpy(),
        side=_column(folder, table, "side").cast(pa.int64()).to_numpy(),
        confidence=_column(folder, table, "confidence").cast(pa.float64()).to_numpy(),
        equity=_column(folder, table, "equity").cast(pa.int64()).to_numpy(),
        planned_stop=np.abs(planned[0] - planned[1]),
    )


def _trades(folder: Path, unit: Instrument, closed_at: Ints, decisions: Decisions) -> Trades:
    path = _file(folder, "trades.csv")
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        return _trade_columns(rows, unit, closed_at, decisions)
    except (KeyError, TypeError, ValueError, InvalidOperation, csv.Error) as e:
        _refuse(folder, f"has a trades.csv that cannot be read: {e!r}", _AGAIN, e)


def _trade_columns(rows: list[dict[str, str]], unit: Instrument, closed_at: Ints, decisions: Decisions) -> Trades:
    def whole(name: str) -> Ints:
        return np.array([int(row[name]) for row in rows], np.int64)

    def money(name: str) -> Ints:
        return np.array([unit.money(Decimal(row[name])) for row in rows], np.int64)

    def price(name: str) -> Ints:
        return np.array([unit.ticks(Decimal(row[name])) for row in rows], np.int64)

    side = np.array([int(Side[row["side"]]) for row in rows], np.int64)
    opened_at, entry = whole("opened_at_ms"), price("entry")
    return Trades(
        strategy=tuple(row["strategy"] for row in rows),
        side=side,
        opened_at=opened_at,
        closed_at=whole("closed_at_ms"),
        lots=np.array([unit.lots(Decimal(row["amount_btc"])) for row in rows], np.int64),
        entry=entry,
        exit=price("exit"),
        exit_reason=tuple(row["exit_reason"] for row in rows),
        gross=money("gross_jpy"),
        fee=money("fee_jpy"),
        interest=money("interest_jpy"),
        slippage=money("slippage_jpy"),
        net=money("net_jpy"),
        risk=money("planned_risk_jpy"),
        worst=price("worst_move"),
        best=price("best_move"),
        stop=_first_stops(opened_at, side, entry, closed_at, decisions),
    )


def _first_stops(opened_at: Ints, side: Ints, entry: Ints, closed_at: Ints, decisions: Decisions) -> Ints:
    """Return where each trade's stop was first placed: the planned distance, from the actual fill."""
    names = [k for k, name in enumerate(decisions.reasons) if name == Reason.ENTER.name]
    entering = np.flatnonzero(np.isin(decisions.reason, names))
    if not len(entering):
        return np.full(len(opened_at), NO_STOP, np.int64)
    before = np.searchsorted(closed_at[entering], opened_at, side="right") - 1  # the last entry decided until then
    distance = decisions.planned_stop[entering[np.maximum(before, 0)]]
    known = (before >= 0) & np.isfinite(distance)
    level = np.maximum(entry - side * np.where(known, distance, 0).astype(np.int64), 1)
    return np.where(known, level, NO_STOP).astype(np.int64)
