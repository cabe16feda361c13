"""What a run amounts to: figures from its trades and its marked equity, intervals around them, and a verdict. Pure.

Every figure says what it is measured on. Ratios are of daily returns of marked equity (UTC days, accrued interest and
fees included) and are annualised with 365 days, for this market does not close. `evaluate` gives the few figures of a
summary, `assess` everything; `statistics` turns that into plain JSON values.
"""

import math
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.benchmark import Benchmark, alpha, beta, correlation, information_ratio, tracking_error, treynor
from src.backtest.bootstrap import LEVEL, MIN_DAYS, MIN_TRADES, Indices, Interval, bootstrap, mean_block
from src.backtest.daily import Daily, daily, deepest_fall
from src.backtest.drawdowns import Drawdowns, drawdowns
from src.backtest.monte_carlo import MonteCarlo, trade_order
from src.backtest.months import Calendar, calendar
from src.backtest.ratios import DAYS_A_YEAR, Ratios, cagr, ratios, sharpe
from src.backtest.sharpe import (
    Moments,
    Trials,
    analytic_interval,
    deflated_sharpe,
    expected_maximum,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    standard_error,
    trial_variance,
)
from src.backtest.trade_figures import (
    Excursions,
    TradeColumns,
    TradeFigures,
    by_exit,
    by_side,
    by_strategy,
    excursions,
    trade_columns,
    trade_figures,
)
from src.backtest.verdicts import Measured, Verdict, judge, text
from src.core.domain.account import Trade
from src.core.domain.market import Money, Side
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import BAR_15M, DAY, Millis

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_ROOT_YEAR = math.sqrt(DAYS_A_YEAR)
_BLOCK = 256  # marks


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


class Record(NamedTuple):
    """What of a run is judged."""

    initial: Money  # balance before the first bar
    closed_at: Ints  # ms UTC, one entry a bar; at least one bar
    equity: Ints  # marked at the close
    position: Ints  # signed lots at the close
    close: Ints  # ticks
    first_open: int  # ticks
    trades: list[Trade]  # all closed; their net results lead from `initial` to the final balance
    strategies: tuple[str, ...]
    money_unit: float  # JPY in one unit of money

    @property
    def final(self) -> int:
        """The balance after the last trade."""
        return self.initial + sum(t.net for t in self.trades)

    def times(self) -> Ints:
        """Return when each of `marks` was taken, ms UTC."""
        return np.concatenate(([self.closed_at[0] - BAR_15M], self.closed_at, [self.closed_at[-1]]))

    def marks(self) -> Ints:
        """Return the first balance, equity at each close, and the last balance: what was open had to be closed."""
        return np.concatenate(([self.initial], self.equity, [self.final])).astype(np.int64)

    def days(self) -> Daily:
        """Return the run day by day; empty if it lost everything."""
        return daily(self.times()[1:], self.marks()[1:], self.initial)


class Period(NamedTuple):
    """When, and how much of it there was."""

    from_ms: Millis
    to_ms: Millis
    days: float
    bars: int
    days_counted: int  # UTC days, the first and last may be parts
    days_without_bars: int
    days_active: int  # whose return is not 0
    exposure_pct: float  # share of bars with a position at the close
    trades_a_day: float


class Balance(NamedTuple):
    """From the first yen to the last."""

    initial_jpy: float
    final_jpy: float
    lowest_jpy: float  # mark
    highest_jpy: float
    return_pct: float
    cagr_pct: float | None
    calmar: float | None  # CAGR over max drawdown (Young 1991), on the whole record
    max_drawdown_pct: float


class Costs(NamedTuple):
    """What trading took."""

    fees_jpy: float
    interest_jpy: float
    slippage_jpy: float  # inside the gross result
    gross_jpy: float  # before fees and interest, after slippage
    turnover_jpy: float  # value of entries and exits
    turnover_a_year: float | None  # over mean marked equity
    cost_bps: float | None  # all three, of the turnover


class SharpeTests(NamedTuple):
    """What the Sharpe ratio is worth. Yearly where the name says so, else per day."""

    observations: int
    daily_sharpe: float
    skew: float
    kurtosis: float
    standard_error: float
    yearly_low: float  # analytic interval at `LEVEL`, for independent days
    yearly_high: float
    probabilistic: float | None  # that the true one is above 0
    minimum_track_record_days: float | None
    tried: int | None
    trial_variance: float | None
    expected_maximum_yearly: float | None  # of so many tries without skill
    deflated: float | None


class Assessment(NamedTuple):
    """Everything there is to say of a run. A name in _pct is per cent, in _jpy JPY, in _r planned risks."""

    period: Period
    balance: Balance
    ratios: Ratios
    sharpe_tests: SharpeTests | None
    drawdowns: Drawdowns
    calendar: Calendar
    benchmark: Benchmark
    costs: Costs
    trades: TradeFigures
    by_side: dict[str, TradeFigures]
    by_strategy: dict[str, TradeFigures]
    by_exit: dict[str, TradeFigures]
    excursions: dict[str, Excursions]
    intervals: dict[str, Interval | None]  # None: too little to say
    monte_carlo: MonteCarlo | None
    verdict: Verdict


def assess(record: Record, trials: Trials | None, seed: int = 0) -> Assessment:
    """Return all figures of a run, their intervals and the verdict.

    Parameters
    ----------
    trials
        How much was tried on these data, this run included; None if nobody counted, which rules out praise.
    seed
        Of the resampling: same record, same seed, same bits.
    """
    days = record.days()
    columns = trade_columns(record.trades, record.money_unit)
    balance = _balance(record)
    figures = trade_figures(columns)
    intervals = _intervals(record, days, columns, seed)
    tests = sharpe_tests(moments(days.returns), trials)
    verdict = judge(
        ruined=not len(days.day),
        trades=figures.trades,
        days=len(days.day),
        expectancy=Measured(figures.expectancy_r, intervals["expectancy_r"]),
        sharpe=Measured(sharpe(days.returns), intervals["sharpe"]),
        tried=trials.tried if trials else None,
        deflated=tests.deflated if tests else None,
    )
    yearly = None if balance.cagr_pct is None else balance.cagr_pct / 100
    return Assessment(
        period=_period(record, days),
        balance=balance,
        ratios=ratios(days.returns),
        sharpe_tests=tests,
        drawdowns=_drawdowns(record, days, yearly),
        calendar=calendar(days),
        benchmark=_benchmark(record, days),
        costs=_costs(record, columns),
        trades=figures,
        by_side=by_side(columns),
        by_strategy=by_strategy(columns, record.strategies),
        by_exit=by_exit(columns),
        excursions=excursions(columns),
        intervals=intervals,
        monte_carlo=trade_order(record.initial * record.money_unit, columns.net, seed),
        verdict=verdict,
    )


def statistics(found: Assessment) -> dict[str, Any]:
    """Return `found` as plain JSON values, with the verdict in words under `verdicts`, in `ja` and `en`."""
    plain: dict[str, Any] = _plain(found)
    return {**plain, "verdicts": {language: text(found.verdict, language) for language in ("ja", "en")}}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def sharpe_tests(found: Moments | None, trials: Trials | None) -> SharpeTests | None:
    """Return the tests of a daily Sharpe ratio; None without one."""
    if found is None:
        return None
    low, high = analytic_interval(found, LEVEL)
    variance = trial_variance(trials, found.observations) if trials else None
    maximum = expected_maximum(trials.tried, variance) if trials and variance is not None else None
    return SharpeTests(
        found.observations,
        found.sharpe,
        found.skew,
        found.kurtosis,
        standard_error(found),
        low * _ROOT_YEAR,
        high * _ROOT_YEAR,
        probabilistic_sharpe(found),
        minimum_track_record(found),
        trials.tried if trials else None,
        variance,
        None if maximum is None else maximum * _ROOT_YEAR,
        deflated_sharpe(found, trials) if trials else None,
    )


def _intervals(record: Record, days: Daily, columns: TradeColumns, seed: int) -> dict[str, Interval | None]:
    """Return the interval of each headline figure, in the unit of its name."""
    found: dict[str, Interval | None] = dict.fromkeys(
        (
            "return_pct",
            "cagr_pct",
            "sharpe",
            "sortino",
            "max_drawdown_pct",
            "win_rate_pct",
            "profit_factor",
            "expectancy_jpy",
            "expectancy_r",
        )
    )
    returns, n = days.returns, len(days.day)
    if n >= MIN_DAYS and np.count_nonzero(returns) >= MIN_TRADES:
        span = _span_days(record)
        found |= bootstrap(lambda where: figures_of_days(days.growth[where], span), n, mean_block(returns), seed)
        clustered = mean_block(returns, np.abs(returns - np.mean(returns)))  # calm and storm make the drawdown
        found |= bootstrap(lambda where: _falls(days, where), n, clustered, seed + 1)
    if len(columns.net) >= MIN_TRADES:
        block = mean_block(columns.net)
        found |= bootstrap(lambda where: figures_of_trades(columns, where), len(columns.net), block, seed + 2)
    return found


def figures_of_days(growth: Floats, span: float) -> dict[str, Floats]:
    """Return the daily figures of each row of `growth`, shape (worlds, days)."""
    returns, total = growth - 1, np.prod(growth, axis=1)
    mean = np.mean(returns, axis=1)
    downside = np.sqrt(np.mean(np.minimum(returns, 0) ** 2, axis=1))
    return {
        "return_pct": 100 * (total - 1),
        "cagr_pct": 100 * (total ** (DAYS_A_YEAR / span) - 1),
        "sharpe": _over(mean, np.std(returns, axis=1, ddof=1)) * _ROOT_YEAR,
        "sortino": _over(mean, downside) * _ROOT_YEAR,
    }


def _falls(days: Daily, where: Indices) -> dict[str, Floats]:
    return {
        "max_drawdown_pct": 100 * deepest_fall(days.growth[where], days.high[where], days.low[where], days.fall[where])
    }


def figures_of_trades(columns: TradeColumns, where: Indices) -> dict[str, Floats]:
    """Return the trade figures of each row of positions."""
    net, r = columns.net[where], columns.r[where]
    gained, lost = np.sum(np.maximum(net, 0), axis=1), -np.sum(np.minimum(net, 0), axis=1)
    known = ~np.isnan(r)
    factor = _over(gained, lost)
    factor[(lost == 0) & (gained > 0)] = np.inf  # above every bound
    return {
        "win_rate_pct": 100 * np.mean(net > 0, axis=1),
        "profit_factor": factor,
        "expectancy_jpy": np.mean(net, axis=1),
        "expectancy_r": _over(np.sum(r, axis=1, where=known), np.sum(known, axis=1)),
    }


def _over(above: Floats, below: npt.NDArray[Any]) -> Floats:
    """Return the quotient; NaN where nothing is below."""
    quotient = np.full(len(above), np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient


def _span_days(record: Record) -> float:
    return float(record.closed_at[-1] - record.closed_at[0] + BAR_15M) / DAY


def _period(record: Record, days: Daily) -> Period:
    span = _span_days(record)
    return Period(
        Millis(int(record.closed_at[0]) - BAR_15M),
        Millis(int(record.closed_at[-1])),
        span,
        len(record.closed_at),
        len(days.day),
        int(np.count_nonzero(days.bars == 0)),
        int(np.count_nonzero(days.returns)),
        exposure_pct(record.position),
        len(record.trades) / span,
    )


def _balance(record: Record) -> Balance:
    marks, unit = record.marks(), record.money_unit
    growth, deepest = record.final / record.initial, max_drawdown(marks)
    yearly = cagr(growth, _span_days(record))
    return Balance(
        record.initial * unit,
        record.final * unit,
        int(np.min(marks)) * unit,
        int(np.max(marks)) * unit,
        100 * (growth - 1),
        None if yearly is None else 100 * yearly,
        yearly / deepest if yearly is not None and deepest > 0 else None,
        100 * deepest,
    )


def _drawdowns(record: Record, days: Daily, yearly: float | None) -> Drawdowns:
    return drawdowns(record.times(), record.marks(), days, yearly)


def _benchmark(record: Record, days: Daily) -> Benchmark:
    market = daily(record.closed_at, record.close, record.first_open).returns
    mine = days.returns if len(days.day) else np.empty(0)
    both = market if len(mine) else mine  # an account that was lost has no returns to compare
    prices = np.append(record.first_open, record.close)
    return Benchmark(
        float(record.close[-1] / record.first_open) - 1,
        sharpe(market),
        max_drawdown(prices),
        beta(mine, both),
        alpha(mine, both),
        correlation(mine, both),
        tracking_error(mine, both),
        information_ratio(mine, both),
        treynor(mine, both),
    )


def _costs(record: Record, columns: TradeColumns) -> Costs:
    unit, trades = record.money_unit, record.trades
    fees, interest, slippage, gross = (
        sum(getattr(t, name) for t in trades) * unit for name in ("fee", "interest", "slippage", "gross")
    )
    turnover = float(np.sum(columns.turnover))
    held, years = float(np.mean(record.marks())) * unit, _span_days(record) / DAYS_A_YEAR
    return Costs(
        fees,
        interest,
        slippage,
        gross,
        turnover,
        turnover / held / years if held > 0 else None,
        1e4 * (fees + interest + slippage) / turnover if turnover > 0 else None,
    )


def exposure_pct(position: Ints) -> float:
    """Return the share of bars that closed with a position."""
    return 100 * float(np.count_nonzero(position)) / len(position) if len(position) else 0.0


def max_drawdown(equity: Ints) -> float:
    """Return the largest fall from a previous high, as a fraction of that high (0 for an empty series).

    Looked for in blocks: in most of them a bound (its lowest mark against the highest that could come before it)
    already says that a larger fall was found elsewhere.
    """
    whole = len(equity) // _BLOCK * _BLOCK
    deepest = _deepest(equity[whole:], int(equity[:whole].max())) if whole else _deepest(equity, 0)
    if not whole:
        return deepest
    blocks = equity[:whole].reshape(-1, _BLOCK)
    high, low = blocks.max(axis=1), blocks.min(axis=1)
    upto = np.maximum.accumulate(high)
    before = np.concatenate((upto[:1], upto[:-1]))
    deepest = max(deepest, float(np.max((before[1:] - low[1:]) / before[1:], initial=0.0)))
    for block in np.flatnonzero((upto - low) / upto > deepest).tolist():
        deepest = max(deepest, _deepest(blocks[block], int(before[block]) if block else 0))
    return deepest


def _deepest(equity: Ints, high: int) -> float:
    """Return the largest fall of marks of which `high` was reached before."""
    peak = np.maximum(np.maximum.accumulate(equity), high)
    return float(np.max((peak - equity) / peak, initial=0.0))


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
        Time, marked equity and signed lots at each bar's close; at least one bar.
    first_open, last_close
        Prices that buying and holding would have paid and got, before any cost.
    trades
        All closed trades; their net results lead from `initial` to the final balance.
    """
    record = Record(initial, closed_at, equity, position, equity, first_open, trades, (), 1.0)
    figures = trade_figures(trade_columns(trades, 1.0))
    return Performance(
        return_pct=100 * (record.final - initial) / initial,
        buy_and_hold_pct=100 * (last_close - first_open) / first_open,
        max_drawdown_pct=100 * max_drawdown(record.marks()),
        sharpe=sharpe(record.days().returns),
        exposure_pct=exposure_pct(position),
        win_rate_pct=figures.win_rate_pct,
        profit_factor=figures.profit_factor,
        expectancy_r=figures.expectancy_r,
        average_hours=figures.average_hours,
    )


def count_reasons(codes: npt.NDArray[np.int8]) -> dict[str, int]:
    """Return how many bars ended with each reason; every reason is named, and the counts sum to the bars."""
    counts = np.bincount(codes, minlength=max(Reason) + 1)
    return {reason.name: int(counts[reason]) for reason in Reason}


def count_exits(trades: list[Trade]) -> dict[str, int]:
    """Return how many trades ended by each exit reason that occurred."""
    return {why.name: n for why in ExitReason if (n := sum(t.exit_reason == why for t in trades))}


def count_sides(trades: list[Trade]) -> dict[str, int]:
    """Return the number of long and short trades."""
    return {"long": sum(t.side == Side.BUY for t in trades), "short": sum(t.side == Side.SELL for t in trades)}
