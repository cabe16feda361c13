"""What a backtest hands over: the run as arrays, its trades, and a summary in JPY."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.fold import TRADE_FIELDS, Ints, Output, Tape
from src.core.domain.account import Trade
from src.core.domain.candles import SeriesInfo
from src.core.domain.market import Instrument, Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis


class Judged(NamedTuple):
    """What a model was asked about: the bars that proposed something."""

    bars: Ints  # their numbers
    names: tuple[str, ...]  # of the inputs
    inputs: npt.NDArray[np.float32]  # (bars, names)


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """One finished run."""

    series: SeriesInfo
    instrument: Instrument
    strategies: tuple[str, ...]
    tape: Tape
    output: Output
    trades: list[Trade]
    summary: dict[str, Any]  # plain JSON values; money in JPY
    judged: Judged | None = None  # what the model was asked, where one was


def trades_of(output: Output, count: int) -> list[Trade]:
    """Return the first `count` trades the fold wrote, as values."""
    rows = output.trades[:count].tolist()
    return [_trade(dict(zip(TRADE_FIELDS, row, strict=True))) for row in rows]


def _trade(row: dict[str, int]) -> Trade:
    return Trade(
        opened_at=Millis(row["opened_at"]),
        closed_at=Millis(row["closed_at"]),
        side=Side(row["side"]),
        lots=Lots(row["lots"]),
        entry=Ticks(row["entry"]),
        exit=Ticks(row["exit"]),
        fee=Money(row["fee"]),
        interest=Money(row["interest"]),
        slippage=Money(row["slippage"]),
        gross=Money(row["gross"]),
        net=Money(row["net"]),
        exit_reason=ExitReason(row["exit_reason"]),
        leader=row["leader"],
        risk=Money(row["risk"]),
        worst=Ticks(row["worst"]),
        best=Ticks(row["best"]),
    )
