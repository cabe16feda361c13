"""hftbacktest on the work of `work.py`; run by the driver in its own environment.

A tick engine: each bar becomes four prices (open, then low and high in the likelier order, close), each price
four depth events. The strategy watches its stop and target at these points and sends market orders. Its book
is scanned tick by tick, so a tick is 1,000 JPY here; it knows no slippage beside the spread of one tick.
"""

import importlib
import time

import numpy as np
from numba import njit

from benchmarks.measure import Job, Outcome, asked, report
from benchmarks.work import BAR_MS, FEE, SIZE, STANDARD, WARM_UP, Floats, load_bars, parameter_sets

started = time.perf_counter()
hbt = importlib.import_module("hftbacktest")  # by name: the peers' packages are not in the project's environment
types = importlib.import_module("hftbacktest.types")
import_s = time.perf_counter() - started

GTC, MARKET = hbt.GTC, hbt.MARKET
TICK = 1_000.0
QUARTER_NS = BAR_MS * 1_000_000 // 4


def events_of(bars: int) -> np.ndarray:
    """Return the depth events of the window's first `bars` bars."""
    sample = load_bars(bars)
    rising = sample.close >= sample.open
    path = [
        sample.open,
        np.where(rising, sample.low, sample.high),
        np.where(rising, sample.high, sample.low),
        sample.close,
    ]
    points = np.round(np.column_stack(path).ravel() / TICK) * TICK
    before = np.concatenate((points[:1], points[:-1]))
    opened_ns = (sample.closed_at - BAR_MS) * 1_000_000
    at = (opened_ns[:, None] + QUARTER_NS * np.arange(4) + 1).ravel()
    events = np.zeros(4 * len(points), types.event_dtype)
    everyone = hbt.DEPTH_EVENT | hbt.EXCH_EVENT | hbt.LOCAL_EVENT
    lines = ((hbt.BUY_EVENT, before, 0.0), (hbt.SELL_EVENT, before + TICK, 0.0),
             (hbt.BUY_EVENT, points, 100.0), (hbt.SELL_EVENT, points + TICK, 100.0))  # fmt: skip
    for k, (side, price, quantity) in enumerate(lines):
        part = events[k::4]
        part["ev"] = everyone | side
        part["exch_ts"] = part["local_ts"] = at
        part["px"], part["qty"] = price, quantity
    return events


@njit
def trade(engine, bars, fast, slow, stop_atrs, target_atrs, trades, equity):  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915
    """Run the rules on the engine; one function because the peer compiles it as one. Return the trades."""
    fast_mean = slow_mean = up = down = atr = last = stop = target = signal_atr = 0.0
    position = pending = count = order = entered = 0
    above = False
    for i in range(bars):
        high, low, price = 0.0, 1e18, 0.0
        for point in range(4):
            if engine.elapse(QUARTER_NS if i + point > 0 else 10) != 0 and i < bars - 1:
                return count
            price = engine.depth(0).best_bid
            high, low = max(high, price), min(low, price)
            if pending != 0 and position == 0:
                order += 1
                if pending > 0:
                    engine.submit_buy_order(0, order, price * 1.01, SIZE, GTC, MARKET, False)
                else:
                    engine.submit_sell_order(0, order, price * 0.99, SIZE, GTC, MARKET, False)
                position, pending, entered = pending, 0, i
                stop = price - position * stop_atrs * signal_atr
                target = price + position * target_atrs * signal_atr
            elif position != 0 and ((price - stop) * position <= 0 or (price - target) * position >= 0):
                order += 1
                if position > 0:
                    engine.submit_sell_order(0, order, price * 0.99, SIZE, GTC, MARKET, False)
                else:
                    engine.submit_buy_order(0, order, price * 1.01, SIZE, GTC, MARKET, False)
                trades[count, 0], trades[count, 1] = entered, i
                count += 1
                position = 0
        engine.clear_inactive_orders(0)
        state = engine.state_values(0)
        equity[i] = state.balance + state.position * price - state.fee
        if i == 0:
            last, fast_mean, slow_mean, atr = price, price, price, high - low
        up += (max(price - last, 0.0) - up) / 14
        down += (max(last - price, 0.0) - down) / 14
        atr += (max(high, last) - min(low, last) - atr) / 14
        fast_mean += 2.0 / (fast + 1) * (price - fast_mean)
        slow_mean += 2.0 / (slow + 1) * (price - slow_mean)
        last = price
        if (fast_mean > slow_mean) != above and i >= WARM_UP and position == 0:
            rsi = 100.0 * up / (up + down)
            if not above and 50.0 < rsi < 70.0:
                pending, signal_atr = 1, atr
            elif above and 30.0 < rsi < 50.0:
                pending, signal_atr = -1, atr
        above = fast_mean > slow_mean
    return count


def run(events: np.ndarray, bars: int, chosen: tuple[float, ...]) -> tuple[int, Floats]:
    """Return the number of trades, and their entry and exit bars."""
    asset = hbt.BacktestAsset().data([events]).linear_asset(1.0).constant_order_latency(0, 0)
    asset = asset.no_partial_fill_exchange().trading_value_fee_model(FEE, FEE).tick_size(TICK).lot_size(0.0001)
    engine = hbt.HashMapMarketDepthBacktest([asset.risk_adverse_queue_model()])
    trades, equity = np.zeros((bars // 8 + 8, 2)), np.zeros(bars)
    count = trade(engine, bars, *chosen, trades, equity)
    engine.close()
    return count, trades[:count]


def main(job: Job) -> None:
    """Prepare the events, then measure."""
    events = events_of(job.bars)

    def one() -> Outcome:
        count, trades = run(events, job.bars, STANDARD)
        return Outcome(count, trades[:, 0].tolist(), trades[:, 1].tolist())

    def sweep() -> Outcome:
        return Outcome(sum(run(events, job.bars, chosen)[0] for chosen in parameter_sets()))

    report(job, hbt.__version__, import_s, one if job.work == "one" else sweep)


if __name__ == "__main__":
    main(asked())
