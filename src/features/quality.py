"""What may be missing behind a row, in the two forms of every column: for all rows, and for one."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from src.core.domain.time import BAR_15M
from src.features.bars import IntArray
from src.features.row import Quality

BoolArray = NDArray[np.bool_]
NO_VIEW: Final = -1
"""Stands for the close time of a 4-hour bar that does not exist; no candle is that old."""


def quality_code(*, cold: bool, finite: bool, stale: bool, after_gap: bool, quiet: bool) -> Quality:
    """Return the worst finding about one row."""
    if cold:
        return Quality.COLD
    if not finite:
        return Quality.NOT_FINITE
    if stale:
        return Quality.STALE_VIEW
    if after_gap:
        return Quality.AFTER_GAP
    return Quality.QUIET if quiet else Quality.GOOD


def quality_codes(
    *, cold: bool, finite: BoolArray, stale: BoolArray, after_gap: BoolArray, quiet: BoolArray
) -> IntArray:
    """Return the worst finding about each row of one month, int64, shape (n,)."""
    if cold:
        return np.full(finite.size, int(Quality.COLD), dtype=np.int64)
    codes = np.full(finite.size, int(Quality.GOOD), dtype=np.int64)
    codes[quiet] = Quality.QUIET
    codes[after_gap] = Quality.AFTER_GAP
    codes[stale] = Quality.STALE_VIEW
    codes[~finite] = Quality.NOT_FINITE
    return codes


def is_stale(closed_at: int, view_closed_at: int, max_view_age: int) -> bool:
    """Return whether the newest 4-hour bar is missing at `closed_at`; with none at all it is."""
    return view_closed_at == NO_VIEW or closed_at - view_closed_at >= max_view_age


def bars_since_gap(closed_at: IntArray) -> IntArray:
    """Return each bar's number since bars were last missing: 1 right after a gap and for the first bar."""
    numbers = np.arange(closed_at.size, dtype=np.int64)
    starts = np.flatnonzero(np.diff(closed_at, prepend=closed_at[:1] - 2 * BAR_15M) != BAR_15M)
    return numbers - np.repeat(starts, np.diff(np.append(starts, closed_at.size))) + 1
