"""Closed bars of one series, in columns."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from src.core.domain.market import Bar, Lots, Ticks
from src.core.domain.time import Millis, format_jst
from src.core.exceptions import BadCandles

Int64s = npt.NDArray[np.int64]

COLUMNS: Final = ("closed_at", "open", "high", "low", "close", "volume")


class SeriesInfo(NamedTuple):
    """What a series of candles is, apart from its bars."""

    name: str
    symbol: str  # "BTC/JPY"
    timeframe: int  # milliseconds
    synthetic: bool  # made by a program, not by a market
    source: str  # where the bars came from, for people


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Closed bars in strictly increasing time, as read-only int64 columns of one length.

    Nothing is said about the bars' distance (gaps are real) or their sense (see `src.data.quality`).

    Raises
    ------
    TypeError
        If a column is not a one-dimensional int64 array.
    ValueError
        If the columns differ in length.
    BadCandles
        If the times do not strictly increase.
    """

    closed_at: Int64s  # ms UTC
    open: Int64s  # ticks
    high: Int64s
    low: Int64s
    close: Int64s
    volume: Int64s  # lots

    def __post_init__(self) -> None:
        """Check the columns and make them read-only; a column that others could still write to is copied."""
        for name in COLUMNS:
            column = getattr(self, name)
            if not isinstance(column, np.ndarray) or column.dtype != np.int64 or column.ndim != 1:
                raise TypeError(f"{name} was not a one-dimensional int64 array")
            if len(column) != len(self.closed_at):
                raise ValueError(f"{name} had {len(column)} values for {len(self.closed_at)} bars")
            object.__setattr__(self, name, _frozen(column))
        stuck = np.flatnonzero(self.closed_at[1:] <= self.closed_at[:-1])
        if len(stuck):
            i = int(stuck[0]) + 1
            raise BadCandles(
                f"bar {i + 1} closed {format_jst(self._time(i))}, not after the one before it",
                remedy="sort the candles by time and remove duplicates",
            )

    @classmethod
    def empty(cls) -> Self:
        """Return no bars."""
        return cls(*(np.empty(0, np.int64) for _ in COLUMNS))

    @classmethod
    def of(cls, bars: Iterable[Bar]) -> Self:
        """Return `bars` as columns."""
        table = np.array([tuple(bar) for bar in bars], np.int64).reshape(-1, len(COLUMNS))
        return cls(*(np.ascontiguousarray(table[:, i]) for i in range(len(COLUMNS))))

    @classmethod
    def joined(cls, pieces: Iterable["Candles"]) -> Self:
        """Return `pieces` behind one another; as for `concat`, each begins after the one before it."""
        tables = [piece.columns for piece in pieces]
        return cls(*(np.concatenate(parts) for parts in zip(*tables, strict=True))) if tables else cls.empty()

    @property
    def columns(self) -> tuple[Int64s, ...]:
        """The six arrays, in the order of `COLUMNS`."""
        return (self.closed_at, self.open, self.high, self.low, self.close, self.volume)

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.closed_at)

    def __iter__(self) -> Iterator[Bar]:
        """Yield the bars in order."""
        return (self.bar(i) for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Return whether `other` holds the same bars."""
        if not isinstance(other, Candles):
            return NotImplemented
        return all(np.array_equal(a, b) for a, b in zip(self.columns, other.columns, strict=True))

    def __hash__(self) -> int:
        """Return a hash that agrees with equality."""
        return hash(self.sha256())

    def bar(self, i: int) -> Bar:
        """Return the bar at position `i`; negative positions count from the end."""
        return Bar(
            self._time(i),
            Ticks(int(self.open[i])),
            Ticks(int(self.high[i])),
            Ticks(int(self.low[i])),
            Ticks(int(self.close[i])),
            Lots(int(self.volume[i])),
        )

    def between(self, start: Millis, end: Millis) -> "Candles":
        """Return the bars that closed after `start` and not after `end` (a view, nothing is copied)."""
        first, last = np.searchsorted(self.closed_at, [start, end], side="right")
        return self.rows(slice(int(first), max(int(first), int(last))))

    def rows(self, which: slice | npt.NDArray[np.bool_]) -> "Candles":
        """Return the bars at the positions of an increasing slice or of a mask."""
        return Candles(*(column[which] for column in self.columns))

    def concat(self, later: "Candles") -> "Candles":
        """Return these bars followed by `later`.

        Raises
        ------
        BadCandles
            If `later` does not begin after the last of these bars.
        """
        return Candles.joined([self, later])

    def sha256(self) -> str:
        """Return the hash of the contents: equal bars have equal hashes on every machine."""
        digest = hashlib.sha256()
        for column in self.columns:
            digest.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
        return digest.hexdigest()

    def _time(self, i: int) -> Millis:
        return Millis(int(self.closed_at[i]))


def _frozen(column: Int64s) -> Int64s:
    """Return `column` as an array that nobody can write to; without a copy when that already holds."""
    owner: object = column
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            copy = column.copy()
            copy.setflags(write=False)
            return copy
        owner = owner.base
    return column
