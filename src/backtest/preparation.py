"""From settings and arguments to what a run needs: candles, strategies, money and fees.

Engine, sweep and checks share it.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np

from src.backtest.fold import Ints
from src.core.config import Settings
from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.market import PPM, Money
from src.core.domain.time import BAR_15M, DAY, Millis, format_jst, to_millis
from src.core.exceptions import ConfigError, NoCandles
from src.core.orchestration.stored_candles import CandleStock, download_command, open_stock
from src.core.orchestration.wiring import core_params, instrument
from src.trading.decision import Params
from src.trading.fee_schedule import fee_columns, todays_fees
from src.trading.position_sizing import MAX_EQUITY

_MOST_PPM: Final = 10_000


class Stretch(NamedTuple):
    """The candles of a run."""

    info: SeriesInfo
    candles: Candles
    first: int  # number of the first bar that counts; those before it warm the features


def read_stretch(
    settings: Settings, data: str | None, start: datetime | None, end: datetime | None, days: int | None = None
) -> Stretch:
    """Return the bars that closed after `start` and not after `end`, with enough before them to warm the features.

    Parameters
    ----------
    data
        Name of a stored series, path of a candle file, or "sample"; None takes the series of the settings.
    start, end
        A naive datetime is Japan's local time; None is the first or last stored candle.
    days
        Instead of `start`: the last so many days of the stored candles before `end`.

    Raises
    ------
    NoCandles
        If nothing is stored for the range; the message names the command that gets it.
    ConfigError
        If the arguments contradict one another.
    """
    stock = open_stock(settings, data)
    after, until = _window(stock, start, end, days)
    candles = stock.read(after, until)
    first = int(np.searchsorted(candles.closed_at, after, side="right"))
    if first >= len(candles):
        raise _nothing(stock, after, until)
    return Stretch(stock.info, candles, first)


def starting_cash(settings: Settings, jpy: float | None = None) -> Money:
    """Return the balance to start with: `jpy`, or that of the settings.

    Raises
    ------
    ConfigError
        If it is not above 0, too large for the core's whole numbers, or finer than they count.
    """
    unit = instrument(settings)
    given = Decimal(str(settings.backtest.initial_balance_jpy if jpy is None else jpy))
    cash = unit.money(given) if given.is_finite() else Money(0)
    if not 0 < cash <= MAX_EQUITY or unit.jpy(cash) != given:
        most, step = unit.jpy(Money(MAX_EQUITY)), unit.money_unit
        raise ConfigError(
            f"initial balance {given} JPY cannot be used",
            remedy=f"give an amount above 0 and up to {most:,.0f} JPY, in steps of {step} JPY",
        )
    return cash


def chosen_strategies(settings: Settings, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return those of the settings' strategies that are to run, in the settings' order; None is all of them.

    Raises
    ------
    ConfigError
        If a name is unknown, or none is given.
    """
    known = tuple(settings.strategies)
    unknown = [name for name in names or () if name not in known]
    if unknown or (names is not None and not names):
        raise ConfigError(
            f"unknown strategy {unknown[0]!r}" if unknown else "no strategy was chosen",
            remedy=f"choose from {', '.join(known)}",
        )
    return known if names is None else tuple(name for name in known if name in names)


def chosen_params(settings: Settings, names: tuple[str, ...], slippage_rate: float | None = None) -> Params:
    """Return the core's parameters with the strategies in `names` alone.

    Parameters
    ----------
    slippage_rate
        Replaces that of the settings; 0.0005 is 0.05 % of the price.
    """
    params = core_params(settings)
    kept = [k for k, name in enumerate(settings.strategies) if name in names]
    params = params._replace(
        strategies=tuple(params.strategies[k] for k in kept), weights=tuple(params.weights[k] for k in kept)
    )
    if slippage_rate is None:
        return params
    return params._replace(costs=params.costs._replace(slippage_ppm=rate_in_ppm("slippage_rate", slippage_rate)))


def fee_rates(settings: Settings, closed_at: Ints, commission_ppm: int | None = None) -> tuple[Ints, Ints]:
    """Return maker and taker rate at each bar: the flat rate given, today's on all years, or the dated ones."""
    if commission_ppm is not None:
        maker = taker = commission_ppm
    elif settings.costs.schedule == "today":
        maker, taker = todays_fees()
    else:
        return fee_columns(closed_at)
    bars = len(closed_at)
    return np.full(bars, maker, np.int64), np.full(bars, taker, np.int64)


def run_hash(
    settings: Settings,
    cash: Money,
    names: Sequence[str],
    slippage_ppm: int,
    commission_ppm: int | None,
    model_hash: str = "",
) -> str:
    """Return the hash of everything beside the candles that a run depends on; `model_hash` is "" without a model.

    The language of its report, its folders and its compiler are no part of it: a repeat in English is no new try.
    """
    arguments = [
        _without_surroundings(settings).hash(),
        cash,
        list(names),
        slippage_ppm,
        commission_ppm,
        *([model_hash] if model_hash else []),
    ]
    return hashlib.sha256(json.dumps(arguments).encode()).hexdigest()


def _without_surroundings(settings: Settings) -> Settings:
    """Return the settings with everything that cannot change a decision at one value."""
    indifferent = {"compile": "auto", "compile_from_bars": 1, "output": "-", "trials": "-", "cache": "-"}
    return settings.model_copy(update={"language": "ja", "backtest": settings.backtest.model_copy(update=indifferent)})


def parameters_hash(params: Params) -> str:
    """Return the hash of the strategies with their own parameters and weights."""
    return hashlib.sha256(repr((params.strategies, params.weights)).encode()).hexdigest()


def trial_family(info: SeriesInfo) -> str:
    """Return what trials on these candles are counted under: the market, whoever stored its candles."""
    return f"{info.symbol} synthetic" if info.synthetic else info.symbol


def rate_in_ppm(name: str, rate: float) -> int:
    """Return a rate in parts per million, exactly.

    Raises
    ------
    ConfigError
        If it is negative, above 1 %, or not a whole number of parts.
    """
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
    if end is None and after >= until:
        raise NoCandles(
            f"series {stock.info.name!r} has no candles after {format_jst(after)}, but until {format_jst(until)}",
            remedy="start earlier, or get newer ones with `python main.py data download`",
        )
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
