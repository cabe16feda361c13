"""A price-time order book: prices are ticks, at one price the older order trades first."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from src.backtest.exchange.kinds import BUY
from src.backtest.exchange.order import Order
from src.core.domain.market import Side


class Level:
    """The orders at one price, oldest first, and the sum of what remains of them."""

    __slots__ = ("lots", "orders", "price")

    def __init__(self, price: int) -> None:
        self.price = price
        self.lots = 0
        self.orders: dict[int, Order] = {}


class Walk(NamedTuple):
    """What an order could trade at once."""

    lots: int
    product: int  # sum of price times lots
    worst: int  # last price touched, 0 if none


class BookSide:
    """All bids, or all asks. The best price is the last of `_ranks`, so that taking it away costs nothing."""

    __slots__ = ("_ranks", "levels", "sign")

    def __init__(self, side: Side) -> None:
        self.sign = int(side)  # a bid ranks by its price, an ask by its price's negative
        self.levels: dict[int, Level] = {}
        self._ranks: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._ranks)

    @property
    def best(self) -> int | None:
        """The best price, None if there is no order."""
        return self._ranks[-1] * self.sign if self._ranks else None

    def add(self, order: Order) -> None:
        """Queue `order` behind the others at its price.

        Raises
        ------
        ValueError
            If it has no price.
        """
        price = order.price
        if price is None:
            raise ValueError(f"order {order.id} has no price to rest at")
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level(price)
            rank = price * self.sign
            if not self._ranks or rank > self._ranks[-1]:
                self._ranks.append(rank)
            else:
                insort(self._ranks, rank)
        level.orders[order.id] = order
        level.lots += order.remaining

    def reduce(self, order: Order, lots: int) -> None:
        """Take `lots` from an order at rest; at nothing left it leaves the book."""
        level = self.levels[order.price or 0]
        level.lots -= lots
        order.remaining -= lots
        if order.remaining == 0:
            self._leave(level, order.id)

    def enlarge(self, order: Order, lots: int) -> bool:
        """Add `lots` to an order at rest if it is the last in its queue; return whether it was."""
        level = self.levels[order.price or 0]
        if next(reversed(level.orders)) != order.id:
            return False
        order.remaining += lots
        level.lots += lots
        return True

    def remove(self, order: Order) -> None:
        """Take an order out of the book; what remains of it stays written on it.

        Raises
        ------
        KeyError
            If it is not there.
        """
        if not self.discard(order):
            raise KeyError(order.id)

    def discard(self, order: Order) -> bool:
        """Take an order out of the book if it is there; return whether it was."""
        level = self.levels.get(order.price or 0)
        if level is None or order.id not in level.orders:
            return False
        level.lots -= order.remaining
        self._leave(level, order.id)
        return True

    def _leave(self, level: Level, order_id: int) -> None:
        del level.orders[order_id]
        if not level.orders:
            del self.levels[level.price]
            rank = level.price * self.sign
            if self._ranks[-1] == rank:
                self._ranks.pop()
            else:
                del self._ranks[bisect_left(self._ranks, rank)]

    def holds(self, order: Order) -> bool:
        """Return whether `order` rests here."""
        level = self.levels.get(order.price or 0)
        return level is not None and order.id in level.orders

    def first(self) -> Order | None:
        """Return the order that trades next."""
        if not self._ranks:
            return None
        return next(iter(self.levels[self._ranks[-1] * self.sign].orders.values()))

    def best_first(self) -> Iterator[Level]:
        """Yield the levels from the best price on."""
        return (self.levels[rank * self.sign] for rank in reversed(self._ranks))

    def within(self, limit: int | None, price: int) -> bool:
        """Return whether `price` of this side is at least as good as `limit` for who takes it."""
        return limit is None or price * self.sign >= limit * self.sign

    def walk(self, lots: int, limit: int | None, without: int | None) -> Walk:
        """Return what an order of `lots` could take within `limit`, leaving out the orders of user `without`."""
        left, product, worst = lots, 0, 0
        for level in self.best_first():
            if left == 0 or not self.within(limit, level.price):
                break
            free = level.lots
            if without is not None:
                free -= sum(order.remaining for order in level.orders.values() if order.user == without)
            take = min(left, free)
            if take > 0:
                left -= take
                product += take * level.price
                worst = level.price
        return Walk(lots - left, product, worst)


class Book:
    """Both sides."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)

    def side(self, side: Side) -> BookSide:
        """Return where orders of `side` rest."""
        return self.bids if side is BUY else self.asks

    def against(self, side: Side) -> BookSide:
        """Return what orders of `side` trade with."""
        return self.asks if side is BUY else self.bids

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid >= ask
