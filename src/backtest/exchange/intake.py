"""From a request to an accepted order, or to the code of the first check that fails.

The order of checks, where the exchange publishes none: pair, position side, type and side; then what is required;
then form and size; then what is stopped at present; then what the account allows.
"""

from decimal import Decimal
from typing import Final

from src.backtest.exchange import codes
from src.backtest.exchange.account import User
from src.backtest.exchange.codes import Refused
from src.backtest.exchange.grid import on_grid
from src.backtest.exchange.holds import cash_needed, hold_price
from src.backtest.exchange.kinds import (
    BUY,
    HALT,
    INACTIVE,
    LIMIT,
    LONG,
    MARKET,
    PRICED_TYPES,
    SELL,
    SIDE_OF,
    TRIGGERED_TYPES,
    UNFILLED,
    USER_TYPES,
    MarginState,
    OrderType,
    PositionSide,
)
from src.backtest.exchange.margin import capacity
from src.backtest.exchange.market import Market
from src.backtest.exchange.matching import reach, sweep_limit
from src.backtest.exchange.order import Order
from src.backtest.exchange.requests import OrderRequest
from src.backtest.exchange.rules import NO_FLAGS, Flags
from src.backtest.exchange.state import JPY, State
from src.backtest.exchange.switches import Scope
from src.backtest.exchange.triggers import fires_at_once
from src.core.domain.market import PPM, Money, Side
from src.core.domain.time import DAY, Millis
from src.trading.ledger import share

LIFE: Final = 180 * DAY
PROTECTIONS: Final = (OrderType.TAKE_PROFIT, OrderType.STOP_LOSS)
POSITION_SIDES: Final = {side.value: side for side in PositionSide}
RESTRICTED: Final = (MarginState.LOSSCUT, MarginState.DEBT)


def known_market(state: State, pair: str | None) -> Market:
    """Return the pair a private request names.

    Raises
    ------
    Refused
        30009 if none is named, 40017 if there is none of that name.
    """
    if pair is None:
        raise Refused(codes.MISSING_PAIR)
    market = state.markets.get(pair)
    if market is None:
        raise Refused(codes.BAD_PAIR)
    return market


def read_order(state: State, user: User, request: OrderRequest) -> Order:
    """Return the order a request asks for, not yet numbered and with nothing set aside.

    Raises
    ------
    Refused
        With the code of the first check that fails.
    """
    market = known_market(state, request.pair)
    kind, side, position_side = _read_words(market, request)
    _check_present(state, request, kind)
    lots, price, trigger = _read_numbers(state, market, request, kind, side)
    opens = position_side is not None and (position_side is LONG) is (side is BUY)
    order = Order(
        0,
        user.id,
        market.rules.pair,
        side,
        kind,
        position_side,
        opens,
        lots,
        price,
        trigger,
        request.post_only is True and market.continuous,  # outside continuous trading it is silently ignored
        INACTIVE if kind in TRIGGERED_TYPES else UNFILLED,
        lots or 0,
        state.now,
        Millis(state.now + LIFE),
    )
    _check_direction(state, order)
    _check_stopped(state, market, order)
    _check_account(state, market, user, order)
    return order


def _read_words(market: Market, request: OrderRequest) -> tuple[OrderType, Side, PositionSide | None]:
    if request.type is None:
        raise Refused(codes.MISSING_TYPE)
    kind = USER_TYPES.get(request.type)
    if kind is None:
        raise Refused(codes.BAD_TYPE)
    if request.side is None:
        raise Refused(codes.MISSING_SIDE)
    side = SIDE_OF.get(request.side)
    if side is None:
        raise Refused(codes.BAD_SIDE)
    if request.position_side is None:
        if kind in PROTECTIONS:  # there is no position they could close
            raise Refused(codes.BAD_POSITION_SIDE)
        return kind, side, None
    position_side = POSITION_SIDES.get(request.position_side)
    if position_side is None:
        raise Refused(codes.BAD_POSITION_SIDE)
    if market.rules.margin is None:
        raise Refused(codes.NOT_MARGINABLE)
    return kind, side, position_side


def _check_present(state: State, request: OrderRequest, kind: OrderType) -> None:
    whole = kind in PROTECTIONS and state.switches.amount_may_be_absent
    if request.amount is None and not whole:
        raise Refused(codes.MISSING_AMOUNT)
    if request.price is None and kind in PRICED_TYPES:
        raise Refused(codes.MISSING_PRICE)
    if request.trigger_price is None and kind in TRIGGERED_TYPES:
        raise Refused(codes.MISSING_TRIGGER)
    if isinstance(request.post_only, str):
        raise Refused(codes.BAD_POST_ONLY)
    if request.post_only and kind is not LIMIT:
        raise Refused(codes.POST_ONLY_NOT_LIMIT)


def _read_numbers(
    state: State, market: Market, request: OrderRequest, kind: OrderType, side: Side
) -> tuple[int | None, int | None, int | None]:
    lots = price = trigger = None
    if request.price is not None and kind in PRICED_TYPES:
        price = _read_price(state, market, request.price)
    if request.trigger_price is not None and kind in TRIGGERED_TYPES:
        trigger = _read_trigger(market, request.trigger_price)
    if request.amount is not None:
        lots = _read_amount(state, market, request.amount, kind, side)
    return lots, price, trigger


def _read_price(state: State, market: Market, value: Decimal) -> int:
    rules = market.rules
    found = on_grid(value, rules.price_digits)
    if found is None:
        raise Refused(codes.BAD_PRICE)
    if found.steps > rules.price_cap:
        raise Refused(codes.PRICE_TOO_HIGH)
    if not found.exact:
        raise Refused(state.switches.price_digits_code)
    if found.steps < rules.price_floor:
        raise Refused(codes.PRICE_TOO_LOW)
    return found.steps


def _read_trigger(market: Market, value: Decimal) -> int:
    found = on_grid(value, market.rules.price_digits)
    if found is None:
        raise Refused(codes.BAD_TRIGGER)
    if found.steps > market.rules.price_cap:
        raise Refused(codes.TRIGGER_TOO_HIGH)
    if not found.exact or found.steps < market.rules.price_floor:
        raise Refused(codes.BAD_TRIGGER)
    return found.steps


def _read_amount(state: State, market: Market, value: Decimal, kind: OrderType, side: Side) -> int:
    rules = market.rules
    found = on_grid(value, rules.amount_digits)
    if found is None:
        raise Refused(codes.BAD_AMOUNT)
    if found.steps < rules.min_lots:
        raise Refused(codes.TOO_SMALL)
    if kind in PRICED_TYPES:
        if found.steps > rules.limit_max_lots and not (
            state.switches.oversized_limit_rejected and found.steps < 10**15
        ):
            raise Refused(codes.TOO_BIG)
    elif found.steps > rules.market_max_lots:
        raise Refused(codes.MARKET_BUY_TOO_BIG if side is BUY else codes.TOO_BIG)
    if not found.exact:
        raise Refused(state.switches.amount_digits_code)
    return found.steps


def _check_direction(state: State, order: Order) -> None:
    if not order.opens or order.type not in TRIGGERED_TYPES:
        return
    if order.type in PROTECTIONS:
        raise Refused(codes.WRONG_DIRECTION)
    if not state.switches.stop_types_open:
        raise Refused(codes.STOP_TYPE_OPENS)


def _check_stopped(state: State, market: Market, order: Order) -> None:
    if market.status is HALT:
        raise Refused(codes.SUSPENDED)
    flags = market.rules.flags
    if flags is not NO_FLAGS and flags != NO_FLAGS:
        _check_flags(flags, order)
    if order.type is MARKET and not market.continuous:
        raise Refused(codes.NOT_CONTINUOUS)
    if order.lots is not None and order.lots < market.min_lots:
        raise Refused(codes.MINIMUM_RAISED)
    far, last = state.switches.far_price_ppm, market.tape.last
    if far and last is not None and order.price is not None and abs(order.price - last) * PPM > far * last:
        raise Refused(codes.PRICE_TOO_FAR)


def _check_flags(flags: Flags, order: Order) -> None:
    kind = order.type
    if flags.stop_order_and_cancel:
        raise Refused(codes.ORDERS_AND_CANCELS_STOPPED)
    if flags.stop_order:
        raise Refused(codes.ORDERS_STOPPED)
    if kind is OrderType.MARKET and flags.stop_market_order:
        raise Refused(codes.MARKET_STOPPED)
    if kind is OrderType.STOP and flags.stop_stop_order:
        raise Refused(codes.STOP_STOPPED)
    if kind is OrderType.STOP_LIMIT and flags.stop_stop_limit_order:
        raise Refused(codes.STOP_LIMIT_STOPPED)
    if order.opens:
        if order.position_side is PositionSide.LONG and flags.stop_margin_long_order:
            raise Refused(codes.LONG_STOPPED)
        if order.position_side is PositionSide.SHORT and flags.stop_margin_short_order:
            raise Refused(codes.SHORT_STOPPED)
    if order.side is Side.BUY and flags.stop_buy_order:
        raise Refused(codes.BUYS_STOPPED)
    if order.side is Side.SELL and flags.stop_sell_order:
        raise Refused(codes.SELLS_STOPPED)


def _check_account(state: State, market: Market, user: User, order: Order) -> None:
    if order.position_side is not None:
        _check_margin_business(market, user, order)
    if order.status is INACTIVE and market.play is None and fires_at_once(state, market, order):
        raise Refused(codes.FIRES_AT_ONCE)
    cap = state.switches.open_order_cap
    if len(user.active) >= cap and order.type is not MARKET and _open_orders(state, user, order) >= cap:
        raise Refused(codes.TOO_MANY_ORDERS)
    if _oversized(market, order):
        return  # it will be rejected, nothing is set aside
    if order.position_side is None:
        _check_funds(state, market, user, order)
    elif order.opens:
        _check_capacity(state, market, user, order, order.position_side)
    else:
        _check_position(state, user, order, order.position_side)


def _oversized(market: Market, order: Order) -> bool:
    return (order.lots or 0) > market.rules.limit_max_lots and order.type in PRICED_TYPES


def _check_margin_business(market: Market, user: User, order: Order) -> None:
    if order.opens:
        if not user.margin_enabled:
            raise Refused(codes.MARGIN_NOT_REVIEWED)
        if market.rules.flags.margin_open_closed:
            raise Refused(codes.MARGIN_OPEN_CLOSED)
        if user.state in RESTRICTED:
            raise Refused(codes.MARGIN_RESTRICTED)
    elif market.rules.flags.margin_close_closed:
        raise Refused(codes.MARGIN_CLOSE_CLOSED)


def _open_orders(state: State, user: User, order: Order) -> int:
    """Return how many open orders count toward the cap."""
    everywhere = state.switches.cap_scope == Scope.ACCOUNT
    return sum(
        (everywhere or other.pair == order.pair) and (state.switches.waiting_counts or not other.waiting)
        for other in user.active.values()
    )


def _check_funds(state: State, market: Market, user: User, order: Order) -> None:
    if order.side is SELL:
        if user.assets[market.base_asset].free < order.remaining * market.units_per_lot:
            raise Refused(codes.NO_FUNDS)
    elif order.type is MARKET:
        cost = market.money(reach(state, market, order, sweep_limit(state, market, order.side)).product)
        if cost + share(Money(cost), max(market.rules.fees.taker_ppm, 0)) > user.assets[JPY].free:
            raise Refused(codes.NO_FUNDS)
    elif cash_needed(market, hold_price(order), order.remaining) > user.assets[JPY].free:
        raise Refused(codes.NO_FUNDS)


def _check_capacity(state: State, market: Market, user: User, order: Order, side: PositionSide) -> None:
    if order.type is not MARKET:
        product = hold_price(order) * order.remaining
    else:
        product = reach(state, market, order, sweep_limit(state, market, order.side)).product
    if market.money_up(product) > capacity(state, user, market, side):
        raise Refused(codes.EXCEEDS_CAPACITY)


def _check_position(state: State, user: User, order: Order, side: PositionSide) -> None:
    position = user.positions[order.pair][side]
    reserves = not order.waiting or state.switches.waiting_stops_reserve
    free = position.closable if reserves else min(position.seen_lots, position.lots)
    if free <= 0 or (order.lots or 0) > free:
        raise Refused(codes.EXCEEDS_POSITION)
