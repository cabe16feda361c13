"""What is missing, impossible or strange in a set of candles. Nothing is repaired here."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.candles import Candles, Int64s
from src.core.domain.time import Millis, format_jst
from src.core.exceptions import BadCandles
from src.data.merge import by_month
from src.data.timeframes import label

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LISTED: Final = 5  # how many gaps and moves are named one by one
EXTREME_DEVIATIONS: Final = 20.0  # robust deviations from the month's median return
EXTREME_RETURN: Final = 0.03  # and this large in itself (a fraction of the price)
FLAT_RUN: Final = 4  # so many bars without any trade in a row are a filled stretch, not a quiet moment
ROBUST: Final = 1.4826  # times the median absolute deviation estimates a normal deviation
LIMIT: Final = 2**31  # ticks or lots: the product of a price and a volume stays below 2^62


class Intake(NamedTuple):
    """What was changed or left out before the candles came to be: counted, because it cannot be seen later."""

    rounded_prices: int = 0  # not whole ticks
    rounded_volumes: int = 0  # not whole lots
    zero_rows: int = 0  # left out: a price of zero
    duplicate_rows: int = 0  # left out: a later row of the same time was kept
    forming_rows: int = 0  # left out: not closed yet

    def plus(self, other: "Intake") -> "Intake":
        """Return the sum of both counts."""
        return Intake(*(a + b for a, b in zip(self, other, strict=True)))


class Gap(NamedTuple):
    """Missing bars between two that exist."""

    after: Millis  # close of the last bar before
    before: Millis  # close of the first bar after
    missing: int  # bars


class Move(NamedTuple):
    """One bar whose return is far out of its month's range."""

    closed_at: Millis
    change: float  # close / previous close - 1
    deviations: float  # robust deviations from the month's median; infinite in a month that hardly moves


class QualityReport(NamedTuple):
    """Facts about a set of candles; see `describe` for the words."""

    timeframe: int
    bars: int
    first: Millis | None  # closed_at; None when there are no bars
    last: Millis | None
    expected: int  # bars a market without any gap would have between first and last
    gaps: int
    missing: int  # bars
    longest_gap: int  # bars
    longest_gaps: tuple[Gap, ...]
    off_grid_times: int  # bars that do not close at a whole multiple of the timeframe
    impossible: int  # bars whose prices or volume contradict each other
    flat_runs: int  # stretches of at least FLAT_RUN bars with one price and no volume
    flat_bars: int  # bars in them
    longest_flat: int
    extremes: int
    largest_moves: tuple[Move, ...]
    intake: Intake

    @property
    def coverage(self) -> float:
        """Share of the expected bars that exist, 0..1; 0 when there are none."""
        return self.bars / self.expected if self.expected else 0.0


def assess(candles: Candles, timeframe: int, intake: Intake = Intake()) -> QualityReport:
    """Return what is missing, impossible or strange in `candles`.

    Parameters
    ----------
    candles
        The bars, in any condition.
    timeframe
        Their length, milliseconds.
    intake
        What was already left out or rounded when they were read.
    """
    gaps = _gaps(candles, timeframe)
    flats = _flat_runs(candles)
    moves = _extreme_moves(candles, timeframe)
    span = int(candles.closed_at[-1] - candles.closed_at[0]) if len(candles) else 0
    return QualityReport(
        timeframe=timeframe,
        bars=len(candles),
        first=candles.bar(0).closed_at if len(candles) else None,
        last=candles.bar(-1).closed_at if len(candles) else None,
        expected=span // timeframe + 1 if len(candles) else 0,
        gaps=len(gaps),
        missing=sum(gap.missing for gap in gaps),
        longest_gap=max((gap.missing for gap in gaps), default=0),
        longest_gaps=tuple(sorted(gaps, key=lambda gap: (-gap.missing, gap.after))[:LISTED]),
        off_grid_times=int(np.count_nonzero(candles.closed_at % timeframe)),
        impossible=int(np.count_nonzero(impossible(candles))),
        flat_runs=len(flats),
        flat_bars=int(flats.sum()),
        longest_flat=int(flats.max(initial=0)),
        extremes=len(moves),
        largest_moves=tuple(sorted(moves, key=lambda move: (-abs(move.change), move.closed_at))[:LISTED]),
        intake=intake,
    )


def impossible(candles: Candles) -> Mask:
    """Return which bars no market can have made.

    A price not above zero, a range that does not hold open and close, a negative volume, or a number beyond
    what money can be computed with.
    """
    outside = (candles.high < np.maximum(candles.open, candles.close)) | (
        candles.low > np.minimum(candles.open, candles.close)
    )
    return outside | (candles.low <= 0) | (candles.high >= LIMIT) | (candles.volume < 0) | (candles.volume >= LIMIT)


def require_sound(candles: Candles, timeframe: int, origin: str) -> None:
    """Refuse bars that must never be stored.

    Raises
    ------
    BadCandles
        If a bar is impossible or off the grid of its timeframe; the first is named.
    """
    off_grid = candles.closed_at % timeframe != 0
    off_rule = f"does not close on the {label(timeframe)} grid"
    for wrong, rule in ((off_grid, off_rule), (impossible(candles), "cannot be")):
        if wrong.any():
            bar = candles.bar(int(np.flatnonzero(wrong)[0]))
            raise BadCandles(
                f"{origin}: the bar that closed {format_jst(bar.closed_at)} {rule}: open {bar.open} high {bar.high} "
                f"low {bar.low} close {bar.close} ticks, volume {bar.volume} lots",
                remedy="correct the source; nothing of it was stored",
            )


def describe(report: QualityReport) -> list[str]:
    """Return the report as lines for people, times in JST."""
    if report.first is None or report.last is None:
        return ["no bars"]
    extent = f"closed {format_jst(report.first)} to {format_jst(report.last)}"
    return [*_extent_lines(report, extent), *_gap_lines(report), *_fault_lines(report), *_move_lines(report)]


def _extent_lines(report: QualityReport, extent: str) -> Iterator[str]:
    yield f"{report.bars:,} bars of {label(report.timeframe)}, {extent}"
    yield f"coverage {100 * report.coverage:.2f} %: {report.missing:,} of {report.expected:,} bars missing"


def _gap_lines(report: QualityReport) -> Iterator[str]:
    if not report.gaps:
        return
    yield f"{report.gaps:,} gaps, the longest {report.longest_gap:,} bars:"
    for gap in report.longest_gaps:
        yield f"  {gap.missing:,} bars between {format_jst(gap.after)} and {format_jst(gap.before)}"


def _fault_lines(report: QualityReport) -> Iterator[str]:
    counts = (
        (report.impossible, "impossible bars"),
        (report.off_grid_times, "bars off the time grid"),
        (report.intake.duplicate_rows, "rows left out: duplicate times"),
        (report.intake.zero_rows, "rows left out: a price of zero"),
        (report.intake.forming_rows, "rows left out: not closed yet"),
        (report.intake.rounded_prices, "prices rounded to whole ticks"),
        (report.intake.rounded_volumes, "volumes rounded to whole lots"),
    )
    yield from (f"{count:,} {what}" for count, what in counts if count)
    if report.flat_runs:
        yield (
            f"{report.flat_runs:,} stretches of {FLAT_RUN} or more bars without a trade ({report.flat_bars:,} bars, "
            f"the longest {report.longest_flat:,})"
        )


def _move_lines(report: QualityReport) -> Iterator[str]:
    if not report.extremes:
        return
    yield f"{report.extremes:,} extreme bars (over {EXTREME_DEVIATIONS:g} robust deviations and {EXTREME_RETURN:.0%}):"
    for move in report.largest_moves:
        yield f"  {100 * move.change:+.2f} % at {format_jst(move.closed_at)} ({move.deviations:.0f} deviations)"


def _gaps(candles: Candles, timeframe: int) -> list[Gap]:
    """Return the stretches in which at least one whole bar is missing."""
    missing = np.diff(candles.closed_at) // timeframe - 1
    return [
        Gap(candles.bar(int(i)).closed_at, candles.bar(int(i) + 1).closed_at, int(missing[i]))
        for i in np.flatnonzero(missing > 0)
    ]


def _flat_runs(candles: Candles) -> Int64s:
    """Return the lengths of the stretches without any trade."""
    flat = (candles.volume == 0) & (candles.high == candles.low)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flat, [False])).astype(np.int8)))
    lengths = (edges[1::2] - edges[::2]).astype(np.int64)
    return lengths[lengths >= FLAT_RUN]


def _extreme_moves(candles: Candles, timeframe: int) -> list[Move]:
    """Return the bars far out of their month's range; volatility changes too much for one yardstick."""
    moves: list[Move] = []
    change = _changes(candles, timeframe)
    at = 0
    for _, month in by_month(candles):
        part = change[at : at + len(month)]
        deviations = _deviations(part)
        far = (deviations > EXTREME_DEVIATIONS) & (np.abs(part) > EXTREME_RETURN)
        moves += [Move(month.bar(int(i)).closed_at, float(part[i]), float(deviations[i])) for i in np.flatnonzero(far)]
        at += len(month)
    return moves


def _changes(candles: Candles, timeframe: int) -> Floats:
    """Return each bar's return against the close before it; after a gap, and first, against its own open."""
    base = candles.open.astype(np.float64)
    adjacent = np.flatnonzero(np.diff(candles.closed_at) == timeframe) + 1
    base[adjacent] = candles.close[adjacent - 1]
    changes = np.zeros(len(candles))
    np.divide(candles.close, base, out=changes, where=base > 0)
    changes[base > 0] -= 1.0
    return changes


def _deviations(changes: Floats) -> Floats:
    """Return the distances from the median, in robust deviations."""
    distance = np.abs(changes - np.median(changes))
    spread = ROBUST * float(np.median(distance))
    if spread > 0:
        return distance / spread
    return np.where(distance > 0, np.inf, 0.0)
