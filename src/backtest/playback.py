"""One run of the fold over a tape, interpreted or compiled: what engine, sweep and checks share."""

import importlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from src.backtest.fold import (
    MarketParams,
    Output,
    Tape,
    World,
    close_at_end,
    empty_output,
    fold,
    fresh_world,
    write_trade,
)
from src.backtest.tape import as_lists
from src.core.config.settings import BacktestSettings
from src.core.domain.market import Bar, Money
from src.core.machine import core_count
from src.features.feature_matrix import grown
from src.trading.decision import Params

CHUNK_INTERPRETED: Final = 1_000  # bars between two signs of progress
CHUNK_COMPILED: Final = 50_000
_WORTH_A_THREAD: Final = 100_000  # bars; a thread and its waiting cost as much as folding a tenth of them

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""

Fold = Callable[..., tuple[World, int]]


def silent(what: str, done: int, of: int) -> None:
    """Show no progress."""


class Played(NamedTuple):
    """What one run left, beside its `Output`."""

    world: World
    trades: int  # lines written to `Output.trades`


@dataclass(frozen=True, slots=True)
class Player:
    """A tape with the fold that is to run over it."""

    tape: Tape
    compiled: bool
    _read: Tape  # the tape as this fold reads it
    _fold: Fold

    def over(self, tape: Tape) -> "Player":
        """Return the player of another tape."""
        return Player(tape, self.compiled, tape if self.compiled else as_lists(tape), self._fold)

    def play(
        self,
        cash: Money,
        params: Params,
        market: MarketParams,
        output: Output,
        progress: Progress = silent,
        end: int | None = None,
        growth: Iterable[int] = (),
    ) -> Played:
        """Run every bar of the tape; `output` needs the tape's length and is written at the same positions.

        What is still open at the last bar is not closed: see `closed`.

        Parameters
        ----------
        end
            Bars to run, for who wants to see only the first; None runs all.
        growth
            The steps that still work the tape out, of a compiled player: what they have done is run beside them.
        """
        bars = len(self.tape.closed_at) if end is None else end
        chunk = CHUNK_COMPILED if self.compiled else CHUNK_INTERPRETED
        run = partial(_run, self._fold, self._read, params, market, output)
        done, world, count = 0, fresh_world(cash), 0
        if growth and (bars < _WORTH_A_THREAD or core_count() == 1):
            growth = grown(growth)
        if growth:
            done, world, count = run_beside((min(grown, bars) for grown in growth), run, (done, world, count))
        for start in range(done, bars, chunk):
            done, world, count = run((start, world, count), min(start + chunk, bars))
            progress("bars", done, bars)
        return Played(world, count)

    def closed(self, played: Played, params: Params, output: Output) -> Played:
        """Close what is still open at the last bar, so that the result holds nothing unrealised."""
        last = Bar(*(int(column[-1]) for column in self.tape[:6]))  # type: ignore[arg-type]  # plain integers
        world, made, trade = close_at_end(played.world, last, int(self.tape.taker_fee_ppm[-1]), params)
        if not made:
            return played
        write_trade(output.trades, played.trades, trade)
        return Played(world, played.trades + 1)


Reached = tuple[int, World, int]
"""Bars that were run, the world after them, and the trades so far."""


def _run(
    fold_: Fold, tape: Tape, params: Params, market: MarketParams, output: Output, reached: Reached, stop: int
) -> Reached:
    start, world, count = reached
    return (stop, *fold_(tape, world, params, market, output, start, stop, count))


def run_beside(growth: Iterable[int], run: Callable[[Reached, int], Reached], reached: Reached) -> Reached:
    """Take every step of `growth`, and run what is grown in a second thread meanwhile; return how far it came.

    The steps never wait: what grew while the other thread was busy is run together, and what grew last is left.
    """
    with ThreadPoolExecutor(1) as beside:
        under_way: Future[Reached] | None = None
        for grown in growth:
            if under_way is None or under_way.done():
                under_way = beside.submit(run, reached if under_way is None else under_way.result(), grown)
        return reached if under_way is None else under_way.result()


def is_compiled(settings: BacktestSettings, bars: int) -> bool:
    """Return whether folding so many bars in all, over every run, is worth compiling."""
    return settings.compile == "always" or (settings.compile == "auto" and bars >= settings.compile_from_bars)


def interpreted_player(tape: Tape) -> Player:
    """Return the player that runs the fold as it stands."""
    return Player(tape, False, as_lists(tape), fold)


def compiled_player(
    tape: Tape, params: Params, market: MarketParams, cache: Path | None, progress: Progress = silent
) -> Player:
    """Return the player that runs the fold as machine code, or interpreted if a strategy cannot be compiled.

    Parameters
    ----------
    params, market
        Of any run to come: only the classes of the strategies matter, other values never compile again.
    cache
        Folder that keeps compiled code between processes; None to keep none.
    progress
        Told "compiling" before, which takes seconds without a cache; and "interpreted" when it did not work.
    """
    bars = len(tape.closed_at)
    progress("compiling", 0, bars)
    module = importlib.import_module("src.backtest.compiled")  # numba costs 0.4 s and 80 MB: only when used
    run: Fold = module.compiled(fold, tuple(type(strategy) for strategy in params.strategies), cache)
    nothing = empty_output(0, len(params.strategies))
    try:
        run(tape, fresh_world(Money(1)), params, market, nothing, 0, 0, 0)  # no bar: compiles and stops
    except module.UNCOMPILABLE:
        progress("interpreted", 0, bars)
        return interpreted_player(tape)
    return Player(tape, True, tape, run)
