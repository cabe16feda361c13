"""The calls that change something: accept, match, and let everything that follows from it happen."""

from collections.abc import Sequence

from src.backtest.exchange import breaker, codes
from src.backtest.exchange.account import User
from src.backtest.exchange.codes import Refused
from src.backtest.exchange.holds import end, take_holds, withdraw
from src.backtest.exchange.intake import known_market, read_order
from src.backtest.exchange.kinds import CANCELED, HALT, INACTIVE, ORDER, ORDER_NEW, OrderStatus, OrderType
from src.backtest.exchange.market import Market
from src.backtest.exchange.matching import execute
from src.backtest.exchange.order import Order
from src.backtest.exchange.requests import OrderRequest
from src.backtest.exchange.state import State
from src.backtest.exchange.supervision import new_order_id, register, supervise
from src.backtest.exchange.triggers import begin_waiting, fire_next
from src.backtest.exchange.views import OrderView
from src.core.domain.time import Millis

LARGEST_BATCH = 30


def submit(state: State, user: User, request: OrderRequest) -> OrderView:
    """Accept an order and match it; see `SimulatedExchange.submit`."""
    order = read_order(state, user, request)
    market = state.markets[order.pair]
    order.id = new_order_id(state)
    register(state, order)
    place = len(state.events)
    if (order.lots or 0) > market.rules.limit_max_lots:
        end(state, order, OrderStatus.REJECTED)
    elif order.status is INACTIVE:
        begin_waiting(state, market, order)
    else:
        take_holds(state, market, order)
        execute(state, market, order)
    view = state.view(order)
    state.tell(ORDER_NEW, user.id, order.pair, view)
    if len(state.events) - place > 1:  # the news of an order comes before that of its fills
        state.events.insert(place, state.events.pop())
    settle_down(state)
    unchanged = view.status is order.status and view.executed_lots == order.executed
    return view if unchanged else state.view(order)


def settle_down(state: State) -> None:
    """Let waiting orders fire, breakers start and margins be watched until nothing more follows; then report."""
    while True:
        while state.touched and _follow_price(state):
            pass
        if not state.doubtful and not state.touched and not state.losscuts:
            break
        if not supervise(state):
            break
    if state.moved_positions or state.moved_assets:
        state.report_moves()


def _follow_price(state: State) -> bool:
    breaks = state.switches.breaker
    for pair in state.touched:
        market = state.markets[pair]
        if (breaks and breaker.check(state, market)) or (
            market.waiting.count and market.play is None and fire_next(state, market)
        ):
            return True
    return False


def cancel(state: State, user: User, pair: str | None, order_id: int | None) -> OrderView:
    """Cancel one order; see `SimulatedExchange.cancel`."""
    market = known_market(state, pair)
    if order_id is None:
        raise Refused(codes.MISSING_ORDER_ID)
    order = _cancelable(state, user, market, order_id)
    view = _cancel(state, order)
    settle_down(state)
    return view


def _cancelable(state: State, user: User, market: Market, order_id: int) -> Order:
    order = state.orders.get(order_id)
    if order is None or order.user != user.id or order.pair != market.rules.pair:
        raise Refused(codes.ORDER_NOT_FOUND)
    if market.status is HALT:
        raise Refused(codes.SUSPENDED)
    if market.rules.flags.stop_order_and_cancel:
        raise Refused(codes.ORDERS_AND_CANCELS_STOPPED)
    if not order.active:
        raise Refused(_why_ended(order))
    if order.cancel_at is not None:
        raise Refused(codes.CANCEL_PENDING)
    return order


def _why_ended(order: Order) -> int:
    if order.type is OrderType.LOSSCUT or order.status is OrderStatus.REJECTED:
        return codes.NOT_CANCELABLE
    return codes.ALREADY_CANCELED if order.status in CANCELED else codes.ALREADY_EXECUTED


def _cancel(state: State, order: Order) -> OrderView:
    """Cancel an order, or begin to; return it as it then is."""
    if state.switches.cancel_delay and not order.waiting:
        order.cancel_at = Millis(state.now + state.switches.cancel_delay)
        state.cancels.append((order.cancel_at, order.id))
        return state.view(order)
    withdraw(state, order)
    view = state.view(order)
    state.tell(ORDER, order.user, order.pair, view)
    return view


def cancel_many(state: State, user: User, pair: str | None, order_ids: Sequence[int] | None) -> tuple[OrderView, ...]:
    """Cancel a batch; see `SimulatedExchange.cancel_many`."""
    market = known_market(state, pair)
    check_ids(order_ids)
    orders: dict[int, Order] = {}
    for id_ in order_ids or ():
        try:
            orders[id_] = _cancelable(state, user, market, id_)
        except Refused:
            if state.switches.cancel_batch_atomic:
                raise
    views = tuple(_cancel(state, order) for order in orders.values())
    settle_down(state)
    return views


def check_ids(order_ids: Sequence[int] | None) -> None:
    """Refuse a list of ids that is missing, empty or too long."""
    if order_ids is None:
        raise Refused(codes.MISSING_ORDER_IDS)
    if not order_ids:
        raise Refused(codes.BAD_ORDER_IDS)
    if len(order_ids) > LARGEST_BATCH:
        raise Refused(codes.TOO_MANY_IDS)
