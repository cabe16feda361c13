"""Exchanges, users and orders for tests, in as few words as possible."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import (
    DEFAULT_PAIRS,
    EventKind,
    OrderRequest,
    Refused,
    SimulatedExchange,
    Switches,
)
from src.core.domain.time import DAY

PAIR = "btc_jpy"
SPOT = "mona_jpy"
NOON = 1_700_016_000_000 // DAY * DAY + 3 * 3_600_000  # 12:00 in Japan, a Wednesday
PRICE = 10_000_000


def fresh(start=NOON, pairs=DEFAULT_PAIRS, **switches):
    return SimulatedExchange(pairs, Switches(**switches), start=start, seed=0)


def user(exchange, jpy=10_000_000, btc=1, **more):
    return exchange.add_user("u", {"jpy": Decimal(jpy), "btc": Decimal(btc)}, **more)


def ask(side, amount, price=None, *, kind=None, trigger=None, pair=PAIR, position=None, post_only=None):
    """A request; without a price (and another kind) it is a market order."""
    return OrderRequest(
        pair,
        side,
        kind or ("market" if price is None else "limit"),
        None if amount is None else Decimal(str(amount)),
        None if price is None else Decimal(str(price)),
        None if trigger is None else Decimal(str(trigger)),
        post_only,
        position,
    )


def refused(code):
    """The code with which a call is refused."""
    return pytest.raises(Refused, match=f"code {code}:")


def busy(spread=1_000, amount=1, price=PRICE, jpy=10_000_000, btc=1, **switches):
    """An exchange where a rich maker quotes both sides of `price`, after one trade at it; with a user to test."""
    exchange = fresh(**switches)
    maker = user(exchange, 100_000_000_000, 1_000)
    other = user(exchange, 100_000_000_000, 1_000)
    exchange.submit(maker, ask("sell", "0.0001", price))
    exchange.submit(other, ask("buy", "0.0001", price))
    exchange.submit(maker, ask("buy", amount, price - spread))
    exchange.submit(maker, ask("sell", amount, price + spread))
    tested = user(exchange, jpy, btc)
    exchange.drain()
    return exchange, tested, maker


def move_last(exchange, maker, price):
    """Let somebody else trade at `price`, through everything that rests before it."""
    other = user(exchange, 100_000_000_000, 1_000)
    for order in exchange.active_orders(maker):
        exchange.cancel(maker, order.pair, order.order_id)
    exchange.submit(maker, ask("sell", "0.0001", price))
    exchange.submit(other, ask("buy", "0.0001", price))


def requote(exchange, maker, bid, offer, amount=10):
    """Let the maker quote only these two prices."""
    for order in exchange.active_orders(maker):
        exchange.cancel(maker, order.pair, order.order_id)
    exchange.submit(maker, ask("buy", amount, bid))
    exchange.submit(maker, ask("sell", amount, offer))


def position(exchange, who, side="long"):
    return next(p for p in exchange.margin_positions(who).positions if p.pair == PAIR and p.position_side == side)


def balance(exchange, who, asset):
    return next(a for a in exchange.assets(who) if a.asset == asset)


def payloads(events, kind, who=None):
    return [e.payload for e in events if e.kind is EventKind(kind) and (who is None or e.user == who)]
