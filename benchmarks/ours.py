"""This project's engine on the work of `work.py`: its own features, its own fold, the strategy of `ema_cross.py`.

Nothing here simulates anything: rows come from the feature engine, decisions and fills from the compiled fold, called
as the engine calls them. What the benchmark's rules do not know is set so that it never binds: gates, vote,
Kelly, volatility target, margin distance, pauses, drawdown halt, interest.

EMA lengths are no parameters of a strategy here, for a row has fixed columns: the sweep writes the average of
the asked length, made by the same feature engine, into the columns that the strategy reads.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.measure import Job, Outcome, asked, report
from benchmarks.work import (
    BAR_MS,
    CASH,
    FEE,
    FIRST_OPEN,
    HISTORY,
    SIZE,
    SLIPPAGE,
    STANDARD,
    WARM_UP,
    Floats,
    ParameterSet,
    load_bars,
    parameter_sets,
)

started = time.perf_counter()
import numba  # noqa: E402 - the project's imports are part of what is timed

from benchmarks import ema_cross  # noqa: E402
from src.backtest.evaluator import max_drawdown  # noqa: E402
from src.backtest.fold import TRADE_FIELDS, MarketParams, Output, Tape, brief_output, empty_output  # noqa: E402
from src.backtest.playback import Player, compiled_player, interpreted_player  # noqa: E402
from src.backtest.tape import lay_tape  # noqa: E402
from src.core.allocator import keep_freed_memory  # noqa: E402
from src.core.domain.candles import Candles  # noqa: E402
from src.core.domain.market import BTC_JPY, PPM, Money  # noqa: E402
from src.core.machine import core_count  # noqa: E402
from src.features.bars import BarColumns, FeatureSettings  # noqa: E402
from src.features.engine import ArrayEngine  # noqa: E402
from src.features.feature_matrix import growing_columns, grown  # noqa: E402
from src.features.row import COLUMNS, Quality  # noqa: E402
from src.strategies.base.strategy_manager import VoteParams  # noqa: E402
from src.trading.anomaly_detector import GateParams  # noqa: E402
from src.trading.columns_read import columns_of  # noqa: E402
from src.trading.decision import ExitParams, Params  # noqa: E402
from src.trading.drawdown_manager import RiskParams  # noqa: E402
from src.trading.ledger import CostParams  # noqa: E402
from src.trading.position_sizing import SizeParams  # noqa: E402
from src.trading.risk import ModelParams  # noqa: E402

import_s = time.perf_counter() - started

LOTS = round(SIZE / float(BTC_JPY.lot_size))
BALANCE = Money(round(CASH / float(BTC_JPY.money_unit)))
NEVER = 10**9  # a limit that is never met


NEUTRAL = Params(
    strategies=(ema_cross.EmaCross(),),
    weights=(1.0,),
    vote=VoteParams(min_agreement=0.0, min_confidence=0.0),
    model=ModelParams(used=False),
    gates=GateParams(PPM, NEVER, float(NEVER), float(NEVER)),
    risk=RiskParams(max_drawdown_bps=10_001, max_losses=NEVER, streak_pause_ms=0, cooldown_ms=0),
    size=SizeParams(
        kelly=False,
        risk_ppm=PPM,
        target_volatility=float(NEVER),
        max_leverage_bps=20_000,
        gap_ppm=0,
        losscut_distance_bps=10_000,
        max_cost_bps=NEVER,
        min_lots=LOTS,
        max_lots=LOTS,
    ),
    exits=ExitParams(when_reason_ends=False, when_opposite=False, when_halted=False),
    costs=CostParams(slippage_ppm=round(SLIPPAGE * PPM), interest_ppm_per_day=0),
    tick=float(BTC_JPY.tick_size),
)
"""Parameters of the core under which the one strategy decides alone, always about `SIZE`."""


def neutral_params(chosen: ParameterSet) -> Params:
    """Return the core's parameters for one set."""
    return NEUTRAL._replace(strategies=(ema_cross.EmaCross(float(chosen.slow), chosen.stop, chosen.target),))


class Ran(NamedTuple):
    """One run: how many trades it made, and everything it wrote."""

    trades: int
    output: Output


class Engine:
    """The market of the window, and this project's work on it."""

    def __init__(self, bars: int, compiled_in: Path | None) -> None:
        self._candles = Candles(*load_bars(bars, HISTORY))
        self._rates = np.full(len(self._candles), round(FEE * PPM), np.int64)
        self._settings = FeatureSettings.of(BTC_JPY)
        self._compiled_in = compiled_in

    def growing(self) -> tuple[Tape, Iterator[int]]:
        """Return the window and the steps that work its rows out; its first bars are marked as the reference's warm-up.

        But for that mark it is what `growing_tape` does.
        """
        columns = columns_of(neutral_params(STANDARD))
        made, steps = growing_columns(BarColumns(*self._candles.columns), self._settings, HISTORY, columns)
        tape = lay_tape(self._candles, HISTORY, self._rates, self._rates, made.quality, made.values.T, columns.places)

        def marked() -> Iterator[int]:
            for done in steps:
                made.quality[:WARM_UP] = Quality.COLD
                yield done

        return tape, marked()

    def tape(self) -> Tape:
        """Return the window with all its rows."""
        tape, steps = self.growing()
        grown(steps)
        return tape

    @cached_property
    def player(self) -> Player:
        """The fold, compiled if there is a folder for it, as the engine has it."""
        if self._compiled_in is None:
            return interpreted_player(self.tape())
        tape, _ = self.growing()  # only its types are looked at: it need not be worked out
        return compiled_player(tape, neutral_params(STANDARD), MarketParams(), self._compiled_in)

    def once(self) -> Ran:
        """Run the one strategy from candles to trades, as the engine does."""
        tape, steps = self.growing()
        return self.run(tape, growth=steps)

    def run(
        self,
        tape: Tape,
        chosen: ParameterSet = STANDARD,
        output: Output | None = None,
        growth: Iterable[int] = (),
    ) -> Ran:
        """Fold one parameter set over the tape; `output` may be that of an earlier run."""
        written = empty_output(len(tape.closed_at), 1, cleared=False) if output is None else output
        played = self.player.over(tape).play(BALANCE, neutral_params(chosen), MarketParams(), written, growth=growth)
        return Ran(played.trades, written)

    def averages(self, lengths: set[int]) -> dict[int, Floats]:
        """Return the EMA of each length over the window."""
        close = self._candles.close.astype(np.float64)
        return {n: ArrayEngine().ema(close, n)[HISTORY - 1 :] for n in lengths}  # with the bar before the window

    def sweep(self, workers: int) -> int:
        """Run every parameter set; keep trades, balance and drawdown of each; return all trades."""
        tape, chosen = self.tape(), parameter_sets()
        averages = self.averages({c.fast for c in chosen} | {c.slow for c in chosen})
        shares = [chosen[k::workers] for k in range(workers)]
        with ThreadPoolExecutor(workers) as pool:  # the compiled fold lets other threads run
            found = pool.map(partial(self._sweep, tape, averages), shares)
        return sum(trades for share in found for trades, _, _ in share)

    def _sweep(
        self, tape: Tape, averages: dict[int, Floats], chosen: list[ParameterSet]
    ) -> list[tuple[int, int, float]]:
        columns = np.array(tape.rows.T)  # a copy of this worker's own
        tape = tape._replace(rows=columns.T)
        output, found = brief_output(len(tape.closed_at), 1), []
        fast, fast_before, slow = (tape.places[COLUMNS.index(name)] for name in ("ema_20", "ema_20_before", "ema_50"))
        for pair, members in groupby(chosen, key=lambda one: one[:2]):
            columns[fast], columns[slow] = (averages[length][1:] for length in pair)
            columns[fast_before] = averages[pair[0]][:-1]
            for one in members:
                trades, output = self.run(tape, one, output)
                found.append((trades, int(output.equity[-1]), max_drawdown(output.equity)))
        return found


def compile_cache() -> Path:
    """Return the folder of compiled code; the strategy lies outside the sources that name the engine's own."""
    source = Path(ema_cross.__file__).read_bytes()
    folder = Path(os.environ["BENCH_CACHE"])  # empty at the start of a benchmark: its first run compiles
    return folder / hashlib.sha256(source).hexdigest()[:8]


def bars_of(ran: Ran) -> tuple[list[int], list[int]]:
    """Return the bars of the window in which each trade was opened and closed."""
    moments = (ran.output.trades[: ran.trades, TRADE_FIELDS.index(name)] for name in ("opened_at", "closed_at"))
    opened, closed = ((at - FIRST_OPEN) // BAR_MS for at in moments)
    return opened.tolist(), closed.tolist()


def main(job: Job) -> None:
    """Prepare candles and fold, then measure; features alone and fold alone beside the whole."""
    keep_freed_memory()  # as the command line does
    engine = Engine(job.bars, compile_cache())

    def one() -> Outcome:
        ran = engine.once()
        return Outcome(ran.trades, *bars_of(ran))

    def sweep() -> Outcome:
        return Outcome(engine.sweep(core_count()))

    if job.work == "sweep":
        report(job, f"numba {numba.__version__}", import_s, sweep)
        return
    kept = cache(engine.tape)
    report(job, f"numba {numba.__version__}", import_s, one, features=engine.tape, fold=lambda: engine.run(kept()))


if __name__ == "__main__":
    main(asked())
