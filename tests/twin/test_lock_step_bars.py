"""Lock-step with a market in bar mode: the client is woken in each phase in which a stream has something to say."""

from decimal import Decimal

from src.backtest.simulated_exchange import BarMarket, BarTerms, OrderRequest
from src.core.domain.market import Bar
from src.core.domain.time import BAR_15M, Millis
from src.twin.lock_step import LockStep
from src.twin.public_stream import Session
from tests.twin.made_services import START, still_service

PAIR = "btc_jpy"
OPENED = START - START % BAR_15M + BAR_15M


class Played(BarMarket):
    """What moves a venue; its state is the exchange's."""

    def snapshot(self) -> bytes:
        return b""


def bar(number, *prices):
    return Bar(Millis(OPENED + (number + 1) * BAR_15M), *prices, 10)


def stepping(*bars):
    service = still_service()
    market = Played(service.venue.exchange, PAIR, BarTerms(slippage_ppm=1_000))
    market.add(bar(i, *prices) for i, prices in enumerate(bars))
    service.venue.driver = market
    reader = Session("reader", 4, rooms={f"transactions_{PAIR}"})
    service.public._sessions.add(reader)
    user = service.accounts.open("ours", {"jpy": Decimal(10_000_000)})
    service.private.subscribe(user, service.now, 10**9)
    return service, user, LockStep(service)


def wakes(lock_step, until):
    """Every moment before `until` at which the client is woken, from the end of the bar before it."""
    found = []
    while (woken := lock_step.wait(Millis(until), None)).reason == "event":
        found.append(woken.now - until)
    assert woken.now == until
    return found


def ask(service, user, side, kind="market", price=None, trigger=None):
    request = OrderRequest(PAIR, side, kind, Decimal("0.1"), price, trigger, position_side="long")
    service.venue.exchange.submit(user, request)
    service.tell()


def test_a_quiet_bar_wakes_the_client_once_when_it_is_printed():
    _, _, lock_step = stepping((1_000_000, 1_010_000, 990_000, 1_000_000))
    assert wakes(lock_step, OPENED + BAR_15M) == [-30]


def test_a_market_order_that_waits_for_a_bar_wakes_the_client_at_its_open():
    service, user, lock_step = stepping((1_000_000, 1_010_000, 990_000, 1_000_000))
    ask(service, user, "buy")
    assert wakes(lock_step, OPENED + BAR_15M) == [-BAR_15M, -30]


def test_a_stop_that_fires_wakes_the_client_before_the_bar_is_printed():
    service, user, lock_step = stepping((1_000_000,) * 4, (1_000_000, 1_010_000, 900_000, 1_000_000))
    ask(service, user, "buy")
    wakes(lock_step, OPENED + BAR_15M)
    ask(service, user, "sell", "stop", trigger=Decimal(950_000))
    assert wakes(lock_step, OPENED + 2 * BAR_15M) == [-40, -30]


def test_the_stop_of_an_entry_inside_the_bar_is_placed_and_fires_in_phases_of_their_own():
    service, user, lock_step = stepping((1_000_000,) * 4, (1_000_000, 1_010_000, 900_000, 1_000_000))
    wakes(lock_step, OPENED + BAR_15M)
    ask(service, user, "buy", "limit", price=Decimal(1_000_000))
    end = OPENED + 2 * BAR_15M
    assert [lock_step.wait(Millis(end), None).now - end for _ in range(2)] == [-30, -20]
    ask(service, user, "sell", "stop", trigger=Decimal(950_000))
    assert wakes(lock_step, end) == [-10]
    assert service.venue.exchange.margin_positions(user).positions[0].lots == 0
