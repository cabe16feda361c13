"""What Prometheus reads: the trader's health as gauges, and counts of what it did. No value here is a secret."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from src.core.domain.health import Health, Phase
from src.core.domain.market import Instrument
from src.core.domain.orders import Reason
from src.core.domain.time import SECOND, Millis

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_LATENCIES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds


class Metrics:
    """A registry of its own; nothing is kept in the library's global one.

    Parameters
    ----------
    pair
        Its units turn whole numbers into BTC and JPY.
    health, now
        Asked at each reading.
    """

    def __init__(self, pair: Instrument, health: Callable[[], Health], now: Callable[[], Millis]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_HealthGauges(pair, health, now))
        ProcessCollector(registry=self._registry)
        count = self._counter
        self._decisions = count("decisions", "Closed bars decided on, by the one reason of each.", "reason")
        self._orders = count("orders", "Orders sent, by what became of them.", "outcome")
        self._fills = count("fills", "Trades of ours, by the role that was billed.", "role")
        self._naked = count("naked_seconds", "Seconds in which a position was not fully protected.")
        self._reaction = self._histogram("bar_to_order_seconds", "From the data that completed a bar to the order.")
        self._append = self._histogram("journal_append_seconds", "One durable append to the journal.")

    def decided(self, reason: Reason) -> None:
        """Count a bar."""
        self._decisions.labels(reason.name.lower()).inc()

    def settled(self, outcome: str) -> None:
        """Count an order by its outcome, such as "accepted" or "refused"."""
        self._orders.labels(outcome).inc()

    def filled(self, *, maker: bool) -> None:
        """Count a trade by its role as billed."""
        self._fills.labels("maker" if maker else "taker").inc()

    def was_naked(self, seconds: float) -> None:
        """Add an interval without full protection that has ended."""
        self._naked.inc(seconds)

    def reacted(self, seconds: float) -> None:
        """Add the time from a bar's last data to the first byte of an order."""
        self._reaction.observe(seconds)

    def appended(self, seconds: float) -> None:
        """Add the time of an append."""
        self._append.observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"trader_{name}", what, labels, registry=self._registry)

    def _histogram(self, name: str, what: str) -> Histogram:
        return Histogram(f"trader_{name}", what, buckets=_LATENCIES, registry=self._registry)


class _HealthGauges(Collector):
    def __init__(self, pair: Instrument, health: Callable[[], Health], now: Callable[[], Millis]) -> None:
        self._pair = pair
        self._health = health
        self._now = now

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the gauges; what is not known is left out, so that it is absent and never 0."""
        health, now = self._health(), self._now()
        phases = GaugeMetricFamily("trader_phase", "1 for what the engine is doing.", labels=["mode", "phase"])
        for phase in Phase:
            phases.add_metric([health.mode, phase.value], float(phase is health.phase))
        yield phases
        values: tuple[tuple[str, str, float | None], ...] = (
            ("beat_age_seconds", "Since the loop's last turn.", _age(health.last_beat, now)),
            ("cycle_age_seconds", "Since the last decision.", _age(health.last_cycle, now)),
            ("bar_age_seconds", "Since the newest bar closed.", _age(health.last_bar, now)),
            ("lease_held", "1 while this process may write.", float(health.lease)),
            ("stream_connected", "1 while the private stream is connected.", float(health.streams)),
            ("halted", "1 while nothing new is opened.", float(bool(health.halted))),
            ("unresolved_orders", "Orders sent whose outcome is not known.", float(health.unresolved)),
            ("naked_now_seconds", "How long a position has been unprotected, 0 if none is.", _naked(health, now)),
            ("equity_jpy", "Cash and open result.", self._jpy(health)),
            ("position_btc", "Long above 0, short below.", self._size(health)),
        )
        for name, what, value in values:
            if value is not None:
                yield GaugeMetricFamily(f"trader_{name}", what, value=value)

    def _jpy(self, health: Health) -> float | None:
        return None if health.equity is None else float(health.equity * self._pair.money_unit)

    def _size(self, health: Health) -> float | None:
        return None if health.position is None else float(health.position * self._pair.lot_size)


def _age(at: Millis | None, now: Millis) -> float | None:
    return None if at is None else (now - at) / SECOND


def _naked(health: Health, now: Millis) -> float:
    return 0.0 if health.naked_since is None else (now - health.naked_since) / SECOND
