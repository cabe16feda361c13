"""The exchange's own words; each value is what the wire carries. Those that traders read too stand in core.domain."""

from enum import StrEnum
from typing import Final

from src.core.domain.exchange import (
    SIDE_OF_POSITION,
    CircuitMode,
    MarginState,
    OrderStatus,
    OrderType,
    PairStatus,
    PositionSide,
)
from src.core.domain.market import Side

__all__ = [
    "ACTIVE",
    "CANCELED",
    "OPENING",
    "PRICED_TYPES",
    "SIDE_OF",
    "SIDE_TEXT",
    "TRIGGERED_TYPES",
    "USER_TYPES",
    "CircuitMode",
    "EventKind",
    "FeeType",
    "MarginState",
    "OrderStatus",
    "OrderType",
    "PairStatus",
    "PositionSide",
]


class FeeType(StrEnum):
    """Who counts as maker in an auction."""

    NORMAL = "NORMAL"  # the older of the two orders
    SELL_MAKER = "SELL_MAKER"
    BUY_MAKER = "BUY_MAKER"
    DYNAMIC = "DYNAMIC"  # not explained by the exchange; here as NORMAL


class EventKind(StrEnum):
    """What an event reports. The first group is private and carries the private stream's method names."""

    ORDER_NEW = "spot_order_new"  # OrderView
    ORDER = "spot_order"  # OrderView, after a change
    ORDER_INVALIDATION = "spot_order_invalidation"  # OrderView: dropped for lack of assets
    TRADE = "spot_trade"  # TradeView
    ASSETS = "asset_update"  # tuple of AssetView
    POSITION = "margin_position_update"  # PositionView
    PAYABLE = "margin_payable_update"  # PayableView
    NOTICE = "margin_notice_update"  # NoticeView
    TRANSACTION = "transactions"  # TransactionView
    CIRCUIT = "circuit_break_info"  # CircuitView
    PAIR = "pair"  # PairView: flags, fees, status or ratios changed


SIDE_TEXT: Final = {Side.BUY: "buy", Side.SELL: "sell"}
SIDE_OF: Final = {"buy": Side.BUY, "sell": Side.SELL}
OPENING: Final = SIDE_OF_POSITION
"""The side of an order that opens or adds to a position."""

# Reading a member off its Enum costs twenty times what a name of this module costs; orders read many.
BUY: Final = Side.BUY
SELL: Final = Side.SELL
LONG: Final = PositionSide.LONG
SHORT: Final = PositionSide.SHORT
LIMIT: Final = OrderType.LIMIT
MARKET: Final = OrderType.MARKET
LOSSCUT: Final = OrderType.LOSSCUT
INACTIVE: Final = OrderStatus.INACTIVE
UNFILLED: Final = OrderStatus.UNFILLED
PARTIALLY_FILLED: Final = OrderStatus.PARTIALLY_FILLED
FULLY_FILLED: Final = OrderStatus.FULLY_FILLED
CONTINUOUS: Final = CircuitMode.NONE
HALT: Final = PairStatus.HALT
ORDER_NEW: Final = EventKind.ORDER_NEW
ORDER: Final = EventKind.ORDER
TRADE: Final = EventKind.TRADE
ASSETS: Final = EventKind.ASSETS
POSITION: Final = EventKind.POSITION
TRANSACTION: Final = EventKind.TRANSACTION

# tuples, not sets: members are found by identity, while hashing a member of an Enum is slow
TRIGGERED_TYPES: Final = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.STOP_LOSS)
PRICED_TYPES: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)
USER_TYPES: Final = {kind.value: kind for kind in OrderType if kind is not OrderType.LOSSCUT}
ACTIVE: Final = (OrderStatus.UNFILLED, OrderStatus.PARTIALLY_FILLED, OrderStatus.INACTIVE)
CANCELED: Final = (OrderStatus.CANCELED_UNFILLED, OrderStatus.CANCELED_PARTIALLY_FILLED)
