"""One run of the fold over a tape, interpreted or compiled: what engine, sweep and checks share."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
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
from src.trading.decision import Params

CHUNK_INTERPRETED: Final = 1_000  # bars between two signs of progress
CHUNK_COMPILED: Final = 50_000

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
    ) -> Played:
        """Run every bar of the tape; `output` needs the tape's length and is written at the same positions.

        What is still open at the last bar is not closed: see `closed`.

        Parameters
        ----------
        end
            Bars to run, for who wants to see only the first; None runs all.
        """
        bars = len(self.tape.closed_at) if end is None else end
        chunk = CHUNK_COMPILED if self.compiled else CHUNK_INTERPRETED
        world, count = fresh_world(cash), 0
        for done in range(0, bars, chunk):
            stop = min(done + chunk, bars)
            world, count = self._fold(self._read, world, params, market, output, done, stop, count)
            progress("bars", stop, bars)
        return Played(world, count)

    def closed(self, played: Played, params: Params, output: Output) -> Played:
        """Close what is still open at the last bar, so that the result holds nothing unrealised."""
        last = Bar(*(int(column[-1]) for column in self.tape[:6]))  # type: ignore[arg-type]  # plain integers
        world, made, trade = close_at_end(played.world, last, int(self.tape.taker_fee_ppm[-1]), params)
        if not made:
            return played
        write_trade(output.trades, played.trades, trade)
        return Played(world, played.trades + 1)


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
