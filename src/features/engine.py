"""One way to write an indicator, two ways to run it: over arrays, or bar by bar with the same bits.

A view's formulas are one function of an `Engine` and a bar's numbers. `ArrayEngine` runs it over whole
columns with TA-Lib's functions. `Recording` does the same and keeps a handle of `talib.stream` for each
call, in order; `Replay` then runs the function on single bars, each call meeting its own handle.
Beyond TA-Lib only + - * / and comparisons are used: numpy and Python agree on their bits.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from inspect import unwrap
from math import inf, isfinite, isnan, nan
from typing import Final, Generic, NamedTuple, Protocol

import numpy as np

from src.core.exceptions import DataError
from src.features.bars import FloatArray, Ohlcv, S
from src.features.indicators import InsufficientHistory, stream, talib
from src.features.rank_correlation import RankCorrelation, rank_correlation

Outputs = float | tuple[float, ...]


class Handle(Protocol):
    """A running indicator, as `talib.stream` has them."""

    @property
    def update(self) -> Callable[..., Outputs]:
        """Take the next bar's inputs and return the indicator's value there."""
        ...


class Kernel(NamedTuple):
    """An indicator in both forms: a function of arrays, and an opener of handles on the same arrays."""

    name: str
    batch: Callable[..., FloatArray | tuple[FloatArray, ...]]
    open: Callable[..., Handle]
    outputs: int = 1


class Before:
    """A delay of one bar, in the form of a `talib.stream` handle."""

    def __init__(self, history: FloatArray) -> None:
        self._last = float(history[-1])

    def update(self, x: float) -> float:
        """Return the value before `x`."""
        last, self._last = self._last, x
        return last


def before(x: FloatArray) -> FloatArray:
    """Return `x` one bar later; the first is NaN."""
    out = np.empty(x.size)
    out[:1] = nan
    out[1:] = x[:-1]
    return out


# Unwrapped: what TA-Lib puts around its functions asks of every call whether its inputs are data frames.
SMA: Final = Kernel("SMA", unwrap(talib.SMA), stream.SMA)
EMA: Final = Kernel("EMA", unwrap(talib.EMA), stream.EMA)
RSI: Final = Kernel("RSI", unwrap(talib.RSI), stream.RSI)
ATR: Final = Kernel("ATR", unwrap(talib.ATR), stream.ATR)
ROCP: Final = Kernel("ROCP", unwrap(talib.ROCP), stream.ROCP)
STDDEV: Final = Kernel("STDDEV", unwrap(talib.STDDEV), stream.STDDEV)
MAX: Final = Kernel("MAX", unwrap(talib.MAX), stream.MAX)
MIN: Final = Kernel("MIN", unwrap(talib.MIN), stream.MIN)
AROONOSC: Final = Kernel("AROONOSC", unwrap(talib.AROONOSC), stream.AROONOSC)
MACD: Final = Kernel("MACD", unwrap(talib.MACD), stream.MACD, outputs=3)
BBANDS: Final = Kernel("BBANDS", unwrap(talib.BBANDS), stream.BBANDS, outputs=3)
RCI: Final = Kernel("RCI", rank_correlation, RankCorrelation)
BEFORE: Final = Kernel("BEFORE", before, Before)


class Engine(ABC, Generic[S]):
    """The indicators formulas may use. Each is NaN until its window is full."""

    @abstractmethod
    def run(self, kernel: Kernel, inputs: tuple[S, ...], options: tuple[float, ...]) -> tuple[S, ...]:
        """Return the outputs of one indicator.

        Raises
        ------
        DataError
            An input is not finite after its first finite value: TA-Lib would remember it for ever.
        """

    @abstractmethod
    def ratio(self, a: S, b: S) -> S:
        """Return a / b where b is above 0 and finite, else NaN."""

    @abstractmethod
    def where_positive(self, test: S, x: S) -> S:
        """Return x where `test` is above 0, else NaN."""

    @abstractmethod
    def clip(self, x: S, limit: float) -> S:
        """Return x held between -limit and limit; NaN stays NaN."""

    def where_any(self, test: S, n: int, x: S) -> S:
        """Return x, itself NaN until `n` bars are known, where one of the last `n` values of `test` is above 0."""
        return self.where_positive(self.highest(test, n), x)

    def where_moving(self, test: S, n: int, x: S) -> S:
        """Return x, itself NaN until `n` bars are known, where the last `n` values of `test` are not all the same."""
        # exactly 0 in a flat window, where a deviation may not be
        return self.where_positive(self.highest(test, n) - self.lowest(test, n), x)

    def before(self, x: S) -> S:
        """Return the value of x one bar earlier; NaN at the fold's first bar."""
        return self.run(BEFORE, (x,), ())[0]

    def sma(self, x: S, n: int) -> S:
        """Return the mean of the last `n` values."""
        return self.run(SMA, (x,), (n,))[0]

    def ema(self, x: S, n: int) -> S:
        """Return the exponential mean with weight 2 / (n + 1), seeded with the first `n` values' mean."""
        return self.run(EMA, (x,), (n,))[0]

    def rsi(self, x: S, n: int) -> S:
        """Return Wilder's relative strength index, 0..100."""
        return self.run(RSI, (x,), (n,))[0]

    def atr(self, high: S, low: S, close: S, n: int) -> S:
        """Return Wilder's average true range, in the unit of price."""
        return self.run(ATR, (high, low, close), (n,))[0]

    def rate_of_change(self, x: S, n: int) -> S:
        """Return x over its value `n` bars earlier, less 1."""
        return self.run(ROCP, (x,), (n,))[0]

    def deviation(self, x: S, n: int) -> S:
        """Return the population deviation of the last `n` values."""
        return self.run(STDDEV, (x,), (n, 1.0))[0]

    def highest(self, x: S, n: int) -> S:
        """Return the greatest of the last `n` values."""
        return self.run(MAX, (x,), (n,))[0]

    def lowest(self, x: S, n: int) -> S:
        """Return the least of the last `n` values."""
        return self.run(MIN, (x,), (n,))[0]

    def swing(self, high: S, low: S, n: int) -> S:
        """Return Aroon up less Aroon down over `n` bars, -100..100: above 0 the high is newer than the low."""
        return self.run(AROONOSC, (high, low), (n - 1,))[0]  # TA-Lib counts the bars before the newest

    def macd(self, x: S, fast: int, slow: int, signal: int) -> tuple[S, S]:
        """Return the difference of two exponential means and its own exponential mean."""
        line, mean, _ = self.run(MACD, (x,), (fast, slow, signal))
        return line, mean

    def bands(self, x: S, n: int, width: float) -> tuple[S, S]:
        """Return the mean of the last `n` values plus and minus `width` population deviations."""
        upper, _, lower = self.run(BBANDS, (x,), (n, width, width))
        return upper, lower

    def rank_correlation(self, x: S, n: int) -> S:
        """Return the RCI over `n` values, -100..100."""
        return self.run(RCI, (x,), (n,))[0]


class Formulas(Protocol):
    """A view's columns, written once."""

    def __call__(self, ta: Engine[S], bars: Ohlcv[S]) -> tuple[S, ...]:
        """Return the columns of one view; the same calls to `ta` in the same order every time."""
        ...


class ArrayEngine(Engine[FloatArray]):
    """Runs formulas over columns, shape (n,) each, that hold one fold or several end to end.

    Parameters
    ----------
    finite
        Arrays in one piece each, by identity, that are known to hold finite numbers alone: nobody looks at them
        again. It may still grow.
    folds
        Where each fold stands in the columns: an indicator begins anew at each, and what works bar by bar runs over
        all of them in one call. None says that a column is one fold.
    """

    def __init__(self, finite: dict[int, FloatArray] | None = None, folds: Sequence[slice] | None = None) -> None:
        self._sound = {} if finite is None else finite  # most calls share their inputs
        self._folds = folds

    def run(self, kernel: Kernel, inputs: tuple[FloatArray, ...], options: tuple[float, ...]) -> tuple[FloatArray, ...]:
        """Return the outputs over the columns, NaN until defined in each fold."""
        folds = self._places(inputs[0])
        parts = []
        for fold, start in zip(folds, self._first_known(folds, kernel, inputs), strict=True):
            if start > fold.start:
                parts.append((np.full(start - fold.start, nan),) * kernel.outputs)
            if start < fold.stop:
                here = slice(start, fold.stop)
                parts.append(_batch(kernel, tuple([x[here] for x in inputs]), options))
        if not parts:
            return (np.empty(0),) * kernel.outputs
        return parts[0] if len(parts) == 1 else tuple([np.concatenate(one) for one in zip(*parts, strict=True)])

    def _places(self, x: FloatArray) -> Sequence[slice]:
        return [slice(0, x.size)] if self._folds is None else self._folds

    def _first_known(self, folds: Sequence[slice], kernel: Kernel, inputs: tuple[FloatArray, ...]) -> list[int]:
        """Return the place in the columns from which on every input is finite, for each fold; its end if none is."""
        if all(id(x) in self._sound for x in inputs):
            return [fold.start for fold in folds]
        finite = np.logical_and.reduce([np.isfinite(x) for x in inputs])
        lost = finite[:-1] & ~finite[1:]
        lost[[fold.start - 1 for fold in folds if fold.start]] = False
        if lost.any():
            raise _not_finite(kernel)
        starts = []
        for fold in folds:
            first = fold.start + int(finite[fold].argmax()) if fold.start < fold.stop else fold.stop
            starts.append(first if first < fold.stop and finite[first] else fold.stop)
        return starts

    def ratio(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Return a / b bar by bar, NaN where b is not above 0 and finite."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # infinity is found out as not finite
            if b.size and np.fmin.reduce(b) > 0.0 and np.fmax.reduce(b) < inf:
                return a / b  # NaN where b is NaN
            return np.where((b > 0.0) & (b < inf), a / b, nan)

    def where_positive(self, test: FloatArray, x: FloatArray) -> FloatArray:
        """Return x where `test` is above 0, else NaN."""
        return np.where(test > 0.0, x, nan)

    def clip(self, x: FloatArray, limit: float) -> FloatArray:
        """Return x held between -limit and limit."""
        return np.where(x > limit, limit, np.where(x < -limit, -limit, x))

    def before(self, x: FloatArray) -> FloatArray:
        """Return x one bar later in each fold, which leaves the bars before its first number unknown as they were."""
        folds = self._places(x)
        self._first_known(folds, BEFORE, (x,))
        out = before(x)
        out[[fold.start for fold in folds if fold.start < x.size]] = nan
        return out

    def where_any(self, test: FloatArray, n: int, x: FloatArray) -> FloatArray:
        """Return x where one of the last `n` values of `test` is above 0."""
        if test.size and np.minimum.reduce(test) > 0.0:
            return x
        return super().where_any(test, n, x)

    def where_moving(self, test: FloatArray, n: int, x: FloatArray) -> FloatArray:
        """Return x where the last `n` values of `test` are not all the same."""
        still = np.flatnonzero(test[1:] == test[:-1])
        runs = max(n - 1, 1)  # so many in a row make a flat window
        if still.size < runs or not (still[runs - 1 :] - still[: still.size - runs + 1] == runs - 1).any():
            return x
        return super().where_moving(test, n, x)


class Node:
    """One call of a view's formulas, carried from bar to bar."""

    def __init__(self, kernel: Kernel, inputs: tuple[FloatArray, ...], options: tuple[float, ...]) -> None:
        self._kernel = kernel
        self._options = options
        self._known, _ = _known(kernel, inputs)
        self._handle = self._opened()

    def update(self, inputs: tuple[float, ...]) -> tuple[float, ...]:
        """Take the next bar's inputs and return the outputs there, NaN while history is too short."""
        for x in inputs:
            if not isfinite(x):
                return self._unknown()
        if self._handle is None:
            return self._wait(inputs)
        outputs = self._handle.update(*inputs)
        return outputs if isinstance(outputs, tuple) else (outputs,)

    def _opened(self) -> Handle | None:
        if not self._known[0].size:
            return None
        try:
            handle = self._kernel.open(*self._known, *self._options)
        except InsufficientHistory:
            return None
        self._known = tuple(column[:0] for column in self._known)  # the handle remembers all it needs
        return handle

    def _wait(self, inputs: tuple[float, ...]) -> tuple[float, ...]:
        """Lengthen the history by one bar; the batch form answers until a handle can be opened."""
        known = tuple(np.append(column, x) for column, x in zip(self._known, inputs, strict=True))
        outputs = tuple(float(out[-1]) for out in _batch(self._kernel, known, self._options))
        self._known = known
        self._handle = self._opened()
        return outputs

    def _unknown(self) -> tuple[float, ...]:
        if self._handle is not None or self._known[0].size:
            raise _not_finite(self._kernel)
        return (nan,) * self._kernel.outputs


class Recording(ArrayEngine):
    """Runs formulas over the columns of a block and keeps each call as a node to go on from."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []

    def run(self, kernel: Kernel, inputs: tuple[FloatArray, ...], options: tuple[float, ...]) -> tuple[FloatArray, ...]:
        """Return the outputs over the block, and keep the call."""
        self.nodes.append(Node(kernel, inputs, options))
        return super().run(kernel, inputs, options)

    # A block may need no window, the bars after it may: these always ask the indicators.
    before = Engine.before
    where_any = Engine.where_any
    where_moving = Engine.where_moving


class Replay(Engine[float]):
    """Runs formulas on one bar after another, from where a `Recording` ended."""

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes
        self._at = 0

    def step(self, formulas: Formulas, bars: Ohlcv[float]) -> tuple[float, ...]:
        """Return the columns at the next bar."""
        self._at = 0
        return formulas(self, bars)

    def run(self, kernel: Kernel, inputs: tuple[float, ...], options: tuple[float, ...]) -> tuple[float, ...]:
        """Return the next bar's outputs of the call that has its turn."""
        node = self._nodes[self._at]
        self._at += 1
        return node.update(inputs)

    def ratio(self, a: float, b: float) -> float:
        """Return a / b, NaN where b is not above 0 and finite."""
        return a / b if 0.0 < b < inf else nan

    def where_positive(self, test: float, x: float) -> float:
        """Return x where `test` is above 0, else NaN."""
        return x if test > 0.0 else nan

    def clip(self, x: float, limit: float) -> float:
        """Return x held between -limit and limit."""
        if x > limit:
            return limit
        return -limit if x < -limit else x


def _batch(kernel: Kernel, known: tuple[FloatArray, ...], options: tuple[float, ...]) -> tuple[FloatArray, ...]:
    outputs = kernel.batch(*known, *options)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _known(kernel: Kernel, inputs: tuple[FloatArray, ...]) -> tuple[tuple[FloatArray, ...], int]:
    """Return the inputs without the bars before all are known, and the number of those bars."""
    leading = [_leading_unknown(x) for x in inputs]
    if min(leading) >= 0:
        first = max(leading)
        return tuple(np.ascontiguousarray(x[first:]) for x in inputs), first
    finite = np.isfinite(inputs[0])
    for x in inputs[1:]:
        finite &= np.isfinite(x)
    first = int(finite.argmax()) if finite.any() else finite.size
    if np.count_nonzero(finite) != finite.size - first:
        raise _not_finite(kernel)
    return tuple(np.ascontiguousarray(x[first:]) for x in inputs), first


def _leading_unknown(x: FloatArray) -> int:
    """Return after how many NaN every value is finite; -1 if a sum cannot tell: all are NaN, or it overflowed."""
    first = _first_number(x)
    with np.errstate(over="ignore", invalid="ignore"):
        return first if isfinite(np.add.reduce(x[first:])) else -1  # not dot: it may start threads


def _first_number(x: FloatArray) -> int:
    """Return how many NaN stand before the first number; 0 if there is none."""
    return int(np.isnan(x).argmin()) if x.size and isnan(x[0]) else 0


def _not_finite(kernel: Kernel) -> DataError:
    return DataError(
        f"{kernel.name} was given a number that is not finite inside its history",
        remedy="compare the stored candles with the exchange's, store them again, then start again",
    )
