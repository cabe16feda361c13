"""The itayose: one price at which a crossed book trades as much as it can."""

from typing import NamedTuple

from src.backtest.exchange.book import BookSide
from src.backtest.exchange.kinds import FeeType
from src.backtest.exchange.market import Market
from src.backtest.exchange.order import Order
from src.backtest.exchange.settlement import trade
from src.backtest.exchange.state import State


class Auction(NamedTuple):
    """What an auction would do now."""

    price: int
    lots: int


def estimate(market: Market) -> Auction | None:
    """Return the auction's price and volume; None if nothing would trade.

    The price with the largest volume; of several the one with the least surplus; of those the one nearest to the
    last trade, and then the lowest. It stays within the auction's bounds where the pair has them.
    """
    bids, asks = _depth(market.book.bids), _depth(market.book.asks)
    last = market.tape.last
    best: tuple[int, int, int, int] | None = None
    for price in sorted({_bounded(market, p) for p in bids} | {_bounded(market, p) for p in asks}):
        demand = sum(lots for p, lots in bids.items() if p >= price)
        supply = sum(lots for p, lots in asks.items() if p <= price)
        rank = (-min(demand, supply), abs(demand - supply), 0 if last is None else abs(price - last), price)
        if best is None or rank < best:
            best = rank
    return None if best is None or best[0] == 0 else Auction(best[3], -best[0])


def _depth(side: BookSide) -> dict[int, int]:
    return {level.price: level.lots for level in side.best_first()}


def _bounded(market: Market, price: int) -> int:
    if market.itayose_upper is not None:
        price = min(price, market.itayose_upper)
    if market.itayose_lower is not None:
        price = max(price, market.itayose_lower)
    return price


def run(state: State, market: Market) -> None:
    """Trade what the auction trades, in price-time order; afterwards the book is not crossed.

    Where bounds kept the price away from the crossing, orders that still cross trade with one another at the
    older one's price, as in continuous trading.
    """
    found = estimate(market)
    left = found.lots if found is not None else 0
    while left:
        bid, ask = market.book.bids.first(), market.book.asks.first()
        if found is None or bid is None or ask is None:
            break
        lots = min(left, bid.remaining, ask.remaining)
        _cross(state, market, bid, ask, lots, found.price)
        left -= lots
    while market.book.crossed:
        bid, ask = market.book.bids.first(), market.book.asks.first()
        if bid is None or ask is None:
            break
        older = min(bid, ask, key=lambda order: order.id)
        _cross(state, market, bid, ask, min(bid.remaining, ask.remaining), older.price or 0)


def _cross(state: State, market: Market, bid: Order, ask: Order, lots: int, price: int) -> None:
    maker = _maker(market, bid, ask)
    trade(state, market, ask if maker is bid else bid, maker, lots, price)


def _maker(market: Market, bid: Order, ask: Order) -> Order:
    if market.fee_type is FeeType.BUY_MAKER:
        return bid
    if market.fee_type is FeeType.SELL_MAKER:
        return ask
    return min(bid, ask, key=lambda order: order.id)


def surplus(market: Market) -> tuple[int, int]:
    """Return the lots of asks at or below the best bid, and of bids at or above the best ask."""
    bid, ask = market.book.bids.best, market.book.asks.best
    if bid is None or ask is None or bid < ask:
        return 0, 0
    under = sum(level.lots for level in market.book.asks.best_first() if level.price <= bid)
    over = sum(level.lots for level in market.book.bids.best_first() if level.price >= ask)
    return under, over
