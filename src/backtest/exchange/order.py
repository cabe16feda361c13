"""An order while it lives, and the one in which its fields change."""

from dataclasses import dataclass

from src.backtest.exchange.kinds import ACTIVE, INACTIVE, LIMIT, LOSSCUT, OrderStatus, OrderType, PositionSide
from src.backtest.exchange.views import OrderView, UserId
from src.core.domain.market import Side
from src.core.domain.time import Millis


@dataclass(slots=True, eq=False)
class Order:
    """One order of a user, or a quote of the market (user 0)."""

    id: int
    user: UserId
    pair: str
    side: Side
    type: OrderType
    position_side: PositionSide | None
    opens: bool  # a margin order that opens or adds
    lots: int | None  # None: the whole position, until triggered
    price: int | None
    trigger: int | None
    post_only: bool
    status: OrderStatus
    remaining: int
    ordered_at: Millis
    expire_at: Millis | None
    executed: int = 0
    cost: int = 0  # notional of the fills, money units
    held: int = 0  # units of JPY or of the base asset locked for it
    ordered: int = 0  # notional counted as an opening order, money units
    reserved: int = 0  # lots of the position it has locked
    triggered_at: Millis | None = None
    canceled_at: Millis | None = None
    executed_at: Millis | None = None
    cancel_at: Millis | None = None  # a cancel is under way

    @property
    def active(self) -> bool:
        """Whether it waits or rests."""
        return self.status in ACTIVE

    @property
    def waiting(self) -> bool:
        """Whether it waits for its trigger."""
        return self.status is INACTIVE

    def view(self, average: int, *, just_triggered: bool = False) -> OrderView:
        """Return what its owner sees; `average` is the fills' mean price in ticks."""
        kind, lots = self.type, self.lots
        return tuple.__new__(  # half the time of OrderView(…)
            OrderView,
            (
                self.id,
                self.user,
                self.pair,
                self.side,
                kind,
                self.status,
                self.position_side,
                lots,
                None if lots is None else self.remaining,
                self.executed,
                self.cost,
                average,
                self.price,
                self.post_only if kind is LIMIT else None,
                self.trigger,
                self.triggered_at,
                just_triggered,
                kind is not LOSSCUT,
                self.ordered_at,
                self.expire_at,
                self.canceled_at,
                self.executed_at,
            ),
        )
