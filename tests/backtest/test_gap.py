"""A difference of results falls into parts that sum to it, and each part moves alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.gap import Deal, Leg, Parts, explain, pair
from src.core.domain.market import Side
from src.trading.ledger import share

HOUR = 3_600_000
PRICES = st.integers(1_000_000, 20_000_000)


def deal(
    at=0, until=HOUR, side=Side.BUY, lots=100, asked=(5_000_000, 5_100_000), fills=(5_002_500, 5_097_450),
    rates=(1_000, 1_000), days=1, rounded=0, strange=0,
) -> Deal:  # fmt: skip
    into, out = (
        Leg(price, fill * lots, fill * lots * rate, 1) for price, fill, rate in zip(asked, fills, rates, strict=True)
    )
    fee = share(into.product, rates[0]) + share(out.product, rates[1]) + rounded
    interest = days * share(into.product, 400)
    net = (out.product - into.product) * side - fee - interest + strange
    return Deal(at, until, side, lots, into, out, days, 400, fee, interest, net)


def in_order(rows) -> list[Deal]:
    found, at = [], 0
    for wait, length, values in rows:
        found.append(deal(at + wait, at + wait + length, *values))
        at += wait + length
    return found


deals = st.lists(
    st.builds(
        lambda wait, length, *values: (wait, length, values),
        st.integers(0, 10 * HOUR),
        st.integers(1, 10 * HOUR),
        st.sampled_from([Side.BUY, Side.SELL]),
        st.integers(1, 50_000),
        st.tuples(PRICES, PRICES),
        st.tuples(PRICES, PRICES),
        st.tuples(st.integers(-200, 1_200), st.integers(-200, 1_200)),
        st.integers(0, 5),
        st.integers(-9, 9),
        st.integers(-1_000, 1_000),
    ),
    max_size=8,
).map(in_order)


@given(deals, deals)
def test_the_parts_sum_to_the_whole_to_the_unit(billed, supposed):
    pairs = pair(billed, supposed)
    parts = explain(pairs)
    assert parts.total == sum(each.net for each in billed) - sum(each.net for each in supposed)
    strange = [sum(each.net - (each.gross - each.fee - each.interest) for each in side) for side in (billed, supposed)]
    assert parts.unexplained == strange[0] - strange[1]


@given(deals, deals)
def test_every_deal_is_paired_once_and_only_with_one_that_it_meets(billed, supposed):
    pairs = pair(billed, supposed)
    assert [each.billed for each in pairs if each.billed is not None] == billed
    assert [each.supposed for each in pairs if each.supposed is not None] == supposed
    for one, other in pairs:
        if one is not None and other is not None:
            assert one.side == other.side
            assert one.decided_at <= other.ended_at
            assert other.decided_at <= one.ended_at


@given(deals)
def test_an_account_differs_from_itself_by_nothing(billed):
    whole = [each._replace(net=each.gross - each.fee - each.interest) for each in billed]
    assert explain(pair(whole, whole)).total == 0


@pytest.mark.parametrize(
    ("changed", "part", "value"),
    [
        ({"lots": 150}, "size", 50 * 94_950 - share(50 * 5_002_500, 1_000) - share(50 * 5_097_450, 1_000)),
        ({"asked": (5_000_000, 5_090_000)}, "slippage", 100 * 10_000),
        ({"rates": (0, 1_000)}, "fee", share(500_250_000, 1_000)),
        ({"days": 3}, "interest", -2 * share(500_250_000, 400)),
        ({"rounded": 1}, "rounding", -1),
        ({"strange": 7}, "unexplained", 7),
    ],
)
def test_each_change_is_told_in_its_own_part(changed, part, value):
    parts = explain(pair([deal(**changed)], [deal()]))
    if part == "slippage":  # decided at a lower price and filled where the other was: the path took what a fill gave
        assert (parts.path, parts.slippage) == (-value, value)
        assert parts.total == 0
        return
    if part == "size":  # interest of more lots is of their size, too
        value -= share(750_375_000, 400) - share(500_250_000, 400)
    assert parts == Parts()._replace(**{part: value})


def test_a_worse_fill_is_slippage_and_its_lower_fee_the_prices():
    parts = explain(pair([deal(fills=(5_002_500, 5_090_000))], [deal()]))
    assert parts.slippage == -100 * 7_450
    assert parts.path == share(509_745_000, 1_000) - share(509_000_000, 1_000)
    assert parts.total == parts.slippage + parts.path


def test_a_bill_further_from_its_rate_than_rounding_is_no_rounding():
    parts = explain(pair([deal(rounded=3)], [deal()]))
    assert (parts.fee, parts.rounding) == (-3, 0)


def test_deals_of_one_account_alone_are_told_with_their_whole_result():
    here, there = deal(0, HOUR, Side.BUY), deal(0, HOUR, Side.SELL)
    parts = explain(pair([here], [there]))
    assert parts == Parts(billed_alone=here.net, supposed_alone=-there.net)
