"""Waiting orders: when they fire, and what they become."""

from src.backtest.exchange.holds import end, release_holds, take_holds
from src.backtest.exchange.kinds import OrderStatus
from src.backtest.exchange.margin import capacity
from src.backtest.exchange.market import Market, fires_rising
from src.backtest.exchange.matching import execute, reach, sweep_limit
from src.backtest.exchange.order import Order
from src.backtest.exchange.state import JPY, State
from src.backtest.exchange.switches import TriggerBasis
from src.core.domain.market import Money, Side
from src.trading.ledger import share


def reference(state: State, market: Market, side: Side) -> int | None:
    """Return the price that is compared with the triggers of waiting orders of `side`."""
    if state.switches.trigger_basis == TriggerBasis.BEST:
        return market.book.against(side).best
    return market.tape.last


def fires_at_once(state: State, market: Market, order: Order) -> bool:
    """Return whether a new waiting order's trigger is already reached."""
    price = reference(state, market, order.side)
    if price is None or order.trigger is None:
        return False
    return price >= order.trigger if fires_rising(order.type, order.side) else price <= order.trigger


def fire_next(state: State, market: Market) -> bool:
    """Fire one order whose trigger is reached; return whether there was one."""
    if not market.continuous:
        return False
    for side in (Side.BUY, Side.SELL):
        price = reference(state, market, side)
        id_ = None if price is None else market.waiting.fired(side, price)
        if id_ is not None:
            fire(state, market, state.orders[id_])
            return True
    return False


def fire(state: State, market: Market, order: Order) -> None:
    """Let a waiting order become what it waited to be."""
    market.waiting.remove(order)
    order.triggered_at = state.now
    order.cancel_at = None
    order.status = OrderStatus.UNFILLED
    closes = order.position_side is not None and not order.opens
    if _reserve(state, order) if closes else _afford(state, market, order):
        execute(state, market, order)
    else:
        end(state, order, OrderStatus.REJECTED)
    state.tell_order(order, just_triggered=True)


def _reserve(state: State, order: Order) -> bool:
    """Settle how much of its position a close takes; return whether that much is free."""
    position = state.position_of(order)
    free = position.lots - position.locked + order.reserved
    if order.lots is None:
        order.lots = order.remaining = free
    if not 0 < order.remaining <= free:
        return False
    position.locked += order.remaining - order.reserved
    order.reserved = order.remaining
    state.position_moved(position, order.user)
    return True


def _afford(state: State, market: Market, order: Order) -> bool:
    """Return whether what the order is about to buy or open can be paid for; its hold is given up for that."""
    if order.price is not None or (order.position_side is None and order.side is Side.SELL):
        return True  # what it set aside covers it
    release_holds(state, market, order)
    walk = reach(state, market, order, sweep_limit(state, market, order.side))
    cost = market.money(walk.product)
    user = state.users[order.user]
    if order.position_side is None:
        return cost + share(Money(cost), market.rules.fees.taker_ppm) <= user.assets[JPY].free
    return cost <= capacity(state, user, market, order.position_side)


def begin_waiting(state: State, market: Market, order: Order) -> None:
    """Put a new order on the waiting list."""
    take_holds(state, market, order)
    market.waiting.add(order)
