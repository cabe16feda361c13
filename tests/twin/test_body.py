"""Bodies and filters: what is read, and the code of what cannot be."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.backtest.simulated_exchange import NOT_A_NUMBER
from src.twin.body import order_id_of, order_ids_of, order_request, read_body, trade_filter
from src.twin.refusal import CallRefused
from src.twin.request import Request


def code(call, *arguments, **named) -> int:
    with pytest.raises(CallRefused) as refused:
        call(*arguments, **named)
    return refused.value.code


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"x"', b"null", b"{\xff}", b'{"a":NaN}', b'{"a":Infinity}', b"[" * 90_000, b"9" * 90_000],
)
def test_what_is_no_json_object_is_10002(content):
    assert code(read_body, content) == 10002


def test_a_body_larger_than_any_order_is_10002():
    assert code(read_body, json.dumps({"pair": "x" * 200_000}).encode()) == 10002


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        ("0.01", Decimal("0.01")),
        (5, Decimal(5)),
        (None, None),
        ("1e400", NOT_A_NUMBER),
        ("-1", NOT_A_NUMBER),
        ("\uff11", NOT_A_NUMBER),
        ("", NOT_A_NUMBER),
        (" 1", NOT_A_NUMBER),
        (True, NOT_A_NUMBER),
        ({}, NOT_A_NUMBER),
        ([], NOT_A_NUMBER),
        (-1, NOT_A_NUMBER),
        ("0x10", NOT_A_NUMBER),
        ("9" * 50, NOT_A_NUMBER),
    ],
)
def test_an_amount_is_plain_digits_or_no_number(given_, read):
    amount = order_request(read_body(json.dumps({"amount": given_}).encode()), null_amount=True).amount
    assert str(amount) == str(read)


def test_a_json_number_keeps_its_own_digits():
    assert order_request(read_body(b'{"amount":0.1000000000000001}'), null_amount=True).amount == Decimal(
        "0.1000000000000001"
    )
    assert str(order_request(read_body(b'{"amount":1e400}'), null_amount=True).amount) == "NaN"


@pytest.mark.parametrize("type_", ["take_profit", "stop_loss"])
def test_whether_a_null_amount_passes_is_a_switch(type_):
    body = {"type": type_, "amount": None}
    assert order_request(body, null_amount=True).amount is None
    assert code(order_request, body, null_amount=False) == 40001
    assert order_request({"type": type_}, null_amount=False).amount is None


def test_words_of_another_kind_are_unknown_words_and_not_missing_ones():
    asked = order_request({"pair": 5, "side": ["buy"], "type": {}, "position_side": False}, null_amount=True)
    assert (asked.pair, asked.side, asked.type, asked.position_side) == ("5", "['buy']", "{}", "False")


@pytest.mark.parametrize("value", ["12", 12])
def test_an_order_id_is_a_number_or_its_text(value):
    assert order_id_of({"order_id": value}) == 12


@pytest.mark.parametrize("value", ["x", "1.0", 1.5, True, [], {}, "-1", "\uff11\uff12", "9" * 19, 10**30, ""])
def test_anything_else_is_no_order_id(value):
    assert code(order_id_of, {"order_id": value}) == 40013


def test_lists_of_ids_have_their_codes():
    assert code(order_ids_of, {}, 1) == 30007
    assert code(order_ids_of, {"order_ids": []}, 1) == 40014
    assert code(order_ids_of, {"order_ids": "5"}, 1) == 40014
    assert code(order_ids_of, {"order_ids": list(range(31))}, 1) == 40015
    assert code(order_ids_of, {"order_ids": [1, None]}, 10001) == 10001
    assert order_ids_of({"order_ids": [1, "2"]}, 1) == (1, 2)


def test_a_repeated_query_key_is_40013():
    assert code(Request("GET", "/v1/user/spot/order?order_id=1&order_id=2", {}, b"").query) == 40013


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("count", 40006), ("end", 40007), ("end_id", 40008), ("from_id", 40009), ("order_id", 40013), ("since", 40022)],
)
@given(bad=st.sampled_from(["", "x", "1.5", "-3", "\uff11", "1e5", "9" * 30]))
def test_each_filter_has_its_own_code(name, wanted, bad):
    assert code(trade_filter, {name: bad}) == wanted
