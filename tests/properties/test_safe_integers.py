"""No sum or product of the money code leaves 62 bits at the stated caps: compiled, int64 would wrap silently."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.account import Trade
from src.core.domain.market import SAFE, Money, Side
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import DAY
from src.trading.drawdown_manager import RiskParams, fresh_risk, observe
from src.trading.exits import follow, plan_from_fill
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
from src.trading.position_sizing import MAX_EQUITY, MAX_LOTS, MAX_PRICE, SizeParams, size_position

NOW = 4_102_444_800_000  # 2100-01-01
FARTHEST_TICKS = 10**13  # the farthest distance a signal may ask for, on a grid of 0.001 JPY


class Watched(int):
    """An integer that refuses to leave 62 bits; what is computed from it is watched too."""


def _watched(name: str) -> Callable[..., object]:
    plain = getattr(int, name)

    def method(self: int, *others: int) -> object:
        result = plain(self, *others)
        if result is NotImplemented:
            return result
        if abs(result) >= SAFE:
            raise OverflowError(f"{int(self)} {name} {others} leaves 62 bits")
        return Watched(result)

    return method


for operation in ("add", "sub", "mul", "floordiv"):
    setattr(Watched, f"__{operation}__", _watched(f"__{operation}__"))
    setattr(Watched, f"__r{operation}__", _watched(f"__r{operation}__"))
Watched.__neg__ = _watched("__neg__")


def edge(least: int, most: int):
    """Return numbers between two caps, most often a cap itself."""
    return st.one_of(st.just(most), st.just(least), st.integers(least, most)).map(Watched)


sides = st.sampled_from([Side.BUY, Side.SELL])
prices = edge(1, MAX_PRICE)
lots = edge(1, MAX_LOTS)
sums = edge(1, MAX_EQUITY)
rates = edge(-10_000, 10_000)  # ppm: no fee, slippage or day of interest above 1 %
costs = st.builds(
    CostParams,
    slippage_ppm=edge(0, 10_000),
    interest_ppm_per_day=edge(0, 10_000),
    interest_hour=st.integers(0, 23),
    first_day_charged=st.booleans(),
    requirement_bps=edge(100, 10_000),
    losscut_bps=edge(100, 10_000),
)
sizes = st.builds(
    SizeParams,
    kelly=st.booleans(),
    risk_ppm=edge(100, 50_000),
    max_risk_ppm=edge(100, 50_000),
    kelly_multiple=st.floats(0.05, 1.0),
    prior_trades=st.floats(1.0, 10_000.0),
    target_volatility=st.floats(0.01, 5.0),
    max_leverage_bps=edge(10_000, 20_000),
    gap_ppm=edge(0, 500_000),
    losscut_distance_bps=edge(10_000, 100_000),
    max_cost_bps=edge(100, 10_000),
    min_lots=edge(1, MAX_LOTS),
    max_lots=edge(1, MAX_LOTS),
    share_bps=edge(0, 10_000),
)


def test_the_watch_itself_notices():
    with pytest.raises(OverflowError, match="leaves 62 bits"):
        Watched(2**31) * 2**31
    with pytest.raises(OverflowError, match="leaves 62 bits"):
        2**31 * Watched(2**31)
    assert type(5 + Watched(1) - 3 * Watched(2) // 2) is Watched


@given(sums, prices, edge(1, FARTHEST_TICKS), st.floats(1e-6, 1.0), rates, sizes, costs)
def test_sizing(cash, price, stop, volatility, fee, params, cost):
    got = size_position(cash, price, stop, volatility, fee, fresh_risk(Money(1)), params, cost)
    assert got.reason in {Reason.ENTER, Reason.COST_TOO_HIGH, Reason.MARGIN, Reason.TOO_SMALL}
    assert got.lots * price < SAFE


@given(sides, sums, lots, prices, prices, rates, rates, costs, edge(0, 100 * DAY))
def test_a_trade_of_the_largest_size_held_for_a_hundred_days(
    side, cash, size, entry, mark, fee_in, fee_out, cost, held
):
    opened_at = Watched(NOW)
    fill = worse(entry, side, cost.slippage_ppm)
    book = open_position(Ledger(cash, FLAT), side, size, fill, entry, fee_in, opened_at, cost)
    now = opened_at + held
    assert interest(book.position, now, cost) >= 0
    assert margin_level_bps(book, mark, now, cost) * 1 < SAFE
    assert losscut_price(book, now, cost) >= 1
    assert abs(equity(book, mark, now, cost)) < SAFE
    after, trade = close_position(book, mark, entry, fee_out, now, ExitReason.STOP, cost)
    assert isinstance(trade, Trade)
    assert after.cash == cash + trade.net


@given(sums, st.integers(-(10**14), 10**14).map(Watched), edge(100, 5_000))
def test_the_drawdown(peak, now, limit):
    state = observe(fresh_risk(peak), now, NOW, RiskParams(max_drawdown_bps=limit))
    assert state.peak_equity >= now


@given(edge(0, MAX_PRICE * MAX_LOTS), rates)
def test_a_share(amount, ppm):
    assert abs(share(amount, ppm)) <= amount // 100 + 1


@given(sides, prices, edge(1, FARTHEST_TICKS), edge(0, FARTHEST_TICKS), edge(0, FARTHEST_TICKS), prices)
def test_levels(side, fill, stop, target, trail, seen):
    plan = plan_from_fill(side, fill, Watched(NOW), 0, stop, target, trail, Watched(3_650 * DAY), Watched(1))
    assert follow(plan, side, seen, seen).stop >= 1
