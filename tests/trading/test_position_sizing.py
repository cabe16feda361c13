"""The largest size that every limit allows: a stopped-out order keeps its budget, and the margin keeps its distance."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from src.core.domain.market import SAFE, Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import Millis
from src.trading.drawdown_manager import RiskState, fresh_risk
from src.trading.ledger import (
    FLAT,
    CostParams,
    Ledger,
    close_position,
    equity,
    margin_level_bps,
    open_position,
    worse,
)
from src.trading.position_sizing import (
    MAX_EQUITY,
    MAX_LOTS,
    MAX_PRICE,
    Size,
    SizeParams,
    kelly_fraction,
    risk_fraction_ppm,
    round_trip_cost,
    size_position,
    stopped_loss,
)

ONE_MILLION_JPY = Money(10**10)
PRICE = Ticks(10_000_000)
NO_RECORD = fresh_risk(ONE_MILLION_JPY)
CALM = 0.005  # of 4-hour returns: 23 % a year
SIDES = st.sampled_from([Side.BUY, Side.SELL])


def record(trades, wins, gained, lost):
    return NO_RECORD._replace(trades=trades, wins=wins, gained=gained, lost=lost)


def sized(cash=ONE_MILLION_JPY, price=PRICE, stop=300_000, volatility=CALM, fee=1_000, state=NO_RECORD, **changed):
    costs = CostParams(slippage_ppm=changed.pop("slippage_ppm", 500))
    params = SizeParams(**changed)
    return size_position(Money(cash), Ticks(price), Ticks(stop), volatility, fee, state, params, costs)


def test_the_size_is_the_budget_over_the_loss_at_the_stop():
    got = sized()
    loss = 300_000 + 2 * 15_000 + 450  # stop, both ways paid, and the short's higher exit
    assert got == Size(Lots(5_000 * 10**4 // loss), Money(loss * (5_000 * 10**4 // loss)), Reason.ENTER)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"stop": 0}, Reason.COST_TOO_HIGH),
        ({"stop": -5}, Reason.COST_TOO_HIGH),
        ({"stop": 74_999}, Reason.COST_TOO_HIGH),
        ({"stop": 75_000}, Reason.ENTER),  # 30,000 of costs are 40 % of it
        ({"cash": 0}, Reason.MARGIN),
        ({"cash": -1}, Reason.MARGIN),
        ({"price": MAX_PRICE + 1, "stop": MAX_PRICE}, Reason.MARGIN),
        ({"cash": 5_000_000}, Reason.MARGIN),
        ({"cash": 10**7}, Reason.TOO_SMALL),
        ({"min_lots": 10**4}, Reason.MARGIN),
        ({"min_lots": 200}, Reason.TOO_SMALL),
        ({"volatility": 0.0}, Reason.TOO_SMALL),
        ({"volatility": float("nan")}, Reason.TOO_SMALL),
        ({"volatility": float("inf")}, Reason.TOO_SMALL),
    ],
)
def test_each_reason_for_no_size(changed, reason):
    got = sized(**changed)
    assert got.reason == reason
    assert (got.lots > 0) == (reason == Reason.ENTER)
    assert (got.risk > 0) == (reason == Reason.ENTER)


def test_a_maker_rebate_counts_as_no_fee():
    assert round_trip_cost(PRICE, -200, 500) == round_trip_cost(PRICE, 0, 500) == 10_000
    assert stopped_loss(PRICE, Ticks(100), -200, 500) == stopped_loss(PRICE, Ticks(100), 0, 500)


def test_the_volatility_target_shrinks_a_wild_position():
    wild = sized(volatility=0.05, risk_ppm=10_000, max_risk_ppm=10_000)
    yearly = 0.05 * math.sqrt(365 * 6)
    assert wild.lots == int(ONE_MILLION_JPY * int(0.40 / yearly * 10_000) // 10_000 // PRICE)


def test_no_size_is_above_the_most_lots():
    assert sized(cash=MAX_EQUITY, max_lots=7).lots == 7
    assert sized(cash=MAX_EQUITY, price=100_000, stop=3_000, max_lots=10**9).lots == MAX_LOTS


params = st.builds(
    SizeParams,
    kelly=st.booleans(),
    risk_ppm=st.integers(100, 50_000),
    max_risk_ppm=st.just(50_000),
    kelly_multiple=st.floats(0.05, 1.0),
    prior_trades=st.floats(1.0, 500.0),
    target_volatility=st.floats(0.05, 2.0),
    max_leverage_bps=st.integers(1_000, 20_000),
    gap_ppm=st.integers(0, 500_000),
    losscut_distance_bps=st.integers(10_000, 50_000),
    max_cost_bps=st.integers(100, 20_000),
    min_lots=st.integers(1, 100),
    max_lots=st.integers(1, 10**5),
    share_bps=st.sampled_from((10_000, 10_000, 7_500, 2_500)),
)
costs = st.builds(
    CostParams,
    slippage_ppm=st.integers(0, 10_000),
    interest_ppm_per_day=st.just(0),
    requirement_bps=st.integers(1_000, 10_000),
    losscut_bps=st.integers(1_000, 10_000),
)
records = st.builds(record, st.floats(2.0, 288.0), st.floats(0.5, 1.5), st.floats(0.1, 100.0), st.floats(0.1, 100.0))
cash = st.integers(10**7, 10**13)
prices = st.integers(10_000, 10**9)
shares = st.floats(0.001, 0.5)


@given(SIDES, cash, prices, shares, st.integers(0, 5_000), records, params, costs)
def test_a_stopped_out_order_never_loses_more_than_its_budget(side, cash, price, share, fee, state, params, costs):
    stop = Ticks(max(int(price * share), 1))
    got = size_position(Money(cash), Ticks(price), stop, CALM, fee, state, params, costs)
    assume(got.lots > 0)
    fill = worse(Ticks(price), side, costs.slippage_ppm)
    book = open_position(Ledger(Money(cash), FLAT), side, got.lots, fill, Ticks(price), fee, Millis(0), costs)
    level = Ticks(max(fill - side * stop, 1))
    out = worse(level, Side(-side), costs.slippage_ppm)
    _, trade = close_position(
        book, out, level, fee, Millis(0), ExitReason.STOP, costs._replace(first_day_charged=False)
    )
    assert -trade.net <= got.risk + 2 * got.lots + 2  # two fills on the grid, two fees rounded up
    budget = max(risk_fraction_ppm(state, params), params.risk_ppm if got.lots == params.min_lots else 0)
    assert got.risk <= Fraction(cash * budget, 1_000_000)


@given(SIDES, cash, prices, shares, st.integers(0, 5_000), records, params, costs)
def test_after_stop_and_gap_the_margin_level_keeps_its_distance(side, cash, price, share, fee, state, params, costs):
    stop = Ticks(max(int(price * share), 1))
    got = size_position(Money(cash), Ticks(price), stop, CALM, fee, state, params, costs)
    assume(got.lots > 0)
    costs = costs._replace(first_day_charged=False)
    book = open_position(Ledger(Money(cash), FLAT), side, got.lots, Ticks(price), Ticks(price), fee, Millis(0), costs)
    gapped = price - side * (stop + price * params.gap_ppm // 1_000_000)
    level = margin_level_bps(book, Ticks(gapped), Millis(0), costs)
    assert level >= costs.losscut_bps * params.losscut_distance_bps // 10_000 - 1


@given(cash, st.integers(0, 10**12), prices, shares, records, params, costs)
def test_more_equity_never_means_fewer_lots(cash, more, price, share, state, params, costs):
    stop = Ticks(max(int(price * share), 1))
    poor, rich = (
        size_position(Money(e), Ticks(price), stop, CALM, 1_000, state, params, costs) for e in (cash, cash + more)
    )
    assert rich.lots >= poor.lots


@given(cash, prices, shares, records, params, costs)
def test_every_limit_holds_at_once(cash, price, share, state, params, costs):
    stop = Ticks(max(int(price * share), 1))
    got = size_position(Money(cash), Ticks(price), stop, CALM, 1_000, state, params, costs)
    if got.lots:
        assert params.min_lots <= got.lots <= min(params.max_lots, MAX_LOTS)
        assert got.lots * price * 10_000 <= cash * params.max_leverage_bps
        assert round_trip_cost(Ticks(price), 1_000, costs.slippage_ppm) * 10_000 <= params.max_cost_bps * stop


@given(st.floats(0.05, 0.95), st.floats(0.2, 5.0), st.floats(0.2, 2.0))
def test_kelly_is_the_growth_optimum_of_a_bet_with_two_outcomes(p, gain, loss):
    edge = p * gain - (1 - p) * loss
    assume(edge > 0.01)
    f = kelly_fraction(record(100.0, 100.0 * p, 100.0 * p * gain, 100.0 * (1 - p) * loss))

    def growth(fraction):
        return p * math.log1p(fraction * gain) + (1 - p) * math.log1p(-fraction * loss)

    candidates = [k / 1_000 / loss for k in range(1_000)]
    best = max(candidates, key=growth)
    assert f == pytest.approx(best, abs=1.1 / 1_000 / loss)


@pytest.mark.parametrize("state", [NO_RECORD, record(5.0, 5.0, 5.0, 0.0), record(5.0, 0.0, 0.0, 5.0)])
def test_kelly_is_unknown_until_there_is_a_gain_and_a_loss(state):
    assert math.isnan(kelly_fraction(state))


@pytest.mark.parametrize("state", [NO_RECORD, record(5.0, 5.0, 5.0, 0.0), record(3.0, 0.0, 0.0, 0.0)])
def test_without_a_loss_the_starting_belief_stands(state):
    assert risk_fraction_ppm(state, SizeParams(risk_ppm=4_321)) == 4_321


def test_losses_alone_wear_the_starting_belief_down():
    worn = [risk_fraction_ppm(record(n, 0.0, 0.0, n), SizeParams(risk_ppm=5_000)) for n in (1.0, 10.0, 30.0, 200.0)]
    assert worn == [4_838, 3_750, 2_500, 652]


def test_a_gain_next_to_nothing_is_no_reason_to_risk_more():
    assert risk_fraction_ppm(record(200.0, 1.0, 1e-15, 199.0), SizeParams()) == 0


def test_a_loss_next_to_nothing_is_bounded_by_the_ceiling():
    assert risk_fraction_ppm(record(200.0, 199.0, 199.0, 1e-300), SizeParams(max_risk_ppm=7_000)) == 7_000


def test_without_kelly_the_fraction_is_fixed():
    assert risk_fraction_ppm(record(100.0, 90.0, 90.0, 1.0), SizeParams(kelly=False, risk_ppm=4_321)) == 4_321


def test_few_trades_move_the_starting_belief_a_little_and_many_move_it_far():
    few, many = record(3.0, 2.0, 4.0, 1.0), record(300.0, 200.0, 400.0, 100.0)
    params = SizeParams(risk_ppm=5_000, max_risk_ppm=10**6)
    measured = kelly_fraction(few) * 0.25 * 1_000_000
    assert kelly_fraction(many) == kelly_fraction(few)
    assert risk_fraction_ppm(few, params) == int((3 * measured + 30 * 5_000) / 33)
    assert risk_fraction_ppm(many, params) == int((300 * measured + 30 * 5_000) / 330)


@given(records, params)
def test_the_fraction_is_never_negative_and_never_above_its_ceiling(state, params):
    assert 0 <= risk_fraction_ppm(state, params) <= max(params.max_risk_ppm, params.risk_ppm)


LOSER = record(200.0, 40.0, 40.0, 160.0)


def test_a_losing_record_still_trades_the_smallest_order_and_no_more():
    assert risk_fraction_ppm(LOSER, SizeParams()) == 0
    got = sized(state=LOSER)
    assert (got.lots, got.reason) == (1, Reason.ENTER)


def test_the_smallest_order_must_fit_the_starting_belief():
    assert sized(cash=65_000_000, state=LOSER).reason == Reason.TOO_SMALL
    assert sized(cash=10**9, state=LOSER, min_lots=20).reason == Reason.TOO_SMALL


def test_every_number_stays_below_the_safe_bound_at_the_caps():
    state, costs = NO_RECORD, CostParams(slippage_ppm=10_000, requirement_bps=10_000, losscut_bps=10_000)
    wide = SizeParams(risk_ppm=50_000, max_risk_ppm=50_000, max_leverage_bps=100_000, gap_ppm=500_000)
    assert size_position(Money(SAFE), Ticks(MAX_PRICE), Ticks(MAX_PRICE), 1e-9, 10_000, state, wide, costs).lots > 0


def test_equity_beyond_the_cap_is_not_put_at_risk():
    assert sized(cash=MAX_EQUITY * 100) == sized(cash=MAX_EQUITY)


def test_a_state_is_only_read():
    state = RiskState(Money(1), False, 0, Millis(0), Millis(0), 10.0, 5.0, 5.0, 5.0)
    copied = RiskState(*state)
    sized(state=state)
    assert state == copied
    assert equity(Ledger(Money(5), FLAT), PRICE, Millis(0), CostParams()) == 5


def test_the_smallest_fee_is_not_lost():
    assert round_trip_cost(Ticks(1_000_000), 1, 0) == 2
    assert stopped_loss(Ticks(1_000_000), Ticks(100), 1, 0) == 103  # 2.0001 of fees, rounded up
    assert stopped_loss(Ticks(1_000_000), Ticks(100), 0, 0) == 100


def test_a_belief_that_just_covers_the_smallest_order_is_enough_for_it():
    loss = 300_000 + 30_450  # the stop, and both ways paid
    assert sized(cash=200 * loss, state=LOSER).lots == 1  # the belief is one part in 200
    assert sized(cash=200 * loss - 1, state=LOSER).reason == Reason.TOO_SMALL


MUTE = [record(5.0, 2.0, 0.0, 3.0), record(5.0, 2.0, 2.0, 0.0), record(5.0, 0.0, 5.0, 5.0), record(5.0, 5.0, 5.0, 1e-9)]


@pytest.mark.parametrize("state", MUTE)
def test_kelly_is_unknown_when_the_count_or_the_sum_of_one_kind_of_result_has_faded_to_nothing(state):
    assert math.isnan(kelly_fraction(state))


def test_a_stop_is_needed_even_where_trading_costs_nothing():
    assert sized(stop=0, fee=0, slippage_ppm=0).reason == Reason.COST_TOO_HIGH
    assert sized(price=100, stop=1, fee=0, slippage_ppm=0).reason == Reason.ENTER
