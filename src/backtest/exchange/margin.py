"""The margin account's arithmetic: what backs positions, what they require, and what room is left."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from src.backtest.exchange.account import Position, User
from src.backtest.exchange.kinds import PositionSide
from src.backtest.exchange.market import Market
from src.backtest.exchange.rules import MarginTerms
from src.backtest.exchange.state import JPY, State
from src.backtest.exchange.switches import RequirementBasis
from src.backtest.exchange.views import AvailableBalance, MarginStatus
from src.core.domain.market import PPM, Money
from src.trading.ledger import share

MONEY_PER_JPY = 10_000

Marks = Mapping[str, int]
"""Prices supposed for pairs, in ticks."""
NO_MARKS: Final[Marks] = {}

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
    supposed = marks.get(market.rules.pair)
    return state.mark(market) if supposed is None else supposed


def collateral_value(state: State, user: User, marks: Marks = NO_MARKS) -> int:
    """Return cash and the haircut value of everything else, each asset cut to money units."""
    total = user.assets[JPY].onhand
    for market in state.markets.values():
        rules = market.rules
        units = user.assets[rules.base_asset].onhand
        price = _price(state, market, marks) if units else None
        if price is not None:
            value = units * price * MONEY_PER_JPY * rules.collateral_ppm
            total += value // (PPM * 10 ** (rules.base_precision + rules.price_digits))
    return total


def _result(market: Market, position: Position, price: int) -> int:
    """Return a position's unrealised result, rounded down."""
    if position.side is PositionSide.LONG:
        return market.money(price * position.lots) - position.cost
    return position.cost - market.money_up(price * position.lots)


def _required(state: State, market: Market, user: User, position: Position, price: int) -> int:
    basis = position.cost
    if state.switches.requirement_basis == RequirementBasis.VALUE:
        basis = market.money_up(price * position.lots)
    return -(-basis * ratio(user, market) // PPM)


def margin_of(state: State, user: User, marks: Marks = NO_MARKS) -> Margin:
    """Return a user's margin now, or as it would be if pairs were at the prices of `marks`."""
    result, cost = 0, user.payable
    product, required, ordered, orders_required = [0, 0], [0, 0], [0, 0], [0, 0]  # of longs and of shorts
    for pair, sides in user.positions.items():
        market = state.markets[pair]
        for i, p in enumerate(sides.values()):
            if p.lots:
                cost += p.fee + p.interest
                price = _price(state, market, marks)
                if price is not None:
                    result += _result(market, p, price)
                    product[i] += p.cost
                    required[i] += _required(state, market, user, p, price)
            if p.ordered:
                ordered[i] += p.ordered
                orders_required[i] += -(-p.ordered * ratio(user, market) // PPM)
    return Margin(collateral_value(state, user, marks), result, cost, *product, *required, *ordered, *orders_required)


def capacity(state: State, user: User, market: Market, side: PositionSide, margin: Margin | None = None) -> int:
    """Return the largest notional of a new position: what the free margin carries, within the credit line.

    In bar mode there is no limit: as in a backtest, sizing alone keeps positions within the margin.
    """
    if market.play is not None:
        return UNLIMITED
    m = margin or margin_of(state, user)
    spare = m.balance - m.required - m.long_orders_required - m.short_orders_required
    if side is PositionSide.LONG:
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
            Money(capacity(state, user, market, PositionSide.LONG, m)),
            Money(capacity(state, user, market, PositionSide.SHORT, m)),
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
