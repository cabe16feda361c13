"""Closed bars as columns of integers, and the one place where they become floats."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Final, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from src.core.domain.market import Bar, Instrument
from src.core.domain.time import BAR_4H, BAR_15M, Millis, format_jst
from src.core.exceptions import BadCandles, ConfigError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
S = TypeVar("S", float, FloatArray)
"""A series: one number per bar (live) or one array over all bars (batch)."""
S_co = TypeVar("S_co", float, FloatArray, IntArray, covariant=True)

PARTS: Final = BAR_4H // BAR_15M
_PIECE: Final = 16_384  # bars that are checked at once
_EXACT: Final = 2**53  # whole numbers above this have no float of their own
_REPAIR: Final = "compare the stored candles around this time with the exchange's and store them again"


class BarColumns(NamedTuple):
    """Closed bars in order of time: int64 arrays of one length, on the exchange's grids."""

    closed_at: IntArray  # ms UTC
    open: IntArray  # ticks
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray  # lots

    @classmethod
    def of(cls, bars: list[Bar]) -> Self:
        """Return the columns of a list of bars, which may be empty."""
        table = np.array(bars, dtype=np.int64).reshape(len(bars), 6)
        return cls(*np.ascontiguousarray(table.T))

    def between(self, first: int, end: int) -> "BarColumns":
        """Return the bars `first` up to but without `end`, as views."""
        return BarColumns(*(column[first:end] for column in self))


class Ohlcv(Protocol[S_co]):
    """What a view's formulas see of a bar: prices in JPY, volume in BTC."""

    @property
    def open(self) -> S_co:
        """The first price."""
        ...

    @property
    def high(self) -> S_co:
        """The highest."""
        ...

    @property
    def low(self) -> S_co:
        """The lowest."""
        ...

    @property
    def close(self) -> S_co:
        """The last."""
        ...

    @property
    def volume(self) -> S_co:
        """What was traded."""
        ...


class TickColumns(Ohlcv[IntArray], Protocol):
    """Columns of whole ticks and lots that can become floats: bars, or what is built from them."""

    @property
    def closed_at(self) -> IntArray:
        """When each closed, ms UTC."""
        ...


class BarInputs(NamedTuple):
    """One bar in JPY and BTC."""

    open: float
    high: float
    low: float
    close: float
    volume: float


class ArrayInputs:
    """Bars in JPY and BTC, in the same bits; each column is converted when it is first asked for.

    Parameters
    ----------
    bars
        Checked.
    spans
        Which bars, stretch by stretch: the columns hold them end to end, `folds` says where. None takes all.
    """

    def __init__(self, bars: TickColumns, settings: "FeatureSettings", spans: Sequence[slice] | None = None) -> None:
        self._bars = bars
        self._settings = settings
        self._spans = [slice(0, bars.closed_at.size)] if spans is None else spans
        ends = [0, *accumulate(span.stop - span.start for span in self._spans)]
        self.folds = [slice(start, end) for start, end in pairwise(ends)]
        self.finite: dict[int, FloatArray] = {}
        """What was converted so far, by identity: whole numbers below 2^53 are finite."""

    @cached_property
    def open(self) -> FloatArray:
        """Opens, JPY."""
        return self._price(self._bars.open)

    @cached_property
    def high(self) -> FloatArray:
        """Highs, JPY."""
        return self._price(self._bars.high)

    @cached_property
    def low(self) -> FloatArray:
        """Lows, JPY."""
        return self._price(self._bars.low)

    @cached_property
    def close(self) -> FloatArray:
        """Closes, JPY."""
        return self._price(self._bars.close)

    @cached_property
    def volume(self) -> FloatArray:
        """Volumes, BTC."""
        lots = self._taken(self._bars.volume)
        lots /= self._settings.lots_per_unit
        return self._kept(lots)

    def _price(self, ticks: IntArray) -> FloatArray:
        price = self._taken(ticks)
        if self._settings.tick_size != 1.0:
            price *= self._settings.tick_size
        return self._kept(price)

    def _taken(self, column: IntArray) -> FloatArray:
        """Return the spans of a column end to end, as floats: whole numbers below 2^53 lose nothing."""
        return np.concatenate([column[span] for span in self._spans], dtype=np.float64)

    def _kept(self, column: FloatArray) -> FloatArray:
        self.finite[id(column)] = column
        return column


class FeatureSettings(NamedTuple):
    """The grids of the pair and the three limits that decide what counts as missing."""

    tick_size: float = 1.0  # JPY
    lots_per_unit: float = 10_000.0  # lots in one BTC
    min_parts: int = 12  # a 4-hour bar with fewer of its 16 parts is a gap
    bars_after_gap: int = 4  # bars that carry AFTER_GAP once the feed is back
    max_view_age: int = BAR_4H  # ms; a newest 4-hour bar this old is stale: the one after it is missing

    @classmethod
    def of(cls, instrument: Instrument, min_parts: int = 12, bars_after_gap: int = 4) -> Self:
        """Return the settings for `instrument`'s grids."""
        per_unit = float(Decimal(1) / instrument.lot_size)
        return cls(float(instrument.tick_size), per_unit, min_parts, bars_after_gap)


def check_settings(settings: FeatureSettings) -> None:
    """Refuse settings under which a row would mean nothing.

    Raises
    ------
    ConfigError
        A value is outside its range; the text names it and the range.
    """
    ranges = (
        ("tick_size", settings.tick_size, 0.0 < settings.tick_size < _EXACT, "above 0"),
        ("lots_per_unit", settings.lots_per_unit, 0.0 < settings.lots_per_unit < _EXACT, "above 0"),
        ("min_parts", settings.min_parts, 1 <= settings.min_parts <= PARTS, f"from 1 to {PARTS}"),
        ("bars_after_gap", settings.bars_after_gap, settings.bars_after_gap >= 1, "at least 1"),
        ("max_view_age", settings.max_view_age, settings.max_view_age >= BAR_4H, f"at least {BAR_4H} ms"),
    )
    for name, value, fits, want in ranges:
        if not fits:
            raise ConfigError(f"feature setting {name} is {value}", remedy=f"set {name} to a value {want}")


def check_columns(bars: BarColumns) -> None:
    """Refuse bars that break a rule of candles.

    Raises
    ------
    BadCandles
        Columns differ in type or length, a bar is out of order or off the 15-minute grid, or its
        numbers cannot belong to one candle; the text names the first such bar.
    """
    shapes = {(column.dtype.str, column.shape) for column in bars}
    if shapes != {(np.dtype(np.int64).str, (bars.closed_at.size,))}:
        raise BadCandles(f"bar columns differ: {sorted(shapes)}", remedy="give six int64 arrays of one length")
    # piece by piece, each with the bar before it: of more bars than these the columns leave the processor's cache
    pieces = (bars.between(max(k - 1, 0), k + _PIECE) for k in range(0, bars.closed_at.size, _PIECE))
    if not all(_times_are_sound(piece.closed_at) and _numbers_are_sound(piece) for piece in pieces):
        i = int(np.argmax(_broken(bars)))
        previous = Millis(int(bars.closed_at[i - 1])) if i else None
        raise _refusal(Bar(*(int(column[i]) for column in bars)), previous)  # type: ignore[arg-type]  # plain ints


def check_bar(bar: Bar, previous: Millis | None) -> None:
    """Refuse one bar that breaks a rule of candles; `previous` is the close time of the bar before it.

    Raises
    ------
    BadCandles
        As `check_columns`.
    """
    if not (
        (previous is None or bar.closed_at > previous)
        and bar.closed_at % BAR_15M == 0
        and 0 < bar.low <= bar.open <= bar.high < _EXACT
        and bar.low <= bar.close <= bar.high
        and 0 <= bar.volume < _EXACT
    ):
        raise _refusal(bar, previous)


def scalar_inputs(bar: Bar, settings: FeatureSettings) -> BarInputs:
    """Return one bar in JPY and BTC, in the same bits as `ArrayInputs`."""
    tick = settings.tick_size
    return BarInputs(
        float(bar.open) * tick,
        float(bar.high) * tick,
        float(bar.low) * tick,
        float(bar.close) * tick,
        float(bar.volume) / settings.lots_per_unit,
    )


def _times_are_sound(closed_at: IntArray) -> bool:
    """Return whether the times lie on the grid and increase; most steps are one bar, so few are divided."""
    steps = np.diff(closed_at)
    others = steps[steps != BAR_15M]
    return bool(closed_at[0] % BAR_15M == 0 and (others > 0).all() and (others % BAR_15M == 0).all())


def _numbers_are_sound(bars: BarColumns) -> bool:
    _, open_, high, low, close, volume = bars
    return bool(
        low.min() > 0
        and high.max() < _EXACT
        and volume.min() >= 0
        and volume.max() < _EXACT
        and (low <= open_).all()
        and (open_ <= high).all()
        and (low <= close).all()
        and (close <= high).all()
    )


def _broken(bars: BarColumns) -> NDArray[np.bool_]:
    closed_at, open_, high, low, close, volume = bars
    broken: NDArray[np.bool_] = closed_at % BAR_15M != 0
    broken[1:] |= closed_at[1:] <= closed_at[:-1]
    broken |= (low <= 0) | (high >= _EXACT) | (volume < 0) | (volume >= _EXACT)
    broken |= (open_ < low) | (open_ > high) | (close < low) | (close > high)
    return broken


def _refusal(bar: Bar, previous: Millis | None) -> BadCandles:
    after = "the first" if previous is None else f"after the one closed {format_jst(previous)}"
    return BadCandles(f"bar closed {format_jst(bar.closed_at)}, {after}, is not a candle: {bar}", remedy=_REPAIR)
