"""What a user may read about orders and trades."""

from collections.abc import Iterable, Sequence
from typing import Final

from src.backtest.exchange import codes
from src.backtest.exchange.account import User
from src.backtest.exchange.codes import Refused
from src.backtest.exchange.flow import check_ids
from src.backtest.exchange.intake import known_market
from src.backtest.exchange.requests import OrderFilter, TradeFilter
from src.backtest.exchange.state import State
from src.backtest.exchange.views import MarginPositions, OrderView, PayableView, TradeView
from src.core.domain.market import PPM, Money
from src.core.domain.time import Millis

MOST_TRADES: Final = 1_000


def order(state: State, user: User, pair: str | None, order_id: int | None) -> OrderView:
    """Return one order; see `SimulatedExchange.order`."""
    market = known_market(state, pair)
    if order_id is None:
        raise Refused(codes.MISSING_ORDER_ID)
    found = state.orders.get(order_id)
    if found is None or found.user != user.id:
        raise Refused(codes.ORDER_NOT_FOUND)
    if found.pair != market.rules.pair and state.switches.foreign_pair_is_unknown:
        raise Refused(codes.ORDER_NOT_FOUND)
    return state.view(found)


def orders_info(state: State, user: User, pair: str | None, order_ids: Sequence[int] | None) -> tuple[OrderView, ...]:
    """Return the known ones of several orders; see `SimulatedExchange.orders_info`."""
    market = known_market(state, pair)
    check_ids(order_ids)
    found = (state.orders.get(id_) for id_ in dict.fromkeys(order_ids or ()))
    return tuple(state.view(o) for o in found if o is not None and o.user == user.id and o.pair == market.rules.pair)


def active_orders(state: State, user: User, which: OrderFilter) -> tuple[OrderView, ...]:
    """Return waiting and resting orders, newest first."""
    if which.pair is not None:
        known_market(state, which.pair)
    if which.count is not None and which.count < 1:
        raise Refused(codes.BAD_COUNT)
    found = [
        o
        for o in reversed(user.active.values())
        if (which.pair is None or o.pair == which.pair)
        and _between(o.id, which.from_id, which.end_id)
        and _in_time(state, o.ordered_at, which.since, which.end)
    ]
    return tuple(state.view(o) for o in found[: which.count])


def trade_history(state: State, user: User, which: TradeFilter) -> tuple[TradeView, ...]:
    """Return a user's trades in the order asked for."""
    if which.pair is not None:
        known_market(state, which.pair)
    elif which.order_id is not None:
        raise Refused(codes.MISSING_PAIR)
    if which.count is not None and not 1 <= which.count <= MOST_TRADES:
        raise Refused(codes.BAD_COUNT)
    source: Iterable[TradeView] = user.trades if which.ascending else reversed(user.trades)
    found: list[TradeView] = []
    for t in source:
        if _wanted(state, t, which):
            found.append(t)
            if len(found) == (which.count or MOST_TRADES):
                break
    return tuple(found)


def _wanted(state: State, t: TradeView, which: TradeFilter) -> bool:
    return (
        (which.pair is None or t.pair == which.pair)
        and (which.order_id is None or t.order_id == which.order_id)
        and _between(t.trade_id, which.from_id, which.end_id)
        and _in_time(state, t.executed_at, which.since, which.end)
    )


def _between(id_: int, first: int | None, last: int | None) -> bool:
    return (first is None or id_ >= first) and (last is None or id_ <= last)


def _in_time(state: State, at: Millis, since: Millis | None, end: Millis | None) -> bool:
    if state.switches.bounds_inclusive:
        return (since is None or at >= since) and (end is None or at <= end)
    return (since is None or at > since) and (end is None or at < end)


def margin_positions(state: State, user: User) -> MarginPositions:
    """Return both positions of every pair with margin, with what is owed."""
    views = tuple(state.position_view(p) for sides in user.positions.values() for p in sides.values())
    share = state.switches.losscut_ppm
    return MarginPositions(user.notice, PayableView(Money(user.payable)), views, share, min(share, PPM))
