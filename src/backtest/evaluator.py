"""What a run amounts to: figures from its trades and its marked equity. Pure.

Every figure says what it is measured on. Ratios are of daily returns of marked equity (UTC days) and are
annualised with 365 days, for this market does not close.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.account import Trade
from src.core.domain.market import Money, Side
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import DAY, HOUR

Ints = npt.NDArray[np.int64]
DAYS_A_YEAR = 365


class Performance(NamedTuple):
    """The figures of a run; None where there is nothing to measure."""

    return_pct: float
    buy_and_hold_pct: float
    max_drawdown_pct: float
    sharpe: float | None  # of daily returns, yearly
    exposure_pct: float  # share of bars with a position at the close
    win_rate_pct: float | None
    profit_factor: float | None  # gains over losses
    expectancy_r: float | None  # mean result in planned risks
    average_hours: float | None  # held


def max_drawdown(equity: Ints) -> float:
    """Return the largest fall from a previous high, as a fraction of that high (0 for an empty series)."""
    if not len(equity):
        return 0.0
    peak = np.maximum.accumulate(equity)
    return float(np.max((peak - equity) / peak))


def daily_sharpe(closed_at: Ints, equity: Ints, initial: Money) -> float | None:
    """Return mean over deviation of daily returns times the root of 365; None for fewer than 2 days or no variation."""
    days = closed_at // DAY
    last = np.append(np.flatnonzero(np.diff(days)), len(days) - 1) if len(days) else np.empty(0, np.int64)
    marks = np.concatenate(([float(initial)], equity[last].astype(np.float64)))
    if len(marks) < 3 or np.any(marks <= 0):
        return None
    returns = np.diff(marks) / marks[:-1]
    spread = float(np.std(returns, ddof=1))
    return float(np.mean(returns)) / spread * math.sqrt(DAYS_A_YEAR) if spread > 0 else None


def evaluate(
    initial: Money,
    closed_at: Ints,
    equity: Ints,
    position: Ints,
    first_open: int,
    last_close: int,
    trades: list[Trade],
) -> Performance:
    """Return the figures of a run.

    Parameters
    ----------
    initial
        Balance before the first bar.
    closed_at, equity, position
        Time, marked equity and signed lots at each bar's close.
    first_open, last_close
        Prices that buying and holding would have paid and got, before any cost.
    trades
        All closed trades; their net results lead from `initial` to the final balance.
    """
    final = initial + sum(t.net for t in trades)
    curve = np.concatenate(([initial], equity, [final])).astype(np.int64)
    results = [t.net / t.risk for t in trades if t.risk > 0]
    gained = sum(t.net for t in trades if t.net > 0)
    lost = -sum(t.net for t in trades if t.net < 0)
    count = len(trades)
    return Performance(
        return_pct=100 * (final - initial) / initial,
        buy_and_hold_pct=100 * (last_close - first_open) / first_open,
        max_drawdown_pct=100 * max_drawdown(curve),
        sharpe=daily_sharpe(closed_at, equity, initial),
        exposure_pct=100 * float(np.count_nonzero(position)) / len(position) if len(position) else 0.0,
        win_rate_pct=100 * sum(t.net > 0 for t in trades) / count if count else None,
        profit_factor=gained / lost if lost else None,
        expectancy_r=sum(results) / len(results) if results else None,
        average_hours=sum(t.closed_at - t.opened_at for t in trades) / count / HOUR if count else None,
    )


def count_reasons(codes: Ints) -> dict[str, int]:
    """Return how many bars ended with each reason; every reason is named, and the counts sum to the bars."""
    counts = np.bincount(codes, minlength=max(Reason) + 1)
    return {reason.name: int(counts[reason]) for reason in Reason}


def count_exits(trades: list[Trade]) -> dict[str, int]:
    """Return how many trades ended by each exit reason that occurred."""
    return {why.name: n for why in ExitReason if (n := sum(t.exit_reason == why for t in trades))}


def count_sides(trades: list[Trade]) -> dict[str, int]:
    """Return the number of long and short trades."""
    return {"long": sum(t.side == Side.BUY for t in trades), "short": sum(t.side == Side.SELL for t in trades)}
