"""One pair's present state: rules, book, tape, waiting orders, circuit breaker."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Final

from src.backtest.exchange.bar_play import BarPlay
from src.backtest.exchange.book import Book
from src.backtest.exchange.kinds import CONTINUOUS, CircuitMode, FeeType, OrderType, PairStatus
from src.backtest.exchange.order import Order
from src.backtest.exchange.rules import MarginTerms, PairRules
from src.backtest.exchange.tape import Tape
from src.core.domain.candles import Candles
from src.core.domain.market import PPM, Side
from src.core.domain.time import Millis

MONEY_DIGITS: Final = 4  # of JPY in a money unit
MONEY_PER_JPY: Final = 10**MONEY_DIGITS


class Waiting:
    """Orders that wait for a price, by direction and side, each list in order of its trigger price."""

    __slots__ = ("count", "falling", "rising")

    def __init__(self) -> None:
        self.count = 0
        self.rising: dict[Side, list[tuple[int, int]]] = {Side.BUY: [], Side.SELL: []}
        self.falling: dict[Side, list[tuple[int, int]]] = {Side.BUY: [], Side.SELL: []}

    def add(self, order: Order) -> None:
        """Begin to wait."""
        self.count += 1
        insort(self._list(order), (order.trigger or 0, order.id))

    def remove(self, order: Order) -> None:
        """Stop waiting."""
        self.count -= 1
        waiting = self._list(order)
        del waiting[bisect_left(waiting, (order.trigger or 0, order.id))]

    def fired(self, side: Side, price: int) -> int | None:
        """Return the id of the first order of `side` that `price` fires."""
        rising, falling = self.rising[side], self.falling[side]
        if rising and rising[0][0] <= price:
            return rising[0][1]
        if falling and falling[-1][0] >= price:
            return falling[-1][1]
        return None

    def _list(self, order: Order) -> list[tuple[int, int]]:
        return (self.rising if fires_rising(order.type, order.side) else self.falling)[order.side]


def fires_rising(kind: OrderType, side: Side) -> bool:
    """Return whether a waiting order fires at or above its trigger price, not at or below."""
    return (side is Side.BUY) is not (kind is OrderType.TAKE_PROFIT)


@dataclass(slots=True)
class Market:
    """A pair. `safe_low` and `safe_high` bound the prices at which no user's margin state can change."""

    rules: PairRules
    next_margin: MarginTerms | None
    margin_until: Millis | None
    status: PairStatus = PairStatus.NORMAL
    min_lots: int = 0
    mode: CircuitMode = CircuitMode.NONE
    fee_type: FeeType = FeeType.NORMAL
    itayose_upper: int | None = None
    itayose_lower: int | None = None
    reopen_at: Millis | None = None
    band_ppm: int = 0
    broke_at: Millis | None = None
    reopened_at: Millis | None = None
    reopen_price: int | None = None  # last price at that time
    judged_id: int = 0  # the last trade that was held against the band
    sequence: int = 0
    safe_low: int = 0
    safe_high: int = 0
    book: Book = field(default_factory=Book)
    tape: Tape = field(default_factory=Tape)
    waiting: Waiting = field(default_factory=Waiting)
    quotes: dict[Side, dict[int, list[Order]]] = field(default_factory=lambda: {Side.BUY: {}, Side.SELL: {}})
    history: Candles = field(default_factory=Candles.empty)
    history_period: int = 0
    play: BarPlay | None = None  # bar mode; None: the book decides
    multiplier: int = 1  # money units of one tick times one lot …
    divisor: int = 1  # … divided by this
    units_per_lot: int = 1  # of the base asset's balance
    base_asset: str = field(init=False)  # this and the rest for speed: of the rules, which never change in them
    unit_divisor: int = field(init=False)  # a unit of the base asset at one tick is 1 JPY divided by this
    collateral_multiplier: int = field(init=False)  # units times ticks to the money they count as collateral …
    collateral_divisor: int = field(init=False)  # … divided by this

    def __post_init__(self) -> None:
        rules = self.rules
        self.units_per_lot = rules.units_per_lot
        digits = rules.price_digits + rules.amount_digits - MONEY_DIGITS
        self.multiplier, self.divisor = (1, 10**digits) if digits >= 0 else (10**-digits, 1)
        self.base_asset = rules.base_asset
        self.unit_divisor = 10 ** (rules.base_precision + rules.price_digits)
        self.collateral_multiplier = MONEY_PER_JPY * rules.collateral_ppm
        self.collateral_divisor = PPM * self.unit_divisor

    def money(self, product: int) -> int:
        """Return ticks times lots as money, cut to its unit."""
        return product * self.multiplier // self.divisor

    def money_up(self, product: int) -> int:
        """Return ticks times lots as money, rounded up."""
        return -(-product * self.multiplier // self.divisor)

    def average(self, cost: int, lots: int) -> int:
        """Return the mean price of `lots` that cost `cost` money, cut to the grid; 0 for none."""
        return cost * self.divisor // (self.multiplier * lots) if lots else 0

    @property
    def continuous(self) -> bool:
        """Whether orders meet as they come."""
        return self.mode is CONTINUOUS

    def mid(self) -> int | None:
        """Return the mean of best bid and ask, cut; None while a side is empty."""
        bid, ask = self.book.bids.best, self.book.asks.best
        return None if bid is None or ask is None else (bid + ask) // 2
