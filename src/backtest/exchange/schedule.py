"""What time itself brings: interest, late positions, expiry, margin weeks, due dates, reopenings."""

from collections.abc import Callable, Iterator
from typing import Final

from src.backtest.exchange.breaker import Change, change_mode
from src.backtest.exchange.flow import settle_down
from src.backtest.exchange.holds import withdraw
from src.backtest.exchange.kinds import CircuitMode, EventKind
from src.backtest.exchange.margin import interest_of_a_day
from src.backtest.exchange.state import State
from src.backtest.exchange.supervision import forget_settled, look_at, start_losscut
from src.backtest.exchange.views import PairView
from src.core.domain.time import DAY, HOUR, JST_OFFSET, Millis
from src.core.domain.time import jst_day as day_of

KEPT: Final = 90 * DAY  # ended orders can be read for about three months
WEEK: Final = 7 * DAY
EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday; Monday is 0

Task = tuple[Millis, Callable[[State], None]]


def next_hour(after: Millis, hour: int) -> Millis:
    """Return the first instant after `after` at which it is `hour` o'clock in Japan."""
    return Millis((day_of(after, hour) + 1) * DAY + hour * HOUR - JST_OFFSET)


def week_end(after: Millis) -> Millis:
    """Return the last millisecond of the margin week that `after` is in: Sunday 23:59:59.999 in Japan."""
    day = day_of(after)
    monday = day - (day + EPOCH_WEEKDAY) % 7
    return Millis((monday + 7) * DAY - JST_OFFSET - 1)


def advance(state: State, to: Millis) -> None:
    """Move to `to`, doing what falls due on the way, each at its own instant."""
    while True:
        task = min(_tasks(state), key=lambda t: t[0])  # of several at one instant, the first of the list
        if task[0] > to:
            break
        state.now = max(state.now, task[0])
        task[1](state)
        settle_down(state)
    state.now = to


def next_due(state: State) -> Millis:
    """Return the next instant at which something happens by itself."""
    return max(state.now, min(task[0] for task in _tasks(state)))


def _tasks(state: State) -> Iterator[Task]:
    yield state.rollover_at, _roll_over
    if state.late:
        yield state.late[0].due, _show_late
    if state.cancels:
        yield state.cancels[0][0], _finish_cancel
    if state.active:
        yield next(iter(state.active.values())).expire_at or Millis(0), _expire
    if state.ended:
        yield Millis(state.ended[0][0] + KEPT), _forget
    if state.calls_at is not None:
        yield state.calls_at, _make_calls
    for id_ in state.losscuts:
        yield state.users[id_].losscut_at or Millis(0), _nothing  # `settle_down` does the step
    for id_ in state.called:
        yield state.users[id_].notice.due_date_at or Millis(0), _call_unmet
    for market in state.markets.values():
        if market.margin_until is not None:
            yield Millis(market.margin_until + 1), _turn_week
        if market.reopen_at is not None and not market.continuous:
            yield market.reopen_at, _reopen


def _nothing(state: State) -> None:
    """Leave the step to what follows every task."""


def _roll_over(state: State) -> None:
    """Charge a day of interest on every open position."""
    for user in state.users.values():
        for position in user.held():
            position.interest += interest_of_a_day(state.markets[position.pair], position)
            state.position_moved(position, user.id)
    forget_settled(state)
    state.rollover_at = next_hour(state.now, state.switches.interest_hour)


def _show_late(state: State) -> None:
    late = state.late.popleft()
    position = state.users[late.user].positions[late.pair][late.side]
    position.show(late.lots, late.cost, late.fee, late.interest)
    state.tell(EventKind.POSITION, late.user, late.pair, state.position_view(position))


def _finish_cancel(state: State) -> None:
    """Carry out a cancel that took its time; the order may have ended meanwhile."""
    order = state.orders.get(state.cancels.popleft()[1])
    if order is not None and order.active and order.cancel_at is not None:
        withdraw(state, order)
        state.tell_order(order)


def _expire(state: State) -> None:
    order = next(iter(state.active.values()))
    withdraw(state, order)
    state.tell_order(order)


def _forget(state: State) -> None:
    del state.orders[state.ended.popleft()[1]]


def _make_calls(state: State) -> None:
    for user in state.users.values():
        look_at(state, user, calling=True)
    state.calls_at = next_hour(state.now, state.switches.call_hour)


def _call_unmet(state: State) -> None:
    for id_ in list(state.called):
        user = state.users[id_]
        if (user.notice.due_date_at or Millis(0)) <= state.now:
            start_losscut(state, user)


def _turn_week(state: State) -> None:
    """Let the next week's margin terms hold."""
    for pair, market in state.markets.items():
        if market.margin_until is not None and market.margin_until < state.now:
            if market.next_margin is not None:
                market.rules = market.rules._replace(margin=market.next_margin)
            market.margin_until = week_end(state.now)
            state.tell(EventKind.PAIR, None, pair, pair_view(state, pair))
    state.doubtful.update((id_, None) for id_ in state.users)


def _reopen(state: State) -> None:
    for market in state.markets.values():
        if market.reopen_at is not None and not market.continuous and market.reopen_at <= state.now:
            change_mode(state, market, Change(CircuitMode.NONE))


def pair_view(state: State, pair: str) -> PairView:
    """Return a pair's rules as they are now."""
    market = state.markets[pair]
    if market.margin_until is None:
        return PairView(market.rules, None, None, None)
    after = Millis(market.margin_until + WEEK)
    return PairView(market.rules, market.margin_until, market.next_margin or market.rules.margin, after)
