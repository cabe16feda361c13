"""Ticker, book, trades and candles."""

import pytest

from src.backtest.simulated_exchange import SimulatedExchange
from src.core.domain.candles import Candles
from src.core.domain.market import Bar
from src.core.domain.time import BAR_15M, DAY, HOUR, MINUTE, Millis
from src.core.exceptions import BadCandles
from tests.backtest.exchange.made_exchange import NOON, PAIR, PRICE, SPOT, ask, busy, fresh, refused, user

MIDNIGHT = NOON - 3 * HOUR  # UTC
TODAY, TOMORROW = "20231115", "20231116"


def traded(*trades):
    """An exchange where these trades happened: (milliseconds after the start, price, amount)."""
    exchange = fresh()
    buyer, seller = user(exchange, 10**9, 0), user(exchange, 0, 1_000)
    for after, price, amount in trades:
        exchange.advance(NOON + after)
        exchange.submit(seller, ask("sell", amount, price))
        exchange.submit(buyer, ask("buy", amount, price))
    return exchange


def test_candles_are_made_of_the_trades_and_quiet_ones_are_flat():
    exchange = traded((0, 100, 1), (1_000, 105, 2), (59_000, 99, 1), (3 * MINUTE, 101, "0.5"))
    bars = exchange.candles(PAIR, "1min", TODAY).bars
    assert bars == (
        Bar(NOON + MINUTE, 100, 105, 99, 99, 40_000),
        Bar(NOON + 2 * MINUTE, 99, 99, 99, 99, 0),
        Bar(NOON + 3 * MINUTE, 99, 99, 99, 99, 0),
        Bar(NOON + 4 * MINUTE, 101, 101, 101, 101, 5_000),
    )
    assert exchange.candles(PAIR, "1min", TODAY).opened_at(0) == NOON
    assert exchange.candles(PAIR, "15min", TODAY).bars == (Bar(NOON + BAR_15M, 100, 105, 99, 101, 45_000),)


@pytest.mark.parametrize(
    ("type_", "date", "period"),
    [("4hour", "2023", 4 * HOUR), ("1day", "2023", DAY), ("1week", "2023", 7 * DAY), ("1month", "2023", None)],
)
def test_long_candles_come_by_year(type_, date, period):
    exchange = traded((0, 100, 1), (20 * HOUR, 90, 1))
    view = exchange.candles(PAIR, type_, date)
    assert view.period == period
    assert (view.bars[0].open, view.bars[-1].close) == (100, 90)
    assert view.opened_at(0) <= NOON < view.bars[0].closed_at
    assert sum(bar.volume for bar in view.bars) == 20_000


@pytest.mark.parametrize(
    ("type_", "date"),
    [
        ("4hour", TODAY),
        ("1min", "2023"),
        ("2min", TODAY),
        ("1min", TOMORROW),
        ("1min", "20231114"),
        ("1min", "20231332"),
        ("1min", "\uff12\uff10\uff12\uff13\uff11\uff11\uff11\uff15"),  # digits of another script
        ("1min", "../20231"),
        ("1day", "2022"),
        ("1day", "2024"),
    ],
)
def test_what_is_not_there_is_an_unknown_address(type_, date):
    exchange = traded((0, 100, 1))
    with refused(10000):
        exchange.candles(PAIR, type_, date)


@pytest.mark.parametrize("call", ["ticker", "depth", "transactions", "circuit_break_info"])
def test_an_unknown_pair_is_an_unknown_address(call):
    with refused(10000):
        getattr(fresh(), call)("doge_usd")


def test_the_newest_sixty_trades_come_first_and_a_day_is_whole_once_it_is_over():
    exchange = traded(*((i * 1_000, 100 + i, "0.01") for i in range(70)))
    newest = exchange.transactions(PAIR)
    assert [t.price for t in newest] == list(range(169, 109, -1))
    with refused(10000):
        exchange.transactions(PAIR, TODAY)
    exchange.advance(MIDNIGHT + DAY)
    assert [t.price for t in exchange.transactions(PAIR, TODAY)] == list(range(100, 170))
    with refused(10000):
        exchange.transactions(PAIR, "20231114")


def test_the_ticker_looks_back_a_day():
    exchange = traded((0, 100, 1), (HOUR, 120, 2), (2 * HOUR, 110, 3))
    assert exchange.ticker(PAIR)[3:8] == (120, 100, 100, 110, 60_000)
    exchange.advance(NOON + DAY + MINUTE)
    assert exchange.ticker(PAIR)[3:8] == (120, 110, 120, 110, 50_000)
    assert exchange.ticker(SPOT)[1:8] == (None, None, None, None, None, None, 0)


def test_the_book_shows_200_levels_and_sums_the_rest():
    exchange = fresh()
    makers = [user(exchange, 10**9, 1_000) for _ in range(10)]
    for i in range(210):
        exchange.submit(makers[i // 25], ask("sell", 1, 1_000 + i))
    depth = exchange.depth(PAIR)
    assert (len(depth.asks), depth.asks[0], depth.asks[-1]) == (200, (1_000, 10_000), (1_199, 10_000))
    assert depth.asks_over == 100_000
    before = depth.sequence
    exchange.submit(makers[0], ask("buy", 1, 5))
    assert exchange.depth(PAIR).sequence > before


def history(count=3, closes=NOON):
    bars = [Bar(Millis(closes - (count - 1 - i) * BAR_15M), 50, 60, 40, 50 + i, 7) for i in range(count)]
    return Candles.of(bars)


def test_a_past_is_shown_in_files_that_are_coarse_enough():
    exchange = fresh()
    exchange.load_history(PAIR, history(), BAR_15M)
    assert exchange.candles(PAIR, "15min", TODAY).bars[:3] == tuple(history())
    assert exchange.candles(PAIR, "1hour", TODAY).bars[0] == Bar(NOON, 50, 60, 40, 52, 21)
    assert exchange.ticker(PAIR).last == 52
    with refused(10000):
        exchange.candles(PAIR, "1min", TODAY)
    again = SimulatedExchange.restore(exchange.snapshot())
    assert again.candles(PAIR, "15min", TODAY) == exchange.candles(PAIR, "15min", TODAY)


def test_a_past_cannot_be_changed_once_it_has_begun():
    with pytest.raises(BadCandles, match="after it had begun"):
        traded((0, 100, 1)).load_history(PAIR, history(), BAR_15M)
    with pytest.raises(BadCandles, match="after it had begun"):
        fresh().load_history(PAIR, history(closes=NOON + 1), BAR_15M)


def test_time_never_goes_back():
    exchange, _, _ = busy()
    with pytest.raises(ValueError, match="cannot go back"):
        exchange.advance(exchange.now - 1)
    assert exchange.ticker(PAIR).last == PRICE
