"""What becomes of an order in bar mode: nobody meets anybody, a candle says what trades, and at what price."""

from src.backtest.exchange.bar_play import BarPlay
from src.backtest.exchange.holds import end
from src.backtest.exchange.kinds import OrderStatus, OrderType
from src.backtest.exchange.market import Market
from src.backtest.exchange.order import Order
from src.backtest.exchange.settlement import trade_unseen
from src.backtest.exchange.state import JPY, State
from src.core.domain.market import Money, Side, Ticks
from src.trading.ledger import share, worse


def execute_in_bar(state: State, market: Market, play: BarPlay, order: Order) -> None:
    """Fill an order that is on its way in, or let it wait or rest.

    A closing limit order that a price of this bar reaches fills at its own price, as taker; every other limit order
    rests, whatever its price. A market order fills at the bar's open, and waits for it between two bars.
    """
    if not market.continuous:
        return
    if order.type is OrderType.LIMIT:
        _execute_limit(state, market, play, order)
        return
    price = taker_price(play, order.side)
    if price is None:
        return
    if order.price is not None:  # a fired stop-limit: within its limit it trades at its limit, else it rests
        if (order.price - price) * order.side >= 0:
            trade_unseen(state, market, order, order.price, maker=False)
    elif _payable(state, market, order, price):
        trade_unseen(state, market, order, price, maker=False)
    else:
        end(state, order, OrderStatus.REJECTED)


def _execute_limit(state: State, market: Market, play: BarPlay, order: Order) -> None:
    closes = order.position_side is not None and not order.opens
    if not closes or order.price is None or not play.reached(order.side, order.price):
        return
    if order.post_only:
        order.canceled_at = state.now
        end(state, order, OrderStatus.CANCELED_UNFILLED)
    else:
        trade_unseen(state, market, order, order.price, maker=False)


def taker_price(play: BarPlay, side: Side) -> int | None:
    """Return what a taker pays or gets now; None while takers wait for the next bar's open."""
    return None if play.taking is None else worse(Ticks(play.taking), side, play.terms.slippage_ppm)


def _payable(state: State, market: Market, order: Order, price: int) -> bool:
    """Return whether a spot buy is covered at the price it has come to; margin and coins were set aside before."""
    if order.position_side is not None or order.side is Side.SELL:
        return True
    cost = market.money(price * order.remaining)
    fee = share(Money(cost), max(market.rules.fees.taker_ppm, 0))
    return cost + fee <= state.users[order.user].assets[JPY].free
