"""The tape: a stretch of candles with everything the fold reads beside them."""

from collections.abc import Iterator

import numpy as np

from src.backtest.fold import Floats, Ints, Tape
from src.core.domain.account import PredictionStatus
from src.core.domain.candles import Candles
from src.features.feature_generator import ALL_COLUMNS, COLUMNS, BarColumns, ColumnSet, FeatureSettings
from src.features.feature_matrix import growing_columns, grown

IN_ORDER = tuple(range(len(COLUMNS)))
"""The places of rows that hold every column, in the order of `COLUMNS`."""


def build_tape(
    candles: Candles,
    first: int,
    maker_ppm: Ints,
    taker_ppm: Ints,
    settings: FeatureSettings,
    columns: ColumnSet = ALL_COLUMNS,
) -> Tape:
    """Return the tape of `candles` from bar number `first` on; the bars before it only warm the features.

    Parameters
    ----------
    maker_ppm, taker_ppm
        Fee rates at each bar of `candles`.
    columns
        Those of a row that the run reads; the others stay NaN.

    Notes
    -----
    Every prediction is absent; `core/orchestration/ml_adapter.py` puts a model's into the tape.
    """
    tape, steps = growing_tape(candles, first, maker_ppm, taker_ppm, settings, columns)
    grown(steps)
    return tape


def growing_tape(
    candles: Candles,
    first: int,
    maker_ppm: Ints,
    taker_ppm: Ints,
    settings: FeatureSettings,
    columns: ColumnSet = ALL_COLUMNS,
) -> tuple[Tape, Iterator[int]]:
    """Return the tape that `build_tape` returns while its rows are still being worked out, and the steps that do it.

    Each step yields how many bars of the tape may be read.
    """
    features, steps = growing_columns(BarColumns(*candles.columns), settings, first, columns)
    tape = lay_tape(candles, first, maker_ppm, taker_ppm, features.quality, features.values.T, columns.places)
    return tape, steps


def lay_tape(
    candles: Candles,
    first: int,
    maker_ppm: Ints,
    taker_ppm: Ints,
    quality: Ints,
    rows: Floats,
    places: tuple[int, ...] = IN_ORDER,
) -> Tape:
    """Return the tape of `candles` from bar number `first` on, with the rows given for those bars.

    Every column is read-only and the columns of `rows` lie in one piece each, so that compiled code meets the
    same types whoever laid the tape.
    """
    bars = len(candles) - first
    tape = Tape(
        closed_at=candles.closed_at[first:],
        open=candles.open[first:],
        high=candles.high[first:],
        low=candles.low[first:],
        close=candles.close[first:],
        volume=candles.volume[first:],
        quality=quality,
        rows=np.asfortranarray(rows),
        places=places,
        prediction_status=np.full(bars, int(PredictionStatus.NONE), np.int64),
        prediction=np.full(bars, np.nan),
        maker_fee_ppm=maker_ppm[first:],
        taker_fee_ppm=taker_ppm[first:],
    )
    return frozen(tape)


def column(tape: Tape, name: str) -> Floats:
    """Return one column of the tape's rows; NaN in every bar if the run does not read it.

    Raises
    ------
    ValueError
        `name` is not one of `COLUMNS`.
    """
    found: Floats = tape.rows[:, tape.places[COLUMNS.index(name)]]
    return found


def frozen(tape: Tape) -> Tape:
    """Return views of the tape's columns that nobody can write through."""
    views = [part if isinstance(part, tuple) else part.view() for part in tape]
    for view in views:
        if not isinstance(view, tuple):
            view.setflags(write=False)
    return Tape._make(views)


def as_lists(tape: Tape) -> Tape:
    """Return the tape as lists of Python numbers: what the interpreted fold reads ten times faster."""
    return Tape._make(part if isinstance(part, tuple) else part.tolist() for part in tape)
