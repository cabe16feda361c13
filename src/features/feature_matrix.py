"""All rows of a history at once: the month blocks, both views, and their join by time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from src.core.domain.time import BAR_4H, BAR_15M, Millis
from src.features.anchors import SPAN_4H, SPAN_15M, Block, anchor, is_warm, month_blocks
from src.features.bars import (
    ArrayInputs,
    BarColumns,
    FeatureSettings,
    FloatArray,
    IntArray,
    check_columns,
    check_settings,
)
from src.features.columns import ALL_COLUMNS, ColumnSet
from src.features.engine import ArrayEngine
from src.features.quality import NO_VIEW, BoolArray, base_codes, gap_ends, worsen
from src.features.row import COLUMNS, Row
from src.features.views import FourHourView

NO_VIEW_BARS: Final = FourHourView(BarColumns.of([]), 1)
MONTHS_AT_ONCE: Final = 12
"""A call costs as much as the work of a month; of more months than these the arrays leave the processor's cache."""


class FeatureMatrix(NamedTuple):
    """The rows of `n` bars, as arrays."""

    closed_at: IntArray  # ms UTC, shape (n,)
    quality: IntArray  # codes of `Quality`, shape (n,)
    values: FloatArray  # the columns of `COLUMNS`, shape (n, len(COLUMNS)), C-contiguous


class FeatureColumns(NamedTuple):
    """Some columns of the same rows, each in one piece: what a fold reads."""

    closed_at: IntArray
    quality: IntArray  # speaks for the columns in `columns` alone
    values: FloatArray  # shape (len(columns.names) + 1, n), C-contiguous; the last is NaN: any other column
    columns: ColumnSet


def feature_matrix(
    bars: BarColumns, settings: FeatureSettings = FeatureSettings(), columns: ColumnSet = ALL_COLUMNS
) -> FeatureMatrix:
    """Return the row of every bar.

    Parameters
    ----------
    bars
        Stored 15-minute bars in order, gaps and all; may be empty.
    settings
        Grids and limits.
    columns
        Which are worked out; the others are NaN, and the quality does not speak for them.

    Returns
    -------
    FeatureMatrix
        One row per bar, in the bits `FeatureStream` gives for it. Unknown is NaN.

    Raises
    ------
    BadCandles
        A bar breaks a rule of candles.
    ConfigError
        A setting is outside its range.

    Notes
    -----
    A row uses bars closed at or before its own close time and, of those, bars opened at or after its
    month's anchors; the rows of a warm month are therefore the same for every longer history. Without a
    column of the 4-hour view, neither that view's age nor its anchor matters.
    """
    made = feature_columns(bars, settings, columns=columns)
    values = np.empty((made.closed_at.size, len(COLUMNS)))
    for target, place in zip(values.T, columns.places, strict=True):
        target[:] = made.values[place]
    return FeatureMatrix(made.closed_at.copy(), made.quality, values)


def feature_columns(
    bars: BarColumns,
    settings: FeatureSettings = FeatureSettings(),
    first: int = 0,
    columns: ColumnSet = ALL_COLUMNS,
) -> FeatureColumns:
    """Return the rows of the bars from number `first` on, column by column; the bars before it only warm them.

    Parameters, errors and bits are those of `feature_matrix`. Months that end before `first` are not computed.
    """
    made, steps = growing_columns(bars, settings, first, columns)
    grown(steps)
    return made


def grown(steps: Iterable[int]) -> tuple[()]:
    """Take every step of growing columns, or of a tape; return the steps that are left: none."""
    for _ in steps:
        pass
    return ()


def growing_columns(
    bars: BarColumns, settings: FeatureSettings, first: int, columns: ColumnSet
) -> tuple[FeatureColumns, Iterator[int]]:
    """Return what `feature_columns` returns before its numbers are worked out, and the steps that work them out.

    Each step yields how many rows are done; the arrays past them hold nothing that means anything.
    """
    check_settings(settings)
    check_columns(bars)
    codes = base_codes(bars.volume[first:], gap_ends(bars.closed_at) - first, settings.bars_after_gap)
    values = np.empty((len(columns.names) + 1, codes.size))
    values[-1] = np.nan
    made = FeatureColumns(bars.closed_at[first:], codes, values, columns)
    return made, _grow(made, bars, settings, first)


def _grow(made: FeatureColumns, bars: BarColumns, settings: FeatureSettings, first: int) -> Iterator[int]:
    """Work out some months' rows at each step; yield how many are done."""
    columns, known = made.columns, len(made.columns.names)
    view = FourHourView(bars, settings.min_parts) if columns.slow.names else NO_VIEW_BARS
    blocks = list(month_blocks(bars.closed_at, first))
    for k in range(0, len(blocks), MONTHS_AT_ONCE):
        months = blocks[k : k + MONTHS_AT_ONCE]
        here = slice(months[0].first - first, months[-1].end - first)
        target, slow = made.values[:known, here], len(columns.slow.names)
        _fill_own(target, bars, months, settings, columns)
        stale = _fill_slow(target[-slow:], bars, view, months, settings, columns) if slow else None
        finite = _finite(target)
        for month, rows in zip(months, _rows(months), strict=True):
            worsen(
                made.quality[here][rows],
                cold=not is_warm(Millis(int(bars.closed_at[0]) - BAR_15M), month.month, columns.span),
                finite=None if finite is None else finite[rows],
                stale=None if stale is None else stale[rows],
            )
        yield here.stop


def row_at(
    closed_at: Millis,
    quality: int,
    values: FloatArray | Sequence[Sequence[float]],
    places: tuple[int, ...],
    i: int,
) -> Row:
    """Return row `i` of `values`, which is a matrix or, quicker to read uncompiled, its `tolist()`.

    `places` says in which of its columns each of `COLUMNS` stands. Spelled out because it also runs compiled,
    where neither stars nor loops over names exist.
    """
    r, p = values[i], places
    return Row(
        closed_at, quality,
        r[p[0]], r[p[1]], r[p[2]], r[p[3]], r[p[4]], r[p[5]], r[p[6]], r[p[7]],
        r[p[8]], r[p[9]], r[p[10]], r[p[11]], r[p[12]], r[p[13]], r[p[14]], r[p[15]],
        r[p[16]], r[p[17]], r[p[18]], r[p[19]], r[p[20]], r[p[21]], r[p[22]], r[p[23]],
        r[p[24]], r[p[25]], r[p[26]], r[p[27]], r[p[28]], r[p[29]], r[p[30]], r[p[31]],
        r[p[32]], r[p[33]], r[p[34]], r[p[35]], r[p[36]],
    )  # fmt: skip


def row_of_matrix(closed_at: Millis, quality: int, values: FloatArray, places: tuple[int, ...], i: int) -> Row:
    """Return what `row_at` returns for a matrix, without first taking a view of the row.

    Compiled code counts the references to every view, which costs a fold a third of its time.
    """
    v, p = values, places
    return Row(
        closed_at, quality,
        v[i, p[0]], v[i, p[1]], v[i, p[2]], v[i, p[3]], v[i, p[4]], v[i, p[5]],
        v[i, p[6]], v[i, p[7]], v[i, p[8]], v[i, p[9]], v[i, p[10]], v[i, p[11]],
        v[i, p[12]], v[i, p[13]], v[i, p[14]], v[i, p[15]], v[i, p[16]], v[i, p[17]],
        v[i, p[18]], v[i, p[19]], v[i, p[20]], v[i, p[21]], v[i, p[22]], v[i, p[23]],
        v[i, p[24]], v[i, p[25]], v[i, p[26]], v[i, p[27]], v[i, p[28]], v[i, p[29]],
        v[i, p[30]], v[i, p[31]], v[i, p[32]], v[i, p[33]], v[i, p[34]], v[i, p[35]],
        v[i, p[36]],
    )  # fmt: skip


def _rows(months: list[Block]) -> list[slice]:
    """Return where the rows of each month stand among those of all the months."""
    return [slice(month.first - months[0].first, month.end - months[0].first) for month in months]


def _fill_own(
    target: FloatArray, bars: BarColumns, months: list[Block], settings: FeatureSettings, columns: ColumnSet
) -> None:
    """Write some months' columns of the 15-minute view."""
    begins = _first_opened(bars.closed_at, BAR_15M, [anchor(month.month, SPAN_15M) for month in months])
    spans = [slice(begin, month.end) for begin, month in zip(begins, months, strict=True)]
    inputs = ArrayInputs(bars, settings, spans)
    made = columns.own(ArrayEngine(inputs.finite, inputs.folds), inputs)
    own = [slice(fold.stop - (m.end - m.first), fold.stop) for m, fold in zip(months, inputs.folds, strict=True)]
    for line, column in zip(target, made, strict=False):
        np.concatenate([column[here] for here in own], out=line)


def _fill_slow(
    target: FloatArray,
    bars: BarColumns,
    view: FourHourView,
    months: list[Block],
    settings: FeatureSettings,
    columns: ColumnSet,
) -> BoolArray | None:
    """Write some months' columns of the 4-hour view; return on which bars its newest bar is missing, None: on none.

    A 4-hour bar is joined to the 15-minute bars that close at its end or later, until the next one's end.
    """
    begins = _first_opened(view.closed_at, BAR_4H, [anchor(month.month, SPAN_4H) for month in months])
    ends = view.since.searchsorted([month.end for month in months], side="left").tolist()
    spans = [slice(begin, end) for begin, end in zip(begins, ends, strict=True)]
    inputs = ArrayInputs(view, settings, spans)
    made = columns.slow(ArrayEngine(inputs.finite, inputs.folds), inputs)
    seen = _seen(view, months, spans, inputs.folds)
    for line, column in zip(target, made, strict=True):
        line[:] = np.repeat(np.append(column, np.nan)[seen.places], seen.rows)
    closed_at = bars.closed_at[months[0].first : months[-1].end]
    last = np.cumsum(seen.rows) - 1  # the last row that sees a bar sees it at its oldest
    if (seen.closed_at != NO_VIEW).all() and (closed_at[last] - seen.closed_at < settings.max_view_age).all():
        return None
    joined = np.repeat(seen.closed_at, seen.rows)
    stale: BoolArray = (closed_at - joined >= settings.max_view_age) | (joined == NO_VIEW)
    return stale


class _Seen(NamedTuple):
    """Which 4-hour bars the rows of some months see, one after another."""

    places: IntArray  # in the columns; past their end: none yet
    closed_at: IntArray
    rows: IntArray  # how many rows see each


def _seen(view: FourHourView, months: list[Block], spans: list[slice], folds: list[slice]) -> _Seen:
    """Return what is seen: in each month first the newest bar that ended before it, then each bar that ends in it."""
    places, closed_at, since = [], [], []
    ended = view.since.searchsorted([month.first for month in months], side="right").tolist()  # before each month
    for month, span, fold, end in zip(months, spans, folds, ended, strict=True):
        following = max(end, span.start)  # the first bar that ends in the month
        known = max(end - 1, span.start)
        if end <= span.start:
            places.append(np.array([folds[-1].stop]))
            closed_at.append(np.array([NO_VIEW]))
        places.append(np.arange(fold.start + known - span.start, fold.stop))
        closed_at.append(view.closed_at[known : span.stop])
        since += [np.array([month.first]), view.since[following : span.stop]]
    rows = np.diff(np.concatenate([*since, np.array([months[-1].end])]))
    return _Seen(np.concatenate(places), np.concatenate(closed_at), rows)


def _finite(target: FloatArray) -> BoolArray | None:
    """Return on which bars every number is finite; None if on all of them, which sums can tell."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.add.reduce(target, axis=1)).all():
            return None
    finite: BoolArray = np.logical_and.reduce(np.isfinite(target), axis=0)
    return finite


def _first_opened(closed_at: IntArray, length: int, moments: Sequence[Millis]) -> list[int]:
    """Return the first bar that was opened at or after each moment, given how long a bar is."""
    found: list[int] = closed_at.searchsorted([at + length for at in moments], side="left").tolist()
    return found
