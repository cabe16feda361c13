"""What an order sets aside: cash or coins of a spot order, margin of an opening one, position of a closing one."""

from src.backtest.exchange.kinds import INACTIVE, SELL, OrderStatus
from src.backtest.exchange.margin import ratio
from src.backtest.exchange.market import Market
from src.backtest.exchange.order import Order
from src.backtest.exchange.state import JPY, State
from src.core.domain.market import PPM


def cash_needed(market: Market, price: int, lots: int) -> int:
    """Return the JPY a spot buy locks: the notional and the taker's fee, cut to money units."""
    rules = market.rules
    return market.money(price * lots) * (PPM + max(rules.fees.taker_ppm, 0)) // PPM


def held_asset(market: Market, order: Order) -> str:
    """Return which asset an order locks."""
    spot_sell = order.position_side is None and order.side is SELL
    return market.rules.base_asset if spot_sell else JPY


def hold_price(order: Order) -> int:
    """Return the price at which an order's cost is counted ahead: its limit, else the trigger it waits for, else 0."""
    return order.price or (order.trigger if order.status is INACTIVE else None) or 0


def wanted_hold(state: State, market: Market, order: Order) -> int:
    """Return the units an order locks for what remains of it."""
    if order.position_side is None:
        if order.side is SELL:
            return order.remaining * market.units_per_lot
        if not order.remaining:
            return 0
        return cash_needed(market, hold_price(order), order.remaining)
    if order.opens and state.switches.margin_orders_lock_cash and order.ordered:
        user = state.users[order.user]
        required = -(-order.ordered * ratio(user, market) // PPM)
        return max(0, min(required, user.assets[JPY].free + order.held))
    return 0


def take_holds(state: State, market: Market, order: Order) -> None:
    """Lock what a new order needs; the caller has checked that it is there."""
    if order.position_side is not None:
        position = state.position_of(order)
        if order.opens:
            order.ordered = market.money(hold_price(order) * order.remaining)
            position.ordered += order.ordered
        elif not order.waiting or state.switches.waiting_stops_reserve:
            order.reserved = position.closable if order.lots is None else order.remaining
            position.locked += order.reserved
            state.position_moved(position, order.user)
    rehold(state, market, order)


def rehold(state: State, market: Market, order: Order) -> None:
    """Bring what an order locks in line with what remains of it."""
    if order.position_side is not None and not state.switches.margin_orders_lock_cash:
        return
    wanted = wanted_hold(state, market, order)
    if wanted != order.held:
        asset = held_asset(market, order)
        state.users[order.user].assets[asset].locked += wanted - order.held
        order.held = wanted
        state.assets_moved(order.user, asset)


def shrink_holds(state: State, market: Market, order: Order, lots: int) -> None:
    """Give back what the `lots` just filled had set aside."""
    if order.position_side is not None:
        position = state.position_of(order)
        if order.opens:
            left = market.money(hold_price(order) * order.remaining)
            position.ordered += left - order.ordered
            order.ordered = left
        elif order.reserved:
            position.locked -= lots
            order.reserved -= lots
    rehold(state, market, order)


def release_holds(state: State, market: Market, order: Order) -> None:
    """Give back everything an order had set aside."""
    if order.position_side is not None:
        position = state.position_of(order)
        position.ordered -= order.ordered
        order.ordered = 0
        if order.reserved:
            position.locked -= order.reserved
            order.reserved = 0
            state.position_moved(position, order.user)
    if order.held:
        asset = held_asset(market, order)
        state.users[order.user].assets[asset].locked -= order.held
        order.held = 0
        state.assets_moved(order.user, asset)


def end(state: State, order: Order, status: OrderStatus) -> None:
    """Give an order its terminal status and everything back; it must be out of the book and of the waiting list."""
    order.status = status
    order.cancel_at = None
    if order.held or order.ordered or order.reserved:
        release_holds(state, state.markets[order.pair], order)
    if state.active.pop(order.id, None) is not None:
        del state.users[order.user].active[order.id]
    state.ended.append((state.now, order.id))


def withdraw(state: State, order: Order) -> None:
    """Cancel an active order: out of the book or the waiting list, to its terminal status."""
    market = state.market_of(order)
    if order.waiting:
        market.waiting.remove(order)
    elif market.book.side(order.side).discard(order):  # an order on its way in is in neither
        touch_book(state, market)
    order.canceled_at = state.now
    end(state, order, OrderStatus.CANCELED_PARTIALLY_FILLED if order.executed else OrderStatus.CANCELED_UNFILLED)


def touch_book(state: State, market: Market) -> None:
    """Give a change of a pair's book its number."""
    state.sequence += 1
    market.sequence = state.sequence
    state.touched[market.rules.pair] = None
