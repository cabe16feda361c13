"""What may be missing behind a row, for all rows and for one."""

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


def worsen(codes: IntArray, *, cold: bool, finite: BoolArray | None, stale: BoolArray | None) -> None:
    """Write what the columns add to `base_codes` of one month's rows; None says that all is well."""
    if stale is not None:
        codes[stale] = Quality.STALE_VIEW
    if finite is not None:
        codes[~finite] = Quality.NOT_FINITE
    if cold:
        codes[:] = Quality.COLD


def is_stale(closed_at: int, view_closed_at: int, max_view_age: int) -> bool:
    """Return whether the newest 4-hour bar is missing at `closed_at`; with none at all it is."""
    return view_closed_at == NO_VIEW or closed_at - view_closed_at >= max_view_age


def gap_ends(closed_at: IntArray) -> IntArray:
    """Return the numbers of the bars before which bars are missing; the first bar of all is one of them."""
    return np.concatenate(([0], np.flatnonzero(np.diff(closed_at) != BAR_15M) + 1))[: closed_at.size]


def base_codes(volume: IntArray, after_gaps: IntArray, bars_after_gap: int) -> IntArray:
    """Return what bars alone say of their rows' quality: QUIET, AFTER_GAP or GOOD; int64, shape (n,).

    Parameters
    ----------
    after_gaps
        The bars before which bars are missing; of those before the first of `volume`, which count from there
        downwards, the last few matter.
    bars_after_gap
        How many bars from each of them on carry the gap.
    """
    codes: IntArray = np.multiply(volume == 0, Quality.QUIET, dtype=np.int64)
    for first in after_gaps[after_gaps > -bars_after_gap].tolist():
        codes[max(first, 0) : first + bars_after_gap] = Quality.AFTER_GAP
    return codes
