"""What becomes of an order that may trade now."""

from src.backtest.exchange.bar_fills import execute_in_bar, taker_price
from src.backtest.exchange.book import Walk
from src.backtest.exchange.holds import end, touch_book, withdraw
from src.backtest.exchange.kinds import LOSSCUT, PRICED_TYPES, OrderStatus
from src.backtest.exchange.market import Market
from src.backtest.exchange.order import Order
from src.backtest.exchange.settlement import trade
from src.backtest.exchange.state import OUTSIDE, State
from src.core.domain.market import PPM, Side


def execute(state: State, market: Market, order: Order) -> None:
    """Match an order that is not in the book; then it rests, has ended, or is rejected."""
    if market.play is not None:
        execute_in_bar(state, market, market.play, order)
    elif order.type in PRICED_TYPES:
        _execute_limit(state, market, order)
    elif order.type is LOSSCUT:
        match(state, market, order, None)
        if order.active:
            _give_up(state, order)
    else:
        _execute_market(state, market, order)


def _execute_limit(state: State, market: Market, order: Order) -> None:
    against = market.book.against(order.side)
    best = against.best
    if market.continuous and best is not None and against.within(order.price, best):
        if order.post_only:
            order.canceled_at = state.now
            end(state, order, OrderStatus.CANCELED_UNFILLED)
            return
        match(state, market, order, order.price)
    if order.active:
        market.book.side(order.side).add(order)
        touch_book(state, market)


def _execute_market(state: State, market: Market, order: Order) -> None:
    limit = sweep_limit(state, market, order.side)
    if market.continuous and reach(state, market, order, limit).lots == order.remaining:
        match(state, market, order, limit)
    if order.active:  # not enough in the book, or a circuit breaker in between
        _give_up(state, order)


def _give_up(state: State, order: Order) -> None:
    if order.executed:
        order.canceled_at = state.now
        end(state, order, OrderStatus.CANCELED_PARTIALLY_FILLED)
    else:
        end(state, order, OrderStatus.REJECTED)


def match(state: State, market: Market, order: Order, limit: int | None) -> None:
    """Trade an incoming order with the book's best, within `limit`, until either is used up or trading stops."""
    against = market.book.against(order.side)
    while order.remaining and order.active and market.continuous:
        maker = against.first()
        if maker is None or maker.price is None or not against.within(limit, maker.price):
            return
        if maker.user == order.user and maker.user != OUTSIDE and not state.switches.self_trade:
            withdraw(state, maker)
            state.tell_order(maker)
            continue
        trade(state, market, order, maker, min(order.remaining, maker.remaining), maker.price)


def sweep_limit(state: State, market: Market, side: Side) -> int | None:
    """Return the worst price a market order may reach; None for no bound."""
    best = market.book.against(side).best
    if not state.switches.market_sweep_bounded or best is None:
        return None
    return best + side * (best * market.rules.market_allowance_ppm // PPM)


def reach(state: State, market: Market, order: Order, limit: int | None) -> Walk:
    """Return what an order could trade at once; in bar mode, where that is not known yet, at the last price."""
    if market.play is not None:
        price = taker_price(market.play, order.side) or market.tape.last or 0
        return Walk(order.remaining, order.remaining * price, price)
    without = None if state.switches.self_trade else int(order.user)
    return market.book.against(order.side).walk(order.remaining, limit, without)
