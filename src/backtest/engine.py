"""The backtest: stored candles in, decisions, trades and a summary out, through the same core as live trading.

    engine = BacktestEngine(initial_balance=1_000_000, slippage_rate=0.0005, commission_rate=0.0012)
    result = await engine.run_backtest(start_date=..., end_date=..., symbol="BTC/JPY")

It reads the long-term store only, which live trading never writes to.
"""

import hashlib
import importlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from src.backtest.evaluator import count_exits, count_reasons, count_sides, evaluate
from src.backtest.fold import Ints, Output, Tape, World, close_at_end, empty_output, fold, fresh_world, write_trade
from src.backtest.result import BacktestResult, trades_of
from src.backtest.tape import as_lists, build_tape
from src.core.config import Settings, load_config
from src.core.domain.account import Trade
from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.market import PPM, Bar, Money
from src.core.domain.orders import Reason
from src.core.domain.time import BAR_15M, DAY, Millis, format_jst, to_millis
from src.core.exceptions import ConfigError, NoCandles
from src.core.orchestration.stored_candles import CandleStock, download_command, open_stock
from src.core.orchestration.wiring import core_params, feature_settings, instrument, market_params
from src.trading.decision import Params
from src.trading.fee_schedule import fee_columns, todays_fees
from src.trading.position_sizing import MAX_EQUITY

DEFAULT_CONFIG: Final = "config/backtest/base.yaml"
_CHUNK_INTERPRETED: Final = 1_000  # bars between two signs of progress
_CHUNK_COMPILED: Final = 50_000
_MOST_PPM: Final = 10_000

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many bars are done, and how many there are."""


def _silent(what: str, done: int, of: int) -> None:
    """Show nothing."""


class BacktestEngine:
    """Runs the decision core over stored candles.

    Parameters
    ----------
    initial_balance
        JPY; None takes it from the settings.
    slippage_rate
        Share of the price lost by every order that takes liquidity, 0.0005 for 0.05 %; None as set.
    commission_rate
        Replaces the fee table for makers and takers alike, and the summary says so; None keeps the table.
    config
        Settings, or the path of their file.
    data
        Name of a stored series, path of a candle file, or "sample"; None takes the series of the settings.
    strategies
        Names of those to run; None runs all that are set.
    progress
        Called as the run proceeds.
    """

    def __init__(
        self,
        initial_balance: float | None = None,
        slippage_rate: float | None = None,
        commission_rate: float | None = None,
        *,
        config: Settings | str | Path = DEFAULT_CONFIG,
        data: str | None = None,
        strategies: Sequence[str] | None = None,
        progress: Progress = _silent,
    ) -> None:
        self._settings = config if isinstance(config, Settings) else load_config(config)
        self._instrument = instrument(self._settings)
        self._data = data
        self._progress = progress
        self._cash = self._balance(initial_balance)
        self._names = self._chosen(strategies)
        self._params = self._core(slippage_rate)
        self._market = market_params(self._settings)
        self._commission = None if commission_rate is None else _ppm("commission_rate", commission_rate)

    async def run_backtest(
        self,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        symbol: str = "BTC/JPY",
        *,
        days: int | None = None,
    ) -> BacktestResult:
        """Run every bar that closed after `start_date` and not after `end_date`.

        Parameters
        ----------
        start_date, end_date
            A naive datetime is Japan's local time; None is the first or last stored candle.
        symbol
            Must be the pair the settings are for.
        days
            Instead of `start_date`: the last so many days of the stored candles before `end_date`.

        Raises
        ------
        NoCandles
            If nothing is stored for the range; the message names the command that gets it.
        ConfigError
            If the arguments contradict one another or the settings.
        """
        if symbol != self._instrument.symbol:
            raise ConfigError(f"unknown symbol {symbol!r}", remedy=f"this trader is for {self._instrument.symbol}")
        stock = open_stock(self._settings, self._data)
        start, end = _window(stock, start_date, end_date, days)
        known = stock.read(start, end)
        first = int(np.searchsorted(known.closed_at, start, side="right"))
        if first >= len(known):
            raise _nothing(stock, start, end)
        self._progress("features", 0, len(known))
        maker, taker = self._fees(known)
        tape = build_tape(known, first, maker, taker, feature_settings(self._settings))
        world, output, count = self._fold(tape)
        trades = trades_of(output, count)
        summary = self._summary(stock.info, known, first, output, trades, world)
        return BacktestResult(stock.info, self._instrument, self._names, tape, output, trades, summary)

    def _balance(self, jpy: float | None) -> Money:
        given = Decimal(str(self._settings.backtest.initial_balance_jpy if jpy is None else jpy))
        cash = self._instrument.money(given) if given.is_finite() else Money(0)
        if not 0 < cash <= MAX_EQUITY or self._instrument.jpy(cash) != given:
            most, step = self._instrument.jpy(Money(MAX_EQUITY)), self._instrument.money_unit
            raise ConfigError(
                f"initial balance {given} JPY cannot be used",
                remedy=f"give an amount above 0 and up to {most:,.0f} JPY, in steps of {step} JPY",
            )
        return cash

    def _chosen(self, names: Sequence[str] | None) -> tuple[str, ...]:
        known = tuple(self._settings.strategies)
        unknown = [name for name in names or () if name not in known]
        if unknown or names == []:
            raise ConfigError(
                f"unknown strategy {unknown[0]!r}" if unknown else "no strategy was chosen",
                remedy=f"choose from {', '.join(known)}",
            )
        return known if names is None else tuple(name for name in known if name in names)

    def _core(self, slippage_rate: float | None) -> Params:
        params = core_params(self._settings)
        kept = [k for k, name in enumerate(self._settings.strategies) if name in self._names]
        params = params._replace(
            strategies=tuple(params.strategies[k] for k in kept), weights=tuple(params.weights[k] for k in kept)
        )
        if slippage_rate is None:
            return params
        return params._replace(costs=params.costs._replace(slippage_ppm=_ppm("slippage_rate", slippage_rate)))

    def _fees(self, candles: Candles) -> tuple[Ints, Ints]:
        """Return maker and taker rate at each bar: the flat rate given, today's on all years, or the dated ones."""
        if self._commission is not None:
            maker = taker = self._commission
        elif self._settings.costs.schedule == "today":
            maker, taker = todays_fees()
        else:
            return fee_columns(candles.closed_at)
        bars = len(candles)
        return np.full(bars, maker, np.int64), np.full(bars, taker, np.int64)

    def _fold(self, tape: Tape) -> tuple[World, Output, int]:
        bars = len(tape.closed_at)
        output = empty_output(bars, len(self._params.strategies))
        when, enough = self._settings.backtest.compile, self._settings.backtest.compile_from_bars
        if when == "always" or (when == "auto" and bars >= enough):
            run, read, chunk = self._compiled(bars), tape, _CHUNK_COMPILED
        else:
            run, read, chunk = fold, as_lists(tape), _CHUNK_INTERPRETED
        world, count = fresh_world(self._cash), 0
        for done in range(0, bars, chunk):
            world, count = run(read, world, self._params, self._market, output, done, min(done + chunk, bars), count)
            self._progress("bars", min(done + chunk, bars), bars)
        return self._closed(world, tape, output, count)

    def _closed(self, world: World, tape: Tape, output: Output, count: int) -> tuple[World, Output, int]:
        """Close what is still open at the last bar, so that the result holds nothing unrealised."""
        last = Bar(*(int(column[-1]) for column in tape[:6]))  # type: ignore[arg-type]  # plain integers
        world, closed, trade = close_at_end(world, last, int(tape.taker_fee_ppm[-1]), self._params)
        if closed:
            write_trade(output.trades, count, trade)
            count += 1
        return world, output, count

    def _compiled(self, bars: int) -> Callable[..., tuple[World, int]]:
        self._progress("compiling", 0, bars)
        module = importlib.import_module("src.backtest.compiled")  # numba costs 0.4 s and 80 MB: only when used
        kinds = tuple(type(strategy) for strategy in self._params.strategies)
        run: Callable[..., tuple[World, int]] = module.compiled(fold, kinds, Path(self._settings.backtest.cache))
        return run

    def _summary(
        self, info: SeriesInfo, candles: Candles, first: int, output: Output, trades: list[Trade], world: World
    ) -> dict[str, Any]:
        closed_at, jpy = candles.closed_at[first:], self._jpy
        figures = evaluate(
            self._cash,
            closed_at,
            output.equity,
            output.position,
            int(candles.open[first]),
            int(candles.close[-1]),
            trades,
        )
        cold = int(np.count_nonzero(output.reason == Reason.COLD))
        return {
            "series": info.name,
            "source": info.source,
            "synthetic": info.synthetic,
            "symbol": info.symbol,
            "from": format_jst(Millis(int(closed_at[0]) - BAR_15M)),
            "to": format_jst(Millis(int(closed_at[-1]))),
            "strategies": list(self._names),
            "fees": self._fee_text(),
            "bars": len(closed_at),
            "bars_warmup": first,
            "bars_cold": cold,
            "bars_halted": int(output.halted.sum()),
            "trades": len(trades),
            "trades_by_side": count_sides(trades),
            "trades_by_strategy": {name: sum(t.leader == k for t in trades) for k, name in enumerate(self._names)},
            "exits": count_exits(trades),
            "initial_balance": jpy(self._cash),
            "final_balance": jpy(world.book.cash),
            **figures._asdict(),
            "fees_jpy": jpy(sum(t.fee for t in trades)),
            "interest_jpy": jpy(sum(t.interest for t in trades)),
            "slippage_jpy": jpy(sum(t.slippage for t in trades)),
            "reasons": count_reasons(output.reason),
            "data_hash": candles.sha256(),
            "config_hash": self._hash(),
        }

    def _jpy(self, sum_: int) -> float:
        """Return a sum in JPY; a float keeps its four decimals up to a hundred billion JPY."""
        return float(self._instrument.jpy(Money(sum_)))

    def _fee_text(self) -> str:
        if self._commission is not None:
            return f"{self._commission / PPM:.4%} for every fill, by argument instead of the fee table"
        if self._settings.costs.schedule == "dated":
            return "as they were on each day"
        maker, taker = todays_fees()
        return f"today's on all years: maker {maker / PPM:.2%}, taker {taker / PPM:.2%}"

    def _hash(self) -> str:
        """Return the hash of everything beside the candles that this run depends on."""
        arguments = [self._settings.hash(), self._cash, self._names, self._params.costs.slippage_ppm, self._commission]
        return hashlib.sha256(json.dumps(arguments).encode()).hexdigest()


def _ppm(name: str, rate: float) -> int:
    """Return a rate in parts per million, exactly."""
    ppm = Decimal(str(rate)) * PPM
    if not ppm.is_finite() or ppm != ppm.to_integral_value() or not 0 <= ppm <= _MOST_PPM:
        raise ConfigError(
            f"{name} {rate} cannot be used",
            remedy=f"write 0.05 % as 0.0005; allowed is 0 to {_MOST_PPM / PPM} in steps of 0.000001",
        )
    return int(ppm)


def _window(
    stock: CandleStock, start: datetime | None, end: datetime | None, days: int | None
) -> tuple[Millis, Millis]:
    """Return the window as (after, up to and including), in closing times."""
    if days is not None and (start is not None or days <= 0):
        raise ConfigError(
            "days goes with no start, and is at least 1", remedy="give the last N days, or a start and an end"
        )
    until = stock.last if end is None else to_millis(end)
    after = Millis(stock.first - BAR_15M) if start is None else to_millis(start)
    if days is not None:
        after = Millis(min(until, stock.last) - days * DAY)
    if after >= until:
        raise ConfigError(
            f"the range is empty: from {format_jst(after)} to {format_jst(until)}",
            remedy="give a start that is before the end",
        )
    return after, until


def _nothing(stock: CandleStock, start: Millis, end: Millis) -> NoCandles:
    has = f"it has {format_jst(stock.first)} to {format_jst(stock.last)}"
    return NoCandles(
        f"series {stock.info.name!r} has no candles from {format_jst(start)} to {format_jst(end)}; {has}",
        remedy=f"choose a range inside it, or get the candles with `{download_command(start, end)}`",
    )
