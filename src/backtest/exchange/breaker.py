"""The circuit breaker: the price band that starts it, and how a pair goes from one mode to another."""

from typing import Final, NamedTuple

from src.backtest.exchange import auction
from src.backtest.exchange.kinds import CircuitMode, EventKind, FeeType
from src.backtest.exchange.market import Market
from src.backtest.exchange.state import State
from src.backtest.exchange.views import CircuitView
from src.core.domain.market import PPM, Lots, Ticks
from src.core.domain.time import HOUR, MINUTE, Millis

LOOK_BACK: Final = 10 * MINUTE
WIDENING_PPM: Final = 100_000  # of the band, when it is broken again within the hour
WIDEST_PPM: Final = 500_000


class Band(NamedTuple):
    """Prices that start the breaker."""

    lower: int
    upper: int


class Change(NamedTuple):
    """A new mode with its terms."""

    mode: CircuitMode
    fee_type: FeeType = FeeType.NORMAL
    itayose_upper: int | None = None
    itayose_lower: int | None = None
    reopen_at: Millis | None = None


def band(state: State, market: Market) -> Band | None:
    """Return the prices that start the breaker now; None in the first ten minutes of trading.

    For ten minutes after an auction the price at its end stands for the close of ten minutes earlier.
    """
    close = market.tape.close_before(Millis(state.now - LOOK_BACK))
    if market.reopened_at is not None and state.now - market.reopened_at < LOOK_BACK + MINUTE:
        close = market.reopen_price
    if close is None:
        return None
    width = close * market.band_ppm // PPM
    return Band(close - width, close + width)


def check(state: State, market: Market) -> bool:
    """Start the breaker if the last trade left the band; return whether it did."""
    last = market.tape.last
    if last is None or not market.continuous or market.judged_id == market.tape.last_id:
        return False
    market.judged_id = market.tape.last_id
    limits = band(state, market)
    if limits is None or limits.lower < last < limits.upper:
        return False
    change_mode(
        state,
        market,
        Change(
            CircuitMode.CIRCUIT_BREAK,
            itayose_upper=limits.upper,
            itayose_lower=max(limits.lower, 1),
            reopen_at=Millis(state.now + state.switches.breaker_pause),
        ),
    )
    again = market.broke_at is not None and state.now - market.broke_at < HOUR
    market.band_ppm = min(market.band_ppm + WIDENING_PPM, WIDEST_PPM) if again else market.rules.band_ppm
    market.broke_at = state.now
    return True


def change_mode(state: State, market: Market, change: Change) -> None:
    """Enter a mode. The way into continuous trading leads through the auction under the terms so far."""
    if change.mode is CircuitMode.NONE and not market.continuous:
        auction.run(state, market)
        market.reopened_at, market.reopen_price = state.now, market.tape.last
        market.judged_id = market.tape.last_id
    market.mode = change.mode
    market.fee_type = change.fee_type
    market.itayose_upper, market.itayose_lower = change.itayose_upper, change.itayose_lower
    market.reopen_at = change.reopen_at
    pair = market.rules.pair
    state.touched[pair] = None
    state.tell(EventKind.CIRCUIT, None, pair, circuit_view(state, market))


def circuit_view(state: State, market: Market) -> CircuitView:
    """Return what is public about the breaker; what is null in which mode is the exchange's table."""
    none = market.continuous
    limits = band(state, market) if none else None
    found = None if none else auction.estimate(market)
    bounded = market.mode in {CircuitMode.CIRCUIT_BREAK, CircuitMode.RESUMPTION}
    return CircuitView(
        market.rules.pair,
        market.mode,
        _ticks(limits.upper if limits else None),
        _ticks(limits.lower if limits else None),
        _ticks(found.price if found else None),
        None if none else Lots(found.lots if found else 0),
        _ticks(market.itayose_upper if bounded else None),
        _ticks(market.itayose_lower if bounded else None),
        None if none else market.reopen_at,
        market.fee_type,
        state.now,
    )


def _ticks(price: int | None) -> Ticks | None:
    return None if price is None else Ticks(price)
