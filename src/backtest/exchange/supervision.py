"""Watching margins: calls, forced closes, debts.

Most price changes can alter nobody's state. Each pair therefore keeps a band of prices within which nothing can
happen; only a price outside it makes everybody be looked at again. The band is an estimate on the safe side.
"""

from typing import Final

from src.backtest.exchange.account import NO_NOTICE, Position, User
from src.backtest.exchange.holds import take_holds, withdraw
from src.backtest.exchange.kinds import ORDER_NEW, EventKind, MarginState, OrderStatus, OrderType, PositionSide
from src.backtest.exchange.margin import margin_of
from src.backtest.exchange.market import MONEY_PER_JPY, Market
from src.backtest.exchange.matching import execute
from src.backtest.exchange.order import Order
from src.backtest.exchange.state import JPY, State
from src.backtest.exchange.views import NoticeView, PayableView
from src.core.domain.market import PPM, SAFE, Money
from src.core.domain.time import Millis

NEXT_TRADE: Final = Millis(SAFE)  # a forced close waits for somebody to trade with
NORMAL: Final = MarginState.NORMAL
NO_POSITIONS: Final[dict[PositionSide, Position]] = {}
CALL: Final = "margin_call"
DEBT: Final = "debt"
SETTLED: Final = "settled"


def supervise(state: State) -> bool:
    """Look at everybody whose margin state may have changed; return whether a forced close traded."""
    for pair in state.touched:
        market = state.markets[pair]
        price = state.mark(market)
        if price is not None and not market.safe_low < price < market.safe_high:
            market.safe_low, market.safe_high = -1, SAFE
            state.doubtful.update((id_, None) for id_, user in state.users.items() if user.watched)
    if state.touched:
        if state.losscuts:
            _wake_losscuts(state)
        state.touched.clear()
    while state.doubtful:
        id_ = next(iter(state.doubtful))
        del state.doubtful[id_]
        look_at(state, state.users[id_])
    if not state.losscuts:
        return False
    due = [id_ for id_ in state.losscuts if (state.users[id_].losscut_at or 0) <= state.now]
    for id_ in due:
        step_losscut(state, state.users[id_])
    return bool(due)


def look_at(state: State, user: User, *, calling: bool = False) -> None:
    """Bring a user's margin state in line with the account; `calling` at the hour of margin calls."""
    if user.losscut_at is not None:
        return
    held = user.held()
    if not held and not user.payable and user.state is NORMAL:
        user.watched = False
        return
    if user.payable:
        _pay_debt(state, user)
    m = margin_of(state, user)
    balance, required = m.balance, m.required
    judged = bool(held) and not state.by_bars  # a bar is judged as a whole, by `bar_phases`, and makes no calls
    if judged and balance * PPM < state.switches.losscut_ppm * required:
        start_losscut(state, user)
        return
    if user.payable:
        _enter(state, user, MarginState.DEBT, _notice(state, DEBT, user.payable))
    elif judged and balance < required:
        if user.state is not MarginState.CALL and (calling or state.switches.call_hour < 0):
            due = Millis(state.now + state.switches.call_grace)
            _enter(state, user, MarginState.CALL, _notice(state, CALL, required - balance, due))
            state.called[user.id] = None
    elif user.state is not NORMAL and user.state is not MarginState.SETTLED:
        _enter(state, user, MarginState.NORMAL, NO_NOTICE)
    if held:
        _narrow_bands(state, user, balance, required)


def _notice(state: State, what: str, amount: int, due: Millis | None = None) -> NoticeView:
    return NoticeView(what, state.now, Money(amount), due)


def _enter(state: State, user: User, new: MarginState, notice: NoticeView) -> None:
    """Change the state and report the notice, if either is new; a notice keeps its first time and amount."""
    if user.state is new:
        return
    user.state, user.notice = new, notice
    if new is not MarginState.CALL:
        state.called.pop(user.id, None)
    state.tell(EventKind.NOTICE, user.id, None, notice)


def _pay_debt(state: State, user: User) -> None:
    cash = user.assets[JPY]
    paid = min(user.payable, max(cash.free, 0))
    if paid:
        cash.onhand -= paid
        user.payable -= paid
        state.house[JPY] += paid
        state.assets_moved(user.id, JPY)
        state.tell(EventKind.PAYABLE, user.id, None, PayableView(Money(user.payable)))
    if not user.payable and user.state is MarginState.DEBT:
        _enter(state, user, MarginState.SETTLED, NoticeView(SETTLED, state.now, None, None))


def forget_settled(state: State) -> None:
    """Return to normal, on a new day, what was settled yesterday."""
    for user in state.users.values():
        if user.state is MarginState.SETTLED:
            _enter(state, user, MarginState.NORMAL, NO_NOTICE)


# ---- the band of prices at which nothing can happen


def _narrow_bands(state: State, user: User, balance: int, required: int) -> None:
    floor = -(-required * state.switches.losscut_ppm // PPM)
    slack = min(abs(balance - required), balance - floor)
    exposed = [(market, money) for market in state.markets.values() if (money := _per_tick(market, user))]
    for market, money in exposed:
        price = state.mark(market)
        if price is not None:
            width = max(slack // len(exposed) - len(exposed) * 8, 0) // money
            market.safe_low = max(market.safe_low, price - width)
            market.safe_high = min(market.safe_high, price + width)


def _per_tick(market: Market, user: User) -> int:
    """Return the most that balance less requirement can change when a pair's price moves one tick, money units."""
    lots = money = 0
    for position in user.positions.get(market.rules.pair, NO_POSITIONS).values():
        lots += position.lots
    if lots:
        money = 2 * market.money_up(lots)  # result, and requirement where it follows the price
    units = user.assets[market.base_asset].onhand
    if units:
        money += -(-units * MONEY_PER_JPY // market.unit_divisor)
    return money


# ---- forced close


def start_losscut(state: State, user: User) -> None:
    """Begin a forced close; its first step comes after the delay."""
    user.losscut_at = Millis(state.now + state.switches.losscut_delay)
    state.losscuts[user.id] = None
    _enter(state, user, MarginState.LOSSCUT, user.notice)


def step_losscut(state: State, user: User) -> None:
    """Cancel the user's margin orders and sell what can be sold; try again later if something is left."""
    for order in [o for o in user.active.values() if o.position_side is not None]:
        withdraw(state, order)
        state.tell_order(order)
    for position in user.held():
        market = state.markets[position.pair]
        if market.continuous and (market.play is not None or market.book.against(position.closing)):
            _force_close(state, user, position)
    if user.held():
        user.losscut_at = NEXT_TRADE
        return
    user.losscut_at = None
    del state.losscuts[user.id]
    if user.payable:
        _enter(state, user, MarginState.DEBT, _notice(state, DEBT, user.payable))
    else:
        _enter(state, user, MarginState.NORMAL, NO_NOTICE)


def _wake_losscuts(state: State) -> None:
    """Let forced closes that found nobody to trade with try again: a book has changed."""
    for id_ in state.losscuts:
        user = state.users[id_]
        if user.losscut_at == NEXT_TRADE:
            user.losscut_at = Millis(state.now + state.switches.losscut_delay)


def _force_close(state: State, user: User, position: Position) -> None:
    market = state.markets[position.pair]
    order = Order(
        id=new_order_id(state),
        user=user.id,
        pair=position.pair,
        side=position.closing,
        type=OrderType.LOSSCUT,
        position_side=position.side,
        opens=False,
        lots=position.lots,
        price=None,
        trigger=None,
        post_only=False,
        status=OrderStatus.UNFILLED,
        remaining=position.lots,
        ordered_at=state.now,
        expire_at=None,
    )
    register(state, order)
    take_holds(state, market, order)
    execute(state, market, order)
    state.tell_order(order, ORDER_NEW)


def new_order_id(state: State) -> int:
    """Return the next order id; ids only grow."""
    id_ = state.next_order_id
    state.next_order_id += 1
    return id_


def register(state: State, order: Order) -> None:
    """Enter an accepted order in the lists of its user and of the exchange."""
    state.orders[order.id] = order
    state.active[order.id] = order
    state.users[order.user].active[order.id] = order
