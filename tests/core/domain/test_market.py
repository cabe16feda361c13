"""Values on the exchange's grids: read to the nearest step, written back exactly."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market import (
    BTC_JPY,
    INSTRUMENTS,
    PPM,
    SAFE,
    Lots,
    Money,
    Side,
    Ticks,
    notional,
)

FINE = BTC_JPY._replace(tick_size=Decimal("0.001"), lot_size=Decimal("0.01"))
instruments = st.sampled_from([BTC_JPY, FINE])
sizes = st.integers(0, 10**9)


@given(instruments, sizes)
def test_what_is_on_the_grid_is_read_and_written_exactly(pair, n):
    assert pair.ticks(pair.price(Ticks(n))) == n
    assert pair.lots(pair.amount(Lots(n))) == n
    assert pair.money(pair.jpy(Money(n))) == n


@pytest.mark.parametrize(
    ("price", "ticks"), [("10000000.4", 10_000_000), ("10000000.5", 10_000_000), ("10000001.5", 10_000_002)]
)
def test_between_two_steps_the_nearer_one_is_read_and_halves_go_to_even(price, ticks):
    assert BTC_JPY.ticks(Decimal(price)) == ticks


@given(instruments, sizes, sizes)
def test_ticks_times_lots_is_money(pair, price, size):
    worth = pair.price(Ticks(price)) * pair.amount(Lots(size))
    assert pair.jpy(notional(Ticks(price), Lots(size))) == worth


def test_the_grid_of_btc_jpy():
    assert BTC_JPY.money_unit == Decimal("0.0001")
    assert BTC_JPY.jpy(Money(10**10)) == 1_000_000
    assert BTC_JPY.amount(BTC_JPY.min_lots) == Decimal("0.0001")
    assert INSTRUMENTS == {"BTC/JPY": BTC_JPY}


def test_a_side_is_its_sign():
    assert [side * 5 for side in (Side.SELL, Side.NONE, Side.BUY)] == [-5, 0, 5]
    assert Side(-Side.BUY) == Side.SELL


def test_the_safe_bound_leaves_room_in_64_bits():
    assert 2 * SAFE == 2**63
    assert PPM == 10**6
