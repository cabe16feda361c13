"""What a model's answers are worth in yen: the whole system over a stretch of bars, with them and without.

The same fold, account, risk rules and costs as a backtest; only the predictions are given. Used by training, the
evidence and the comparison of models.
"""

from copy import copy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.evaluator import Record
from src.backtest.fold import Output, Tape, brief_output
from src.backtest.playback import compiled_player, interpreted_player, is_compiled
from src.backtest.preparation import starting_cash
from src.backtest.result import trades_of
from src.backtest.set_figures import day_ends
from src.core.config import Settings
from src.core.domain.account import PredictionStatus
from src.core.domain.market import Money
from src.core.domain.time import Millis
from src.core.orchestration.training_data import Studied
from src.core.orchestration.wiring import instrument
from src.ml.walk_forward import Asked

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Played(NamedTuple):
    """One account over a stretch of bars, closed at its end."""

    record: Record
    net_jpy: Floats  # change of marked equity, one a UTC day
    returns: Floats  # the same over the equity before it
    day: Ints  # since 1970-01-01
    halted_from: Millis | None  # when the drawdown halt came on; nobody lifts it here

    @property
    def trades(self) -> int:
        """How many positions were opened and closed."""
        return len(self.record.trades)


class Economist:
    """Plays stretches of a studied series; compiles once.

    Parameters
    ----------
    fees
        Maker and taker rate of each bar of the tape, parts per million; None keeps the tape's (today's).
    """

    def __init__(self, settings: Settings, studied: Studied, fees: tuple[Ints, Ints] | None = None) -> None:
        tape = studied.tape
        if fees is not None:
            tape = tape._replace(maker_fee_ppm=fees[0], taker_fee_ppm=fees[1])
        self._settings, self._studied, self._tape = settings, studied, tape
        self._cash = starting_cash(settings)
        self._core = studied.params
        self._unit = instrument(settings)
        whole = _stretch(tape, 0, len(tape.closed_at), None)
        if is_compiled(settings.backtest, 10 * len(tape.closed_at)):
            cache = Path(settings.backtest.cache)
            self._player = compiled_player(whole, self._core, studied.market, cache)
        else:
            self._player = interpreted_player(whole)

    def at_threshold(self, probability: float) -> "Economist":
        """Return one that plays the same with another least probability of a gain."""
        other = copy(self)
        other._core = self._core._replace(model=self._core.model._replace(min_probability=probability))
        return other

    def by_value(self) -> "Economist":
        """Return one that plays the same by the value of each trade in place of one least probability."""
        other = copy(self)
        other._core = self._core._replace(model=self._core.model._replace(by_value=True))
        return other

    def play(self, start: int, stop: int, asked: Asked | None = None, probability: Floats | None = None) -> Played:
        """Return what bars `start` to `stop` make of a fresh account.

        Parameters
        ----------
        asked, probability
            Every proposal and what a model said of it, NaN where there was none; without them the strategies trade
            alone.
        """
        predictions = None if asked is None or probability is None else _columns(self._tape, asked, probability)
        tape = _stretch(self._tape, start, stop, predictions)
        model = self._core.model._replace(used=predictions is not None, hold_without=True)
        params = self._core._replace(model=model)
        player, output = self._player.over(tape), brief_output(stop - start, len(params.strategies))
        played = player.closed(player.play(self._cash, params, self._studied.market, output), params, output)
        return self._played(tape, output, played.trades, played.world.book.cash)

    def _played(self, tape: Tape, output: Output, trades: int, final: Money) -> Played:
        ends = day_ends(tape.closed_at)
        marks = output.equity[ends.last].astype(np.float64)
        marks[-1] = final
        before = np.append(float(self._cash), marks[:-1])
        jpy = float(self._unit.money_unit)
        net, returns = np.zeros(ends.days), np.zeros(ends.days)
        net[ends.at] = (marks - before) * jpy
        returns[ends.at] = np.divide(marks - before, before, out=np.zeros_like(marks), where=before > 0)
        day = (int(tape.closed_at[0]) - 1) // 86_400_000 + np.arange(ends.days, dtype=np.int64)
        record = Record(
            initial=self._cash,
            closed_at=tape.closed_at,
            equity=output.equity,
            position=output.position,
            close=tape.close,
            first_open=int(tape.open[0]),
            trades=trades_of(output, trades),
            strategies=tuple(self._settings.strategies),
            money_unit=jpy,
        )
        halted = np.flatnonzero(output.halted)
        halted_from = Millis(int(tape.closed_at[halted[0]])) if len(halted) else None
        return Played(record, net, returns, day, halted_from)


def _columns(tape: Tape, asked: Asked, probability: Floats) -> tuple[Ints, Floats]:
    """Return status and probability of every bar of the tape."""
    bars = len(tape.closed_at)
    status, said = np.full(bars, int(PredictionStatus.NONE), np.int64), np.full(bars, np.nan)
    known = ~np.isnan(probability)
    status[asked.bar[known]] = int(PredictionStatus.GOOD)
    said[asked.bar[known]] = probability[known]
    return status, said


def _stretch(tape: Tape, start: int, stop: int, predictions: tuple[Ints, Floats] | None) -> Tape:
    """Return bars `start` to `stop` of the tape, laid out as compiled code knows a tape."""
    if predictions is not None:
        tape = tape._replace(prediction_status=predictions[0], prediction=predictions[1])
    parts = [part if isinstance(part, tuple) else part[start:stop] for part in tape]
    cut = Tape._make(parts)._replace(rows=np.asfortranarray(tape.rows[start:stop]))
    for part in cut:
        if not isinstance(part, tuple):
            part.setflags(write=False)
    return cut
