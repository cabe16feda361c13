"""What trading cost, and what other costs would have made of the same trades. Pure, in whole money units."""

from typing import NamedTuple

import numpy as np

from src.backtest.report.run_folder import Trades
from src.core.domain.market import PPM, Money


class CostSplit(NamedTuple):
    """The parts of a result: `net = before - fee - interest - slippage`."""

    before: Money  # what the price moves brought, before any cost
    fee: Money
    interest: Money
    slippage: Money
    net: Money

    @property
    def total(self) -> Money:
        """All costs together."""
        return Money(self.fee + self.interest + self.slippage)


class Scaled(NamedTuple):
    """The same trades at other costs."""

    percent: int  # of the costs of the run
    net: Money
    wins: int
    profit_factor: float | None  # None: nothing was lost


class Rates(NamedTuple):
    """What was paid, in parts per million; None where nothing was traded."""

    fee: float | None  # of the turnover
    slippage: float | None  # of the turnover
    interest: float | None  # of the entry notional, for each 24 hours held


def cost_split(trades: Trades) -> CostSplit:
    """Return what the trades brought and cost; slippage is taken out of their gross result."""
    fee, interest, slippage = (Money(int(c.sum())) for c in (trades.fee, trades.interest, trades.slippage))
    net = Money(int(trades.net.sum()))
    return CostSplit(Money(net + fee + interest + slippage), fee, interest, slippage, net)


def at_costs(trades: Trades, percent: int) -> Scaled:
    """Return the result with fee, interest and slippage at `percent` of what they were, trades held fixed.

    Held fixed means that entries, exits and sizes do not react; a real change of costs would move them.
    """
    cost = trades.fee + trades.interest + trades.slippage
    scaled = -(-cost * percent // 100)  # rounded against the trader
    net = trades.net + cost - scaled
    gained, lost = int(net[net > 0].sum()), -int(net[net < 0].sum())
    return Scaled(percent, Money(int(net.sum())), int((net > 0).sum()), gained / lost if lost else None)


def break_even_percent(split: CostSplit) -> float | None:
    """Return the level of costs, in percent of the run's, at which the same trades end at zero.

    None if there is none: the trades lose before any cost, or there were no costs.
    """
    return 100 * split.before / split.total if split.before > 0 and split.total > 0 else None


def paid_rates(trades: Trades) -> Rates:
    """Return the mean rates that were paid."""
    if not len(trades):
        return Rates(None, None, None)
    turnover = int((trades.lots * (trades.entry + trades.exit)).sum())
    days = np.maximum(trades.closed_at - trades.opened_at, 1) / 86_400_000
    held = float((trades.lots * trades.entry * days).sum())
    return Rates(
        PPM * int(trades.fee.sum()) / turnover,
        PPM * int(trades.slippage.sum()) / turnover,
        PPM * int(trades.interest.sum()) / held,
    )
