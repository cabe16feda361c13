"""Prices, sizes and sums stay integers all the way: a float holds no more than 53 bits of one."""

from collections.abc import Callable
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.fills import exit_in_bar
from src.core.domain.market import Bar, Side
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import DAY
from src.trading.drawdown_manager import RiskParams, fresh_risk, observe
from src.trading.exits import exit_at_close, follow, plan_from_fill
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
from src.trading.position_sizing import SizeParams, round_trip_cost, size_position, stopped_loss


class Exact(int):
    """An integer that refuses to become a float; what is computed from it refuses too."""

    def __truediv__(self, other: int) -> NoReturn:
        raise TypeError(f"{int(self)} / {other} is a float")

    def __rtruediv__(self, other: int) -> NoReturn:
        raise TypeError(f"{other} / {int(self)} is a float")


def _exact(name: str) -> Callable[[int, int], object]:
    plain = getattr(int, name)

    def method(self: int, other: int) -> object:
        result = plain(self, other)
        if result is NotImplemented:
            raise TypeError(f"{int(self)} meets {other!r}, which is no integer")
        return Exact(result)

    return method


for operation in ("add", "sub", "mul", "floordiv"):
    setattr(Exact, f"__{operation}__", _exact(f"__{operation}__"))
    setattr(Exact, f"__r{operation}__", _exact(f"__r{operation}__"))
Exact.__neg__ = lambda self: Exact(-int(self))


def exact(least: int, most: int):
    return st.integers(least, most).map(Exact)


sides = st.sampled_from([Side.BUY, Side.SELL])
prices = exact(10_000, 10**9)
lots = exact(1, 10**5)
times = exact(10**12, 2 * 10**12)
fees = exact(-1_000, 10_000)
costs = st.builds(
    CostParams,
    slippage_ppm=exact(0, 10_000),
    interest_ppm_per_day=exact(0, 2_000),
    requirement_bps=exact(100, 10_000),
    losscut_bps=exact(100, 10_000),
)


def test_the_watch_itself_notices():
    for attempt in (lambda: Exact(4) / 2, lambda: 4 / Exact(2), lambda: (1 + Exact(3) * 2) / 1, lambda: Exact(1) * 0.5):
        with pytest.raises(TypeError):
            attempt()
    assert type(-(5 - Exact(1)) // 2) is Exact


@given(sides, lots, prices, prices, prices, fees, fees, times, exact(0, 30 * DAY), costs)
def test_a_trade_is_booked_and_marked_without_a_float(side, size, entry, mark, out, fee_in, fee_out, at, held, params):
    now = at + held
    fill = worse(entry, side, params.slippage_ppm)
    book = open_position(Ledger(Exact(10**13), FLAT), side, size, fill, entry, fee_in, at, params)
    sums = [fill, share(size * entry, fee_in), interest(book.position, now, params), equity(book, mark, now, params)]
    sums += [margin_level_bps(book, mark, now, params), losscut_price(book, now, params)]
    after, trade = close_position(book, out, mark, fee_out, now, ExitReason.STOP, params)
    sums += [*book.position, after.cash, trade.fee, trade.interest, trade.slippage, trade.gross, trade.net]
    assert all(isinstance(value, int) for value in sums)


@given(sides, prices, exact(1, 10**8), exact(1, 10**8), exact(1, 10**6), st.lists(prices, min_size=4, max_size=4))
def test_exits_are_found_without_a_float(side, fill, stop, target, trail, seen):
    low, first, last, high = sorted(seen)
    plan = plan_from_fill(side, fill, Exact(5), 0, stop, target, trail, Exact(60), Exact(1))
    bar = Bar(Exact(900), first, high, low, last, Exact(1))
    found = exit_in_bar(side, plan.stop, plan.moved, plan.target, True, bar, Exact(500))
    after = follow(plan, side, high, low)
    assert exit_at_close(after, side, last, Exact(10), True) in set(ExitReason)
    assert all(isinstance(value, int) for value in (*plan, *after, found.reference, found.fill))


@given(exact(10**8, 10**13), prices, st.booleans(), exact(-1_000, 4_000), costs)
def test_a_size_and_its_risk_are_integers(cash, price, kelly, fee, params):
    stop = price // 5
    got = size_position(cash, price, stop, 0.005, fee, fresh_risk(cash), SizeParams(kelly=kelly), params)
    assert got.reason in {Reason.ENTER, Reason.COST_TOO_HIGH, Reason.MARGIN, Reason.TOO_SMALL}
    sums = (got.lots, got.risk, round_trip_cost(price, fee, params.slippage_ppm))
    sums += (stopped_loss(price, stop, fee, params.slippage_ppm),)
    assert all(isinstance(value, int) for value in sums)


@given(exact(1, 10**13), exact(-(10**13), 10**13))
def test_a_drawdown_is_measured_without_a_float(peak, now):
    assert observe(fresh_risk(peak), now, Exact(1), RiskParams()).peak_equity == max(peak, now)
