"""Prices, sizes and cash are integers on the exchange's grids; a bar is stamped with its close.

`Ticks` times `Lots` is `Money`: for BTC/JPY one tick is 1 JPY, one lot 0.0001 BTC, one money unit
0.0001 JPY. `Decimal` appears only where text from outside is read or written.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from enum import IntEnum
from typing import Final, NamedTuple, NewType

from src.core.domain.time import Millis

Ticks = NewType("Ticks", int)
Lots = NewType("Lots", int)
Money = NewType("Money", int)

PPM: Final = 1_000_000
SAFE: Final = 2**62  # every product of the money code stays below this; int64 wraps silently above 2^63


class Side(IntEnum):
    """Direction of an order or a position; as a number, its sign."""

    SELL = -1
    NONE = 0
    BUY = 1


class Bar(NamedTuple):
    """One closed candle."""

    closed_at: Millis
    open: Ticks
    high: Ticks
    low: Ticks
    close: Ticks
    volume: Lots


class Instrument(NamedTuple):
    """The grids and limits of one traded pair."""

    symbol: str  # "BTC/JPY"
    pair: str  # "btc_jpy"
    tick_size: Decimal  # JPY
    lot_size: Decimal  # BTC
    min_lots: Lots  # smallest order
    max_lots: Lots  # largest market order

    @property
    def money_unit(self) -> Decimal:
        """JPY in one `Money` unit."""
        return self.tick_size * self.lot_size

    def ticks(self, price: Decimal) -> Ticks:
        """Return the nearest grid price (half to even)."""
        return Ticks(int((price / self.tick_size).to_integral_value(ROUND_HALF_EVEN)))

    def lots(self, amount: Decimal) -> Lots:
        """Return the nearest grid amount (half to even)."""
        return Lots(int((amount / self.lot_size).to_integral_value(ROUND_HALF_EVEN)))

    def money(self, jpy: Decimal) -> Money:
        """Return the nearest sum on the money grid (half to even)."""
        return Money(int((jpy / self.money_unit).to_integral_value(ROUND_HALF_EVEN)))

    def jpy(self, sum_: Money) -> Decimal:
        """Return a sum of money in JPY, exactly."""
        return sum_ * self.money_unit

    def price(self, at: Ticks) -> Decimal:
        """Return a price in JPY, exactly."""
        return at * self.tick_size

    def amount(self, size: Lots) -> Decimal:
        """Return a size in the base currency, exactly."""
        return size * self.lot_size


BTC_JPY: Final = Instrument(
    symbol="BTC/JPY",
    pair="btc_jpy",
    tick_size=Decimal(1),
    lot_size=Decimal("0.0001"),
    min_lots=Lots(1),
    max_lots=Lots(100_000),
)
"""bitbank's grid for BTC/JPY as of 2026-09-23 (`GET /spot/pairs`); live trading reads it from the exchange."""

INSTRUMENTS: Final = {BTC_JPY.symbol: BTC_JPY}


def notional(price: Ticks, size: Lots) -> Money:
    """Return price times size; a positive sum for a positive size."""
    return Money(price * size)
