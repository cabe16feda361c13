"""All rows of a history at once: the month blocks, both views, and their join by time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from src.core.domain.time import BAR_4H, BAR_15M, Millis
from src.features.anchors import SPAN_4H, SPAN_15M, Block, anchor, is_warm, month_blocks
from src.features.bars import (
    BarColumns,
    FeatureSettings,
    FloatArray,
    IntArray,
    array_inputs,
    check_columns,
    check_settings,
)
from src.features.columns import columns_4h, columns_15m, row_columns
from src.features.engine import ArrayEngine
from src.features.quality import NO_VIEW, bars_since_gap, quality_codes
from src.features.row import COLUMNS, Row
from src.features.views import four_hour_bars


class FeatureMatrix(NamedTuple):
    """The rows of `n` bars, as arrays."""

    closed_at: IntArray  # ms UTC, shape (n,)
    quality: IntArray  # codes of `Quality`, shape (n,)
    values: FloatArray  # the columns of `COLUMNS`, shape (n, len(COLUMNS)), C-contiguous


class FeatureColumns(NamedTuple):
    """The same, with each column in one piece: what a fold reads a few columns of."""

    closed_at: IntArray
    quality: IntArray
    values: FloatArray  # shape (len(COLUMNS), n), C-contiguous


def feature_matrix(bars: BarColumns, settings: FeatureSettings = FeatureSettings()) -> FeatureMatrix:
    """Return the row of every bar.

    Parameters
    ----------
    bars
        Stored 15-minute bars in order, gaps and all; may be empty.
    settings
        Grids and limits.

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
    month's anchors; the rows of a warm month are therefore the same for every longer history.
    """
    columns = feature_columns(bars, settings)
    return FeatureMatrix(columns.closed_at, columns.quality, np.ascontiguousarray(columns.values.T))


def feature_columns(bars: BarColumns, settings: FeatureSettings = FeatureSettings(), first: int = 0) -> FeatureColumns:
    """Return the rows of the bars from number `first` on, column by column; the bars before it only warm them.

    Parameters, errors and bits are those of `feature_matrix`, of which this is `values[first:].T`. Months that
    end before `first` are not computed.
    """
    check_settings(settings)
    check_columns(bars)
    n = bars.closed_at.size - first
    made = FeatureColumns(bars.closed_at[first:].copy(), np.empty(n, np.int64), np.empty((len(COLUMNS), n)))
    view = four_hour_bars(bars, settings.min_parts)
    since_gap = bars_since_gap(bars.closed_at)
    for month in month_blocks(bars.closed_at):
        if month.end <= first:
            continue
        block = month._replace(first=max(month.first, first))
        rows, here = slice(block.first, block.end), slice(block.first - first, block.end - first)
        joined = _fill(made.values[:, here], bars, view, block, settings)
        closed_at = bars.closed_at[rows]
        made.quality[here] = quality_codes(
            cold=not is_warm(Millis(int(bars.closed_at[0]) - BAR_15M), block.month),
            finite=np.logical_and.reduce(np.isfinite(made.values[:, here]), axis=0),
            stale=(joined == NO_VIEW) | (closed_at - joined >= settings.max_view_age),
            after_gap=since_gap[rows] <= settings.bars_after_gap,
            quiet=bars.volume[rows] == 0,
        )
    return made


def row_at(closed_at: Millis, quality: int, values: FloatArray | Sequence[Sequence[float]], i: int) -> Row:
    """Return row `i` of `values`, which is a matrix or, quicker to read uncompiled, its `tolist()`.

    Spelled out because it also runs compiled, where neither stars nor loops over names exist.
    """
    r = values[i]
    return Row(
        closed_at,
        quality,
        r[0],
        r[1],
        r[2],
        r[3],
        r[4],
        r[5],
        r[6],
        r[7],
        r[8],
        r[9],
        r[10],
        r[11],
        r[12],
        r[13],
        r[14],
        r[15],
        r[16],
        r[17],
        r[18],
        r[19],
        r[20],
        r[21],
        r[22],
        r[23],
        r[24],
        r[25],
        r[26],
        r[27],
        r[28],
        r[29],
        r[30],
        r[31],
        r[32],
        r[33],
        r[34],
        r[35],
        r[36],
    )


def row_of_matrix(closed_at: Millis, quality: int, values: FloatArray, i: int) -> Row:
    """Return what `row_at` returns for a matrix, without first taking a view of the row.

    Compiled code counts the references to every view, which costs a fold a third of its time.
    """
    return Row(
        closed_at, quality,
        values[i, 0], values[i, 1], values[i, 2], values[i, 3], values[i, 4], values[i, 5], values[i, 6],
        values[i, 7], values[i, 8], values[i, 9], values[i, 10], values[i, 11], values[i, 12], values[i,
        13], values[i, 14], values[i, 15], values[i, 16], values[i, 17], values[i, 18], values[i, 19],
        values[i, 20], values[i, 21], values[i, 22], values[i, 23], values[i, 24], values[i, 25], values[i,
        26], values[i, 27], values[i, 28], values[i, 29], values[i, 30], values[i, 31], values[i, 32],
        values[i, 33], values[i, 34], values[i, 35], values[i, 36],
    )  # fmt: skip


def _fill(values: FloatArray, bars: BarColumns, view: BarColumns, block: Block, settings: FeatureSettings) -> IntArray:
    """Write one month's rows; return the close time of the 4-hour bar joined to each, or NO_VIEW."""
    start = _first_opened(bars, BAR_15M, anchor(block.month, SPAN_15M))
    own = columns_15m(ArrayEngine(), array_inputs(bars.between(start, block.end), settings))
    closed_at = bars.closed_at[block.first : block.end]
    seen = int(np.searchsorted(view.closed_at, closed_at[-1], side="right"))
    folded = view.between(_first_opened(view, BAR_4H, anchor(block.month, SPAN_4H)), seen)
    slow = columns_4h(ArrayEngine(), array_inputs(folded, settings))
    at = np.searchsorted(folded.closed_at, closed_at, side="right")
    slowly = np.full((len(slow), folded.closed_at.size + 1), np.nan)  # at 0 no 4-hour bar yet
    slowly[:, 1:] = slow
    sources = row_columns(tuple(column[block.first - start :] for column in own), tuple(slowly))
    for target, source in zip(values, sources, strict=True):
        if source.base is slowly:
            source.take(at, out=target, mode="clip")  # without a mode, numpy takes into a buffer first
        else:
            target[:] = source
    return np.append(np.int64(NO_VIEW), folded.closed_at)[at]


def _first_opened(bars: BarColumns, length: int, at: Millis) -> int:
    return int(np.searchsorted(bars.closed_at, at + length, side="left"))
