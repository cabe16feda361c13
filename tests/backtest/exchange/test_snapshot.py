"""State as bytes."""

import json

import pytest

from src.backtest.simulated_exchange import CircuitMode, SimulatedExchange, Step
from src.core.domain.market import Side
from src.core.exceptions import StoreDamaged
from tests.backtest.exchange.made_exchange import PAIR, PRICE, ask, busy


def lively():
    exchange, tested, maker = busy(position_delay=2_000, cancel_delay=1_000)
    exchange.submit(tested, ask("buy", "0.1", position="long"))
    exchange.advance(exchange.now + 2_000)
    exchange.submit(tested, ask("sell", "0.1", kind="stop", trigger=PRICE - 5_000, position="long"))
    exchange.cancel(maker, PAIR, exchange.active_orders(maker)[0].order_id)
    exchange.move_market(PAIR, Step({PRICE - 2_000: 50, PRICE - 3_000: 5}, {PRICE + 2_000: 9}, Side.SELL, 30))
    return exchange


def test_a_restored_exchange_goes_on_as_the_first_would_have():
    exchange = lively()
    content = exchange.snapshot()
    again = SimulatedExchange.restore(content)
    assert again.snapshot() == content
    assert again.drain() == exchange.drain()
    for one in (exchange, again):
        one.advance(one.now + 90_000_000)
        one.move_market(PAIR, Step({PRICE - 9_000: 5_000}, {PRICE: 5}, Side.SELL, 1))
        one.set_mode(PAIR, CircuitMode.LISTING)
    assert again.drain() == exchange.drain()
    assert again.snapshot() == exchange.snapshot()


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"{}", b"[]", b'{"version":1}', b'{"version":99,"state":[],"books":{}}', b"\xff", b'"x"'],
)
def test_what_is_no_snapshot_is_refused(content):
    with pytest.raises(StoreDamaged, match="not a snapshot"):
        SimulatedExchange.restore(content)


def test_a_snapshot_with_a_part_missing_or_of_another_type_is_refused():
    document = json.loads(lively().snapshot())
    for spoil in (lambda s: s.pop(), lambda s: s.__setitem__(0, "now"), lambda s: s.__setitem__(2, None)):
        broken = json.loads(json.dumps(document))
        spoil(broken["state"])
        with pytest.raises(StoreDamaged):
            SimulatedExchange.restore(json.dumps(broken).encode())


def test_a_past_that_no_column_holds_is_refused():
    exchange = lively()
    document = json.loads(exchange.snapshot())
    market = document["state"][2][0][1]
    empty_past = [[] for _ in exchange._state.markets[PAIR].history.columns]
    market[market.index(empty_past)][0] = [2**63]
    with pytest.raises(StoreDamaged):
        SimulatedExchange.restore(json.dumps(document).encode())


def test_the_same_calls_and_seed_give_the_same_bytes_and_another_seed_other_ids():
    assert lively().snapshot() == lively().snapshot()
