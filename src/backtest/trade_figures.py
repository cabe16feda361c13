"""What a list of closed trades amounts to: how often it won, how much, how long, and how far it went astray."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.account import Trade
from src.core.domain.market import Money
from src.core.domain.orders import ExitReason
from src.core.domain.time import HOUR
from src.trading.drawdown_manager import fresh_risk
from src.trading.position_sizing import kelly_fraction

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class TradeColumns(NamedTuple):
    """Trades as columns, one entry each, in the order they closed. R is a result over the planned risk."""

    net: Floats  # JPY
    r: Floats  # NaN without a planned risk
    hours: Floats
    side: Ints
    leader: Ints
    exit_reason: Ints
    turnover: Floats  # JPY, entry and exit
    worst_r: Floats  # adverse excursion (MAE), at most 0
    best_r: Floats  # favourable excursion (MFE), at least 0


class TradeFigures(NamedTuple):
    """The record of some trades; None where nothing can be measured. A net result of exactly 0 is a draw."""

    trades: int
    wins: int
    losses: int
    draws: int
    win_rate_pct: float | None
    net_jpy: float
    gained_jpy: float
    lost_jpy: float  # positive
    profit_factor: float | None
    payoff: float | None
    expectancy_jpy: float | None
    expectancy_r: float | None
    sqn: float | None
    kelly_fraction: float | None  # of equity at risk to the stop
    best_jpy: float | None
    worst_jpy: float | None
    best_r: float | None
    worst_r: float | None
    most_wins_in_a_row: int
    most_losses_in_a_row: int
    average_hours: float | None
    longest_hours: float | None
    average_hours_winners: float | None
    longest_hours_winners: float | None
    average_hours_losers: float | None
    longest_hours_losers: float | None


class Excursions(NamedTuple):
    """How far trades went against and for their entry while open, in planned risks (R); MAE is at most 0."""

    trades: int  # with a planned risk
    mean_mae_r: float | None
    median_mae_r: float | None
    worst_mae_r: float | None
    mean_mfe_r: float | None
    median_mfe_r: float | None
    best_mfe_r: float | None
    edge_ratio: float | None  # mean MFE over mean size of MAE (Faith 2007), in R instead of ATR


def trade_columns(trades: list[Trade], money_unit: float) -> TradeColumns:
    """Return `trades` as columns; `money_unit` is JPY in one unit of money."""
    table = np.array([tuple(trade) for trade in trades], np.int64).reshape(-1, len(Trade._fields))
    of = {name: table[:, k] for k, name in enumerate(Trade._fields)}
    risk: Floats = np.where(of["risk"] > 0, of["risk"], np.nan)
    return TradeColumns(
        np.asarray(of["net"] * money_unit, np.float64),
        of["net"] / risk,
        (of["closed_at"] - of["opened_at"]) / HOUR,
        of["side"],
        of["leader"],
        of["exit_reason"],
        np.asarray(of["lots"] * (of["entry"] + of["exit"]) * money_unit, np.float64),
        of["worst"] * of["lots"] / risk,
        of["best"] * of["lots"] / risk,
    )


def chosen(columns: TradeColumns, which: npt.NDArray[np.bool_]) -> TradeColumns:
    """Return the trades at which `which` is true."""
    return TradeColumns._make(column[which] for column in columns)


def trade_figures(c: TradeColumns) -> TradeFigures:
    """Return the figures of `c`."""
    won, lost = c.net > 0, c.net < 0
    n, gains, losses = len(c.net), float(c.net[won].sum()), -float(c.net[lost].sum())
    r = c.r[~np.isnan(c.r)]
    return TradeFigures(
        trades=n,
        wins=int(won.sum()),
        losses=int(lost.sum()),
        draws=n - int(won.sum()) - int(lost.sum()),
        win_rate_pct=100 * float(won.mean()) if n else None,
        net_jpy=float(c.net.sum()),
        gained_jpy=gains,
        lost_jpy=losses,
        profit_factor=gains / losses if losses > 0 else None,
        payoff=_payoff(c.net[won], c.net[lost]),
        expectancy_jpy=_mean(c.net),
        expectancy_r=_mean(r),
        sqn=system_quality(r),
        kelly_fraction=kelly(r),
        best_jpy=_most(c.net),
        worst_jpy=_least(c.net),
        best_r=_most(r),
        worst_r=_least(r),
        most_wins_in_a_row=longest_run(won),
        most_losses_in_a_row=longest_run(lost),
        average_hours=_mean(c.hours),
        longest_hours=_most(c.hours),
        average_hours_winners=_mean(c.hours[won]),
        longest_hours_winners=_most(c.hours[won]),
        average_hours_losers=_mean(c.hours[lost]),
        longest_hours_losers=_most(c.hours[lost]),
    )


def by_side(c: TradeColumns) -> dict[str, TradeFigures]:
    """Return the figures of longs and of shorts."""
    return {"long": trade_figures(chosen(c, c.side > 0)), "short": trade_figures(chosen(c, c.side < 0))}


def by_strategy(c: TradeColumns, names: tuple[str, ...]) -> dict[str, TradeFigures]:
    """Return the figures of the trades each strategy led; those without any are there too."""
    return {name: trade_figures(chosen(c, c.leader == k)) for k, name in enumerate(names)}


def by_exit(c: TradeColumns) -> dict[str, TradeFigures]:
    """Return the figures of the trades that ended by each exit reason that occurred."""
    return {why.name: trade_figures(chosen(c, c.exit_reason == why)) for why in ExitReason if why in c.exit_reason}


def excursions(c: TradeColumns) -> dict[str, Excursions]:
    """Return how far all trades, the winners and the losers went (Sweeney 1996)."""
    return {
        "all": _excursions(c),
        "winners": _excursions(chosen(c, c.net > 0)),
        "losers": _excursions(chosen(c, c.net < 0)),
    }


def _excursions(c: TradeColumns) -> Excursions:
    against, favour = c.worst_r[~np.isnan(c.worst_r)], c.best_r[~np.isnan(c.best_r)]
    mae, mfe = _mean(against), _mean(favour)
    return Excursions(
        len(against),
        mae,
        _median(against),
        _least(against),
        mfe,
        _median(favour),
        _most(favour),
        mfe / -mae if mae is not None and mfe is not None and mae < 0 else None,
    )


def system_quality(r: Floats) -> float | None:
    """Return the root of the number of trades times mean R over its sample deviation (Tharp 2008, SQN; no cap)."""
    if len(r) < 2 or not np.ptp(r) > 0:
        return None
    return math.sqrt(len(r)) * float(np.mean(r)) / float(np.std(r, ddof=1))


def kelly(r: Floats) -> float | None:
    """Return the Kelly fraction as the position sizer defines it, each trade counted once; None until it exists."""
    record = fresh_risk(Money(0))._replace(
        trades=float(len(r)),
        wins=float((r > 0).sum()),
        gained=float(r[r > 0].sum()),
        lost=-float(r[r < 0].sum()),
    )
    found = kelly_fraction(record)
    return None if math.isnan(found) else found


def longest_run(happened: npt.NDArray[np.bool_]) -> int:
    """Return the largest number of true values in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], happened, [False])).astype(np.int8)))
    return int(np.max(edges[1::2] - edges[::2])) if len(edges) else 0


def _payoff(gains: Floats, losses: Floats) -> float | None:
    """Return the mean gain over the mean loss."""
    return float(np.mean(gains)) / -float(np.mean(losses)) if len(gains) and len(losses) else None


def _mean(values: Floats) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None


def _most(values: Floats) -> float | None:
    return float(np.max(values)) if len(values) else None


def _least(values: Floats) -> float | None:
    return float(np.min(values)) if len(values) else None
