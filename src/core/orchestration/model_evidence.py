"""The evidence: every year of a series, walked forward, with the whole system and with what it has to beat.

Nothing here is chosen by its result. Each year starts with a fresh account and a fresh risk state, at today's costs;
the costs of the day are a second column. The deflated Sharpe ratio counts every run of the trial ledger and what had
been looked at before there was one.
"""

import math
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.bootstrap import MIN_DAYS, Indices, Interval, bootstrap, mean_block
from src.backtest.playback import Progress, silent
from src.backtest.preparation import fee_rates, trial_family
from src.backtest.ratios import DAYS_A_YEAR, sharpe
from src.backtest.sharpe import Trials, deflated_sharpe, moments
from src.backtest.tape import column
from src.backtest.trial_chain import Trial, TrialKind
from src.backtest.trial_ledger import TrialLedger
from src.core.clock import SystemClock
from src.core.config import Settings
from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.time import DAY, Millis, parse_time, utc_date
from src.core.orchestration.fold_workers import fold_workers
from src.core.orchestration.model_economy import Economist, Played
from src.core.orchestration.proposals import asked_of
from src.core.orchestration.training_data import Studied, study
from src.ml.scores import Scores, scores
from src.ml.splits import Spans, WalkForward
from src.ml.teaching import Lesson, teach
from src.ml.walk_forward import Asked, Walk, folds_of, walk, work_on

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EARLIER_LOOKS: Final = 37
"""Tries no ledger has kept: 24 settings of fast barriers on minutes, two plain slow blends, and the eleven lines of an
evidence measured before there was the rule by value."""

TRAIN_YEARS: Final = 3
BY_VALUE: Final = "whole system, by value"
"""The line of the rule that holds each trade to its own break-even."""

_TARGET: Final = 0.40  # yearly volatility of the plain blend
_FEE, _INTEREST = 0.001, 0.0004  # of the notional: a trade, and a day
_PARTS: Final = 16  # 15-minute bars in 4 hours
_ROOT: Final = math.sqrt(365 * 6)
_SEED: Final = 11


class Year(NamedTuple):
    """One calendar year (UTC) of a series, as bar numbers of its tape."""

    year: int
    start: int
    stop: int


class Line(NamedTuple):
    """What one system made of some years, each from a fresh account of the same size."""

    system: str
    daily: dict[int, tuple[Floats, Floats]]  # for each year, net JPY and returns of its days
    trades: dict[int, int]

    def returns(self) -> Floats:
        """Return all days behind one another."""
        return np.concatenate([returns for _, returns in self.daily.values()])

    def net_jpy(self) -> float:
        """Return the sum over the years."""
        return float(sum(net.sum() for net, _ in self.daily.values()))


class Figures(NamedTuple):
    """What a line amounts to over some days."""

    net_jpy: float
    trades: int
    sharpe: float | None  # yearly
    interval: Interval | None  # of it, 90 %
    deflated: float | None
    drawdown: float  # of the days put behind one another, a fraction


class Evidence(NamedTuple):
    """Everything that was measured."""

    info: SeriesInfo
    candles: Candles
    years: tuple[Year, ...]
    lines: tuple[Line, ...]  # at today's costs
    dated: tuple[Line, ...]  # the same at the costs of the day
    scores: Scores | None  # of all judged proposals
    prior: Scores | None
    walk: Walk
    trials: Trials


def calendar_years(closed_at: Ints, first: int) -> tuple[Year, ...]:
    """Return the calendar years from year `first` on that have bars; the last may be a part."""
    found = []
    for year in range(first, utc_date(Millis(int(closed_at[-1]) - 1)).year + 1):
        begin, end = (parse_time(f"{y}-01-01T00:00+00:00") for y in (year, year + 1))
        start, stop = (int(np.searchsorted(closed_at, at, side="right")) for at in (begin, end))
        if stop > start:
            found.append(Year(year, start, stop))
    return tuple(found)


def yearly_split(dataset_spans: Spans, first: int, last: Millis) -> WalkForward:
    """Return quarterly tests from 1 January of year `first` to `last`, each taught by the three years before it."""
    edges: list[Millis] = []
    for year in range(first, utc_date(Millis(last - 1)).year + 1):
        edges += [parse_time(f"{year}-{month:02d}-01T00:00+00:00") for month in (1, 4, 7, 10)]
    kept = [edge for edge in edges if edge < last]
    embargo = dataset_spans.longest()
    return WalkForward((*kept, last), TRAIN_YEARS * 365 * DAY + embargo, embargo)


def gather(
    settings: Settings,
    info: SeriesInfo,
    candles: Candles,
    first_year: int,
    thresholds: Iterable[float] = (),
    processes: int = 1,
    progress: Progress = silent,
) -> Evidence:
    """Return the evidence on `candles` from 1 January of `first_year` on.

    Parameters
    ----------
    thresholds
        Others than the set one, to be shown as tried.
    """
    first = int(np.searchsorted(candles.closed_at, candles.closed_at[0] + 125 * DAY))  # the slowest feature's past
    studied = study(settings, candles, first, progress)
    asked, dataset = asked_of(studied), studied.dataset
    split = yearly_split(Spans(dataset.decided_at, dataset.ended_at), first_year, Millis(int(asked.decided_at[-1]) + 1))
    with fold_workers(processes) as workers:
        told = []
        for one in workers(partial(work_on, partial(teach, Lesson())), folds_of(dataset, asked, split)):
            told.append(one)
            progress("tests", len(told), split.get_n_splits())
    found = walk(dataset, asked, split, told)
    years = calendar_years(studied.tape.closed_at, first_year)
    today = _systems(settings, studied, asked, found, years, thresholds, None)
    fees = fee_rates(
        settings.model_copy(update={"costs": settings.costs.model_copy(update={"schedule": "dated"})}),
        studied.tape.closed_at,
    )
    dated = _systems(settings, studied, asked, found, years, (), fees)
    won = dataset.won[found.lines]
    trials = _count(settings, info, candles, today)
    return Evidence(
        info, candles, years, today, dated, scores(won, found.judged()), scores(won, found.prior), found, trials
    )


def _systems(
    settings: Settings,
    studied: Studied,
    asked: Asked,
    found: Walk,
    years: tuple[Year, ...],
    thresholds: Iterable[float],
    fees: tuple[Ints, Ints] | None,
) -> tuple[Line, ...]:
    economist = Economist(settings, studied, fees)
    lines = [
        _line("whole system", years, partial(_with_model, economist, asked, found)),
        _line("strategies alone", years, lambda y: economist.play(y.start, y.stop)),
    ]
    for threshold in thresholds:
        other = economist.at_threshold(threshold)
        name = f"whole system, threshold {threshold:.0%}"
        lines.append(_line(name, years, partial(_with_model, other, asked, found)))
    if fees is None:
        lines.append(_line(BY_VALUE, years, partial(_with_model, economist.by_value(), asked, found)))
        equity = float(settings.backtest.initial_balance_jpy)
        lines += [
            _plain("slow blend, long and short", years, studied, equity, lambda w: w),
            _plain("slow blend, long or flat", years, studied, equity, lambda w: np.maximum(w, 0)),
            _held(years, studied, equity),
            Line(
                "doing nothing",
                {y.year: (np.zeros(_days(studied, y)), np.zeros(_days(studied, y))) for y in years},
                {y.year: 0 for y in years},
            ),
        ]
    return tuple(lines)


def _with_model(economist: Economist, asked: Asked, found: Walk, year: Year) -> Played:
    return economist.play(year.start, year.stop, asked, found.probability)


def _line(system: str, years: tuple[Year, ...], play: Callable[[Year], Played]) -> Line:
    daily, trades = {}, {}
    for year in years:
        played = play(year)
        daily[year.year] = (played.net_jpy, played.returns)
        trades[year.year] = played.trades
    return Line(system, daily, trades)


def _plain(
    system: str, years: tuple[Year, ...], studied: Studied, equity: float, shape: Callable[[Floats], Floats]
) -> Line:
    """Return the plain blend: 5-, 20- and 60-day momentum at 4-hour closes, scaled to 40 % volatility, at most 1x.

    It pays 0.10 % of what it trades and 0.04 % a day of what it holds, and trades at each 4-hour close.
    """
    tape = studied.tape
    momentum, volatility = column(tape, "slow_momentum_4h"), column(tape, "volatility_4h") * _ROOT
    daily, trades = {}, {}
    for year in years:
        at = np.arange(year.start, year.stop)
        at = at[tape.closed_at[at] % (_PARTS * 900_000) == 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = np.clip(momentum[at] * _TARGET / volatility[at], -1, 1)
        weight = shape(np.where(np.isfinite(wanted), wanted, 0.0))
        close = tape.close[at].astype(np.float64)
        gain = np.zeros(len(at))
        gain[1:] = weight[:-1] * (close[1:] / close[:-1] - 1)
        moved = np.abs(np.diff(weight, prepend=0.0))
        gain -= _FEE * moved + _INTEREST / 6 * np.abs(np.concatenate(([0.0], weight[:-1])))
        day = (tape.closed_at[at] - 1) // DAY
        daily[year.year] = _by_day(
            gain, day, int((tape.closed_at[year.start] - 1) // DAY), _days(studied, year), equity
        )
        trades[year.year] = int(np.count_nonzero(moved > 0.01))
    return Line(system, daily, trades)


def _held(years: tuple[Year, ...], studied: Studied, equity: float) -> Line:
    """Return buying at the first open and selling at the last close of each year, 0.10 % each way, without interest."""
    tape, daily = studied.tape, {}
    for year in years:
        at = np.arange(year.start, year.stop)
        close = tape.close[at].astype(np.float64)
        before = np.concatenate(([float(tape.open[year.start])], close[:-1]))
        gain = close / before - 1
        gain[0] -= _FEE
        gain[-1] -= _FEE
        day = (tape.closed_at[at] - 1) // DAY
        daily[year.year] = _by_day(
            gain, day, int((tape.closed_at[year.start] - 1) // DAY), _days(studied, year), equity
        )
    return Line("buy and hold", daily, {y.year: 1 for y in years})


def _by_day(gain: Floats, day: Ints, first: int, days: int, equity: float) -> tuple[Floats, Floats]:
    """Return net JPY and returns of each day from the returns of shorter bars, compounded."""
    growth = np.ones(days)
    np.multiply.at(growth, day - first, 1 + gain)
    marks = equity * np.cumprod(growth)
    return np.diff(marks, prepend=equity), growth - 1


def _days(studied: Studied, year: Year) -> int:
    closed_at = studied.tape.closed_at
    return int((closed_at[year.stop - 1] - 1) // DAY - (closed_at[year.start] - 1) // DAY) + 1


def _count(settings: Settings, info: SeriesInfo, candles: Candles, lines: tuple[Line, ...]) -> Trials:
    """Count every line that the program traded, and return how much was tried in all."""
    ledger = TrialLedger(Path(settings.backtest.trials), SystemClock())
    family = trial_family(info)
    at = Millis(int(candles.closed_at[0])), Millis(int(candles.closed_at[-1]))
    whole = [line for line in lines if line.system.startswith(("whole", "strategies"))]
    data, config = candles.sha256(), settings.hash()
    ledger.append(
        [Trial(TrialKind.WALK_FORWARD, family, n.system, config, data, *at, moments(n.returns())) for n in whole]
    )
    counted = ledger.summary(family)
    return Trials(counted.tried + EARLIER_LOOKS, counted.variance)


def figures(line: Line, trials: Trials, year: int | None = None) -> Figures:
    """Return what a line amounts to in one year, or in all of them."""
    if year is None:
        returns, net, trades = line.returns(), line.net_jpy(), sum(line.trades.values())
    else:
        returns, net, trades = line.daily[year][1], float(line.daily[year][0].sum()), line.trades[year]
    found = moments(returns)
    growth = np.concatenate(([1.0], np.cumprod(1 + returns)))
    drawdown = float(np.max(1 - growth / np.maximum.accumulate(growth)))
    deflated = None if found is None else deflated_sharpe(found, trials)
    return Figures(net, trades, sharpe(returns), _interval(returns), deflated, drawdown)


def _interval(returns: Floats) -> Interval | None:
    if len(returns) < MIN_DAYS or not np.ptp(returns) > 0:
        return None

    def yearly(where: Indices) -> dict[str, Floats]:
        drawn = returns[where]
        spread = drawn.std(axis=1, ddof=1)
        ratio = np.divide(drawn.mean(axis=1), spread, out=np.full(len(drawn), np.nan), where=spread > 0)
        return {"sharpe": ratio * math.sqrt(DAYS_A_YEAR)}

    return bootstrap(yearly, len(returns), mean_block(returns, returns**2), _SEED)["sharpe"]
