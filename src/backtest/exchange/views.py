"""What the exchange shows: values of exact integers, named like the fields on the wire.

Prices are ticks and sizes lots of the pair, sums of money units of 0.0001 JPY; what is rounded was rounded in the
direction the exchange documents. The protocol writes them as texts; there is nothing left to round.
"""

from typing import NamedTuple, NewType

from src.backtest.exchange.kinds import (
    CircuitMode,
    EventKind,
    FeeType,
    MarginState,
    OrderStatus,
    OrderType,
    PairStatus,
    PositionSide,
)
from src.backtest.exchange.rules import MarginTerms, PairRules
from src.core.domain.market import Bar, Lots, Money, Side, Ticks
from src.core.domain.time import Millis, month_start

UserId = NewType("UserId", int)

Levels = tuple[tuple[Ticks, Lots], ...]


class OrderView(NamedTuple):
    """An order. None is an absent field of the wire, except where stated."""

    order_id: int
    user: UserId
    pair: str
    side: Side
    type: OrderType
    status: OrderStatus
    position_side: PositionSide | None  # None: spot
    start_lots: Lots | None  # None: the whole position (a null on the wire)
    remaining_lots: Lots | None  # None as above
    executed_lots: Lots
    cost: Money  # sum of the fills' notionals
    average_price: Ticks  # cut to the pair's grid; 0 while unfilled
    price: Ticks | None
    post_only: bool | None  # only of limit orders
    trigger_price: Ticks | None
    triggered_at: Millis | None
    just_triggered: bool  # only in the event of the trigger itself
    user_cancelable: bool
    ordered_at: Millis
    expire_at: Millis | None
    canceled_at: Millis | None
    executed_at: Millis | None  # of the last fill


class TradeView(NamedTuple):
    """One user's side of a fill."""

    trade_id: int  # unique inside a pair; the transaction's id
    order_id: int
    pair: str
    side: Side
    type: OrderType
    position_side: PositionSide | None
    price: Ticks
    lots: Lots
    maker: bool
    fee_base: int  # always 0
    fee_quote: Money  # collected now; negative is a rebate
    fee_occurred: Money  # caused by this fill
    profit_loss: Money | None  # margin only: of closing fills, net of fees and interest
    interest: Money | None  # margin only: collected now
    executed_at: Millis


class AssetView(NamedTuple):
    """One asset's balance, in units of `10**-precision`. Free is onhand less locked."""

    asset: str
    precision: int
    onhand: int
    locked: int
    collateral_ppm: int

    @property
    def free(self) -> int:
        """What can be used for new orders."""
        return self.onhand - self.locked


class PositionView(NamedTuple):
    """One of a pair's two positions, as the (possibly late) position ledger shows it."""

    pair: str
    position_side: PositionSide
    lots: Lots  # open_amount
    locked: Lots  # reserved by closes; on the stream only
    product: Money  # average price times amount
    average_price: Ticks  # cut to the grid; 0 when flat
    unrealized_fee: Money
    unrealized_interest: Money


class NoticeView(NamedTuple):
    """What the exchange demands of a margin user; four Nones when nothing is due."""

    what: str | None  # "margin_call", "debt", "settled"
    occurred_at: Millis | None
    amount: Money | None
    due_date_at: Millis | None


class PayableView(NamedTuple):
    """A shortfall owed."""

    amount: Money


class MarginPositions(NamedTuple):
    """Everything the positions endpoint answers: both sides of every pair with margin, flat ones too."""

    notice: NoticeView
    payables: PayableView
    positions: tuple[PositionView, ...]
    losscut_individual_ppm: int
    losscut_company_ppm: int


class AvailableBalance(NamedTuple):
    """Capacity for new positions in one pair, as JPY notional."""

    pair: str
    long: Money
    short: Money


class MarginStatus(NamedTuple):
    """The margin account's arithmetic. Percentages are relative to the requirement and None when flat."""

    status: MarginState
    total_margin_balance: Money  # cut
    total_margin_balance_percentage: int | None  # hundredths of a percent, cut
    margin_position_profit_loss: Money  # floor
    unrealized_cost: Money  # ceiling
    total_margin_position_product: Money  # positions and opening orders
    open_margin_position_product: Money
    open_margin_order_product: Money
    total_position_maintenance_margin: Money  # ceiling
    total_long_position_maintenance_margin: Money
    total_short_position_maintenance_margin: Money
    total_open_order_maintenance_margin: Money
    total_long_open_order_maintenance_margin: Money
    total_short_open_order_maintenance_margin: Money
    margin_call_percentage: int | None  # whole percent, ceiling
    losscut_percentage: int | None
    buy_credit: int  # JPY
    sell_credit: int
    available_balances: tuple[AvailableBalance, ...]  # cut


class PairView(NamedTuple):
    """A pair's rules as they are now."""

    rules: PairRules
    margin_until: Millis | None  # end of the present margin week; None without margin
    next_margin: MarginTerms | None
    next_margin_until: Millis | None


class StatusView(NamedTuple):
    """How busy a pair is."""

    pair: str
    status: PairStatus
    min_lots: Lots  # the present minimum, at least the pair's own


class TickerView(NamedTuple):
    """The last 24 hours. None where there was no trade or no order."""

    pair: str
    sell: Ticks | None  # best ask
    buy: Ticks | None  # best bid
    high: Ticks | None
    low: Ticks | None
    open: Ticks | None
    last: Ticks | None
    lots: Lots  # vol
    timestamp: Millis


class DepthView(NamedTuple):
    """The book, best first, up to 200 levels a side."""

    pair: str
    asks: Levels
    bids: Levels
    asks_over: Lots  # beyond the levels shown
    bids_under: Lots
    asks_under: Lots  # asks at or below the best bid: only in an auction
    bids_over: Lots
    ask_market: Lots  # market orders waiting for an auction: always 0, they are refused
    bid_market: Lots
    timestamp: Millis
    sequence: int  # of the last change, from one counter for all pairs


class TransactionView(NamedTuple):
    """One public trade; side is the taker's."""

    pair: str
    transaction_id: int
    side: Side
    price: Ticks
    lots: Lots
    executed_at: Millis


class CandlesView(NamedTuple):
    """One candle file: its bars (stamped with their close), the last of them maybe still forming."""

    pair: str
    type: str
    bars: tuple[Bar, ...]
    period: int | None  # milliseconds; None for months
    timestamp: Millis

    def opened_at(self, i: int) -> Millis:
        """Return the open time of bar `i`: the wire's stamp."""
        if self.period is not None:
            return Millis(self.bars[i].closed_at - self.period)
        return month_start(Millis(self.bars[i].closed_at - 1))


class CircuitView(NamedTuple):
    """The circuit breaker. Nones follow the exchange's own table of what is null in which mode."""

    pair: str
    mode: CircuitMode
    upper_trigger_price: Ticks | None
    lower_trigger_price: Ticks | None
    estimated_itayose_price: Ticks | None
    estimated_itayose_lots: Lots | None
    itayose_upper_price: Ticks | None
    itayose_lower_price: Ticks | None
    reopen_timestamp: Millis | None
    fee_type: FeeType
    timestamp: Millis


Payload = (
    OrderView
    | TradeView
    | tuple[AssetView, ...]
    | PositionView
    | PayableView
    | NoticeView
    | TransactionView
    | CircuitView
    | PairView
)


class Event(NamedTuple):
    """One thing that happened: private events name a user, public ones only a pair."""

    at: Millis
    kind: EventKind
    user: UserId | None
    pair: str | None
    payload: Payload
