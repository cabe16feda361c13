"""Facts that the exchange has changed are named, one by one and in words."""

import pytest

from src.core.domain.market import BTC_JPY, Lots
from src.core.domain.time import Millis
from src.data.margin_replies import pair_of
from src.trading.fact_table import Facts, differences
from src.trading.fee_schedule import Fees
from tests.data import made_replies as made

FACTS = Facts(BTC_JPY, Fees(0, 1_000), 400, 5_000)
PAIR = pair_of(made.PAIRS, made.STATUSES, BTC_JPY, Millis(1))._replace(
    close_maker_ppm=0, close_taker_ppm=1_000, next_requirement_bps=None
)


def test_an_exchange_that_changed_nothing_differs_in_nothing():
    assert differences(PAIR, FACTS) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"open_maker_ppm": -200}, "fee of opening as maker: 0.0000 % was assumed, the exchange says -0.0200 %"),
        ({"open_taker_ppm": 1_200}, "fee of opening as taker: 0.1000 % was assumed, the exchange says 0.1200 %"),
        ({"close_maker_ppm": 1}, "fee of closing as maker: 0.0000 % was assumed, the exchange says 0.0001 %"),
        ({"close_taker_ppm": 900}, "fee of closing as taker: 0.1000 % was assumed, the exchange says 0.0900 %"),
        ({"long_interest_ppm": 500}, "interest a day on a long position: 0.0400 % was assumed"),
        ({"short_interest_ppm": 300}, "interest a day on a short position: 0.0400 % was assumed"),
        ({"requirement_bps": 6_000}, "margin requirement: 50.00 % was assumed, the exchange says 60.00 %"),
        ({"next_requirement_bps": 5_001}, "margin requirement from next week on: 50.00 % was assumed"),
        ({"instrument": BTC_JPY._replace(min_lots=Lots(10))}, "smallest order: 0.0001 was assumed"),
        ({"instrument": BTC_JPY._replace(max_lots=Lots(10))}, "largest market order: 10.0000 was assumed"),
        ({"instrument": BTC_JPY._replace(tick_size=BTC_JPY.lot_size)}, "tick size: 1 JPY was assumed"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_each_fact_that_changed_is_named(change, words):
    (difference,) = differences(PAIR._replace(**change), FACTS)
    assert str(difference).startswith(words)
