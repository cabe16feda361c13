"""Money is conserved, every rounding is against the trader, and the forced close is where equity meets its floor."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import DAY, HOUR, JST_OFFSET, Millis
from src.trading.ledger import (
    FLAT,
    CostParams,
    Ledger,
    close_position,
    equity,
    interest,
    losscut_price,
    margin_level_bps,
    open_position,
    share,
    worse,
)

sides = st.sampled_from([Side.BUY, Side.SELL])
prices = st.integers(1, 10**9)
lots = st.integers(1, 10**5)
fees = st.integers(-1_000, 10_000)
times = st.integers(0, 2 * 10**12)
costs = st.builds(
    CostParams,
    slippage_ppm=st.integers(0, 10_000),
    interest_ppm_per_day=st.integers(0, 2_000),
    interest_hour=st.integers(0, 23),
    first_day_charged=st.booleans(),
    requirement_bps=st.integers(100, 10_000),
    losscut_bps=st.integers(100, 10_000),
)
round_trips = st.tuples(sides, lots, prices, prices, fees, fees, times, st.integers(0, 30 * DAY))


def closed(cash, trip, params):
    side, size, entry, exit_, fee_in, fee_out, at, held = trip
    book = open_position(
        Ledger(Money(cash), FLAT), side, Lots(size), Ticks(entry), Ticks(entry), fee_in, Millis(at), params
    )
    return close_position(book, Ticks(exit_), Ticks(exit_), fee_out, Millis(at + held), ExitReason.STOP, params)


@given(st.integers(0, 10**13), st.lists(round_trips, max_size=5), costs)
def test_cash_is_the_start_plus_the_net_of_every_trade(cash, trips, params):
    now, total = cash, 0
    for trip in trips:
        book, trade = closed(now, trip, params)
        now, total = book.cash, total + trade.net
        assert trade.net == trade.gross - trade.fee - trade.interest
        assert book.position == FLAT
    assert now == cash + total


@given(round_trips, costs)
def test_a_trade_is_recomputed_from_prices_lots_and_rates(trip, params):
    side, size, entry, exit_, fee_in, fee_out, at, held = trip
    trade = closed(0, trip, params)[1]
    fee_exact = Fraction(size * (entry * fee_in + exit_ * fee_out), 1_000_000)
    hours = JST_OFFSET - params.interest_hour * HOUR
    days = (at + held + hours) // DAY - (at + hours) // DAY + params.first_day_charged
    interest_exact = days * Fraction(size * entry * params.interest_ppm_per_day, 1_000_000)
    assert trade.gross == size * (exit_ - entry) * (1 if side == Side.BUY else -1)
    assert fee_exact <= trade.fee < fee_exact + 2  # two fees, each rounded up
    assert interest_exact <= trade.interest <= interest_exact + days


@given(st.integers(0, 10**14), st.integers(-1_000, 10_000))
def test_a_share_is_rounded_up_and_a_rebate_toward_less(amount, ppm):
    assert share(Money(amount), ppm) == ceil(Fraction(amount * ppm, 1_000_000))


@pytest.mark.parametrize(("amount", "ppm", "due"), [(1, 1, 1), (10**6, 1, 1), (0, 500, 0), (1, -1, 0), (10**6, -1, -1)])
def test_the_smallest_shares(amount, ppm, due):
    assert share(Money(amount), ppm) == due


@given(prices, sides, st.integers(0, 10_000))
def test_slippage_moves_a_fill_against_the_order_and_never_below_one_tick(price, side, ppm):
    fill = worse(Ticks(price), side, ppm)
    assert (fill - price) * side >= 0 or fill == 1
    assert fill >= 1
    assert abs(fill - price) <= price * ppm / 1_000_000 + 1


@given(round_trips, costs, prices)
def test_equity_marked_at_the_closing_price_is_what_closing_for_free_would_leave(trip, params, mark):
    side, size, entry, _, fee_in, _, at, held = trip
    book = open_position(
        Ledger(Money(10**13), FLAT), side, Lots(size), Ticks(entry), Ticks(entry), fee_in, Millis(at), params
    )
    worth = equity(book, Ticks(mark), Millis(at + held), params)
    after, _ = close_position(book, Ticks(mark), Ticks(mark), 0, Millis(at + held), ExitReason.TARGET, params)
    assert after.cash == worth
    assert equity(after, Ticks(1), Millis(at + held), params) == worth


@given(round_trips, costs, st.integers(1, 10**13))
def test_the_forced_close_is_the_first_price_at_which_equity_is_below_its_floor(trip, params, cash):
    side, size, entry, _, fee_in, _, at, held = trip
    book = open_position(
        Ledger(Money(cash), FLAT), side, Lots(size), Ticks(entry), Ticks(entry), fee_in, Millis(at), params
    )
    now = Millis(at + held)
    floor = Fraction(book.position.required * params.losscut_bps, 10_000)
    cut = losscut_price(book, now, params)
    assert cut >= 1
    assume(cut > 1)
    assert equity(book, cut, now, params) < floor
    assert equity(book, Ticks(cut + side), now, params) >= floor


@given(round_trips, costs, st.integers(1, 10**13), prices)
def test_the_margin_level_is_equity_over_a_requirement_rounded_up(trip, params, cash, mark):
    side, size, entry, _, fee_in, _, at, held = trip
    book = open_position(
        Ledger(Money(cash), FLAT), side, Lots(size), Ticks(entry), Ticks(entry), fee_in, Millis(at), params
    )
    now = Millis(at + held)
    exact = Fraction(size * entry * params.requirement_bps, 10_000)
    assert exact <= book.position.required < exact + 1
    worth = equity(book, Ticks(mark), now, params)
    level = margin_level_bps(book, Ticks(mark), now, params)
    assert level <= worth * 10_000 / exact if worth >= 0 else level < 0


def test_the_smallest_position_has_a_margin_level():
    costs = CostParams(interest_ppm_per_day=0)
    book = open_position(Ledger(Money(100), FLAT), Side.BUY, Lots(1), Ticks(1), Ticks(1), 0, Millis(0), costs)
    assert margin_level_bps(book, Ticks(1), Millis(0), costs) == 1_000_000


def test_an_account_without_a_position_has_no_margin_level():
    with pytest.raises(ZeroDivisionError):
        margin_level_bps(Ledger(Money(100), FLAT), Ticks(1), Millis(0), CostParams())


@pytest.mark.parametrize(
    ("begun", "at", "hour", "first", "days"),
    [
        ("23:59", 1, 0, True, 2),
        ("23:59", 1, 0, False, 1),
        ("00:00", 24 * 60 - 1, 0, True, 1),
        ("00:00", 24 * 60 - 1, 0, False, 0),
        ("00:00", 24 * 60, 0, True, 2),
        ("06:59", 1, 7, False, 1),
        ("07:00", 24 * 60 - 1, 7, False, 0),
    ],
)
def test_interest_is_due_for_each_started_japanese_day(begun, at, hour, first, days):
    hours, minutes = (int(part) for part in begun.split(":"))
    start = 1_700_000_000_000 // DAY * DAY - JST_OFFSET + hours * HOUR + minutes * 60_000
    params = CostParams(interest_hour=hour, first_day_charged=first)
    flat, price = Ledger(Money(0), FLAT), Ticks(10**7)
    held = open_position(flat, Side.BUY, Lots(10), price, price, 0, Millis(start), params)
    assert interest(held.position, Millis(start + at * 60_000), params) == days * 40_000  # 0.04 % of 100,000,000
