"""The exchange's own words for orders, positions, modes and events; each value is what the wire carries."""

from enum import StrEnum
from typing import Final

from src.core.domain.market import Side


class OrderType(StrEnum):
    """How an order reaches the book."""

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    LOSSCUT = "losscut"  # the exchange's own forced close


class OrderStatus(StrEnum):
    """Where an order is in its life."""

    INACTIVE = "INACTIVE"  # waits for its trigger
    UNFILLED = "UNFILLED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FULLY_FILLED = "FULLY_FILLED"
    CANCELED_UNFILLED = "CANCELED_UNFILLED"
    CANCELED_PARTIALLY_FILLED = "CANCELED_PARTIALLY_FILLED"
    REJECTED = "REJECTED"  # accepted, then refused by the engine


class PositionSide(StrEnum):
    """Which of a pair's two positions a margin order concerns."""

    LONG = "long"
    SHORT = "short"


class MarginState(StrEnum):
    """What the exchange thinks of a user's margin."""

    NORMAL = "NORMAL"
    CALL = "CALL"  # more collateral is due
    LOSSCUT = "LOSSCUT"  # a forced close is running
    DEBT = "DEBT"  # a shortfall is owed
    SETTLED = "SETTLED"  # a shortfall was paid, until the next day of interest


class CircuitMode(StrEnum):
    """Whether a pair trades continuously; everything but NONE is an auction."""

    NONE = "NONE"
    CIRCUIT_BREAK = "CIRCUIT_BREAK"
    FULL_RANGE_CIRCUIT_BREAK = "FULL_RANGE_CIRCUIT_BREAK"
    RESUMPTION = "RESUMPTION"
    LISTING = "LISTING"


class FeeType(StrEnum):
    """Who counts as maker in an auction."""

    NORMAL = "NORMAL"  # the older of the two orders
    SELL_MAKER = "SELL_MAKER"
    BUY_MAKER = "BUY_MAKER"
    DYNAMIC = "DYNAMIC"  # not explained by the exchange; here as NORMAL


class PairStatus(StrEnum):
    """How busy a pair's engine is."""

    NORMAL = "NORMAL"
    BUSY = "BUSY"
    VERY_BUSY = "VERY_BUSY"
    HALT = "HALT"  # no orders, no cancels


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
OPENING: Final = {PositionSide.LONG: Side.BUY, PositionSide.SHORT: Side.SELL}
"""The side of an order that opens or adds to a position."""

# tuples, not sets: members are found by identity, while hashing a member of an Enum is slow
TRIGGERED_TYPES: Final = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.STOP_LOSS)
PRICED_TYPES: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)
USER_TYPES: Final = {kind.value: kind for kind in OrderType if kind is not OrderType.LOSSCUT}
ACTIVE: Final = (OrderStatus.UNFILLED, OrderStatus.PARTIALLY_FILLED, OrderStatus.INACTIVE)
CANCELED: Final = (OrderStatus.CANCELED_UNFILLED, OrderStatus.CANCELED_PARTIALLY_FILLED)
