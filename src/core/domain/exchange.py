"""What bitbank says, as values: the words it uses, and its reports of orders, fills, positions and the market.

Each enum's value is what the wire carries. A word that is not known is None in a report: unknown is a state, and it
stops new risk. Prices are ticks, sizes lots, sums money units, exactly.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from src.core.domain.market import Instrument, Lots, Money, Side, Ticks
from src.core.domain.time import Millis


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


LIVING: Final = (OrderStatus.INACTIVE, OrderStatus.UNFILLED, OrderStatus.PARTIALLY_FILLED)
"""The statuses of an order that may still trade."""


class PositionSide(StrEnum):
    """Which of a pair's two positions a margin order concerns."""

    LONG = "long"
    SHORT = "short"


POSITION_OF: Final = {Side.BUY: PositionSide.LONG, Side.SELL: PositionSide.SHORT}
SIDE_OF_POSITION: Final = {PositionSide.LONG: Side.BUY, PositionSide.SHORT: Side.SELL}


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


class PairStatus(StrEnum):
    """How busy a pair's engine is."""

    NORMAL = "NORMAL"
    BUSY = "BUSY"
    VERY_BUSY = "VERY_BUSY"
    HALT = "HALT"  # no orders, no cancels


class OrderReport(NamedTuple):
    """An order as the exchange showed it."""

    order_id: int
    side: Side
    position: PositionSide | None  # None: a spot order
    type: OrderType | None
    status: OrderStatus | None
    start: Lots | None  # None: the whole position
    remaining: Lots | None  # None as above
    executed: Lots
    price: Ticks | None
    trigger: Ticks | None
    post_only: bool
    ordered_at: Millis
    expire_at: Millis | None


class FillReport(NamedTuple):
    """One trade of ours, as billed."""

    trade_id: int  # grows; unique inside the pair
    order_id: int
    side: Side
    position: PositionSide | None  # None: a spot trade
    type: OrderType | None
    price: Ticks
    lots: Lots
    maker: bool
    fee: Money  # collected now; negative is a rebate
    fee_occurred: Money  # caused by this fill, collected now or at the close
    interest: Money  # collected now
    profit: Money | None  # of a closing fill, net of all fees and interest; None for spot
    executed_at: Millis


class PositionReport(NamedTuple):
    """One of the pair's two positions."""

    position: PositionSide
    lots: Lots
    product: Money  # entry notional: average price times size
    average: Ticks  # cut to the grid; 0 when flat
    fee_due: Money  # opening fees, collected at the close
    interest_due: Money


class AccountReport(NamedTuple):
    """The whole margin account, read together."""

    cash: Money  # JPY on hand
    long: PositionReport
    short: PositionReport
    margin: MarginState | None
    margin_balance: Money  # collateral with unrealised result, less uncollected cost, as the exchange values it
    requirement: Money  # of positions and resting orders
    level_bps: int | None  # margin balance over requirement; None when flat
    call_bps: int | None  # level at which more collateral is due
    losscut_bps: int | None  # level at which the exchange closes
    capacity_long: Money  # notional that may still be opened
    capacity_short: Money
    notice: str | None  # what the exchange demands: any text is an alarm
    payable: Money  # a shortfall owed
    read_at: Millis
    latency_ms: int  # of the slowest of the calls


class MarketReport(NamedTuple):
    """The market now. None where there is nobody, or nothing was traded."""

    bid: Ticks | None
    ask: Ticks | None
    last: Ticks | None
    mode: CircuitMode | None
    read_at: Millis


class PairReport(NamedTuple):
    """The pair's rules as they are now."""

    instrument: Instrument
    min_lots: Lots  # the present minimum, which rises with load
    status: PairStatus | None
    flags: frozenset[str]  # those of the stop_* flags that are raised; empty when all is allowed
    enabled: bool
    open_maker_ppm: int
    open_taker_ppm: int
    close_maker_ppm: int
    close_taker_ppm: int
    long_interest_ppm: int  # a day
    short_interest_ppm: int
    requirement_bps: int  # for individuals, of the entry notional
    next_requirement_bps: int | None  # announced for the next margin week
    read_at: Millis
