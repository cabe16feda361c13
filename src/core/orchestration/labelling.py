"""Votes and labels over a whole tape, compiled or interpreted, the same bits either way."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from src.backtest.fold import Ints, MarketParams, Tape
from src.backtest.playback import Progress, silent
from src.backtest.tape import as_lists
from src.ml.labels import Labels, empty_labels, write_labels
from src.ml.votes import Votes, empty_votes, read_votes
from src.trading.decision import Params

_CHUNK: Final = 2_000  # bars or labels between two signs of progress


class Compiled(NamedTuple):
    """Where compiled code is kept between processes; None keeps none."""

    cache: Path | None


def vote_all(tape: Tape, params: Params, how: Compiled | None = None, progress: Progress = silent) -> Votes:
    """Return the votes of every bar; `how` None runs interpreted, and so does a strategy that cannot be compiled."""
    bars = len(tape.closed_at)
    votes = empty_votes(bars, len(params.strategies))
    run, fits = _made(read_votes, (tape, params, votes, 0, 0), params, how, progress)
    read = tape if fits else as_lists(tape)
    for done in range(0, bars, _CHUNK):
        run(read, params, votes, done, min(done + _CHUNK, bars))
        progress("votes", min(done + _CHUNK, bars), bars)
    return votes


def label_all(
    tape: Tape,
    votes: Votes,
    bars: Ints,
    params: Params,
    market: MarketParams,
    lots: int,
    how: Compiled | None = None,
    progress: Progress = silent,
) -> Labels:
    """Return the labels of the bars whose numbers are given, each a trade of `lots`."""
    labels = empty_labels(bars)
    run, fits = _made(write_labels, (tape, votes, lots, params, market, labels, 0, 0), params, how, progress)
    read = tape if fits else as_lists(tape)
    said = votes if fits else Votes(*(column.tolist() for column in votes))
    for done in range(0, len(bars), _CHUNK):
        run(read, said, lots, params, market, labels, done, min(done + _CHUNK, len(bars)))
        progress("labels", min(done + _CHUNK, len(bars)), len(bars))
    return labels


def _made(
    function: Callable[..., None], nothing: tuple[Any, ...], params: Params, how: Compiled | None, progress: Progress
) -> tuple[Callable[..., None], bool]:
    """Return `function` as it is to be called, and whether it is compiled; `nothing` are arguments for no bar."""
    if how is None:
        return function, False
    progress("compiling", 0, 1)
    module = importlib.import_module("src.backtest.compiled")  # numba costs 0.4 s and 80 MB: only when used
    run = module.compiled(function, tuple(type(strategy) for strategy in params.strategies), how.cache)
    try:
        run(*nothing)
    except module.UNCOMPILABLE:
        progress("interpreted", 0, 1)
        return function, False
    return run, True
