"""Time the simulated exchange in this process, on one core: order operations, a replayed day, a month's memory.

    python -m benchmarks.exchange            about three minutes
    python -m benchmarks.exchange --days 1   without the month

A submit is one operation and a cancel is one; the matching a submit causes is part of it. Every event is kept and
drained, as a server with listeners would do. Rates are per second of processor time, and of the wall's clock: on a
shared machine the second says as much about the neighbours.
"""

import argparse
import gc
import random
import resource
import sys
import time
from contextlib import suppress
from decimal import Decimal
from typing import Final, NamedTuple

from src.backtest.simulated_exchange import (
    DEFAULT_PAIRS,
    MarketReplay,
    OrderRequest,
    Refused,
    SimulatedExchange,
    Switches,
    UserId,
)
from src.core.domain.time import BAR_15M, DAY, Millis
from src.data.sample_market import sample_candles

PAIR: Final = "btc_jpy"
START: Final = Millis(1_699_999_200_000)
PRICE: Final = 5_000_000
USERS: Final = 20
RESTING: Final = 200  # orders in the book, about
SUBMITS: Final = 50_000
ROUNDS: Final = 5
DRAIN_EVERY: Final = 1_000
GC_EVERY: Final = 100_000  # new objects between two rounds of the garbage collector; Python's own 700 cost a quarter


class Mix(NamedTuple):
    """What the users do."""

    name: str
    edge: int  # ticks between the middle and where new prices are drawn around
    width: int
    margin: bool


MIXES: Final = (
    Mix("submit and cancel, no trade", 3_500, 3_000, False),
    Mix("submit, cancel and match, spot", 1_500, 3_000, False),
    Mix("submit, cancel and match, margin", 1_500, 3_000, True),
)


class Rate(NamedTuple):
    """Operations per second."""

    cpu: float
    wall: float
    trades: int


def requests(mix: Mix, users: list[UserId]) -> list[tuple[UserId, OrderRequest]]:
    """Return the orders of one run, the same every time."""
    dice = random.Random(1)  # noqa: S311 - repeatable on purpose
    made = []
    for _ in range(SUBMITS):
        side = dice.choice(("buy", "sell"))
        price = PRICE + dice.randint(-mix.width, mix.width) + (-mix.edge if side == "buy" else mix.edge)
        amount = Decimal(dice.randint(1, 500)) / 10_000
        position = ("long" if side == "buy" else "short") if mix.margin else None
        request = OrderRequest(PAIR, side, "limit", amount, Decimal(price), position_side=position)
        made.append((dice.choice(users), request))
    return made


def run(mix: Mix) -> Rate:
    """Time one run."""
    rules = {p: r._replace(buy_credit=10**9, sell_credit=10**9) for p, r in DEFAULT_PAIRS.items()}
    exchange = SimulatedExchange(rules, Switches(), start=START, seed=1)
    wealth = {"jpy": Decimal(10**11), "btc": Decimal(100_000)}
    users = [exchange.add_user(f"user {i}", wealth) for i in range(USERS)]
    orders = requests(mix, users)
    dice = random.Random(2)  # noqa: S311 - repeatable on purpose
    open_orders: list[tuple[UserId, int]] = []
    operations = trades = 0
    gc.collect()
    gc.freeze()  # a server does so once it is set up: what it has by then is not looked through again and again
    thresholds = gc.get_threshold()
    gc.set_threshold(GC_EVERY)
    wall, cpu = time.perf_counter(), time.process_time()
    for user, request in orders:
        with suppress(Refused):  # too many open orders
            view = exchange.submit(user, request)
            if view.remaining_lots:
                open_orders.append((user, view.order_id))
        operations += 1
        while len(open_orders) > RESTING:
            owner, order_id = open_orders.pop(dice.randrange(len(open_orders)))
            with suppress(Refused):  # it was filled meanwhile
                exchange.cancel(owner, PAIR, order_id)
            operations += 1
        if operations % DRAIN_EVERY < 2:
            trades += sum(event.kind == "transactions" for event in exchange.drain())
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    return Rate(operations / cpu, operations / wall, trades)


def say(line: str) -> None:
    """Print."""
    sys.stdout.write(f"{line}\n")


def replay(days: int) -> None:
    """Time a market replayed for `days`, and tell how much memory that took."""
    candles = sample_candles(Millis(START - 30 * DAY), Millis(START + days * DAY))
    exchange = SimulatedExchange(DEFAULT_PAIRS, Switches(events=False), start=START, seed=1)
    exchange.add_user("idle", {"jpy": Decimal(1_000_000)})
    market = MarketReplay(exchange, PAIR, candles, BAR_15M)
    market.open()
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    market.advance(Millis(START + days * DAY))
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say(
        f"replay of {days} days: {took / days:.2f} s a day; process {after / 1024:.0f} MB at its largest, "
        f"{(after - before) / 1024:.0f} MB of it grown during the replay; "
        f"snapshot {len(exchange.snapshot()) / 1e6:.1f} MB"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30, help="of market to replay")
    days = parser.parse_args().days
    replay(days)
    for mix in MIXES:
        rates = [run(mix) for _ in range(ROUNDS)]
        best = max(rates, key=lambda rate: rate.cpu)
        wall = max(rate.wall for rate in rates)
        say(f"{mix.name}: {best.cpu:,.0f} a second of processor, {wall:,.0f} of wall ({best.trades:,} trades)")


if __name__ == "__main__":
    main()
