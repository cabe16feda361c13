"""The backtest: stored candles in, decisions, trades and a summary out, through the same core as live trading.

    engine = BacktestEngine(initial_balance=1_000_000, slippage_rate=0.0005, commission_rate=0.0012)
    result = await engine.run_backtest(start_date=..., end_date=..., symbol="BTC/JPY")

It reads the long-term store only, which live trading never writes to.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from src.backtest.evaluator import Record, assess, count_exits, count_reasons, count_sides, evaluate, statistics
from src.backtest.fold import Ints, Output, Tape, World, empty_output
from src.backtest.playback import Player, Progress, compiled_player, interpreted_player, is_compiled, silent
from src.backtest.preparation import (
    chosen_params,
    chosen_strategies,
    fee_rates,
    parameters_hash,
    rate_in_ppm,
    read_stretch,
    run_hash,
    starting_cash,
    trial_family,
)
from src.backtest.result import BacktestResult, Judged, trades_of
from src.backtest.sharpe import moments
from src.backtest.tape import growing_tape
from src.backtest.trial_chain import Trial, TrialKind
from src.backtest.trial_ledger import TrialLedger
from src.core.clock import SystemClock
from src.core.config import Settings, load_config
from src.core.domain.account import PredictionStatus, Trade
from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.market import PPM, Money
from src.core.domain.orders import Reason
from src.core.domain.time import BAR_15M, Millis, format_jst
from src.core.exceptions import ConfigError
from src.core.orchestration.labelling import Compiled, vote_all
from src.core.orchestration.ml_adapter import ModelAdapter, with_predictions
from src.core.orchestration.wiring import feature_settings, instrument, market_params, model_adapter
from src.features.feature_matrix import grown
from src.ml.transform import INPUTS
from src.trading.columns_read import columns_of
from src.trading.fee_schedule import Fees

__all__ = ["DEFAULT_CONFIG", "BacktestEngine", "Progress"]

DEFAULT_CONFIG: Final = "config/backtest/base.yaml"


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
    allow_in_sample
        Run although the model has learnt from these very bars, or from later ones; the summary then says so.
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
        allow_in_sample: bool = False,
        progress: Progress = silent,
    ) -> None:
        self._settings = config if isinstance(config, Settings) else load_config(config)
        self._instrument = instrument(self._settings)
        self._data = data
        self._progress = progress
        self._allow_in_sample = allow_in_sample
        self._cash = starting_cash(self._settings, initial_balance)
        self._names = chosen_strategies(self._settings, strategies)
        self._params = chosen_params(self._settings, self._names, slippage_rate)
        self._market = market_params(self._settings)
        self._commission = None if commission_rate is None else rate_in_ppm("commission_rate", commission_rate)

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
        info, known, first = read_stretch(self._settings, self._data, start_date, end_date, days)
        self._progress("features", 0, len(known))
        maker, taker = fee_rates(self._settings, known.closed_at, self._commission)
        columns = columns_of(self._params)
        tape, steps = growing_tape(known, first, maker, taker, feature_settings(self._settings), columns)
        growth: Iterable[int] = steps if self._grows(len(tape.closed_at)) else grown(steps)
        tape, model, judged = self._judged(tape)
        player = self._player(tape)
        output = empty_output(len(tape.closed_at), len(self._params.strategies), cleared=False)
        if growth and not player.compiled:  # a strategy cannot be compiled
            growth, player = grown(growth), player.over(tape)
        played = player.play(self._cash, self._params, self._market, output, self._progress, growth=growth)
        world, count = player.closed(played, self._params, output)
        trades = trades_of(output, count)
        summary = self._summary(info, known, first, tape, output, trades, world)
        identity = self._hash(model.get("hash", ""))
        summary |= {"model": model, "config_hash": identity}
        summary |= self._doubts(info, known, first, output, trades, identity)
        return BacktestResult(info, self._instrument, self._names, tape, output, trades, summary, judged)

    def _judged(self, tape: Tape) -> tuple[Tape, dict[str, Any], Judged | None]:
        """Return the tape with the model's answers, what the summary says about the model, and what it was asked.

        Raises
        ------
        ConfigError
            If the model has learnt from bars of the run or from later ones, and that was not asked for.
        """
        model = self._settings.model
        if not self._params.model.used:
            return tape, {"used": False}, None
        rate = self._commission
        adapter = model_adapter(self._settings, self._params, None if rate is None else Fees(rate, rate))
        seen = adapter.trained_until is not None and adapter.trained_until > int(tape.closed_at[0]) - BAR_15M
        if seen and not self._allow_in_sample:
            raise ConfigError(
                f"the run begins before {adapter.text}: it would be told what it has to guess",
                remedy="start later, use a model that was trained before, or ask for it with --allow-in-sample",
            )
        compiled = is_compiled(self._settings.backtest, len(tape.closed_at))
        how = Compiled(Path(self._settings.backtest.cache)) if compiled else None
        said = adapter.answers(tape, lambda: vote_all(tape, self._params, how, self._progress), Path(model.cache))
        names = {int(each): each.name for each in PredictionStatus}
        states, counts = np.unique(said.status, return_counts=True)
        bars = {names[state]: count for state, count in zip(states.tolist(), counts.tolist(), strict=True)}
        judged = Judged(said.asked, INPUTS, said.inputs) if len(said.asked) else None
        return with_predictions(tape, said.status, said.probability), _about(adapter, seen) | {"bars": bars}, judged

    def _grows(self, bars: int) -> bool:
        """Return whether the rows may be worked out while they are run: a model asks for all of them first."""
        return is_compiled(self._settings.backtest, bars) and not self._params.model.used

    def _player(self, tape: Tape) -> Player:
        if is_compiled(self._settings.backtest, len(tape.closed_at)):
            cache = Path(self._settings.backtest.cache)
            return compiled_player(tape, self._params, self._market, cache, self._progress)
        return interpreted_player(tape)

    def _summary(
        self,
        info: SeriesInfo,
        candles: Candles,
        first: int,
        tape: Tape,
        output: Output,
        trades: list[Trade],
        world: World,
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
            "fee_schedule": "argument" if self._commission is not None else self._settings.costs.schedule,
            "maker_fee_rate": _rates(tape.maker_fee_ppm),
            "taker_fee_rate": _rates(tape.taker_fee_ppm),
            "slippage_rate": self._params.costs.slippage_ppm / PPM,
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
            "settings": self._settings.model_dump(mode="json"),
        }

    def _doubts(
        self, info: SeriesInfo, candles: Candles, first: int, output: Output, trades: list[Trade], identity: str
    ) -> dict[str, Any]:
        """Count this run among all that were tried on this market, and say what its figures are worth."""
        closed_at = candles.closed_at[first:]
        record = Record(
            initial=self._cash,
            closed_at=closed_at,
            equity=output.equity,
            position=output.position,
            close=candles.close[first:],
            first_open=int(candles.open[first]),
            trades=trades,
            strategies=self._names,
            money_unit=float(self._instrument.money_unit),
        )
        family = trial_family(info)
        trial = Trial(
            TrialKind.BACKTEST,
            family,
            parameters_hash(self._params),
            identity,
            candles.sha256(),
            Millis(int(closed_at[0]) - BAR_15M),
            Millis(int(closed_at[-1])),
            moments(record.days().returns),
        )
        ledger = TrialLedger(Path(self._settings.backtest.trials), SystemClock())
        found = ledger.append([trial])
        trials = ledger.summary(family)
        return {
            "trials_counted": trials.tried,
            "trial_ledger": None if found.harmless else found.text,
            "statistics": statistics(assess(record, trials)),
        }

    def _jpy(self, sum_: int) -> float:
        """Return a sum in JPY; a float keeps its four decimals up to a hundred billion JPY."""
        return float(self._instrument.jpy(Money(sum_)))

    def _hash(self, model: str) -> str:
        slippage = self._params.costs.slippage_ppm
        return run_hash(self._settings, self._cash, self._names, slippage, self._commission, model)


def _about(adapter: ModelAdapter, in_sample: bool) -> dict[str, Any]:
    """Return what a summary says of a model that was to be asked."""
    return {
        "used": True,
        "status": adapter.status.name,
        "text": adapter.text,
        "version": adapter.version,
        "hash": adapter.model_hash,
        "trained_until": None if adapter.trained_until is None else format_jst(adapter.trained_until),
        "in_sample": in_sample,
    }


def _rates(ppm: Ints) -> list[float]:
    """Return the rates that applied during a run, lowest first: one, unless the run spans a change."""
    return [int(rate) / PPM for rate in np.unique(ppm)]
