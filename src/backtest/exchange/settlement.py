"""What one fill moves: between the two users, the other traders outside, and the house; it always sums to zero.

The house lends for margin. A long's buy is paid by the house, which keeps the coins; a short's sale delivers the
house's coins, and it keeps the cash. When the position closes, the user gets or pays the difference, less the fees
of both fills and the interest.
"""

from typing import Final, NamedTuple

from src.backtest.exchange.account import User
from src.backtest.exchange.holds import end, held_asset, shrink_holds, touch_book, withdraw
from src.backtest.exchange.kinds import BUY, FULLY_FILLED, PARTIALLY_FILLED, TRADE, TRANSACTION, EventKind
from src.backtest.exchange.margin import terms_of
from src.backtest.exchange.market import Market
from src.backtest.exchange.order import Order
from src.backtest.exchange.state import JPY, OUTSIDE, State
from src.backtest.exchange.views import PayableView, TradeView, TransactionView
from src.core.domain.market import Money, Side
from src.trading.ledger import share


class Fill(NamedTuple):
    """One order's side of a trade."""

    id: int
    price: int
    lots: int
    cost: int
    maker: bool
    fee: int  # that this fill causes


class Collected(NamedTuple):
    """What a fill settles at once."""

    fee: int
    profit_loss: int | None = None
    interest: int | None = None


NOTHING: Final = Collected(0, 0, 0)


def trade(state: State, market: Market, taker: Order, maker: Order, lots: int, price: int) -> None:
    """Let two orders trade `lots` at `price`. The maker rests in the book; the taker may, too (in an auction)."""
    cost, book = market.money(price * lots), market.book
    id_ = market.tape.record(taker.side, price, lots, state.now)
    book.side(maker.side).reduce(maker, lots)
    if book.side(taker.side).holds(taker):
        book.side(taker.side).reduce(taker, lots)
    else:
        taker.remaining -= lots
    touch_book(state, market)
    pair = market.rules.pair
    if state.switches.events:
        view = tuple.__new__(TransactionView, (pair, id_, taker.side, price, lots, state.now))
        state.tell(TRANSACTION, None, pair, view)
    # a spot side pays first: should both be one user's, its cash must not have gone into a margin loss before
    for order in (taker, maker) if taker.position_side is None else (maker, taker):
        _fill(state, market, order, id_, price, lots, cost, maker=order is maker)
    if state.unbacked:
        _settle_unbacked(state)


def trade_unseen(state: State, market: Market, order: Order, price: int, *, maker: bool) -> None:
    """Let all of an order that is not in the book trade with the others outside; the public is told nothing.

    For bar mode, where a candle has already said what was traded publicly.
    """
    lots = order.remaining
    cost = market.money(price * lots)
    market.tape.last_id += 1  # ids of trades stay unique inside the pair
    order.remaining = 0
    _fill(state, market, order, market.tape.last_id, price, lots, cost, maker=maker)
    _move_outside(state, market, Side(-order.side), lots, cost)
    _settle_unbacked(state)


def _settle_unbacked(state: State) -> None:
    for user in list(state.unbacked):
        _drop_unbacked(state, state.users[user])
    state.unbacked.clear()


def _fill(
    state: State, market: Market, order: Order, id_: int, price: int, lots: int, cost: int, *, maker: bool
) -> None:
    order.executed += lots
    order.executed_at = state.now
    order.status = PARTIALLY_FILLED if order.remaining else FULLY_FILLED
    if order.user == OUTSIDE:
        _move_outside(state, market, order.side, lots, cost)
        return
    before = order.cost
    order.cost += cost
    rate = _rate(market, order, maker=maker)
    # the difference of two roundings: many small fills of an order cost no more than one large
    fee = share(Money(order.cost), rate) - share(Money(before), rate) if rate else 0
    fill = tuple.__new__(Fill, (id_, price, lots, cost, maker, fee))
    collected = _settle(state, market, order, fill)
    _write_trade(state, market, order, fill, collected)
    if order.remaining == 0:
        end(state, order, FULLY_FILLED)


def _rate(market: Market, order: Order, *, maker: bool) -> int:
    fees = market.rules.fees
    if order.position_side is None:
        return fees.maker_ppm if maker else fees.taker_ppm
    if order.opens:
        return fees.open_maker_ppm if maker else fees.open_taker_ppm
    return fees.close_maker_ppm if maker else fees.close_taker_ppm


def _move_outside(state: State, market: Market, side: Side, lots: int, cost: int) -> None:
    base = market.rules.base_asset
    state.outside[base] = state.outside.get(base, 0) + side * lots * market.units_per_lot
    state.outside[JPY] = state.outside.get(JPY, 0) - side * cost


def _settle(state: State, market: Market, order: Order, fill: Fill) -> Collected:
    if order.position_side is None:
        return _settle_spot(state, market, order, fill)
    units, house = fill.lots * market.units_per_lot, state.house
    if order.side is BUY:
        house[market.base_asset] += units
        house[JPY] -= fill.cost
    else:
        house[market.base_asset] -= units
        house[JPY] += fill.cost
    if order.opens:
        return _open(state, market, order, fill)
    return _close(state, market, order, fill)


def _settle_spot(state: State, market: Market, order: Order, fill: Fill) -> Collected:
    user, rules = state.users[order.user], market.rules
    shrink_holds(state, market, order, fill.lots)
    cash, coins = user.assets[JPY], user.assets[rules.base_asset]
    fee = fill.fee
    if order.side is BUY:  # rounding, or rates raised since the order came, never take more than there is
        fee = min(fee, max(cash.free - fill.cost, 0))
    cash.onhand -= order.side * fill.cost + fee
    coins.onhand += order.side * fill.lots * market.units_per_lot
    state.house[JPY] += fee
    state.assets_moved(user.id, JPY)
    state.assets_moved(user.id, rules.base_asset)
    return Collected(fee)


def _open(state: State, market: Market, order: Order, fill: Fill) -> Collected:
    position = state.position_of(order)
    before = position.cost
    position.lots += fill.lots
    position.cost += fill.cost
    position.fee += fill.fee
    if state.switches.first_day_charged:
        rate = interest_rate(market, order)
        position.interest += share(Money(position.cost), rate) - share(Money(before), rate)
    shrink_holds(state, market, order, fill.lots)
    state.position_moved(position, order.user)
    return NOTHING


def interest_rate(market: Market, order: Order) -> int:
    """Return what the position of a margin order costs a day, ppm."""
    terms = terms_of(market)
    long = (order.side is BUY) is order.opens
    return terms.long_interest_ppm if long else terms.short_interest_ppm


def _close(state: State, market: Market, order: Order, fill: Fill) -> Collected:
    user, position = state.users[order.user], state.position_of(order)
    part = position.cost * fill.lots // position.lots
    fee = -(-position.fee * fill.lots // position.lots)
    interest = -(-position.interest * fill.lots // position.lots)
    position.lots -= fill.lots
    position.cost -= part
    position.fee -= fee
    position.interest -= interest
    shrink_holds(state, market, order, fill.lots)
    state.position_moved(position, user.id)
    net = position.sign * (fill.cost - part) - fee - fill.fee - interest
    credit(state, user, net)
    return Collected(fee + fill.fee, net, interest)


def credit(state: State, user: User, net: int) -> None:
    """Pay a closed position's result out, or collect it; what is not there becomes a debt."""
    cash = user.assets[JPY]
    paid = max(net, -cash.onhand)
    cash.onhand += paid
    state.house[JPY] -= paid
    state.assets_moved(user.id, JPY)
    if paid != net:
        user.payable += paid - net
        state.tell(EventKind.PAYABLE, user.id, None, PayableView(Money(user.payable)))
    if cash.free < 0:
        state.unbacked[user.id] = None


def _drop_unbacked(state: State, user: User) -> None:
    """Cancel the newest orders that lock cash until the cash covers the rest."""
    cash = user.assets[JPY]
    while cash.free < 0:
        order = next(o for o in reversed(user.active.values()) if o.held and held_asset(state.market_of(o), o) == JPY)
        withdraw(state, order)
        state.tell_order(order, EventKind.ORDER_INVALIDATION)


def _write_trade(state: State, market: Market, order: Order, fill: Fill, collected: Collected) -> None:
    fee, profit_loss, interest = collected
    view = tuple.__new__(
        TradeView,
        (
            fill.id,
            order.id,
            order.pair,
            order.side,
            order.type,
            order.position_side,
            fill.price,
            fill.lots,
            fill.maker,
            0,
            fee,
            fee if order.position_side is None else fill.fee,
            profit_loss,
            interest,
            state.now,
        ),
    )
    state.users[order.user].trades.append(view)
    state.tell(TRADE, order.user, order.pair, view)
    if fill.maker:
        state.tell_order(order)
