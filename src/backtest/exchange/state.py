"""Everything an exchange knows, in one object that only the engine's functions change."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from src.backtest.exchange.account import Position, User
from src.backtest.exchange.kinds import ASSETS, ORDER, POSITION, EventKind, PositionSide
from src.backtest.exchange.market import Market
from src.backtest.exchange.order import Order
from src.backtest.exchange.switches import Switches, Valuation
from src.backtest.exchange.views import AssetView, Event, OrderView, Payload, PositionView, UserId
from src.core.domain.time import Millis

JPY: Final = "jpy"
JPY_DIGITS: Final = 4
MID: Final = Valuation.MID
OUTSIDE: Final = UserId(0)
"""The market's other traders, all of them together: they are never checked, and what they have may be negative."""


class Late(NamedTuple):
    """What the position ledger will show at `due`."""

    due: Millis
    user: UserId
    pair: str
    side: PositionSide
    lots: int
    cost: int
    fee: int
    interest: int


@dataclass(slots=True)
class State:
    """One exchange."""

    now: Millis
    switches: Switches
    markets: dict[str, Market]
    rollover_at: Millis
    next_order_id: int
    users: dict[UserId, User] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)  # of users: active ones, and ended ones for three months
    active: dict[int, Order] = field(default_factory=dict)  # of users, oldest first
    ended: deque[tuple[Millis, int]] = field(default_factory=deque)  # when, order id; oldest first
    cancels: deque[tuple[Millis, int]] = field(default_factory=deque)  # due, order id
    late: deque[Late] = field(default_factory=deque)
    outside: dict[str, int] = field(default_factory=dict)  # the other traders' balances
    house: dict[str, int] = field(default_factory=dict)  # the exchange's own: fees and interest in, loans out
    paid_in: dict[str, int] = field(default_factory=dict)  # by all users together
    sequence: int = 0
    calls_at: Millis | None = None  # next hour of margin calls
    doubtful: dict[UserId, None] = field(default_factory=dict)  # whose margin state is to be looked at
    terms: dict[str, tuple[int, int]] = field(default_factory=dict)  # of assets: digits, collateral in ppm
    unbacked: dict[UserId, None] = field(default_factory=dict)  # whose orders lock more cash than there is
    touched: dict[str, None] = field(default_factory=dict)  # pairs whose book or price changed
    called: dict[UserId, None] = field(default_factory=dict)  # who owes collateral by a date
    losscuts: dict[UserId, None] = field(default_factory=dict)  # whose forced close is running
    moved_assets: dict[tuple[UserId, str], None] = field(default_factory=dict)
    moved_positions: dict[tuple[UserId, str, PositionSide], None] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def market_of(self, order: Order) -> Market:
        """Return the pair an order belongs to."""
        return self.markets[order.pair]

    def position_of(self, order: Order) -> Position:
        """Return the position a margin order concerns.

        Raises
        ------
        ValueError
            If it is a spot order.
        """
        if order.position_side is None:
            raise ValueError(f"order {order.id} is a spot order")
        return self.users[order.user].positions[order.pair][order.position_side]

    @property
    def by_bars(self) -> bool:
        """Whether bars, not prices as they come, decide on forced closes."""
        for market in self.markets.values():  # noqa: SIM110 - a generator costs more than the whole loop
            if market.play is not None:
                return True
        return False

    def mark(self, market: Market) -> int | None:
        """Return the price that positions and collateral are valued at; None before the first trade."""
        if self.switches.valuation == MID:
            mid = market.mid()
            if mid is not None:
                return mid
        return market.tape.last

    # ---- what others are told

    def tell(self, kind: EventKind, user: UserId | None, pair: str | None, payload: Payload) -> None:
        """Report one thing."""
        if self.switches.events:
            self.events.append(tuple.__new__(Event, (self.now, kind, user, pair, payload)))  # half the time of Event(…)

    def view(self, order: Order, *, just_triggered: bool = False) -> OrderView:
        """Return what an order's owner sees."""
        average = self.markets[order.pair].average(order.cost, order.executed) if order.executed else 0
        return order.view(average, just_triggered=just_triggered)

    def tell_order(self, order: Order, kind: EventKind = ORDER, *, just_triggered: bool = False) -> None:
        """Report an order's present form."""
        if self.switches.events:
            self.tell(kind, order.user, order.pair, self.view(order, just_triggered=just_triggered))

    def asset_view(self, user: User, asset: str) -> AssetView:
        """Return one balance as its owner sees it."""
        balance = user.assets[asset]
        precision, collateral = self.terms[asset]
        return tuple.__new__(AssetView, (asset, precision, balance.onhand, balance.locked, collateral))

    def asset_terms(self, asset: str) -> tuple[int, int]:
        """Return an asset's digits and how much of its value counts as collateral, in ppm."""
        return self.terms[asset]

    def position_view(self, position: Position) -> PositionView:
        """Return a position as the (possibly late) ledger shows it."""
        market = self.markets[position.pair]
        return tuple.__new__(
            PositionView,
            (
                position.pair,
                position.side,
                position.seen_lots,
                position.locked,
                position.seen_cost,
                market.average(position.seen_cost, position.seen_lots),
                position.seen_fee,
                position.seen_interest,
            ),
        )

    def assets_moved(self, user: UserId, asset: str) -> None:
        """Remember to report a balance, and to look at what it means for the margin."""
        self.moved_assets[user, asset] = None
        if self.users[user].watched:
            self.doubtful[user] = None

    def position_moved(self, position: Position, user: UserId) -> None:
        """Remember to report a position, and to look at what it means for the margin."""
        self.moved_positions[user, position.pair, position.side] = None
        self.users[user].watched = True
        self.doubtful[user] = None

    def report_moves(self) -> None:
        """Report the balances and positions that the call changed; late positions wait for their time."""
        if self.moved_positions:
            for id_, pair, side in self.moved_positions:
                user = self.users[id_]
                self._report_position(user, user.positions[pair][side])
            self.moved_positions.clear()
        if not self.moved_assets or not self.switches.events:
            self.moved_assets.clear()
            return
        by_user: dict[UserId, list[AssetView]] = {}
        for id_, asset in self.moved_assets:
            by_user.setdefault(id_, []).append(self.asset_view(self.users[id_], asset))
        self.moved_assets.clear()
        for id_, views in by_user.items():
            self.tell(ASSETS, id_, None, tuple(views))

    def _report_position(self, user: User, p: Position) -> None:
        if self.switches.position_delay:
            due = Millis(self.now + self.switches.position_delay)
            self.late.append(Late(due, user.id, p.pair, p.side, p.lots, p.cost, p.fee, p.interest))
            return
        p.show(p.lots, p.cost, p.fee, p.interest)
        self.tell(POSITION, user.id, p.pair, self.position_view(p))
