"""The market's other traders: their quotes, and their trades against ours at our prices."""

from typing import NamedTuple

from src.backtest.exchange.holds import touch_book
from src.backtest.exchange.kinds import OrderStatus, OrderType, PairStatus
from src.backtest.exchange.market import Market
from src.backtest.exchange.matching import match
from src.backtest.exchange.order import Order
from src.backtest.exchange.state import OUTSIDE, State
from src.backtest.exchange.supervision import new_order_id
from src.core.domain.market import Side


class Step(NamedTuple):
    """One move of the market: what others quote from now on, and a trade among them (or none).

    The best quotes are `bids` first and `asks` first; `side` is the taker's, who trades at the best quote.
    """

    bids: dict[int, int]  # price: lots, best first
    asks: dict[int, int]
    side: Side = Side.NONE
    lots: int = 0


def step(state: State, market: Market, move: Step) -> None:
    """Move the market: users' orders that the new quotes have passed are traded, then the quotes, then the trade.

    Outside continuous trading and while the pair is halted nothing moves.
    """
    if market.status is PairStatus.HALT:
        return
    for side, wanted in ((Side.BUY, move.bids), (Side.SELL, move.asks)):
        best = next(iter(wanted), None)
        if best is not None and market.continuous:
            _trade_through(state, market, side, best)
    if market.continuous:
        _requote(state, market, Side.BUY, move.bids)
        _requote(state, market, Side.SELL, move.asks)
        if move.lots:
            _print(state, market, move)


def _trade_through(state: State, market: Market, side: Side, limit: int) -> None:
    """Let the others, on `side`, take every user's order at `limit` or better; their own quotes make way."""
    against = market.book.against(side)
    other = Side(-side)
    quotes = market.quotes[other]
    for price in [p for p in quotes if against.within(limit, p)]:
        _withdraw(state, market, other, price)
    lots = 0
    for level in against.best_first():
        if not against.within(limit, level.price):
            break
        lots += level.lots
    if lots:
        take(state, market, side, limit, lots)


def _print(state: State, market: Market, move: Step) -> None:
    """Let the others trade `move.lots` among themselves at the best quote, and take users' better orders first."""
    wanted = move.bids if move.side is Side.SELL else move.asks
    price = next(iter(wanted))
    against = market.book.against(move.side)
    ahead = 0
    for level in against.best_first():
        if level.price == price:
            break
        ahead += level.lots
    take(state, market, move.side, price, ahead + move.lots)


def _requote(state: State, market: Market, side: Side, wanted: dict[int, int]) -> None:
    quotes, book = market.quotes[side], market.book.side(side)
    for price in sorted(p for p in quotes if p not in wanted):
        _withdraw(state, market, side, price)
    for price, lots in wanted.items():
        present = quotes.get(price)
        if present is None:
            order = _order(state, market, side, price, lots)
            quotes[price] = [order]
            book.add(order)
        elif len(present) > 1 or present[0].remaining != lots:
            quote(state, market, side, price, lots)
    touch_book(state, market)


def quote(state: State, market: Market, side: Side, price: int, lots: int) -> None:
    """Bring what the others offer at `price` to `lots`: what is added queues behind everybody who is there."""
    orders = market.quotes[side].setdefault(price, [])
    orders[:] = [order for order in orders if order.remaining]
    present = sum(order.remaining for order in orders)
    book = market.book.side(side)
    while present > lots:
        cut = min(orders[-1].remaining, present - lots)
        book.reduce(orders[-1], cut)
        present -= cut
        if not orders[-1].remaining:
            orders.pop()
    if present < lots and not (orders and book.enlarge(orders[-1], lots - present)):
        orders.append(_order(state, market, side, price, lots - present))
        book.add(orders[-1])
    if not orders:
        del market.quotes[side][price]


def _withdraw(state: State, market: Market, side: Side, price: int) -> None:
    book = market.book.side(side)
    for order in market.quotes[side].pop(price):
        if order.remaining:
            book.remove(order)


def take(state: State, market: Market, side: Side, limit: int, lots: int) -> int:
    """Let the others take up to `lots` within `limit`; return how many they got."""
    order = _order(state, market, side, limit, lots)
    match(state, market, order, limit)
    return order.executed


def _order(state: State, market: Market, side: Side, price: int, lots: int) -> Order:
    return Order(
        new_order_id(state),
        OUTSIDE,
        market.rules.pair,
        side,
        OrderType.LIMIT,
        None,
        False,
        lots,
        price,
        None,
        False,
        OrderStatus.UNFILLED,
        lots,
        state.now,
        None,
    )
