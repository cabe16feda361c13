"""What an exchange's streams say. Each is a hint to look, never the truth: streams lose, repeat and reorder."""

from typing import NamedTuple

from src.core.domain.exchange import FillReport, OrderReport
from src.core.domain.market import Lots, Side, Ticks
from src.core.domain.time import Millis


class OrderSeen(NamedTuple):
    """An order of ours was accepted or changed."""

    order: OrderReport


class FillSeen(NamedTuple):
    """An order of ours traded."""

    fill: FillReport


class PositionSeen(NamedTuple):
    """A position or the margin's state changed; read the account."""

    text: str  # which stream message it was


class TradeSeen(NamedTuple):
    """Somebody traded."""

    trade_id: int
    side: Side  # of the taker
    price: Ticks
    lots: Lots
    at: Millis


class ModeSeen(NamedTuple):
    """The circuit breaker spoke; read the market."""

    text: str


class StreamUp(NamedTuple):
    """A stream is connected, anew or again: everything before may have been missed, read it."""

    private: bool
    at: Millis


class StreamDown(NamedTuple):
    """A stream is lost; the adapter is reconnecting."""

    private: bool
    at: Millis
    why: str


ExchangeEvent = OrderSeen | FillSeen | PositionSeen | TradeSeen | ModeSeen | StreamUp | StreamDown
