"""What is kept of one parameter set: a line of figures, computed in a pass over the run's arrays. Pure.

A sweep keeps no arrays; whatever is not here is asked of a backtest with the same parameters.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.evaluator import max_drawdown
from src.backtest.fold import TRADE_FIELDS, Ints, Output
from src.backtest.sharpe import moments
from src.core.domain.market import Instrument, Money
from src.core.domain.time import DAY

Floats = npt.NDArray[np.float64]

_NET, _FEE, _INTEREST, _SLIPPAGE = (TRADE_FIELDS.index(name) for name in ("net", "fee", "interest", "slippage"))


class SetFigures(NamedTuple):
    """The figures of one set; None where there is nothing to measure.

    The Sharpe ratio is of one day, not a year: mean over deviation (n - 1) of `days` daily returns of marked equity.
    """

    final_balance_jpy: float
    return_pct: float
    max_drawdown_pct: float
    sharpe_daily: float | None
    days: int
    skew: float | None
    kurtosis: float | None  # 3 for the normal distribution
    trades: int
    win_rate_pct: float | None
    fees_jpy: float
    interest_jpy: float
    slippage_jpy: float
    bars_halted: int  # bars on which the drawdown halt was on


class DayEnds(NamedTuple):
    """Where the UTC days of a stretch of bars end; a bar that closes at midnight belongs to the day that ends then."""

    last: Ints  # number of the last bar of each day that has bars
    at: Ints  # which day of all that is
    days: int  # from the first with a bar to the last, without a hole


def day_ends(closed_at: Ints) -> DayEnds:
    """Return the days of bars that closed at `closed_at`, ms UTC, at least one."""
    day = (closed_at - 1) // DAY
    last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    at = day[last] - day[0]
    return DayEnds(last, at, int(at[-1]) + 1)


def daily_returns(equity: Ints, initial: Money, final: Money, ends: DayEnds) -> Floats:
    """Return the simple return of each day, 0 for a day without bars; the last day ends with the final balance.

    Empty if equity ever was not above 0: there is no return on nothing. In the bits of `daily.daily`.
    """
    marks = equity[ends.last].astype(np.float64)
    marks[-1] = final
    if initial <= 0 or final <= 0 or int(equity.min()) <= 0:
        return np.empty(0)
    growth = np.ones(ends.days)
    growth[ends.at] = marks / np.append(float(initial), marks[:-1])
    returns: Floats = growth - 1
    return returns


def set_figures(
    initial: Money, final: Money, output: Output, trades: int, returns: Floats, days: int, unit: Instrument
) -> SetFigures:
    """Return the figures of a run.

    Parameters
    ----------
    initial, final
        Balance before the first bar, and after everything was closed.
    output
        Of the fold, at least one bar; its first `trades` lines of trades count.
    returns, days
        `daily_returns` of the same run, and how many days it has.
    """
    rows = output.trades[:trades]
    fee, interest, slippage = (float(unit.jpy(Money(int(rows[:, k].sum())))) for k in (_FEE, _INTEREST, _SLIPPAGE))
    found = moments(returns)
    return SetFigures(
        final_balance_jpy=float(unit.jpy(final)),
        return_pct=100 * (final - initial) / initial,
        max_drawdown_pct=100 * max_drawdown(np.concatenate(([initial], output.equity, [final]))),
        sharpe_daily=None if found is None else found.sharpe,
        days=days,
        skew=None if found is None else found.skew,
        kurtosis=None if found is None else found.kurtosis,
        trades=trades,
        win_rate_pct=100 * int(np.count_nonzero(rows[:, _NET] > 0)) / trades if trades else None,
        fees_jpy=fee,
        interest_jpy=interest,
        slippage_jpy=slippage,
        bars_halted=int(output.halted.sum()),
    )
