"""Every rule by which a bar fills an order, alone, for longs and for shorts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.fills import NO_EXIT, exit_in_bar, limit_is_filled
from src.core.domain.market import Bar, Lots, Side, Ticks
from src.core.domain.orders import ExitReason
from src.core.domain.time import Millis

MIRROR = 2_000  # prices are mirrored around half of this


def bar(open_, high, low, close):
    return Bar(Millis(0), Ticks(open_), Ticks(high), Ticks(low), Ticks(close), Lots(1))


def mirrored(b):
    return bar(MIRROR - b.open, MIRROR - b.low, MIRROR - b.high, MIRROR - b.close)


def long_exit(b, stop=900, target=1_100, moved=False, counts=True, slippage=0):
    return exit_in_bar(Side.BUY, Ticks(stop), moved, Ticks(target), counts, b, slippage)


def short_exit(b, stop=900, target=1_100, moved=False, counts=True):
    return exit_in_bar(Side.SELL, Ticks(MIRROR - stop), moved, Ticks(MIRROR - target), counts, mirrored(b), 0)


@pytest.mark.parametrize(
    ("name", "b", "reason", "fill", "at_open"),
    [
        ("nothing is reached", bar(1_000, 1_099, 901, 1_000), ExitReason.NONE, 0, False),
        ("the stop is touched", bar(1_000, 1_050, 900, 1_000), ExitReason.STOP, 900, False),
        ("the bar dives through the stop", bar(1_000, 1_050, 700, 1_000), ExitReason.STOP, 900, False),
        ("the open has passed the stop", bar(850, 1_050, 800, 1_000), ExitReason.STOP, 850, True),
        ("the open is the stop", bar(900, 1_050, 900, 1_000), ExitReason.STOP, 900, True),
        ("both levels: stop first", bar(1_000, 1_200, 800, 1_000), ExitReason.STOP, 900, False),
        ("the target is only touched", bar(1_000, 1_100, 950, 1_000), ExitReason.NONE, 0, False),
        ("the target is traded through", bar(1_000, 1_101, 950, 1_000), ExitReason.TARGET, 1_100, False),
        ("the open jumps over the target", bar(1_300, 1_400, 1_200, 1_300), ExitReason.TARGET, 1_100, False),
    ],
)
def test_what_a_bar_does_to_a_position_and_to_its_mirror(name, b, reason, fill, at_open):
    long, short = long_exit(b), short_exit(b)
    assert (long.reason, long.fill, long.at_open) == (reason, fill, at_open), name
    assert (short.reason, short.at_open) == (reason, at_open)
    assert short == NO_EXIT or short.fill == MIRROR - fill


def test_a_target_does_not_count_in_the_bar_of_an_entry_that_was_not_at_the_open():
    both = bar(1_000, 1_200, 950, 1_000)
    assert long_exit(both, counts=False) == NO_EXIT
    assert long_exit(bar(1_000, 1_200, 800, 1_000), counts=False).reason == ExitReason.STOP


def test_a_stop_that_has_moved_is_a_trail():
    assert long_exit(bar(1_000, 1_000, 900, 950), moved=True).reason == ExitReason.TRAIL
    assert short_exit(bar(890, 1_000, 880, 950), moved=True).reason == ExitReason.TRAIL


def test_levels_that_are_not_there_are_not_reached():
    assert long_exit(bar(1_000, 9_000, 1, 1_000), stop=0, target=0) == NO_EXIT
    assert exit_in_bar(Side.SELL, Ticks(0), False, Ticks(0), True, bar(1_000, 9_000, 1, 1_000), 0) == NO_EXIT


def test_every_exit_takes_liquidity_and_pays_slippage():
    for b in (bar(1_000, 1_050, 900, 1_000), bar(850, 1_050, 800, 1_000), bar(1_000, 1_200, 950, 1_000)):
        clean, slipped = long_exit(b), long_exit(b, slippage=10_000)
        assert slipped.reference == clean.reference == clean.fill
        assert slipped.fill == clean.fill - -(-clean.fill // 100)


@pytest.mark.parametrize(("low", "filled"), [(999, True), (1_000, False), (1_001, False)])
def test_a_resting_order_is_filled_only_when_the_price_trades_through_it(low, filled):
    b = bar(1_010, 1_020, low, 1_010)
    assert limit_is_filled(Side.BUY, Ticks(1_000), b) is filled
    assert limit_is_filled(Side.SELL, Ticks(MIRROR - 1_000), mirrored(b)) is filled


levels = st.integers(1, MIRROR - 1)


@st.composite
def bars(draw):
    low, a, b, high = sorted(draw(st.lists(levels, min_size=4, max_size=4)))
    open_, close = draw(st.permutations([a, b]))
    return bar(open_, high, low, close)


@given(bars(), levels, levels, st.booleans(), st.booleans())
def test_a_mirrored_bar_closes_the_mirrored_position_alike(b, stop, target, moved, counts):
    """Without slippage: slippage is a share of the price, which a mirror changes."""
    long, short = long_exit(b, stop, target, moved, counts), short_exit(b, stop, target, moved, counts)
    assert (long.reason, long.at_open) == (short.reason, short.at_open)
    assert long == NO_EXIT or long.fill == MIRROR - short.fill


@given(bars(), levels, levels, st.booleans(), st.integers(0, 10_000))
def test_no_exit_is_better_than_a_price_the_bar_reached(b, stop, target, counts, slippage):
    found = long_exit(b, stop, target, False, counts, slippage)
    if found.reason != ExitReason.NONE:
        assert found.fill <= found.reference <= b.high
        assert found.reference >= b.low or found.reason == ExitReason.TARGET  # a jumped target pays its own price
        assert found.reason != ExitReason.STOP or found.reference <= stop


def test_a_short_pays_slippage_upward_however_it_is_closed():
    def closed(b, stop=1_100, target=900):
        return exit_in_bar(Side.SELL, Ticks(stop), False, Ticks(target), True, b, 10_000)

    assert closed(bar(1_000, 1_150, 950, 1_000)).fill == 1_100 + 11
    assert closed(bar(1_120, 1_150, 950, 1_000)).fill == 1_120 + 12  # 11.2, rounded against the trader
    assert closed(bar(1_000, 1_050, 850, 1_000)).fill == 900 + 9


def test_a_stop_one_tick_beyond_all_of_the_bar_is_not_reached():
    b = bar(901, 1_000, 901, 950)
    assert long_exit(b) == NO_EXIT
    assert short_exit(b) == NO_EXIT
