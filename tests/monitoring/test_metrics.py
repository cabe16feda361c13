"""What Prometheus reads, parsed as Prometheus does."""

from prometheus_client.parser import text_string_to_metric_families

from src.core.domain.health import Health, Phase
from src.core.domain.market import BTC_JPY, Lots, Money
from src.core.domain.orders import Reason
from src.core.domain.time import Millis
from src.monitoring.metrics import Metrics

NOW = Millis(1_700_000_100_000)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def plain(metrics: Metrics) -> dict[str, float]:
    return {name: value for (name, labels), value in samples(metrics).items() if not labels}


def test_health_is_shown_in_seconds_jpy_and_btc():
    health = Health(
        mode="live",
        phase=Phase.HALTED,
        last_beat=Millis(NOW - 2_500),
        last_cycle=Millis(NOW - 60_000),
        last_bar=Millis(NOW - 61_000),
        lease=True,
        streams=True,
        halted="a person",
        unresolved=2,
        naked_since=Millis(NOW - 1_500),
        equity=Money(12_345_678_9012),
        position=Lots(-123),
    )
    shown = plain(Metrics(BTC_JPY, lambda: health, lambda: NOW))
    expected = {
        "beat_age_seconds": 2.5,
        "cycle_age_seconds": 60.0,
        "bar_age_seconds": 61.0,
        "lease_held": 1.0,
        "stream_connected": 1.0,
        "halted": 1.0,
        "unresolved_orders": 2.0,
        "naked_now_seconds": 1.5,
        "equity_jpy": 12_345_678.9012,
        "position_btc": -0.0123,
    }
    assert {name: shown[f"trader_{name}"] for name in expected} == expected


def test_what_is_not_known_is_absent_and_never_zero():
    shown = plain(Metrics(BTC_JPY, lambda: Health("paper"), lambda: NOW))
    for name in ("beat_age_seconds", "cycle_age_seconds", "bar_age_seconds", "equity_jpy", "position_btc"):
        assert f"trader_{name}" not in shown
    assert shown["trader_lease_held"] == 0


def test_exactly_one_phase_is_on():
    for phase in Phase:
        found = samples(Metrics(BTC_JPY, lambda now=phase: Health("live", now), lambda: NOW))
        on = {dict(labels)["phase"] for (name, labels), value in found.items() if name == "trader_phase" and value}
        assert on == {phase.value}


def test_what_was_done_is_counted():
    metrics = Metrics(BTC_JPY, lambda: Health("live"), lambda: NOW)
    metrics.decided(Reason.NO_SIGNAL)
    metrics.decided(Reason.NO_SIGNAL)
    metrics.decided(Reason.ENTER)
    metrics.settled("accepted")
    metrics.filled(maker=True)
    metrics.filled(maker=False)
    metrics.was_naked(1.25)
    metrics.reacted(0.03)
    metrics.appended(0.001)
    found = samples(metrics)
    assert found["trader_decisions_total", (("reason", "no_signal"),)] == 2
    assert found["trader_decisions_total", (("reason", "enter"),)] == 1
    assert found["trader_orders_total", (("outcome", "accepted"),)] == 1
    assert found["trader_fills_total", (("role", "maker"),)] == found["trader_fills_total", (("role", "taker"),)] == 1
    assert found["trader_naked_seconds_total", ()] == 1.25
    assert found["trader_bar_to_order_seconds_count", ()] == 1
    assert found["trader_journal_append_seconds_bucket", (("le", "0.005"),)] == 1


def test_two_traders_in_one_process_share_nothing():
    one, other = (Metrics(BTC_JPY, lambda: Health("live"), lambda: NOW) for _ in range(2))
    one.decided(Reason.ENTER)
    assert ("trader_decisions_total", (("reason", "enter"),)) not in samples(other)
