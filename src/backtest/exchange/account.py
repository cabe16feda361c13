"""What a user has: balances, positions, orders, trades, and what the margin desk thinks of it."""

from dataclasses import dataclass, field

from src.backtest.exchange.kinds import BUY, LONG, SELL, MarginState, PositionSide
from src.backtest.exchange.order import Order
from src.backtest.exchange.views import NoticeView, TradeView, UserId
from src.core.domain.market import Side
from src.core.domain.time import Millis

NO_NOTICE = NoticeView(None, None, None, None)


@dataclass(slots=True)
class Balance:
    """An asset, in its own smallest units."""

    onhand: int = 0
    locked: int = 0

    @property
    def free(self) -> int:
        """What new orders can use."""
        return self.onhand - self.locked


@dataclass(slots=True)
class Position:
    """One side of a pair: true now (`lots`, `cost` …), and as the late ledger shows it (`seen_…`)."""

    pair: str
    side: PositionSide
    lots: int = 0
    cost: int = 0  # sum of the entries' notionals, money units
    fee: int = 0  # opening fees not yet collected
    interest: int = 0  # not yet collected
    locked: int = 0  # lots reserved by closes
    ordered: int = 0  # notional of opening orders
    seen_lots: int = 0
    seen_cost: int = 0
    seen_fee: int = 0
    seen_interest: int = 0

    @property
    def sign(self) -> int:
        """1 for long, -1 for short."""
        return 1 if self.side is LONG else -1

    @property
    def closing(self) -> Side:
        """The side of an order that closes it."""
        return SELL if self.side is LONG else BUY

    @property
    def closable(self) -> int:
        """Lots a new close may use: shown by the late ledger, still there, and not reserved."""
        return min(self.seen_lots, self.lots) - self.locked

    def show(self, lots: int, cost: int, fee: int, interest: int) -> None:
        """Let the ledger catch up."""
        self.seen_lots, self.seen_cost, self.seen_fee, self.seen_interest = lots, cost, fee, interest


@dataclass(slots=True)
class User:
    """One account."""

    id: UserId
    name: str
    margin_enabled: bool
    company: bool
    assets: dict[str, Balance]
    positions: dict[str, dict[PositionSide, Position]]  # of every pair with margin
    active: dict[int, Order] = field(default_factory=dict)  # oldest first
    trades: list[TradeView] = field(default_factory=list)  # oldest first
    state: MarginState = MarginState.NORMAL
    notice: NoticeView = NO_NOTICE
    payable: int = 0  # shortfall owed, money units
    watched: bool = False  # has, or lately had, a position or a debt
    losscut_at: Millis | None = None  # next step of a running forced close

    def held(self) -> list[Position]:
        """Return the positions that are open."""
        return [p for sides in self.positions.values() for p in sides.values() if p.lots]
