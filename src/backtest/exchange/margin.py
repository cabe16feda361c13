"""The margin account's arithmetic: what backs positions, what they require, and what room is left."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from src.backtest.exchange.account import Position, User
from src.backtest.exchange.kinds import LONG, SHORT, PositionSide
from src.backtest.exchange.market import MONEY_PER_JPY, Market
from src.backtest.exchange.rules import MarginTerms
from src.backtest.exchange.state import JPY, State
from src.backtest.exchange.switches import RequirementBasis
from src.backtest.exchange.views import AvailableBalance, MarginStatus
from src.core.domain.market import PPM, Money
from src.trading.ledger import share

Marks = Mapping[str, int]
"""Prices supposed for pairs, in ticks."""
NO_MARKS: Final[Marks] = {}

BY_VALUE: Final = RequirementBasis.VALUE

UNLIMITED: Final = 10**15  # money units: more than any account can use


class Margin(NamedTuple):
    """A user's margin at the present prices, in money units. Rounded as the exchange documents."""

    collateral: int
    result: int  # unrealised, floor
    cost: int  # fees, interest and shortfall not yet collected
    long_product: int
    short_product: int
    long_required: int  # by positions, each rounded up
    short_required: int
    long_ordered: int  # notional of opening orders
    short_ordered: int
    long_orders_required: int
    short_orders_required: int

    @property
    def balance(self) -> int:
        """Received margin: collateral plus unrealised result less uncollected cost."""
        return self.collateral + self.result - self.cost

    @property
    def required(self) -> int:
        """What the positions require."""
        return self.long_required + self.short_required


def terms_of(market: Market) -> MarginTerms:
    """Return a pair's margin terms.

    Raises
    ------
    ValueError
        If it has none.
    """
    if market.rules.margin is None:
        raise ValueError(f"{market.rules.pair} has no margin trading")
    return market.rules.margin


def interest_of_a_day(market: Market, position: Position) -> int:
    """Return what a position costs for each day that begins while it is open."""
    terms = terms_of(market)
    rate = terms.long_interest_ppm if position.sign > 0 else terms.short_interest_ppm
    return share(Money(position.cost), rate)


def ratio(user: User, market: Market) -> int:
    """Return the collateral a user's positions in a pair require, ppm of the notional."""
    terms = terms_of(market)
    return terms.company_ratio_ppm if user.company else terms.individual_ratio_ppm


def _price(state: State, market: Market, marks: Marks) -> int | None:
    supposed = marks.get(market.rules.pair) if marks else None
    return state.mark(market) if supposed is None else supposed


def collateral_value(state: State, user: User, marks: Marks = NO_MARKS) -> int:
    """Return cash and the haircut value of everything else, each asset cut to money units."""
    assets = user.assets
    total = assets[JPY].onhand
    for market in state.markets.values():
        units = assets[market.base_asset].onhand
        price = _price(state, market, marks) if units else None
        if price is not None:
            total += units * price * market.collateral_multiplier // market.collateral_divisor
    return total


def _part(market: Market, p: Position, price: int | None, ppm: int, *, by_value: bool) -> tuple[int, int, int, int]:
    """Return what a position adds: unrealised result (rounded down), product, requirement (up), that of its orders."""
    orders_required = -(-p.ordered * ppm // PPM)
    if not p.lots or price is None:
        return 0, 0, 0, orders_required
    value, divisor = price * p.lots * market.multiplier, market.divisor
    basis = -(-value // divisor) if by_value else p.cost
    result = value // divisor - p.cost if p.side is LONG else p.cost + -value // divisor
    return result, p.cost, -(-basis * ppm // PPM), orders_required


def margin_of(state: State, user: User, marks: Marks = NO_MARKS) -> Margin:
    """Return a user's margin now, or as it would be if pairs were at the prices of `marks`."""
    result, cost = 0, user.payable
    long_product = long_required = long_ordered = long_orders_required = 0
    short_product = short_required = short_ordered = short_orders_required = 0
    by_value = state.switches.requirement_basis == BY_VALUE
    for pair, sides in user.positions.items():
        market = state.markets[pair]
        ppm, price = ratio(user, market), _price(state, market, marks)
        long, short = sides.values()
        if long.lots or long.ordered:
            gain, product, required, orders_required = _part(market, long, price, ppm, by_value=by_value)
            result += gain
            long_product += product
            long_required += required
            long_ordered += long.ordered
            long_orders_required += orders_required
        if short.lots or short.ordered:
            gain, product, required, orders_required = _part(market, short, price, ppm, by_value=by_value)
            result += gain
            short_product += product
            short_required += required
            short_ordered += short.ordered
            short_orders_required += orders_required
        cost += long.fee + long.interest + short.fee + short.interest  # 0 while flat
    collateral = collateral_value(state, user, marks)
    return tuple.__new__(  # half the time of Margin(…)
        Margin,
        (
            *(collateral, result, cost),
            *(long_product, short_product, long_required, short_required),
            *(long_ordered, short_ordered, long_orders_required, short_orders_required),
        ),
    )


def capacity(state: State, user: User, market: Market, side: PositionSide, margin: Margin | None = None) -> int:
    """Return the largest notional of a new position: what the free margin carries, within the credit line.

    In bar mode there is no limit: as in a backtest, sizing alone keeps positions within the margin.
    """
    if market.play is not None:
        return UNLIMITED
    m = margin_of(state, user) if margin is None else margin
    spare = m.collateral + m.result - m.cost - m.long_required - m.short_required
    spare -= m.long_orders_required + m.short_orders_required
    if side is LONG:
        credit = market.rules.buy_credit * MONEY_PER_JPY - m.long_product - m.long_ordered
    else:
        credit = market.rules.sell_credit * MONEY_PER_JPY - m.short_product - m.short_ordered
    return max(0, min(spare * PPM // ratio(user, market), credit))


def status_of(state: State, user: User) -> MarginStatus:
    """Return the whole margin status."""
    m = margin_of(state, user)
    flat = m.required == 0
    markets = [market for market in state.markets.values() if market.rules.margin is not None]
    available = tuple(
        AvailableBalance(
            market.rules.pair,
            Money(capacity(state, user, market, LONG, m)),
            Money(capacity(state, user, market, SHORT, m)),
        )
        for market in markets
    )
    positions, orders = m.long_product + m.short_product, m.long_ordered + m.short_ordered
    return MarginStatus(
        user.state,
        Money(m.balance),
        None if flat else _cut(m.balance * 10_000, m.required),
        Money(m.result),
        Money(m.cost),
        Money(positions + orders),
        Money(positions),
        Money(orders),
        Money(m.required),
        Money(m.long_required),
        Money(m.short_required),
        Money(m.long_orders_required + m.short_orders_required),
        Money(m.long_orders_required),
        Money(m.short_orders_required),
        None if flat else 100,
        None if flat else -(-state.switches.losscut_ppm // (PPM // 100)),
        max((market.rules.buy_credit for market in markets), default=0),
        max((market.rules.sell_credit for market in markets), default=0),
        available,
    )


def _cut(numerator: int, denominator: int) -> int:
    """Return the quotient toward zero."""
    whole = abs(numerator) // denominator
    return whole if numerator >= 0 else -whole
