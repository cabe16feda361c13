"""The only orders that can leave this program: an approved entry, a protective stop, a close.

A margin order without a position side is a spot order on bitbank, and one with the wrong side opens a second
position. So an `OutgoingOrder` is made by the three functions below and by nothing else: direction and position
follow from the purpose.
"""

from enum import IntEnum
from typing import Final, NoReturn

from src.core.domain.exchange import POSITION_OF, SIDE_OF_POSITION, OrderType, PositionSide
from src.core.domain.market import Lots, Side, Ticks
from src.trading.risk import ApprovedOrder


class Purpose(IntEnum):
    """What an order is for. Codes are stored: never renumbered."""

    ENTRY = 1  # opens
    STOP = 2  # rests on the exchange and closes at the trigger
    CLOSE = 3  # closes now


_SEAL: Final = object()


class OutgoingOrder:
    """One margin order, ready to be sent once."""

    __slots__ = ("lots", "position", "post_only", "price", "purpose", "side", "trigger", "type")

    purpose: Purpose
    side: Side  # of the order
    position: PositionSide  # that it opens or closes
    type: OrderType
    lots: Lots
    price: Ticks | None
    trigger: Ticks | None
    post_only: bool

    def __init__(
        self,
        purpose: Purpose,
        position: PositionSide,
        kind: OrderType,
        lots: Lots,
        price: Ticks | None,
        trigger: Ticks | None,
        post_only: bool,
        seal: object,
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("an OutgoingOrder comes from entry, protective_stop or close and from nowhere else")
        if lots <= 0 or any(level is not None and level <= 0 for level in (price, trigger)):
            raise ValueError(f"an order needs a size and levels above 0, not {lots} lots at {price}, trigger {trigger}")
        opening = SIDE_OF_POSITION[position]
        side = opening if purpose == Purpose.ENTRY else Side(-opening)
        for name, value in zip(
            self.__slots__, (lots, position, post_only, price, purpose, side, trigger, kind), strict=True
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an OutgoingOrder does not change: {name} stays as it is")

    def __repr__(self) -> str:
        levels = f" at {self.price}" if self.price is not None else ""
        levels += f" trigger {self.trigger}" if self.trigger is not None else ""
        maker = " post-only" if self.post_only else ""
        return f"{self.purpose.name} {self.type} {self.side.name} {self.lots} lots{levels} ({self.position}){maker}"


def entry(approved: ApprovedOrder, lots: Lots, price: Ticks | None, post_only: bool) -> OutgoingOrder:
    """Return an order that opens at most what was approved.

    Parameters
    ----------
    lots
        What is still to be opened: at most the approved size.
    price
        Of a limit order; None for a market order.

    Raises
    ------
    ValueError
        If it is more than was approved.
    """
    if lots > approved.verdict.lots:
        raise ValueError(f"{approved.verdict.lots} lots were approved, not {lots}")
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    position = POSITION_OF[approved.verdict.side]
    return OutgoingOrder(Purpose.ENTRY, position, kind, lots, price, None, post_only and price is not None, _SEAL)


def protective_stop(position: PositionSide, lots: Lots, trigger: Ticks) -> OutgoingOrder:
    """Return a stop that closes `lots` of a position at the market once `trigger` is traded."""
    return OutgoingOrder(Purpose.STOP, position, OrderType.STOP, lots, None, trigger, False, _SEAL)


def close(position: PositionSide, lots: Lots, price: Ticks | None) -> OutgoingOrder:
    """Return an order that closes `lots` of a position now.

    Parameters
    ----------
    price
        The worst that is accepted (a limit order that takes what is better); None for a market order.
    """
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    return OutgoingOrder(Purpose.CLOSE, position, kind, lots, price, None, False, _SEAL)
