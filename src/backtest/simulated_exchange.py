"""bitbank on this machine, as a pure state machine: the same calls in the same order give the same bytes.

Time moves only by `advance`. Every call either raises `Refused` and changes nothing, or takes effect as a whole.
The book trades in price-time order; several users, and the market itself, meet in it. What a fill moves between the
users, the market and the house (which lends for margin and collects fees) always sums to zero, exactly.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from src.backtest.exchange.codes import Refused
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
from src.backtest.exchange.requests import NOT_A_NUMBER, OrderFilter, OrderRequest, TradeFilter
from src.backtest.exchange.rules import (
    BTC_JPY_RULES,
    DEFAULT_PAIRS,
    SPOT_ONLY_RULES,
    Flags,
    MarginTerms,
    PairFees,
    PairRules,
)
from src.backtest.exchange.switches import RequirementBasis, Scope, Switches, TriggerBasis, Valuation
from src.backtest.exchange.views import (
    AssetView,
    AvailableBalance,
    CandlesView,
    CircuitView,
    DepthView,
    Event,
    MarginPositions,
    MarginStatus,
    NoticeView,
    OrderView,
    PairView,
    PayableView,
    PositionView,
    StatusView,
    TickerView,
    TradeView,
    TransactionView,
    UserId,
)
from src.core.domain.market import Lots, Ticks
from src.core.domain.time import Millis

__all__ = [
    "BTC_JPY_RULES",
    "DEFAULT_PAIRS",
    "NOT_A_NUMBER",
    "SPOT_ONLY_RULES",
    "AssetView",
    "AvailableBalance",
    "CandlesView",
    "CircuitMode",
    "CircuitView",
    "DepthView",
    "Event",
    "EventKind",
    "FeeType",
    "Flags",
    "MarginPositions",
    "MarginState",
    "MarginStatus",
    "MarginTerms",
    "NoticeView",
    "OrderFilter",
    "OrderRequest",
    "OrderStatus",
    "OrderType",
    "OrderView",
    "PairFees",
    "PairRules",
    "PairStatus",
    "PairView",
    "PayableView",
    "PositionSide",
    "PositionView",
    "Refused",
    "RequirementBasis",
    "Scope",
    "SimulatedExchange",
    "StatusView",
    "Switches",
    "TickerView",
    "TradeFilter",
    "TradeView",
    "TransactionView",
    "TriggerBasis",
    "UserId",
    "Valuation",
]


class SimulatedExchange:
    """One exchange with its pairs, users and books.

    Parameters
    ----------
    pairs
        Rules by pair name, as `DEFAULT_PAIRS`.
    switches
        Positions for what the exchange does not publish.
    start
        The first instant.
    seed
        Where order and trade ids begin.
    """

    now: Millis

    def __init__(self, pairs: Mapping[str, PairRules], switches: Switches, *, start: Millis, seed: int) -> None:
        raise NotImplementedError

    # ---- time

    def advance(self, to: Millis) -> None:
        """Move to `to`, doing on the way what falls due, each at its own instant.

        Raises
        ------
        ValueError
            If `to` is before `now`.
        """
        raise NotImplementedError

    def next_due(self) -> Millis | None:
        """Return the next instant at which something happens by itself; None if nothing will."""
        raise NotImplementedError

    # ---- users

    def add_user(
        self, name: str, assets: Mapping[str, Decimal], *, margin_enabled: bool = True, company: bool = False
    ) -> UserId:
        """Open an account that holds `assets` (in JPY, BTC …, on the assets' grids)."""
        raise NotImplementedError

    def deposit(self, user: UserId, asset: str, amount: Decimal) -> None:
        """Pay in; a debt is paid from it first."""
        raise NotImplementedError

    def set_margin_enabled(self, user: UserId, enabled: bool) -> None:
        """Pass or withdraw the margin review (50058)."""
        raise NotImplementedError

    # ---- orders

    def submit(self, user: UserId, request: OrderRequest) -> OrderView:
        """Accept an order, match it, and return it as it was accepted or as it is after that.

        Raises
        ------
        Refused
            With the code of the first check that fails; nothing was changed.
        """
        raise NotImplementedError

    def cancel(self, user: UserId, pair: str | None, order_id: int | None) -> OrderView:
        """Cancel an active order.

        Raises
        ------
        Refused
            30009 and 40017 (pair), 30006 (id missing), 50009 (unknown), 50010, 50026, 50027, 70019 (order's state),
            70004, 70018 (suspension).
        """
        raise NotImplementedError

    def cancel_many(self, user: UserId, pair: str | None, order_ids: Sequence[int] | None) -> tuple[OrderView, ...]:
        """Cancel up to 30 orders; what becomes of a bad id among them is a switch.

        Raises
        ------
        Refused
            As `cancel`, and 30007, 40014 (empty), 40015 (more than 30).
        """
        raise NotImplementedError

    def order(self, user: UserId, pair: str | None, order_id: int | None) -> OrderView:
        """Return one order; 50009 if it is unknown or ended more than three months ago."""
        raise NotImplementedError

    def orders_info(self, user: UserId, pair: str | None, order_ids: Sequence[int] | None) -> tuple[OrderView, ...]:
        """Return those of the orders that are known; unknown and old ids are left out."""
        raise NotImplementedError

    def active_orders(self, user: UserId, which: OrderFilter = OrderFilter()) -> tuple[OrderView, ...]:
        """Return waiting and resting orders, newest first."""
        raise NotImplementedError

    def trade_history(self, user: UserId, which: TradeFilter = TradeFilter()) -> tuple[TradeView, ...]:
        """Return the user's trades, newest first unless asked otherwise."""
        raise NotImplementedError

    # ---- accounts

    def assets(self, user: UserId) -> tuple[AssetView, ...]:
        """Return every asset of the exchange, JPY first."""
        raise NotImplementedError

    def margin_status(self, user: UserId) -> MarginStatus:
        """Return the margin arithmetic as of now."""
        raise NotImplementedError

    def margin_positions(self, user: UserId) -> MarginPositions:
        """Return both positions of every pair with margin, flat ones included."""
        raise NotImplementedError

    # ---- public data

    def pairs(self) -> tuple[PairView, ...]:
        """Return every pair's rules as they are now."""
        raise NotImplementedError

    def statuses(self) -> tuple[StatusView, ...]:
        """Return how busy every pair is."""
        raise NotImplementedError

    def ticker(self, pair: str) -> TickerView:
        """Return the last 24 hours; unknown pairs are 10000, here and in all public reads."""
        raise NotImplementedError

    def depth(self, pair: str) -> DepthView:
        """Return the book, 200 levels a side."""
        raise NotImplementedError

    def transactions(self, pair: str, day: str | None = None) -> tuple[TransactionView, ...]:
        """Return the newest 60 trades, newest first, or all of a finished UTC day (YYYYMMDD), oldest first."""
        raise NotImplementedError

    def candles(self, pair: str, type_: str, date: str) -> CandlesView:
        """Return a candle file: of a UTC day (YYYYMMDD) up to 1hour, of a UTC year (YYYY) from 4hour on."""
        raise NotImplementedError

    def circuit_break_info(self, pair: str) -> CircuitView:
        """Return the circuit breaker's state."""
        raise NotImplementedError

    # ---- what scenarios move

    def set_mode(
        self,
        pair: str,
        mode: CircuitMode,
        *,
        fee_type: FeeType = FeeType.NORMAL,
        itayose_upper: Ticks | None = None,
        itayose_lower: Ticks | None = None,
        reopen_at: Millis | None = None,
    ) -> None:
        """Change how the pair trades; entering NONE runs the auction first."""
        raise NotImplementedError

    def set_flags(self, pair: str, flags: Flags) -> None:
        """Replace the pair's flags."""
        raise NotImplementedError

    def set_status(self, pair: str, status: PairStatus, min_lots: Lots | None = None) -> None:
        """Set how busy the pair is and its present minimum (None: the pair's own)."""
        raise NotImplementedError

    def set_fees(self, pair: str, fees: PairFees) -> None:
        """Replace the pair's fees from the next fill on."""
        raise NotImplementedError

    def set_next_margin(self, pair: str, terms: MarginTerms) -> None:
        """Announce the terms of the next margin week."""
        raise NotImplementedError

    # ---- events and state

    def drain(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        raise NotImplementedError

    def snapshot(self) -> bytes:
        """Return the whole state as JSON; equal states give equal bytes."""
        raise NotImplementedError

    @classmethod
    def restore(cls, content: bytes) -> "SimulatedExchange":
        """Return the exchange that `snapshot` wrote.

        Raises
        ------
        StoreDamaged
            If `content` is not a snapshot of this version.
        """
        raise NotImplementedError
