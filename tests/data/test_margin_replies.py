"""bitbank's documented replies, read to the last unit; and what is off by a little, refused."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.exchange import (
    CircuitMode,
    FillReport,
    MarginState,
    OrderReport,
    OrderStatus,
    OrderType,
    PairStatus,
    PositionReport,
    PositionSide,
)
from src.core.domain.market import BTC_JPY, Side
from src.data.margin_replies import (
    TopOfBook,
    cash_of,
    fill_of,
    holdings_of,
    margin_of,
    mode_of,
    order_of,
    pair_of,
    ticker_of,
)
from src.data.wire_fields import BrokenReply, Fields
from tests.data import made_replies as made


def test_an_order_is_read():
    assert order_of(made.ORDER, BTC_JPY) == OrderReport(
        order_id=40_000_000_123,
        side=Side.SELL,
        position=PositionSide.LONG,
        type=OrderType.STOP,
        status=OrderStatus.PARTIALLY_FILLED,
        start=100,
        remaining=60,
        executed=40,
        price=None,
        trigger=9_900_000,
        post_only=False,
        ordered_at=1_790_000_000_000,
        expire_at=1_805_552_000_000,
    )


def test_an_order_for_the_whole_position_has_no_amount():
    whole = {**made.ORDER, "type": "stop_loss", "start_amount": None, "remaining_amount": None}
    report = order_of(whole, BTC_JPY)
    assert (report.type, report.start, report.remaining) == (OrderType.STOP_LOSS, None, None)


def test_a_trade_is_read_as_billed():
    assert fill_of(made.TRADE, BTC_JPY) == FillReport(
        trade_id=1_234_567,
        order_id=40_000_000_123,
        side=Side.SELL,
        position=PositionSide.LONG,
        type=OrderType.STOP,
        price=9_899_000,
        lots=40,
        maker=False,
        fee=791_960,
        fee_occurred=395_960,
        interest=158_400,
        profit=-4_831_960,
        executed_at=1_790_000_100_005,
    )


def test_a_spot_trade_has_no_result():
    spot = {**made.TRADE, "position_side": None, "profit_loss": None, "interest": None}
    report = fill_of(spot, BTC_JPY)
    assert (report.position, report.profit, report.interest) == (None, None, 0)


def test_cash_is_what_is_on_hand():
    assert cash_of(made.ASSETS, BTC_JPY) == 10_000_001_234


def test_of_ten_rows_the_two_of_the_pair_are_read():
    held = holdings_of(made.POSITIONS, BTC_JPY)
    assert held.long == PositionReport(PositionSide.LONG, 60, 594_000_000, 9_900_000, 594_000, 0)
    assert held.short == PositionReport(PositionSide.SHORT, 0, 0, 0, 0, 0)
    assert (held.notice, held.payable) == (None, 0)


def test_an_average_beside_the_grid_is_cut():
    row = {**made.POSITIONS["positions"][0], "average_price": "9900000.6667"}
    changed = {**made.POSITIONS, "positions": [row, *made.POSITIONS["positions"][1:]]}
    assert holdings_of(changed, BTC_JPY).long.average == 9_900_000


def test_the_margins_levels_are_basis_points_of_the_requirement():
    margin = margin_of(made.MARGIN, BTC_JPY)
    assert (margin.state, margin.balance, margin.requirement) == (MarginState.NORMAL, 9_990_000_000, 297_100_000)
    assert (margin.level_bps, margin.call_bps, margin.losscut_bps) == (336_363, 10_000, 5_000)
    assert (margin.capacity_long, margin.capacity_short) == (19_386_000_000, 19_980_000_000)


def test_the_market_is_read():
    assert ticker_of(made.TICKER, BTC_JPY) == TopOfBook(9_899_900, 9_900_100, 9_900_000)
    assert mode_of(made.CIRCUIT, BTC_JPY) is CircuitMode.NONE


def test_the_pairs_rules_are_read_in_parts_per_million():
    pair = pair_of(made.PAIRS, made.STATUSES, BTC_JPY, 5)
    assert pair.instrument == BTC_JPY
    assert (pair.min_lots, pair.status, pair.enabled, pair.read_at) == (100, PairStatus.BUSY, True, 5)
    assert pair.flags == {"stop_stop_order"}
    rates = (pair.open_maker_ppm, pair.open_taker_ppm, pair.close_maker_ppm, pair.close_taker_ppm)
    assert rates == (0, 1_000, -200, 1_200)
    assert (pair.long_interest_ppm, pair.short_interest_ppm) == (400, 400)
    assert (pair.requirement_bps, pair.next_requirement_bps) == (5_000, 6_000)


def test_a_flag_that_the_documents_do_not_name_counts():
    row = {**made.PAIRS["pairs"][0], "stop_everything": True, "stop_stop_order": False}
    assert pair_of({"pairs": [row]}, made.STATUSES, BTC_JPY, 5).flags == {"stop_everything"}


@pytest.mark.parametrize("name", [name for name in made.PAIRS["pairs"][0] if name.startswith("stop_")])
def test_a_flag_that_is_missing_is_not_taken_for_lowered(name: str):
    row = {key: value for key, value in made.PAIRS["pairs"][0].items() if key != name}
    with pytest.raises(BrokenReply, match=name):
        pair_of({"pairs": [row]}, made.STATUSES, BTC_JPY, 5)


NEEDED = {
    **dict.fromkeys(("order_id", "pair", "side", "type", "start_amount", "executed_amount", "status"), made.ORDER),
    **dict.fromkeys(("trigger_price", "ordered_at"), made.ORDER),
}


@pytest.mark.parametrize("name", NEEDED)
def test_an_order_without_a_needed_field_is_broken(name: str):
    for changed in ({k: v for k, v in made.ORDER.items() if k != name}, {**made.ORDER, name: None}):
        with pytest.raises(BrokenReply):
            order_of(changed, BTC_JPY)


@pytest.mark.parametrize("name", [name for name in made.TRADE if name not in {"position_side", "fee_amount_base"}])
def test_a_trade_without_a_needed_field_is_broken(name: str):
    with pytest.raises(BrokenReply):
        fill_of({k: v for k, v in made.TRADE.items() if k != name}, BTC_JPY)


@given(
    st.one_of(
        st.sampled_from(
            ["", " ", "1e4", "NaN", "Infinity", "-Infinity", "0x1", "1_000", "\uff11", "1.", ".5", "+1", "1,0"]
        ),
        st.text(alphabet="eE+.,_ xnaNif", max_size=6),
        st.integers(),
        st.floats(allow_nan=True),
        st.booleans(),
        st.lists(st.integers(), max_size=1),
    )
)
def test_nothing_but_plain_digits_in_a_text_is_a_number(value: Any):
    fields = Fields({"x": value}, "reply", BTC_JPY)
    for read in (fields.price, fields.size, fields.money, fields.average, fields.number):
        with pytest.raises(BrokenReply):
            read("x")


@given(st.integers(-(10**14), 10**14))
def test_a_sum_of_money_is_read_exactly(units: int):
    text = f"{Decimal(units) * BTC_JPY.money_unit:f}"
    assert Fields({"x": text}, "reply", BTC_JPY).money("x") == units


@given(st.integers(1, 10**9), st.integers(1, 9))
def test_a_size_or_price_between_two_grid_points_is_broken(lots: int, tenths: int):
    size = f"{Decimal(lots) * BTC_JPY.lot_size:f}{tenths}"
    price = f"{lots}.{tenths}"
    with pytest.raises(BrokenReply):
        Fields({"x": size}, "reply", BTC_JPY).size("x")
    with pytest.raises(BrokenReply):
        Fields({"x": price}, "reply", BTC_JPY).price("x")


@pytest.mark.parametrize(
    "change",
    [
        {"executed_amount": "0.0101"},
        {"position_side": "both"},
        {"pair": "eth_jpy"},
        {"side": "hold"},
        {"order_id": True},
    ],
    ids=str,
)
def test_an_order_that_contradicts_itself_is_broken(change: dict[str, Any]):
    with pytest.raises(BrokenReply):
        order_of({**made.ORDER, **change}, BTC_JPY)


def test_an_error_names_no_value():
    with pytest.raises(BrokenReply) as caught:
        cash_of({"assets": [{"asset": "jpy", "onhand_amount": "secret-amount"}]}, BTC_JPY)
    assert "secret-amount" not in str(caught.value)
