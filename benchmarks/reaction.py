"""How long a trader takes from the data that completes a bar to an order: `python -m benchmarks.reaction [DAYS]`.

A twin in another process replays the sample market; the trader runs in this one, over HTTP, with its journal on disk.
Time is taken on this machine's clock from the arrival of the bar to the call that sends the entry: reading the account,
features, decision and two durable writes lie between. In lock-step the exchange's time stands still meanwhile, but
asking it to move costs a round trip wherever the trader waits, so what is shown is an upper bound.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from src.core.config import load_config
from src.core.domain.market import Bar
from src.core.domain.time import DAY, Millis, parse_time
from src.core.orchestration.live_wiring import live_parts
from src.core.orchestration.orchestrator import Orchestrator
from src.trading.outgoing import OutgoingOrder, Purpose
from src.twin.process import started_twin

START = "2023-05-01"


class Watch:
    """Notes when a bar came, and when the first entry after it was sent."""

    def __init__(self) -> None:
        self.arrived = 0.0
        self.took: list[float] = []  # milliseconds
        self.bars: list[float] = []  # milliseconds of processor a bar
        self._processor = time.process_time()

    def bar(self) -> None:
        """Note that a bar has come."""
        now = time.process_time()
        self.bars.append((now - self._processor) * 1_000)
        self.arrived, self._processor = time.perf_counter(), now

    def sends(self, order: OutgoingOrder) -> None:
        """Note that an order is about to be sent."""
        if order.purpose is Purpose.ENTRY and self.arrived:
            self.took.append((time.perf_counter() - self.arrived) * 1_000)
            self.arrived = 0.0


class Watched:
    """Passes every call on to what it watches."""

    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def next_bar(self) -> Bar:
        """Return the next bar, and note its arrival."""
        bar: Bar = await self._inner.next_bar()
        self._watch.bar()
        return bar

    async def submit(self, order: OutgoingOrder) -> Any:
        """Send an order, and note when."""
        self._watch.sends(order)
        return await self._inner.submit(order)


async def measure(days: int, environment: dict[str, str]) -> Watch:
    """Trade for some days of the sample market."""
    watch = Watch()
    settings = load_config("config/production/base.yaml", environment)
    parts = await live_parts(settings, environment)
    parts = parts._replace(exchange=Watched(parts.exchange, watch), bars=Watched(parts.bars, watch))
    await Orchestrator(settings, parts).run_until(Millis(parse_time(START) + days * DAY))
    return watch


def main() -> None:
    """Measure and print."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    arguments = ("--data", "sample", "--lock-step", "--bars", "--start", START)
    with tempfile.TemporaryDirectory() as folder, started_twin(*arguments) as twin:
        environment = twin.trader_environment(Path(folder))
        began = time.perf_counter()
        watch = asyncio.run(measure(days, environment))
        wall = time.perf_counter() - began
    took = sorted(watch.took)
    sys.stdout.write(f"{days} days, {len(watch.bars)} bars, {len(took)} entries, {wall:.1f} s with the start\n")
    sys.stdout.write(f"processor a bar: median {statistics.median(watch.bars):.1f} ms\n")
    if took:
        p99 = took[min(len(took) - 1, int(0.99 * len(took)))]
        sys.stdout.write(
            f"bar to order: median {statistics.median(took):.1f} ms, p99 {p99:.1f} ms, most {took[-1]:.1f} ms\n"
        )


if __name__ == "__main__":
    main()
