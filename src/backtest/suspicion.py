"""Self-suspicion: whether anything here knows the future, or remembers where the history began.

`find_lookahead` takes the future away, and puts an absurd one in its place: whatever a row or a decision said
before must stay, bit for bit. `find_warmup` lets the history begin later: where rows call themselves warm, they and
the decisions on them must stay, bit for bit. Both name the column, and the first bar at which it differs.

A strategy cannot look ahead by itself: `propose` and `holds` are given one row and no history. What can be wrong is a
formula behind a row, the join of the views, or the fold; so these are what is put to the test.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.backtest.fold import Output, Tape, empty_output
from src.backtest.playback import Player, Progress, compiled_player, interpreted_player, is_compiled, silent
from src.backtest.preparation import chosen_params, chosen_strategies, fee_rates, read_stretch, starting_cash
from src.backtest.tape import lay_tape
from src.core.config import Settings
from src.core.domain.candles import Candles
from src.core.domain.time import BAR_15M, Millis, month_start
from src.core.exceptions import NoCandles
from src.core.orchestration.wiring import feature_settings, market_params
from src.features.anchors import SPAN_4H, SPAN_15M, anchor
from src.features.feature_generator import COLUMNS, BarColumns, FeatureMatrix, Quality, feature_matrix
from src.trading.columns_read import columns_of

Ints = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[np.int64] | npt.NDArray[np.int8] | npt.NDArray[np.float64]]
"""Numbers by name, one a bar in each."""

RowsOf = Callable[[BarColumns], FeatureMatrix]
"""Every row of a history."""

DecisionsOf = Callable[[BarColumns, FeatureMatrix, int, int], Columns]
"""What was decided on the bars from the third argument up to but without the fourth, by an account that is new."""

LOOKAHEAD: Final = "lookahead"
WARM_UP: Final = 160 * 96  # bars kept before those that were asked for
ROW: Final = "row"
DECISION: Final = "decision"
ABSURD_PRICE: Final = 10**9  # ticks
ABSURD_VOLUME: Final = 10**9  # lots


class Difference(NamedTuple):
    """A column that did not stay as it was."""

    kind: str  # ROW or DECISION
    name: str
    first: Millis  # close of the first bar that differs
    place: Millis  # close of the last bar that was known, or of the first bar of the shorter history
    reach: int  # so many bars at least it sees beyond its own, or remembers behind the history's beginning
    places: int  # cuts or beginnings that show it
    bars: int  # bars that differ, over all places


class Examination(NamedTuple):
    """What was compared, and what was found."""

    bars: int
    columns: int  # of a row: those that the run reads, and its quality
    fields: int  # of a decision; 0 if only rows were examined
    places: int  # cuts, or beginnings
    compared: int  # numbers, of rows and decisions together
    cold: int  # bars of the whole history whose row is cold: nothing is decided on them
    warm_from: Millis | None  # the first month that is warm; None if none is
    differences: tuple[Difference, ...]  # rows first, then in order of time


class Decider:
    """Decides over given rows as a backtest does, compiled when that is worth it.

    Parameters
    ----------
    names
        Of the strategies that run.
    bars
        How many bars will be folded in all, about.
    """

    def __init__(self, settings: Settings, names: tuple[str, ...], bars: int, progress: Progress = silent) -> None:
        self._settings, self._names, self._progress = settings, names, progress
        self._cash = starting_cash(settings)
        self._params, self._market = chosen_params(settings, names), market_params(settings)
        self._compiled = is_compiled(settings.backtest, bars)
        self._player: Player | None = None

    def __call__(self, bars: BarColumns, rows: FeatureMatrix, first: int, stop: int) -> Columns:
        """Return every field of the decisions on the bars `first` to `stop`, with equity and position."""
        candles = Candles(*bars)
        rates = fee_rates(self._settings, candles.closed_at)
        tape = lay_tape(candles, first, *rates, rows.quality[first:], rows.values[first:])
        output = empty_output(len(tape.closed_at), len(self._names))
        self._player_of(tape).play(self._cash, self._params, self._market, output, end=stop - first)
        return self._columns(output, stop - first)

    def _player_of(self, tape: Tape) -> Player:
        if self._player is None:
            cache = Path(self._settings.backtest.cache)
            self._player = (
                compiled_player(tape, self._params, self._market, cache, self._progress)
                if self._compiled
                else interpreted_player(tape)
            )
            return self._player
        return self._player.over(tape)

    def _columns(self, output: Output, bars: int) -> Columns:
        fields = {name: column for name, column in output._asdict().items() if name not in {"votes", "trades"}}
        votes = {f"vote_{name}": output.votes[:, k] for k, name in enumerate(self._names)}
        return {name: column[:bars] for name, column in {**fields, **votes}.items()}


def examine(
    check: str,
    settings: Settings,
    data: str | None,
    *,
    bars: int | None = None,
    strategies: Sequence[str] | None = None,
    places: int = 24,
    seed: int = 0,
    progress: Progress = silent,
) -> Examination:
    """Examine this program's own rows and decisions over stored candles.

    Parameters
    ----------
    check
        "lookahead" or "warmup".
    bars
        Only the last so many, with those before them that warm their rows; None examines all.
    places
        How many cuts or beginnings; fewer if that many different ones do not exist.

    Raises
    ------
    NoCandles
        If the history is too short to compare anything.
    """
    candles = read_stretch(settings, data, None, None).candles
    if bars is not None:
        candles = candles.rows(slice(max(0, len(candles) - bars - WARM_UP), len(candles)))
    names = chosen_strategies(settings, strategies)
    columns = columns_of(chosen_params(settings, names))  # a run's rows hold these, and its quality speaks for them
    history = BarColumns(*candles.columns)
    rows = partial(feature_matrix, settings=feature_settings(settings), columns=columns)
    find, choose = (find_lookahead, cut_places) if check == LOOKAHEAD else (find_warmup, beginning_places)
    chosen = choose(history, places, seed)
    folded = len(candles) * (1 + 2 * len(chosen))
    decider = Decider(settings, names, folded, progress)
    return find(history, rows, decider, chosen, progress, columns.names)


def find_lookahead(
    bars: BarColumns,
    rows_of: RowsOf,
    decisions_of: DecisionsOf | None,
    cuts: Sequence[int],
    progress: Progress = silent,
    names: Sequence[str] = COLUMNS,
) -> Examination:
    """Compare rows and decisions up to each cut with those of a history that ends there, or goes on absurdly.

    Parameters
    ----------
    cuts
        Numbers of the last known bars, each before the last bar of all.
    names
        The columns of a row that are compared.

    Raises
    ------
    NoCandles
        If there is no cut: nothing could be compared.
    """
    if not cuts:
        raise _nothing_to_compare()
    whole = rows_of(bars)
    tally = _Tally(bars, whole)
    decided = decisions_of(bars, whole, 0, len(bars.closed_at)) if decisions_of is not None else {}
    for done, cut in enumerate(cuts, start=1):
        for other in (bars.between(0, cut + 1), poisoned(bars, cut)):
            rows = rows_of(other)
            known, again = (_row_columns(each, 0, cut + 1, names) for each in (whole, rows))
            tally.compare(ROW, known, again, 0, cut)
            if decisions_of is not None:
                told = decisions_of(other, rows, 0, cut + 1)
                tally.compare(DECISION, {name: column[: cut + 1] for name, column in decided.items()}, told, 0, cut)
        progress("cuts", done, len(cuts))
    return tally.examination(len(cuts))


def find_warmup(
    bars: BarColumns,
    rows_of: RowsOf,
    decisions_of: DecisionsOf | None,
    beginnings: Sequence[int],
    progress: Progress = silent,
    names: Sequence[str] = COLUMNS,
) -> Examination:
    """Compare the warm rows of histories that begin later, and the decisions on them, with those of the whole.

    Parameters
    ----------
    beginnings
        Numbers of the bars with which the shorter histories begin. One without a warm row compares nothing.
    names
        The columns of a row that are compared.

    Raises
    ------
    NoCandles
        If no shorter history has a warm row: nothing could be compared.
    """
    whole, n = rows_of(bars), len(bars.closed_at)
    tally, places = _Tally(bars, whole), 0
    for done, begin in enumerate(beginnings, start=1):
        other = bars.between(begin, n)
        rows = rows_of(other)
        warm = np.flatnonzero(rows.quality != Quality.COLD)
        progress("beginnings", done, len(beginnings))
        if not len(warm):
            continue
        places += 1
        first = int(warm[0])
        known = _row_columns(whole, begin + first, n, names)
        tally.compare(ROW, known, _row_columns(rows, first, n - begin, names), begin + first, begin)
        if decisions_of is not None:
            decided = decisions_of(bars, whole, begin + first, n)
            tally.compare(DECISION, decided, decisions_of(other, rows, first, n - begin), begin + first, begin)
    if not places:
        raise _nothing_to_compare()
    return tally.examination(places)


def cut_places(bars: BarColumns, count: int, seed: int) -> list[int]:
    """Return up to `count` bars to cut a history at, in order; the same for the same seed.

    A quarter lies early, where averages are not yet full and a back-fill shows; a quarter at odd places (before and
    after gaps, bars without a trade or without a move), where a value may be missing; the rest anywhere.
    """
    n = len(bars.closed_at)
    if n < 2:
        return []
    generator = np.random.default_rng(seed)
    early = np.exp(generator.uniform(0.0, np.log(n), count)).astype(np.int64) - 1
    gaps = np.flatnonzero(np.diff(bars.closed_at) != BAR_15M)
    odd = np.concatenate((gaps, gaps + 1, np.flatnonzero((bars.volume == 0) | (bars.high == bars.low))))
    anywhere = generator.integers(0, n - 1, count)
    quarter = max(1, count // 4)
    chosen = [*early[:quarter], *_some(odd[odd < n - 1], quarter, generator)]
    return sorted({min(int(place), n - 2) for place in [*chosen, *anywhere[: max(0, count - len(chosen))]]})


def beginning_places(bars: BarColumns, count: int, seed: int) -> list[int]:
    """Return up to `count` bars to begin a history with, in order; the same for the same seed.

    Half of them stand at the anchors of months, one bar before and one after: from the anchor on a month is warm, and
    one bar later it is not. The rest lie anywhere that leaves room for a warm month.
    """
    n = len(bars.closed_at)
    if n < 2:
        return []
    opened_at = bars.closed_at - BAR_15M
    months = sorted({month_start(Millis(int(at))) for at in bars.closed_at})
    anchors = np.searchsorted(opened_at, [anchor(month, max(SPAN_4H, SPAN_15M)) for month in months], side="left")
    anchors = np.unique(anchors[anchors > 0])
    generator = np.random.default_rng(seed)
    edges = _some(np.concatenate([anchors - 1, anchors, anchors + 1]), count // 2, generator)
    last = int(anchors[-1]) if len(anchors) else n
    anywhere = generator.integers(1, max(last, 2), count - len(edges))
    return sorted({int(place) for place in [*edges, *anywhere] if 0 < place < n})


def poisoned(bars: BarColumns, cut: int) -> BarColumns:
    """Return the bars with every one after number `cut` absurd: from 1 tick to a billion, volume from 0 to a billion.

    They still are candles, at the same times, so that only what they say has changed.
    """
    later = len(bars.closed_at) - cut - 1
    odd = np.arange(later) % 2 == 1
    low, high = np.ones(later, np.int64), np.full(later, ABSURD_PRICE, np.int64)
    opening, close = np.where(odd, low, high), np.where(odd, high, low)
    future = (bars.closed_at[cut + 1 :], opening, high, low, close, np.where(odd, 0, ABSURD_VOLUME).astype(np.int64))
    return BarColumns(*(np.concatenate((known[: cut + 1], new)) for known, new in zip(bars, future, strict=True)))


def _some(places: Ints, count: int, generator: np.random.Generator) -> Ints:
    return places if len(places) <= count else generator.choice(places, count, replace=False)


def _row_columns(rows: FeatureMatrix, first: int, end: int, names: Sequence[str]) -> Columns:
    columns = {name: rows.values[first:end, COLUMNS.index(name)] for name in names}
    return {"closed_at": rows.closed_at[first:end], "quality": rows.quality[first:end], **columns}


def _different(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> Ints:
    """Return where two columns differ in their bits; unknown is unknown, whatever its bits."""
    left, right = np.ascontiguousarray(one), np.ascontiguousarray(other)
    if left.shape != right.shape or left.dtype != right.dtype:
        return np.arange(max(len(left), len(right)))
    if left.dtype != np.float64:
        return np.flatnonzero(left != right)
    unequal = left.view(np.int64) != right.view(np.int64)
    return np.flatnonzero(unequal & ~(np.isnan(left) & np.isnan(right)))


class _Tally:
    """Gathers differences by column."""

    def __init__(self, bars: BarColumns, whole: FeatureMatrix) -> None:
        self._closed_at = bars.closed_at
        self._quality = whole.quality
        self._found: dict[tuple[str, str], Difference] = {}
        self._shown: dict[tuple[str, str], set[int]] = {}
        self._names: dict[str, set[str]] = {ROW: set(), DECISION: set()}
        self._compared = 0

    def compare(self, kind: str, one: Columns, other: Columns, first: int, place: int) -> None:
        """Compare columns whose first entry is bar number `first`; `place` is the cut or beginning."""
        self._names[kind] |= set(one)
        for name, column in one.items():
            self._compared += len(column)
            where = _different(column, other[name])
            if len(where):
                self._note(kind, name, first + where, place)

    def _note(self, kind: str, name: str, bars: Ints, place: int) -> None:
        at, reach = self._closed_at[bars[0]], abs(place - int(bars[0])) + 1
        known = self._found.get((kind, name))
        shown = self._shown.setdefault((kind, name), set())
        shown.add(place)
        new = Difference(kind, name, Millis(int(at)), Millis(int(self._closed_at[place])), reach, len(shown), len(bars))
        if known is not None:
            earlier = known if known.first <= new.first else new
            new = earlier._replace(reach=max(known.reach, new.reach), places=len(shown), bars=known.bars + len(bars))
        self._found[kind, name] = new

    def examination(self, places: int) -> Examination:
        """Return what was gathered."""
        warm = np.flatnonzero(self._quality != Quality.COLD)
        return Examination(
            bars=len(self._closed_at),
            columns=max(len(self._names[ROW]) - 1, 0),  # the time is compared, but is no column
            fields=len(self._names[DECISION]),
            places=places,
            compared=self._compared,
            cold=len(self._quality) - len(warm),
            warm_from=month_start(Millis(int(self._closed_at[warm[0]]))) if len(warm) else None,
            differences=tuple(sorted(self._found.values(), key=lambda d: (d.kind != ROW, d.first, d.name))),
        )


def _nothing_to_compare() -> NoCandles:
    return NoCandles(
        "the history is too short: nothing could be compared",
        remedy="give one of at least six months, for rows are warm 120 days before their month at the earliest",
    )
