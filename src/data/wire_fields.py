"""Fields of one JSON object from the exchange, read strictly: present, of the stated type, finite and on the grid."""

import re
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

from src.core.domain.market import SAFE, Instrument, Lots, Money, Ticks
from src.core.domain.time import Millis
from src.core.exceptions import Retryable

AGAIN: Final = "read again; if it stays, the exchange changed its interface: compare with its documents"
NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,12})?")
"""Few enough digits for exact arithmetic in the default decimal context of 28."""
LATEST: Final = 4_102_444_800_000  # the year 2100, in milliseconds: beyond it is no time


class BrokenReply(Retryable):
    """The exchange's answer breaks its own documents: nothing in it may be believed."""

    def __init__(self, what: str) -> None:
        super().__init__(what, remedy=AGAIN)


class Fields:
    """One JSON object of a reply; keys that nobody asks for are ignored.

    Parameters
    ----------
    value
        What came.
    where
        Where it stood, for the error.
    instrument
        Whose grids its numbers are on.

    Raises
    ------
    BrokenReply
        By every method: a field is missing, of another type, not finite, off the grid or too large to count exactly.
        Values are named in no error: a reply may hold what is nobody's business.
    """

    def __init__(self, value: object, where: str, instrument: Instrument) -> None:
        if not isinstance(value, Mapping):
            raise BrokenReply(f"{where} is {type(value).__name__}, not an object")
        self._fields: Mapping[str, Any] = value
        self._where = where
        self._instrument = instrument

    def has(self, name: str) -> bool:
        """Return whether a field is there and not null."""
        return self._fields.get(name) is not None

    def inner(self, name: str) -> "Fields":
        """Return an object inside this one."""
        return Fields(self._need(name), f"{self._where}.{name}", self._instrument)

    def rows(self, name: str) -> list["Fields"]:
        """Return a list of objects inside this one."""
        found = self.listed(name)
        return [Fields(row, f"{self._where}.{name}[{i}]", self._instrument) for i, row in enumerate(found)]

    def listed(self, name: str) -> list[Any]:
        """Return a list of whatever there is in it."""
        value = self._need(name)
        if not isinstance(value, list):
            raise self._broken(name, "not a list")
        return value

    def names(self) -> list[str]:
        """Return the names of all fields."""
        return list(self._fields)

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._need(name)
        if not isinstance(value, str):
            raise self._broken(name, "not a text")
        return value

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        value = self._need(name)
        if not isinstance(value, bool):
            raise self._broken(name, "neither true nor false")
        return value

    def whole(self, name: str, least: int = 0) -> int:
        """Return a whole number of at least `least`."""
        value = self._need(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._broken(name, "not a whole number")
        if not least <= value < SAFE:
            raise self._broken(name, "out of range")
        return value

    def moment(self, name: str) -> Millis:
        """Return a time, ms UTC."""
        value = self.whole(name, 1)
        if value > LATEST:
            raise self._broken(name, "no time")
        return Millis(value)

    def price(self, name: str) -> Ticks:
        """Return a price above 0."""
        value = self._grid(name, self._instrument.tick_size)
        if value <= 0:
            raise self._broken(name, "not above 0")
        return Ticks(value)

    def average(self, name: str) -> Ticks:
        """Return an average of prices, cut to the grid; 0 where there is none."""
        value = self.number(name)
        if value < 0:
            raise self._broken(name, "below 0")
        return Ticks(int((value / self._instrument.tick_size).to_integral_value(ROUND_FLOOR)))

    def size(self, name: str, least: int = 0) -> Lots:
        """Return a size of at least `least` lots."""
        value = self._grid(name, self._instrument.lot_size)
        if value < least:
            raise self._broken(name, "too small to be one")
        return Lots(value)

    def money(self, name: str) -> Money:
        """Return a sum, which may be negative."""
        return Money(self._grid(name, self._instrument.money_unit))

    def parts(self, name: str, per: int) -> int:
        """Return a number in `per` parts of 1."""
        return self._grid(name, Decimal(1) / per)

    def number(self, name: str) -> Decimal:
        """Return a number that came as text."""
        value = self._need(name)
        if not isinstance(value, str) or NUMBER.fullmatch(value) is None:
            raise self._broken(name, "not a number in a text")
        return Decimal(value)

    def _grid(self, name: str, step: Decimal) -> int:
        steps = self.number(name) / step
        whole = int(steps)
        if steps != whole:
            raise self._broken(name, f"not a multiple of {step}")
        if not -SAFE < whole < SAFE:
            raise self._broken(name, "too large")
        return whole

    def _need(self, name: str) -> Any:
        value = self._fields.get(name)
        if value is None:
            raise self._broken(name, "null" if name in self._fields else "missing")
        return value

    def _broken(self, name: str, what: str) -> BrokenReply:
        return BrokenReply(f"{self._where}.{name} is {what}")
