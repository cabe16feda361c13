"""What a candle does to the orders of a pair in bar mode, phase by phase; the rules are those of `backtest.fills`.

Stops come before forced closes, and both before the candle is printed: what a client does because of a price it saw
comes after what the exchange does by itself. Resting limit orders come after that, so that a target whose price may
have been traded before the entry does not count.
"""

from collections.abc import Callable, Iterator

from src.backtest.exchange.account import Position, User
from src.backtest.exchange.bar_fills import execute_in_bar
from src.backtest.exchange.bar_play import BarPlay, BarTerms, Phase
from src.backtest.exchange.flow import settle_down
from src.backtest.exchange.holds import touch_book
from src.backtest.exchange.kinds import EventKind, OrderType, PairStatus
from src.backtest.exchange.margin import interest_of_a_day, margin_of
from src.backtest.exchange.market import Market
from src.backtest.exchange.order import Order
from src.backtest.exchange.outside import Step
from src.backtest.exchange.outside import step as move_outside
from src.backtest.exchange.settlement import trade_unseen
from src.backtest.exchange.state import State
from src.backtest.exchange.supervision import start_losscut, step_losscut
from src.backtest.exchange.triggers import fire
from src.backtest.exchange.views import TransactionView
from src.backtest.fills import NO_PRICE, exit_in_bar, limit_is_filled
from src.core.domain.market import PPM, Bar, Lots, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import HOUR, MINUTE
from src.core.exceptions import ConfigError

QUOTED = 1_000_000  # lots on each side of the shown spread


def begin(market: Market, terms: BarTerms) -> None:
    """Put a pair in bar mode.

    Raises
    ------
    ConfigError
        If its orders have met in a book, or the period does not fit into the hour at which a day of interest may turn.
    """
    if market.tape.last_id:
        raise ConfigError(f"{market.rules.pair} has traded in a book", remedy="choose bar mode before anything trades")
    if terms.period < MINUTE or HOUR % terms.period:
        raise ConfigError(
            f"bars of {terms.period} ms cannot be played: a day of interest could turn inside one",
            remedy="use bars of 1, 5, 15, 30 or 60 minutes",
        )
    market.play = BarPlay(terms)


def open_bar(state: State, market: Market, play: BarPlay, bar: Bar) -> None:
    """Begin `bar`: the market orders that waited for it fill at its open, as all do that come until it is over."""
    play.bar, play.taking = bar, bar.open
    play.lowest = play.highest = market.tape.last
    if _moves(market):
        for order in _orders(state, market, lambda o: o.type is OrderType.MARKET):
            execute_in_bar(state, market, play, order)
            state.tell_order(order)


def judge(state: State, market: Market, play: BarPlay, bar: Bar) -> None:
    """Hold every waiting order against the whole bar, then every margin."""
    if not _moves(market):
        return
    for order in _orders(state, market, lambda o: o.waiting):
        _try_trigger(state, market, play, bar, order)
    for user in list(state.users.values()):
        _try_losscut(state, market, play, bar, user)


def publish(state: State, market: Market, play: BarPlay, bar: Bar) -> None:
    """Print the bar as trades of others, so that candles made of them are the bar."""
    play.judged_id = state.next_order_id
    if not _moves(market):
        return
    prices = _prices(market, bar)
    for i, price in enumerate(prices):
        lots = bar.volume // len(prices) + (bar.volume % len(prices) if i == len(prices) - 1 else 0)
        side = Side.SELL if market.tape.last is not None and price < market.tape.last else Side.BUY
        id_ = market.tape.record(side, price, lots, state.now)
        view = TransactionView(market.rules.pair, id_, side, Ticks(price), Lots(lots), state.now)
        state.tell(EventKind.TRANSACTION, None, market.rules.pair, view)
    play.lowest, play.highest = bar.low, bar.high
    touch_book(state, market)
    _quote(state, market, play, bar.close)


def fill_resting(state: State, market: Market, play: BarPlay, bar: Bar) -> None:
    """Fill the limit orders that rested while the bar traded through them, at their own prices, as makers."""
    if not _moves(market):
        return
    for order in _orders(state, market, lambda o: not o.waiting and o.price is not None and o.id < play.judged_id):
        if order.price is None or not limit_is_filled(order.side, Ticks(order.price), bar):
            continue
        trade_unseen(state, market, order, order.price, maker=True)
        if order.opens and order.position_side is not None:
            play.fresh[order.user, order.position_side] = None


def judge_fresh(state: State, market: Market, play: BarPlay, bar: Bar) -> None:
    """Hold the new stops of positions that were just opened against the bar in which they were, then the margin."""
    if _moves(market):
        for order in _orders(state, market, lambda o: o.waiting and o.id >= play.judged_id):
            if order.position_side is not None and (order.user, order.position_side) in play.fresh:
                _try_trigger(state, market, play, bar, order)
        for user, side in list(play.fresh):
            if state.users[user].positions[market.rules.pair][side].lots:
                _try_losscut(state, market, play, bar, state.users[user])
    play.fresh.clear()


def close_bar(play: BarPlay, bar: Bar) -> None:
    """End the bar: market orders wait for the next one."""
    play.bar, play.taking, play.closed_at = None, None, bar.closed_at


def play_phase(state: State, market: Market, play: BarPlay, phase: Phase, bar: Bar) -> None:
    """Do one phase of a bar and everything that follows from it."""
    if phase is Phase.CLOSE:
        close_bar(play, bar)
    else:
        _PHASES[phase](state, market, play, bar)
    play.phase = phase
    settle_down(state)


_PHASES: dict[Phase, Callable[[State, Market, BarPlay, Bar], None]] = {
    Phase.OPEN: open_bar,
    Phase.JUDGE: judge,
    Phase.PUBLISH: publish,
    Phase.FILL: fill_resting,
    Phase.JUDGE_FRESH: judge_fresh,
}


def _moves(market: Market) -> bool:
    """Return whether the pair trades; while it does not, bars pass it by."""
    return market.continuous and market.status is not PairStatus.HALT


def _orders(state: State, market: Market, which: Callable[[Order], bool]) -> Iterator[Order]:
    """Yield orders, oldest first; one that the fill of another before it has ended is left out."""
    return (o for o in list(state.active.values()) if o.active and o.pair == market.rules.pair and which(o))


def _prices(market: Market, bar: Bar) -> list[int]:
    """Return the prices that must be printed for the candle to be the bar; none for a bar in which nobody traded."""
    if bar.volume == 0 and bar.low == bar.high == market.tape.last:
        return []
    prices: list[int] = [bar.open]
    if bar.high > max(bar.open, bar.close):
        prices.append(bar.high)
    if bar.low < min(bar.open, bar.close):
        prices.append(bar.low)
    if bar.close != prices[-1]:
        prices.append(bar.close)
    return prices


def _quote(state: State, market: Market, play: BarPlay, price: int) -> None:
    """Show the stated spread around a price; rounded up, so that from a million ticks on it reads back exactly."""
    spread = max(-(-price * play.terms.spread_ppm // PPM), 1)
    bid = max(price - spread // 2, 1)
    move_outside(state, market, Step({bid: QUOTED}, {bid + spread: QUOTED}))


# ---- what the bar does to orders and margins


def _try_trigger(state: State, market: Market, play: BarPlay, bar: Bar, order: Order) -> None:
    if order.trigger is None:
        return
    closes = Side(-order.side)  # the side of a position that such an order leaves
    level, slippage = Ticks(order.trigger), play.terms.slippage_ppm
    if order.type is OrderType.TAKE_PROFIT:
        found = exit_in_bar(closes, NO_PRICE, False, level, True, bar, slippage)
    else:
        found = exit_in_bar(closes, level, False, NO_PRICE, False, bar, slippage)
    if found.reason != ExitReason.NONE:
        _at(play, found.reference, lambda: fire(state, market, order))


def _try_losscut(state: State, market: Market, play: BarPlay, bar: Bar, user: User) -> None:
    held = [p for p in user.positions.get(market.rules.pair, {}).values() if p.lots]
    found = _losscut_reference(state, market, bar, user, held) if held else None
    if found is not None:
        start_losscut(state, user)
        _at(play, found, lambda: step_losscut(state, user))


def _at(play: BarPlay, reference: int, act: Callable[[], None]) -> None:
    """Do something while takers trade at `reference`."""
    before, play.taking = play.taking, reference
    act()
    play.taking = before


def _losscut_reference(state: State, market: Market, bar: Bar, user: User, held: list[Position]) -> int | None:
    """Return the first price from the open on at which the margin is too low; None if the bar has none.

    As the ledger counts it, a day of interest that begins with the bar's end is owed by then.
    """
    due = sum(interest_of_a_day(market, p) for p in held) if state.rollover_at <= bar.closed_at else 0
    pair = market.rules.pair

    def too_low(price: int) -> bool:
        m = margin_of(state, user, {pair: price})
        return (m.balance - due) * PPM < state.switches.losscut_ppm * m.required

    if too_low(bar.open):
        return bar.open
    for extreme in (bar.low, bar.high):
        if too_low(extreme):
            return _first(too_low, bar.open, extreme)
    return None


def _first(true_at: Callable[[int], bool], below: int, at: int) -> int:
    """Return the price nearest to `below`, where it does not hold, at which it does, as it does `at`; by bisection."""
    while abs(at - below) > 1:
        middle = (at + below) // 2
        if true_at(middle):
            at = middle
        else:
            below = middle
    return at
