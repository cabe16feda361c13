"""The formulas: every number of a row, written once for both engines, worked out when it is asked for."""
# ruff: noqa: D102 - what a column is, and its unit, stands once: at its name in row.py

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any, Final, Generic, NamedTuple, TypeVar

from src.features.anchors import SPAN_4H, SPAN_15M
from src.features.bars import Ohlcv, S
from src.features.engine import Engine
from src.features.row import COLUMNS

SWING_BARS: Final = 42  # one week of 4-hour bars
VOLATILITY_BARS: Final = 180  # 30 days
MOMENTUM_BARS: Final = (30, 120, 360)  # 5, 20 and 60 days
MOMENTUM_SCALE: Final = 2.0  # a move of this many of its own deviations counts in full

SLOW: Final = "_4h"
"""Ends the names of the 4-hour view's columns."""

V = TypeVar("V")


class Column(Generic[V]):
    """A number of a view: its formula runs when the number is first asked for, and the view keeps it.

    As `functools.cached_property`, without the lock that one takes before Python 3.12.
    """

    def __init__(self, formula: Callable[[Any], V]) -> None:
        self._formula = formula
        self._name = formula.__name__
        self.__doc__ = formula.__doc__

    def __get__(self, view: object, kind: type) -> V:
        """Return the number; the next time Python finds it in the view itself."""
        made: V = self._formula(view)
        view.__dict__[self._name] = made
        return made


class View(Generic[S]):
    """The twelve managed features of a view."""

    _ta: Engine[S]
    _bars: Ohlcv[S]

    def __init__(self, ta: Engine[S], bars: Ohlcv[S]) -> None:
        self._ta = ta
        self._bars = bars

    @Column
    def close(self) -> S:
        return self._bars.close

    @Column
    def volume(self) -> S:
        return self._bars.volume

    @Column
    def returns_1(self) -> S:
        return self._ta.rate_of_change(self.close, 1)

    @Column
    def rsi_14(self) -> S:
        return self._ta.rsi(self.close, 14)

    @Column
    def _macd(self) -> tuple[S, S]:
        return self._ta.macd(self.close, 12, 26, 9)

    @Column
    def macd(self) -> S:
        return self._macd[0]

    @Column
    def macd_signal(self) -> S:
        return self._macd[1]

    @Column
    def atr_14(self) -> S:
        return self._ta.atr(self._bars.high, self._bars.low, self.close, 14)

    @Column
    def bb_position(self) -> S:
        upper, lower = self._ta.bands(self.close, 20, 2.0)
        return self._ta.where_moving(self.close, 20, self._ta.ratio(self.close - lower, upper - lower))

    @Column
    def ema_20(self) -> S:
        return self._ta.ema(self.close, 20)

    @Column
    def ema_50(self) -> S:
        return self._ta.ema(self.close, 50)

    @Column
    def volume_ratio(self) -> S:
        # a window without a trade is asked for as such: the mean of zeros is rarely exactly 0
        return self._ta.where_any(self.volume, 20, self._ta.ratio(self.volume, self._ta.sma(self.volume, 20)))

    @Column
    def zscore(self) -> S:
        distance = self.close - self._ta.sma(self.close, 50)
        return self._ta.where_moving(self.close, 50, self._ta.ratio(distance, self._ta.deviation(self.close, 50)))


class View15m(View[S]):
    """The 15-minute view: the bar itself and five strategy inputs beside the twelve."""

    @Column
    def open(self) -> S:
        return self._bars.open

    @Column
    def high(self) -> S:
        return self._bars.high

    @Column
    def low(self) -> S:
        return self._bars.low

    @Column
    def rci_9(self) -> S:
        return self._ta.rank_correlation(self.close, 9)

    @Column
    def rci_9_before(self) -> S:
        return self._ta.before(self.rci_9)

    @Column
    def ema_20_before(self) -> S:
        return self._ta.before(self.ema_20)

    @Column
    def close_before(self) -> S:
        return self._ta.before(self.close)

    @Column
    def atr_mean_96(self) -> S:
        return self._ta.sma(self.atr_14, 96)


class View4h(View[S]):
    """The 4-hour view: five strategy inputs beside the twelve."""

    @Column
    def swing_high(self) -> S:
        return self._ta.highest(self._bars.high, SWING_BARS)

    @Column
    def swing_low(self) -> S:
        return self._ta.lowest(self._bars.low, SWING_BARS)

    @Column
    def swing_turn(self) -> S:
        return self._ta.swing(self._bars.high, self._bars.low, SWING_BARS)

    @Column
    def volatility(self) -> S:
        return self._ta.deviation(self.returns_1, VOLATILITY_BARS)

    @Column
    def slow_momentum(self) -> S:
        fast, middle, slow = (self._momentum(n) for n in MOMENTUM_BARS)
        return (fast + middle + slow) / 3.0

    def _momentum(self, n: int) -> S:
        ta = self._ta
        noise = self.volatility * sqrt(n)  # of an n-bar return, if bars were independent
        return ta.clip(ta.ratio(ta.rate_of_change(self.close, n), noise) / MOMENTUM_SCALE, 1.0)


class Chosen(NamedTuple):
    """Some of a view's columns."""

    view: type[View[Any]]
    names: tuple[str, ...]

    def __call__(self, ta: Engine[S], bars: Ohlcv[S]) -> tuple[S, ...]:
        """Return the columns, in the order of their names; the same calls to `ta` every time."""
        view = self.view(ta, bars)
        return tuple([getattr(view, name) for name in self.names])


class ColumnSet(NamedTuple):
    """Which columns of a row are to be known; the others stay NaN, and its quality does not speak for them."""

    own: Chosen  # those of the 15-minute view
    slow: Chosen  # those of the 4-hour view
    places: tuple[int, ...]  # where each of `COLUMNS` stands in `own`, then `slow`, then one NaN

    @property
    def names(self) -> tuple[str, ...]:
        """The columns as a row names them: `own`, then `slow`."""
        return (*self.own.names, *(f"{name}{SLOW}" for name in self.slow.names))

    @property
    def span(self) -> int:
        """How long before a month its fold begins, ms: the longest of the views that are read."""
        return max(SPAN_15M, SPAN_4H if self.slow.names else 0)


def column_set(names: Iterable[str]) -> ColumnSet:
    """Return the set of the columns in `names`.

    Raises
    ------
    KeyError
        A name is not one of `COLUMNS`.
    """
    wanted = set(names)
    if not wanted <= set(COLUMNS):
        raise KeyError(f"no column of a row: {', '.join(sorted(wanted - set(COLUMNS)))}")
    own = [name for name in COLUMNS if name in wanted and not name.endswith(SLOW)]
    slow = [name for name in COLUMNS if name in wanted and name.endswith(SLOW)]
    known = own + slow
    places = tuple(known.index(name) if name in wanted else len(known) for name in COLUMNS)
    return ColumnSet(
        Chosen(View15m, tuple(own)), Chosen(View4h, tuple(name.removesuffix(SLOW) for name in slow)), places
    )


ALL_COLUMNS: Final = column_set(COLUMNS)
