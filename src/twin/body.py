"""Bodies and parameters of private calls, read into what the exchange takes; what cannot be read has its code."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from src.backtest.exchange.codes import (
    BAD_AMOUNT,
    BAD_COUNT,
    BAD_END,
    BAD_END_ID,
    BAD_FROM_ID,
    BAD_ORDER_ID,
    BAD_ORDER_IDS,
    BAD_SINCE,
    MISSING_ORDER_ID,
    MISSING_ORDER_IDS,
    MISSING_PAIR,
    TOO_MANY_IDS,
)
from src.backtest.exchange.requests import NOT_A_NUMBER, OrderFilter, OrderRequest, TradeFilter
from src.core.domain.time import Millis
from src.twin.refusal import CallRefused
from src.twin.request import BAD_REQUEST

LARGEST_BODY: Final = 100_000  # bytes
LARGEST_INTEGER: Final = 2**63 - 1
MOST_IDS: Final = 30
SYSTEM_ERROR: Final = 10001
_DECIMAL: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_INTEGER: Final = re.compile(r"[0-9]{1,19}")
_WHOLE_POSITION: Final = frozenset({"take_profit", "stop_loss"})

Body = dict[str, Any]


def read_body(content: bytes) -> Body:
    """Return the JSON object of a POST.

    Raises
    ------
    CallRefused
        10002 for anything else: broken JSON, NaN or Infinity, no object, too large, too deep.
    """
    if len(content) > LARGEST_BODY:
        raise CallRefused(BAD_REQUEST)
    try:
        body = json.loads(content.decode(), parse_float=_number_text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as e:
        raise CallRefused(BAD_REQUEST) from e
    if not isinstance(body, dict):
        raise CallRefused(BAD_REQUEST)
    return body


def order_request(body: Body, *, null_amount: bool) -> OrderRequest:
    """Return the order that a body describes; keys the exchange does not know are ignored.

    Parameters
    ----------
    null_amount
        Whether a take_profit or stop_loss may have `"amount": null`; an absent amount is the exchange's own switch.

    Raises
    ------
    CallRefused
        40001 for a null amount that may not be.
    """
    if "amount" in body and body["amount"] is None and body.get("type") in _list(_WHOLE_POSITION) and not null_amount:
        raise CallRefused(BAD_AMOUNT)
    post_only = body.get("post_only")
    return OrderRequest(
        pair=_word(body.get("pair")),
        side=_word(body.get("side")),
        type=_word(body.get("type")),
        amount=_decimal(body.get("amount")),
        price=_decimal(body.get("price")),
        trigger_price=_decimal(body.get("trigger_price")),
        post_only=post_only if post_only is None or isinstance(post_only, bool) else str(post_only),
        position_side=_word(body.get("position_side")),
    )


def pair_of(values: Mapping[str, Any]) -> str:
    """Return the pair; 30009 without one."""
    pair = _word(values.get("pair"))
    if pair is None:
        raise CallRefused(MISSING_PAIR)
    return pair


def order_id_of(values: Mapping[str, Any]) -> int:
    """Return the order's id, written as a number or as text; 30006 without one, 40013 if it is none."""
    if values.get("order_id") is None:
        raise CallRefused(MISSING_ORDER_ID)
    return integer(values["order_id"], BAD_ORDER_ID)


def order_ids_of(body: Body, bad_element: int) -> tuple[int, ...]:
    """Return the orders' ids; 30007 without, 40014 for an empty list or none, 40015 for more than 30.

    Parameters
    ----------
    bad_element
        The code of an element that is no id: `orders_info` was seen to answer 10001.
    """
    ids = body.get("order_ids")
    if ids is None:
        raise CallRefused(MISSING_ORDER_IDS)
    if not isinstance(ids, list) or not ids:
        raise CallRefused(BAD_ORDER_IDS)
    if len(ids) > MOST_IDS:
        raise CallRefused(TOO_MANY_IDS)
    return tuple(integer(value, bad_element) for value in ids)


def order_filter(query: Mapping[str, str]) -> OrderFilter:
    """Return the filter of `active_orders`."""
    return OrderFilter(
        pair=query.get("pair"),
        count=_optional(query, "count", BAD_COUNT),
        from_id=_optional(query, "from_id", BAD_FROM_ID),
        end_id=_optional(query, "end_id", BAD_END_ID),
        since=_time(query, "since", BAD_SINCE),
        end=_time(query, "end", BAD_END),
    )


def trade_filter(query: Mapping[str, str]) -> TradeFilter:
    """Return the filter of `trade_history`; an `order` other than asc is the default, newest first."""
    return TradeFilter(
        pair=query.get("pair"),
        count=_optional(query, "count", BAD_COUNT),
        order_id=_optional(query, "order_id", BAD_ORDER_ID),
        since=_time(query, "since", BAD_SINCE),
        end=_time(query, "end", BAD_END),
        from_id=_optional(query, "from_id", BAD_FROM_ID),
        end_id=_optional(query, "end_id", BAD_END_ID),
        ascending=query.get("order") == "asc",
    )


def integer(value: object, code: int) -> int:
    """Return a whole number that was written as a number or as ASCII digits; `code` is raised for anything else."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_INTEGER:
        raise CallRefused(code)
    return value


def _optional(query: Mapping[str, str], name: str, code: int) -> int | None:
    return None if name not in query else integer(query[name], code)


def _time(query: Mapping[str, str], name: str, code: int) -> Millis | None:
    value = _optional(query, name, code)
    return None if value is None else Millis(value)


def _word(value: object) -> str | None:
    """Return a text; anything that is neither text nor null is a word the exchange does not know."""
    return value if value is None or isinstance(value, str) else repr(value)


def _decimal(value: object) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_INTEGER:
        return Decimal(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    return NOT_A_NUMBER


def _number_text(text: str) -> str:
    """Keep a JSON number with a fraction as its text: 1e400 and the like are then no numbers for the exchange."""
    return text


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _list(names: frozenset[str]) -> list[str]:
    return sorted(names)  # a list compares with values of any type, a set only with hashable ones
