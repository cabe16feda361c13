"""What the page's script draws from: the run in compact columns, and the small charts already computed."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from src.backtest.report.breakdown import Group, by_hour, by_name
from src.backtest.report.costs import cost_split
from src.backtest.report.curves import Histogram, days_of, histogram, months, rolling_sharpe, weeks
from src.backtest.report.packing import pack, pack_steps
from src.backtest.report.run_folder import Run, Trades
from src.backtest.report.words import LABELS, SIDE_WORDS, Text, exit_words, same
from src.core.domain.market import Instrument, Money
from src.core.domain.orders import Reason
from src.core.domain.reason_words import REASON_WORDS
from src.core.domain.time import DAY, JST_OFFSET

Json = dict[str, Any]

TRADING: Final = frozenset(r.name for r in (Reason.ENTER, Reason.HOLD_POSITION, Reason.EXIT_POSITION))
"""Reasons of a bar that say something is being done; `ENTRY_WAITING` joins them."""

_WAITING: Final = Reason.ENTRY_WAITING.name
_LARGEST_REASONS: Final = 6
_JPY_DIGITS: Final = 4  # all there are: rounded once, on the page


def chart_data(run: Run, other: Run | None) -> Json:
    """Return everything the page's script needs, as plain JSON values."""
    return {
        "labels": {name: text._asdict() for name, text in LABELS.items()},
        "offset": JST_OFFSET,
        "initial": _jpy(run.initial, run.instrument),
        "final": _jpy(run.final, run.instrument),
        "bars": bar_columns(run),
        "reasons": [[name, *reason_words(name)] for name in run.decisions.reasons],
        "trades": trade_columns(run.trades, run.instrument),
        "monthly": _monthly(run),
        **_returns(run),
        **_groups(run),
        "weekly": _weekly(run),
        "costs": _costs(run),
        "comparison": None if other is None else [_relative(run), _relative(other)],
    }


def reason_words(name: str) -> Text:
    """Return what a reason means; one this version does not know keeps its name."""
    known = Reason.__members__.get(name)
    return same(name) if known is None else Text(*REASON_WORDS[known])


def is_trading(name: str) -> bool:
    """Return whether a bar that ended so was entering, holding or leaving a position."""
    return name in TRADING or name == _WAITING


def _jpy(sum_: Money, unit: Instrument) -> float:
    return float(unit.jpy(sum_))


def bar_columns(run: Run) -> Json:
    """Return the bars, packed. Prices in ticks, money in JPY rounded to one.

    `open` is told from the close before it, `high` and `low` from open and close of their own bar.
    """
    candles, decisions = run.candles, run.decisions
    before = np.concatenate((candles.open[:1], candles.close[:-1]))
    units = int(1 / run.instrument.money_unit)
    vote = np.rint(100 * np.nan_to_num(decisions.confidence)).astype(np.int64) * decisions.side
    return {
        "count": len(candles),
        "tick": float(run.instrument.tick_size),
        "first_open": int(candles.open[0]),
        "closed_at": pack_steps(candles.closed_at),
        "close": pack_steps(candles.close),
        "open": pack(candles.open - before),
        "high": pack(candles.high - np.maximum(candles.open, candles.close)),
        "low": pack(np.minimum(candles.open, candles.close) - candles.low),
        "equity": pack_steps(decisions.equity // units),
        "reason": pack(decisions.reason),
        "vote": pack(vote),
    }


def trade_columns(trades: Trades, unit: Instrument) -> Json:
    """Return the trades in columns; names by their place in a list of their own."""
    strategies, exits = sorted(set(trades.strategy)), sorted(set(trades.exit_reason))
    to_jpy, tick = float(unit.money_unit), float(unit.tick_size)
    return {
        "strategies": strategies,
        "exits": [exit_words(name)._asdict() for name in exits],
        "strategy": [strategies.index(name) for name in trades.strategy],
        "exit_reason": [exits.index(name) for name in trades.exit_reason],
        "side": trades.side.tolist(),
        "opened_at": trades.opened_at.tolist(),
        "closed_at": trades.closed_at.tolist(),
        "size": _rounded(trades.lots * float(unit.lot_size), 8),
        "entry": _rounded(trades.entry * tick, 8),
        "exit": _rounded(trades.exit * tick, 8),
        "stop": [s * tick if s else None for s in trades.stop.tolist()],
        "net": _rounded(trades.net * to_jpy, _JPY_DIGITS),
        "cost": _rounded((trades.fee + trades.interest + trades.slippage) * to_jpy, _JPY_DIGITS),
        "result_r": _rounded(trades.result_r, 3),
        "hours": _rounded((trades.closed_at - trades.opened_at) / 3_600_000, 2),
        "worst": _rounded(100 * trades.worst / np.maximum(trades.entry, 1), 3),
        "best": _rounded(100 * trades.best / np.maximum(trades.entry, 1), 3),
    }


def _rounded(values: npt.NDArray[Any], digits: int) -> list[float | None]:
    """Return numbers as JSON knows them: what is not finite is null."""
    return [round(v, digits) if np.isfinite(v) else None for v in values.tolist()]


def _monthly(run: Run) -> Json:
    found = months(run.candles.closed_at, run.decisions.equity, run.initial, run.final)
    years = sorted({m.year for m in found})
    cells: list[list[float | None]] = [[None] * 12 for _ in years]
    for m in found:
        cells[years.index(m.year)][m.month - 1] = round(m.return_pct, 3) if np.isfinite(m.return_pct) else None
    return {"years": [str(y) for y in years], "cells": cells}


def _returns(run: Run) -> Json:
    days = days_of(run.candles.closed_at, run.decisions.equity, run.initial, run.final)
    rolling = rolling_sharpe(days.returns)
    return {
        "daily": _bins(histogram(100 * days.returns)),
        "results": _bins(histogram(run.trades.result_r)),
        "sharpe": {
            "at": ((days.day[len(days.day) - len(rolling) :] + 1) * DAY).tolist(),
            "value": _rounded(rolling, 3),
        },
    }


def _bins(found: Histogram) -> Json:
    return {"edges": _rounded(found.edges, 6), "counts": found.counts.tolist()}


def _groups(run: Run) -> Json:
    trades, unit = run.trades, run.instrument
    sides = [SIDE_WORDS[side] for side in trades.side.tolist()]
    exits = [exit_words(name) for name in trades.exit_reason]
    return {
        "by_strategy": [_group(g, same(g.name), unit) for g in by_name(trades.strategy, trades.net)],
        "by_side": _named([t.en for t in sides], sides, trades, unit),
        "by_exit": _named(list(trades.exit_reason), exits, trades, unit),
        "by_hour": [_group(g, same(g.name), unit) for g in by_hour(trades.opened_at, trades.net)],
    }


def _named(names: list[str], words: list[Text], trades: Trades, unit: Instrument) -> list[Json]:
    meaning = dict(zip(names, words, strict=True))
    return [_group(g, meaning[g.name], unit) for g in by_name(names, trades.net)]


def _group(group: Group, name: Text, unit: Instrument) -> Json:
    net = round(_jpy(group.net, unit), _JPY_DIGITS)
    return {"name": name._asdict(), "trades": group.trades, "wins": group.wins, "net": net}


def _weekly(run: Run) -> Json:
    """Return the share of each reason by week, in percent: being in the market, the largest refusals, the rest."""
    names = run.decisions.reasons
    found = weeks(run.candles.closed_at, run.decisions.reason, len(names))
    totals = found.counts.sum(axis=0)
    refusals = [int(k) for k in np.argsort(-totals, kind="stable") if not is_trading(names[k])]
    groups: list[tuple[Text, list[int]]] = [(LABELS["traded"], [k for k, n in enumerate(names) if is_trading(n)])]
    groups += [(reason_words(names[k]), [k]) for k in refusals[:_LARGEST_REASONS]]
    if rest := refusals[_LARGEST_REASONS:]:
        groups.append((LABELS["other"], rest))
    bars = found.counts.sum(axis=1)
    return {
        "weeks": found.starts.tolist(),
        "series": [
            {"name": name._asdict(), "share": _rounded(100 * found.counts[:, members].sum(axis=1) / bars, 2)}
            for name, members in groups
        ],
    }


def _costs(run: Run) -> Json:
    split = cost_split(run.trades)
    return {name: round(_jpy(sum_, run.instrument), _JPY_DIGITS) for name, sum_ in split._asdict().items()}


def _relative(run: Run) -> Json:
    """Return the daily equity of a run, its initial balance being 100."""
    days = days_of(run.candles.closed_at, run.decisions.equity, run.initial, run.final)
    return {
        "name": run.name,
        "at": ((days.day + 1) * DAY).tolist(),
        "value": _rounded(100 * np.cumprod(days.growth), 3),
    }
