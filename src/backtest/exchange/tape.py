"""The public record of trades: every print of every UTC day, and the minutes made of them."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from src.core.domain.market import Side
from src.core.domain.time import DAY, MINUTE, Millis

if TYPE_CHECKING:
    Column = array[int]  # of 64 bits
else:
    Column = array  # Python 3.11's cannot be subscripted at run time

FIELDS: Final = 5  # id, side, price, lots, time


def _column() -> Column:
    return array("q")


class Print(NamedTuple):
    """One trade."""

    id: int
    side: int  # of the taker
    price: int
    lots: int
    at: int


class Range(NamedTuple):
    """What happened in a span of minutes; None everywhere if nothing did."""

    open: int | None
    high: int | None
    low: int | None
    lots: int


@dataclass(slots=True)
class Tape:
    """Trades by UTC day, and minute bars in columns (only minutes with a trade)."""

    last: int | None = None  # price of the last trade
    last_id: int = 0
    days: dict[int, Column] = field(default_factory=dict)  # day number: prints, `FIELDS` numbers each
    minute: Column = field(default_factory=_column)  # number since 1970
    open: Column = field(default_factory=_column)
    high: Column = field(default_factory=_column)
    low: Column = field(default_factory=_column)
    close: Column = field(default_factory=_column)
    lots: Column = field(default_factory=_column)

    def record(self, side: Side, price: int, lots: int, at: Millis) -> int:
        """Write one trade down and return its id."""
        self.last = price
        self.last_id += 1
        day = self.days.get(at // DAY)
        if day is None:
            day = self.days[at // DAY] = array("q")
        day.extend((self.last_id, side, price, lots, at))
        minute = at // MINUTE
        if self.minute and self.minute[-1] == minute:
            self._merge(price, lots)
        else:
            columns = (self.minute, self.open, self.high, self.low, self.close, self.lots)
            for column, value in zip(columns, (minute, price, price, price, price, lots), strict=True):
                column.append(value)
        return self.last_id

    def _merge(self, price: int, lots: int) -> None:
        if price > self.high[-1]:
            self.high[-1] = price
        elif price < self.low[-1]:
            self.low[-1] = price
        self.close[-1] = price
        self.lots[-1] += lots

    def newest(self, count: int) -> list[Print]:
        """Return up to `count` trades, newest first."""
        found: list[Print] = []
        for day in sorted(self.days, reverse=True):
            found += self.of_day(day)[::-1][: count - len(found)]
            if len(found) == count:
                break
        return found

    def of_day(self, day: int) -> list[Print]:
        """Return a day's trades, oldest first."""
        flat = self.days.get(day, ())
        return [Print(*flat[i : i + FIELDS]) for i in range(0, len(flat), FIELDS)]

    def since(self, at: Millis) -> Range:
        """Return the range of the minutes that began at or after `at`."""
        i = bisect_left(self.minute, -(-at // MINUTE))
        if i == len(self.minute):
            return Range(None, None, None, 0)
        return Range(self.open[i], max(self.high[i:]), min(self.low[i:]), sum(self.lots[i:]))

    def forget(self, before: Millis) -> None:
        """Drop the trades of the UTC days, and the minutes, that ended by `before`."""
        for day in [d for d in self.days if (d + 1) * DAY <= before]:
            del self.days[day]
        i = bisect_left(self.minute, before // MINUTE)
        for column in (self.minute, self.open, self.high, self.low, self.close, self.lots):
            del column[:i]

    def close_before(self, at: Millis) -> int | None:
        """Return the last price of the minutes that ended by `at`."""
        i = bisect_right(self.minute, at // MINUTE - 1)
        return self.close[i - 1] if i else None
