"""One row per closed bar, in microseconds: handles opened at the month's anchors and carried on."""

from math import isfinite, nan
from operator import itemgetter

import numpy as np

from src.core.domain.market import Bar
from src.core.domain.time import BAR_15M, Millis, month_start
from src.features.anchors import SPAN_4H, SPAN_15M, anchor, is_warm
from src.features.bars import (
    ArrayInputs,
    BarColumns,
    FeatureSettings,
    check_bar,
    check_columns,
    check_settings,
    scalar_inputs,
)
from src.features.columns import ALL_COLUMNS, ColumnSet
from src.features.engine import Formulas, Recording, Replay
from src.features.quality import NO_VIEW, gap_ends, is_stale, quality_code
from src.features.row import Row
from src.features.views import ViewBuilder, bucket_ends, four_hour_bars


class FeatureStream:
    """Turns closed bars into rows, one at a time, in the bits of `feature_matrix` over the same bars.

    Open it on the stored bars, then give it each bar as it closes. It keeps the bars since the 4-hour
    view's anchor (at most 151 days) to open itself again at each new month. Bars that arrive late, to
    fill a gap, are only seen by opening it again on the repaired store.
    """

    def __init__(self, settings: FeatureSettings = FeatureSettings(), columns: ColumnSet = ALL_COLUMNS) -> None:
        check_settings(settings)
        self._settings = settings
        self._columns = columns
        self._fold = Fold(BarColumns.of([]), settings, columns)

    @property
    def last_closed_at(self) -> Millis | None:
        """Close time of the newest bar taken, or None before the first."""
        return self._fold.last_closed_at

    def open(self, bars: BarColumns) -> None:
        """Begin again from stored bars, which may be empty.

        Raises
        ------
        BadCandles
            A bar breaks a rule of candles; the stream is as it was.
        """
        check_columns(bars)
        self._fold = Fold(bars, self._settings, self._columns)

    def update(self, bar: Bar) -> Row:
        """Take the next closed bar and return its row.

        Raises
        ------
        BadCandles
            The bar is not newer than the last one or cannot be a candle; the stream is as it was.
        """
        check_bar(bar, self._fold.last_closed_at)
        return self._fold.step(bar)


class Fold:
    """What a stream remembers of the bars it has seen, all of them checked."""

    def __init__(self, bars: BarColumns, settings: FeatureSettings, columns: ColumnSet) -> None:
        self._settings = settings
        self._columns = columns
        self._arranged = itemgetter(*columns.places)
        self._first_opened: Millis | None = None  # of the whole history, kept or not
        self.last_closed_at: Millis | None = None
        self._since_gap = 0
        self._builder = ViewBuilder(settings.min_parts)
        self._kept = _bars(bars)  # from here on those since the 4-hour view's anchor
        month = Millis(0)
        if self._kept:
            self._first_opened = Millis(self._kept[0].closed_at - BAR_15M)
            self.last_closed_at = self._kept[-1].closed_at
            self._since_gap = bars.closed_at.size - int(gap_ends(bars.closed_at)[-1])
            month = month_start(self.last_closed_at)
            for bar in self._kept[int(np.searchsorted(bucket_ends(bars.closed_at), self.last_closed_at, "right")) :]:
                self._builder.push(bar)
        self._open_month(month)

    def step(self, bar: Bar) -> Row:
        """Take the next bar and return its row."""
        month = month_start(bar.closed_at)
        if self._first_opened is None:
            self._first_opened = Millis(bar.closed_at - BAR_15M)
        if month != self._month:
            self._open_month(month)
        follows = self.last_closed_at == bar.closed_at - BAR_15M
        self._since_gap = self._since_gap + 1 if follows else 1
        self.last_closed_at = bar.closed_at
        self._kept.append(bar)
        for built in self._builder.push(bar):
            self._slow.update(built)
        return self._row(bar, self._own.update(bar) + self._slow.values)

    def _open_month(self, month: Millis) -> None:
        """Fold both views again from the month's anchors up to the newest bar."""
        oldest = anchor(month, SPAN_4H)
        self._kept = [bar for bar in self._kept if bar.closed_at - BAR_15M >= oldest]
        bars = BarColumns.of(self._kept)
        own = int(np.searchsorted(bars.closed_at, anchor(month, SPAN_15M) + BAR_15M, side="left"))
        self._own = LiveView(self._columns.own, bars.between(own, len(self._kept)), self._settings)
        self._slow = LiveView(self._columns.slow, four_hour_bars(bars, self._settings.min_parts), self._settings)
        self._month = month
        self._cold = self._first_opened is None or not is_warm(self._first_opened, month, self._columns.span)

    def _row(self, bar: Bar, values: tuple[float, ...]) -> Row:
        quality = quality_code(
            cold=self._cold,
            finite=all(map(isfinite, values)),
            stale=self._is_stale(bar.closed_at),
            after_gap=self._since_gap <= self._settings.bars_after_gap,
            quiet=bar.volume == 0,
        )
        return Row(bar.closed_at, int(quality), *self._arranged((*values, nan)))

    def _is_stale(self, closed_at: Millis) -> bool:
        """Return whether the newest 4-hour bar is missing, if any of its columns is read."""
        slow = self._columns.slow.names
        return bool(slow) and is_stale(closed_at, self._slow.closed_at, self._settings.max_view_age)


class LiveView:
    """One view's columns at its newest bar."""

    def __init__(self, formulas: Formulas, bars: BarColumns, settings: FeatureSettings) -> None:
        recording = Recording()
        columns = formulas(recording, ArrayInputs(bars, settings))
        self._formulas = formulas
        self._settings = settings
        self._replay = Replay(recording.nodes)
        known = bars.closed_at.size > 0
        self.closed_at = int(bars.closed_at[-1]) if known else NO_VIEW
        self.values = tuple(float(column[-1]) if known else nan for column in columns)

    def update(self, bar: Bar) -> tuple[float, ...]:
        """Take the view's next bar and return the columns there."""
        self.closed_at = bar.closed_at
        self.values = self._replay.step(self._formulas, scalar_inputs(bar, self._settings))
        return self.values


def _bars(columns: BarColumns) -> list[Bar]:
    return [Bar(*bar) for bar in zip(*(column.tolist() for column in columns), strict=True)]
