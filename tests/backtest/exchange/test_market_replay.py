"""The market: bars come out as they went in, and users trade with it."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.backtest.exchange.bar_path import bar_path
from src.backtest.exchange.ladder import ladder, round_step
from src.backtest.exchange.market_replay import MarketReplay, advance_markets
from src.backtest.exchange.market_shape import BITBANK_2026, BITFLYER_2018, GMO_2024
from src.backtest.simulated_exchange import CircuitMode, PairStatus, SimulatedExchange, TradeFilter
from src.core.domain.candles import Candles
from src.core.domain.market import Bar, Side
from src.core.domain.time import BAR_15M, DAY, HOUR, MINUTE
from src.core.exceptions import ConfigError, StoreDamaged
from src.data.sample_market import sample_candles
from tests.backtest.exchange.made_exchange import NOON, PAIR, SPOT, ask, balance, fresh, payloads, user

START = NOON


def replayed(candles=None, period=BAR_15M, seed=0, **switches):
    exchange = fresh(start=START, **switches)
    market = MarketReplay(
        exchange, PAIR, sample_candles(START - DAY, START + 2 * DAY) if candles is None else candles, period, seed=seed
    )
    market.open()
    return exchange, market


def rows(*prices, volume=1_000):
    """Bars of 15 minutes from the start on: (open, high, low, close)."""
    return Candles.of([Bar(START + (i + 1) * BAR_15M, *p, volume) for i, p in enumerate(prices)])


def shown(exchange, type_="15min"):
    return {bar.closed_at: bar for bar in exchange.candles(PAIR, type_, "20231115").bars}


@pytest.mark.no_cover
def test_the_candles_of_the_replayed_trades_are_the_bars():
    candles = sample_candles(START - DAY, START + 2 * DAY)
    exchange, market = replayed(candles)
    market.advance(START + 20 * HOUR)
    bars = shown(exchange)
    played = candles.between(START - 3 * HOUR, START + 20 * HOUR)
    assert [bars[bar.closed_at] for bar in played] == list(played)
    assert exchange.balance_sheet().outside == {"jpy": 0, "btc": 0, "mona": 0}


@pytest.mark.no_cover
def test_real_minutes_and_quarters_are_replayed_exactly(market_data_dir):
    for name, period in (("btcjpy_bitbank_1m_2018", MINUTE), ("btcjpy_gmo_spot_15m", BAR_15M)):
        table = pq.read_table(market_data_dir / f"{name}.parquet").slice(20_000, 200)
        opened = np.array(table["timestamp"].cast("int64"), np.int64)
        columns = [np.array(table[c], np.float64).astype(np.int64) for c in ("open", "high", "low", "close")]
        lots = np.rint(np.array(table["volume"], np.float64) * 10_000).astype(np.int64)
        candles = Candles(opened + period, *columns, lots)
        exchange = fresh(start=int(opened[100]))
        market = MarketReplay(exchange, PAIR, candles, period)
        market.open()
        market.advance(int(candles.closed_at[-1]))
        found = _all_candles(exchange, candles, "1min" if period == MINUTE else "15min")
        for bar in candles:
            got = found[bar.closed_at]
            needed = len({bar.open, bar.high, bar.low, bar.close})
            if bar.volume >= 4 or bar.closed_at <= opened[100]:
                assert got == bar
            elif bar.volume:
                assert got[:5] == bar[:5]
                assert got.volume <= max(needed, bar.volume) + 2


def _all_candles(exchange, candles, type_):
    days = {np.datetime_as_string(np.datetime64(int(t) - 1, "ms"), "D").replace("-", "") for t in candles.closed_at}
    return {bar.closed_at: bar for day in sorted(days) for bar in exchange.candles(PAIR, type_, day).bars}


prices = st.integers(1, 20_000_000)


@given(
    ends=st.tuples(prices, prices),
    above=st.integers(0, 100_000),
    below=st.integers(0, 100_000),
    volume=st.one_of(st.integers(0, 10), st.integers(0, 10**9)),
    period=st.sampled_from([MINUTE, BAR_15M, 4 * HOUR]),
    seed=st.integers(0, 2**40),
    shape=st.sampled_from([BITBANK_2026, GMO_2024, BITFLYER_2018]),
)
def test_every_path_honours_its_bar(ends, above, below, volume, period, seed, shape):
    high, low = max(ends) + above, max(min(ends) - below, 1)
    bar = Bar(START, ends[0], high, low, ends[1], volume)
    path = bar_path(bar, period, shape, (seed, START))
    again = bar_path(bar, period, shape, (seed, START))
    assert all(np.array_equal(a, b) for a, b in zip(path, again, strict=True))
    if volume == 0 and high == low:
        assert len(path.at) == 0
        return
    assert (path.price[0], path.price[-1]) == (bar.open, bar.close)
    assert (path.price.max(), path.price.min()) == (high, low)
    assert path.lots.min() >= 1
    assert path.lots.sum() == max(volume, len(path.lots))
    assert len(path.lots) <= max(volume, 4)
    assert (np.diff(path.at) >= 0).all()
    assert START - period <= path.at[0]
    assert path.at[-1] < START
    assert set(path.side.tolist()) <= {1, -1}
    assert path.spread.min() >= 1


@given(best=st.integers(1, 30_000_000), side=st.sampled_from([Side.BUY, Side.SELL]), seed=st.integers(0, 99))
def test_quotes_go_away_from_the_best_price_and_stay_put_when_it_moves_a_little(best, side, seed):
    quotes = ladder(best, 5, side, BITBANK_2026, seed)
    ranked = list(quotes)
    assert ranked == sorted(quotes, reverse=side is Side.BUY)
    assert ranked[0] == best
    assert min(quotes.values()) >= 1
    assert min(ranked) >= 1
    if best > 1_000_000:
        moved = ladder(best + 1, 5, side, BITBANK_2026, seed)
        common = set(quotes) & set(moved)
        assert len(common) >= len(quotes) - 6
        assert all(quotes[p] == moved[p] for p in common - {best, best + 1})


@pytest.mark.parametrize(("price", "ppm", "step"), [(15_000_000, 50, 500), (5_000_000, 50, 200), (100, 50, 1)])
def test_quotes_stand_at_round_prices(price, ppm, step):
    assert round_step(price, ppm) == step


@pytest.mark.parametrize(
    ("shape", "median", "p95", "one_tick"),
    [(BITBANK_2026, 1, None, 0.73), (GMO_2024, 2.3, 7.4, 0), (BITFLYER_2018, 4.3, 15.8, 0)],
)
def test_spreads_are_as_wide_as_the_measured_markets(shape, median, p95, one_tick):
    bar = Bar(START, 15_000_000, 15_100_000, 14_900_000, 15_000_000, 10**6)
    spread = np.concatenate([bar_path(bar, BAR_15M, shape, (7, i)).spread for i in range(300)])
    assert (spread == 1).mean() == pytest.approx(one_tick, abs=0.02)
    if p95:
        bps = spread / 15_000_000 * 10_000
        assert np.median(bps) == pytest.approx(median, rel=0.05)
        assert np.percentile(bps, 95) == pytest.approx(p95, rel=0.08)


def test_the_book_between_trades_has_the_quoted_spread_and_depth():
    exchange, market = replayed()
    for _ in range(100):
        market.advance(market.next_due())
        depth = exchange.depth(PAIR)
        assert depth.asks[0][0] > depth.bids[0][0]
        assert len(depth.asks) > 40
        assert exchange.ticker(PAIR).last in {depth.asks[0][0], depth.bids[0][0]}


def test_a_resting_order_is_filled_whole_at_its_price_when_the_path_goes_through_it():
    exchange, market = replayed(rows((100_000, 100_000, 90_000, 90_000)))
    tested = user(exchange, 10**9)
    order = exchange.submit(tested, ask("buy", "900", 95_000))
    market.advance(START + BAR_15M)
    done = exchange.order(tested, PAIR, order.order_id)
    assert (done.status, done.average_price) == ("FULLY_FILLED", 95_000)
    assert all(t.maker for t in exchange.trade_history(tested))
    bar = shown(exchange)[START + BAR_15M]
    assert bar[1:5] == (100_000, 100_000, 90_000, 90_000)
    assert bar.volume == 1_000 + 9_000_000
    assert balance(exchange, tested, "btc").onhand == 901 * 10**8


def test_a_resting_order_the_path_does_not_reach_stays():
    exchange, market = replayed(rows((100_000, 100_500, 99_500, 100_000)))
    tested = user(exchange, 10**9)
    order = exchange.submit(tested, ask("buy", 1, 99_499))
    market.advance(START + BAR_15M)
    assert exchange.order(tested, PAIR, order.order_id).status == "UNFILLED"


def test_at_the_price_of_the_trades_a_resting_order_waits_for_its_turn():
    exchange, market = replayed(rows((100_000, 100_000, 100_000, 100_000), volume=4_000_000))
    tested = user(exchange, 10**9)
    exchange.depth(PAIR)
    order = exchange.submit(tested, ask("buy", "0.01", 100_000, post_only=True))
    before = dict(exchange.depth(PAIR).bids)[100_000] - 100
    sold = 0
    while exchange.order(tested, PAIR, order.order_id).executed_lots == 0:
        market.advance(market.next_due())
        newest = exchange.transactions(PAIR)[0]
        sold = sum(t.lots for t in exchange.transactions(PAIR) if t.side is Side.SELL)
        assert newest.price in {100_000, 100_001}
    assert sold > before


def test_a_market_order_walks_the_book_of_the_moment_and_the_book_refills():
    exchange, market = replayed()
    tested = user(exchange, 10**10)
    depth = exchange.depth(PAIR)
    wanted = sum(lots for _, lots in depth.asks[:5])
    order = exchange.submit(tested, ask("buy", wanted / 10_000))
    trades = exchange.trade_history(tested, TradeFilter(ascending=True))
    assert [(t.price, t.lots) for t in trades] == list(depth.asks[:5])
    assert order.average_price > depth.asks[0][0]
    market.advance(market.next_due())
    assert len(exchange.depth(PAIR).asks) > 40


def test_an_order_inside_the_spread_is_taken_first():
    exchange = fresh(start=START)
    market = MarketReplay(
        exchange, PAIR, rows((100_000, 100_000, 99_000, 99_500), volume=5_000), BAR_15M, shape=BITFLYER_2018
    )
    market.open()
    tested = user(exchange, 10**9)
    order = exchange.submit(tested, ask("buy", "0.01", 100_000, post_only=True))
    market.advance(START + BAR_15M)
    assert exchange.order(tested, PAIR, order.order_id).status == "FULLY_FILLED"


def test_a_stop_fires_on_the_way_of_the_path():
    exchange, market = replayed(rows((100_000, 100_000, 90_000, 100_000), volume=10_000))
    tested = user(exchange, 10**7)
    exchange.submit(tested, ask("buy", "0.01", position="long"))
    order = exchange.submit(tested, ask("sell", "0.01", kind="stop", trigger=95_000, position="long"))
    market.advance(START + BAR_15M)
    done = exchange.order(tested, PAIR, order.order_id)
    assert done.status == "FULLY_FILLED"
    assert 90_000 <= done.average_price <= 95_000


def test_the_market_stands_still_in_an_auction_and_finds_its_price_afterwards():
    exchange, market = replayed()
    market.advance(START + HOUR)
    exchange.set_mode(PAIR, CircuitMode.CIRCUIT_BREAK)
    before = exchange.depth(PAIR)
    market.advance(START + 2 * HOUR)
    assert exchange.depth(PAIR).bids == before.bids
    assert not any(t.executed_at > START + HOUR for t in exchange.transactions(PAIR))
    exchange.set_mode(PAIR, CircuitMode.NONE)
    market.advance(START + 3 * HOUR)
    assert exchange.ticker(PAIR).last == sample_candles(START, START + 3 * HOUR).bar(-1).close


def test_nobody_trades_while_the_pair_is_halted():
    exchange, market = replayed()
    market.advance(START + HOUR)
    exchange.set_status(PAIR, PairStatus.HALT)
    before = exchange.depth(PAIR)
    market.advance(START + 2 * HOUR)
    assert exchange.depth(PAIR)[1:3] == before[1:3]
    exchange.set_status(PAIR, PairStatus.NORMAL)
    market.advance(START + 3 * HOUR)
    times = [t.executed_at for t in exchange.transactions(PAIR)]
    assert max(times) > START + 2 * HOUR
    assert not any(START + HOUR < at <= START + 2 * HOUR for at in times)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_market():
    contents = []
    for seed in (1, 1, 2):
        exchange, market = replayed(seed=seed)
        market.advance(START + HOUR)
        contents.append(exchange.snapshot())
    assert contents[0] == contents[1] != contents[2]


@settings(max_examples=3)
@given(stop=st.integers(1, HOUR - 1))
def test_a_restart_in_the_middle_changes_nothing(stop):
    candles = sample_candles(START - HOUR, START + HOUR)
    exchange, market = replayed(candles)
    market.advance(START + stop)
    again = SimulatedExchange.restore(exchange.snapshot())
    resumed = MarketReplay.restore(again, candles, market.snapshot())
    for one in (market, resumed):
        one.advance(START + HOUR)
    assert again.snapshot() == exchange.snapshot()
    assert resumed.snapshot() == market.snapshot()
    assert market.next_due() is None


def test_a_replay_goes_on_with_its_own_candles_alone():
    exchange, market = replayed()
    with pytest.raises(StoreDamaged, match="other candles"):
        MarketReplay.restore(exchange, rows((1, 1, 1, 1)), market.snapshot())
    for content in (b"", b"{}", b"[1]", b"null"):
        with pytest.raises(StoreDamaged, match="not the state"):
            MarketReplay.restore(exchange, rows((1, 1, 1, 1)), content)


def test_a_market_without_a_bar_to_play_is_refused():
    with pytest.raises(ConfigError, match="no bar that opens"):
        replayed(sample_candles(START - DAY, START))


def test_two_pairs_move_in_one_order_of_time():
    exchange = fresh(start=START)
    markets = [
        MarketReplay(exchange, pair, rows((p, p + 50, p - 50, p + 10)), BAR_15M, seed=3)
        for pair, p in ((PAIR, 100_000), (SPOT, 70_000))
    ]
    for market in markets:
        market.open()
    exchange.drain()
    advance_markets(exchange, markets, START + BAR_15M)
    trades = payloads(exchange.drain(), "transactions")
    assert {t.pair for t in trades} == {PAIR, SPOT}
    assert [t.executed_at for t in trades] == sorted(t.executed_at for t in trades)
    assert exchange.now == START + BAR_15M
