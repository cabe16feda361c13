"""What anybody may read: ticker, book, trades, candles."""

from datetime import UTC, datetime
from typing import Final

import numpy as np

from src.backtest.exchange import codes
from src.backtest.exchange.auction import surplus
from src.backtest.exchange.book import BookSide
from src.backtest.exchange.codes import Refused
from src.backtest.exchange.market import Market
from src.backtest.exchange.state import State
from src.backtest.exchange.tape import Print
from src.backtest.exchange.views import CandlesView, DepthView, Levels, TickerView, TransactionView
from src.core.domain.candles import Candles
from src.core.domain.market import Bar, Lots, Side, Ticks
from src.core.domain.time import DAY, HOUR, MINUTE, Millis, month_start, next_month_start, to_millis

SHOWN_LEVELS: Final = 200
SHOWN_TRADES: Final = 60
MONTH: Final = 0  # a candle type without a fixed length
DAILY_FILES: Final = {
    "1min": MINUTE,
    "5min": 5 * MINUTE,
    "15min": 15 * MINUTE,
    "30min": 30 * MINUTE,
    "1hour": HOUR,
}
YEARLY_FILES: Final = {
    "4hour": 4 * HOUR,
    "8hour": 8 * HOUR,
    "12hour": 12 * HOUR,
    "1day": DAY,
    "1week": 7 * DAY,
    "1month": MONTH,
}
MONDAY: Final = 4 * DAY  # 1970-01-05: weeks begin on Mondays


def public_market(state: State, pair: str) -> Market:
    """Return a pair by name; an unknown one is an unknown address (10000)."""
    market = state.markets.get(pair)
    if market is None:
        raise Refused(codes.URL_NOT_FOUND)
    return market


def ticker(state: State, market: Market) -> TickerView:
    """Return the last 24 hours, to the minute."""
    day = market.tape.since(Millis(state.now - DAY))
    book = market.book
    return TickerView(
        market.rules.pair,
        _ticks(book.asks.best),
        _ticks(book.bids.best),
        _ticks(day.high),
        _ticks(day.low),
        _ticks(day.open),
        _ticks(market.tape.last),
        Lots(day.lots),
        state.now,
    )


def _ticks(price: int | None) -> Ticks | None:
    return None if price is None else Ticks(price)


def depth(state: State, market: Market) -> DepthView:
    """Return the book's best 200 levels a side, and the sums of the rest."""
    asks, asks_over = _levels(market.book.asks)
    bids, bids_under = _levels(market.book.bids)
    under, over = surplus(market)
    return DepthView(
        market.rules.pair,
        asks,
        bids,
        asks_over,
        bids_under,
        Lots(under),
        Lots(over),
        Lots(0),
        Lots(0),
        state.now,
        market.sequence,
    )


def _levels(side: BookSide) -> tuple[Levels, Lots]:
    levels = [(Ticks(level.price), Lots(level.lots)) for level in side.best_first()]
    return tuple(levels[:SHOWN_LEVELS]), Lots(sum(lots for _, lots in levels[SHOWN_LEVELS:]))


def transactions(state: State, market: Market, day: str | None) -> tuple[TransactionView, ...]:
    """Return the newest trades, newest first, or those of a finished UTC day, oldest first."""
    pair = market.rules.pair
    if day is None:
        return tuple(_transaction(pair, p) for p in market.tape.newest(SHOWN_TRADES))
    number = _day(day) // DAY
    if number >= state.now // DAY or number not in market.tape.days:
        raise Refused(codes.URL_NOT_FOUND)
    return tuple(_transaction(pair, p) for p in market.tape.of_day(number))


def _transaction(pair: str, p: Print) -> TransactionView:
    return TransactionView(pair, p.id, Side(p.side), Ticks(p.price), Lots(p.lots), Millis(p.at))


def _day(text: str) -> Millis:
    """Return the start of a UTC day written YYYYMMDD; anything else is an unknown address."""
    if len(text) == 8 and text.isascii() and text.isdigit():
        try:
            return to_millis(datetime(int(text[:4]), int(text[4:6]), int(text[6:]), tzinfo=UTC))
        except ValueError:
            pass
    raise Refused(codes.URL_NOT_FOUND)


def _year(text: str) -> tuple[Millis, Millis]:
    """Return the bounds of a UTC year written YYYY."""
    if len(text) == 4 and text.isascii() and text.isdigit() and 1970 <= int(text) < 9999:
        year = int(text)
        return to_millis(datetime(year, 1, 1, tzinfo=UTC)), to_millis(datetime(year + 1, 1, 1, tzinfo=UTC))
    raise Refused(codes.URL_NOT_FOUND)


# ---- candles


def candles(state: State, market: Market, type_: str, date: str) -> CandlesView:
    """Return one candle file; see `SimulatedExchange.candles`."""
    if type_ in DAILY_FILES:
        period, start = DAILY_FILES[type_], _day(date)
        end = Millis(start + DAY)
    elif type_ in YEARLY_FILES:
        period, (start, end) = YEARLY_FILES[type_], _year(date)
    else:
        raise Refused(codes.URL_NOT_FOUND)
    parts = _parts(market, period)
    bars = _bars(parts, period, start, Millis(min(end, state.now + 1)))
    if not bars:
        raise Refused(codes.URL_NOT_FOUND)
    return CandlesView(market.rules.pair, type_, tuple(bars), period or None, state.now)


def _parts(market: Market, period: int) -> Candles:
    """Return history (where it is fine enough) and the tape's minutes as one series, stamped with open times."""
    tape = market.tape
    minutes = Candles(
        np.array(tape.minute, np.int64) * MINUTE,
        *(np.array(column, np.int64) for column in (tape.open, tape.high, tape.low, tape.close, tape.lots)),
    )
    old = market.history
    if not len(old) or (period and period % market.history_period):
        return minutes
    opened = Candles(old.closed_at - market.history_period, *old.columns[1:])
    return opened.concat(minutes) if len(minutes) else opened


def opened_at(at: int, period: int) -> int:
    """Return when the candle that `at` falls in opened."""
    if period == MONTH:
        return month_start(Millis(at))
    if period == 7 * DAY:
        return (at - MONDAY) // period * period + MONDAY
    return at // period * period


def _after(opened: int, period: int) -> int:
    return opened + period if period else next_month_start(Millis(opened))


def _bars(parts: Candles, period: int, start: Millis, end: Millis) -> list[Bar]:
    """Return the candles that opened in [start, end); quiet ones are flat at the close before them."""
    if not len(parts):
        return []
    bars: list[Bar] = []
    i = int(np.searchsorted(parts.closed_at, start))
    last = int(parts.close[i - 1]) if i else None
    opened = opened_at(start if last is not None else max(start, int(parts.closed_at[0])), period)
    if opened < start:  # the week began in the year before
        opened = _after(opened, period)
        i = int(np.searchsorted(parts.closed_at, opened))
        last = int(parts.close[i - 1]) if i else None
    while opened < end:
        closed = _after(opened, period)
        j = int(np.searchsorted(parts.closed_at, closed))
        found = _merged(parts, i, j, closed) if j > i else None
        if found is None and last is not None:
            found = Bar(Millis(closed), *(Ticks(last),) * 4, Lots(0))
        if found is not None:
            bars.append(found)
            last = found.close
        opened, i = closed, max(i, j)
    return bars


def _merged(parts: Candles, i: int, j: int, closed: int) -> Bar:
    return Bar(
        Millis(closed),
        Ticks(int(parts.open[i])),
        Ticks(int(parts.high[i:j].max())),
        Ticks(int(parts.low[i:j].min())),
        Ticks(int(parts.close[j - 1])),
        Lots(int(parts.volume[i:j].sum())),
    )
