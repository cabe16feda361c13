"""What the exchange may send, and what nobody would: a value, an event, or one of the program's own errors."""

import copy
import json
from contextlib import suppress
from typing import Any

from src.core.domain.events import ExchangeEvent
from src.core.domain.exchange import AccountReport, OrderReport
from src.core.domain.market import BTC_JPY, SAFE
from src.core.domain.time import Millis
from src.core.exceptions import TraderError
from src.data.bitbank_calls import Answer, CodeGiven, payload
from src.data.margin_replies import (
    cash_of,
    fills_of,
    holdings_of,
    margin_of,
    mode_of,
    order_of,
    orders_of,
    pair_of,
    ticker_of,
)
from src.data.socket_frames import Frame, patience_s, read_frame
from src.data.stream_messages import private_events, public_events
from tests.data import made_replies as made
from tests.fuzz.budget import Dice, fuzz
from tests.fuzz.odd_values import broken, odd_text, odd_value

PARSERS = {
    "order": (lambda data: order_of(data, BTC_JPY), made.ORDER),
    "orders": (lambda data: orders_of(data, BTC_JPY), {"orders": [made.ORDER, made.ORDER]}),
    "trades": (lambda data: fills_of(data, BTC_JPY), {"trades": [made.TRADE]}),
    "assets": (lambda data: cash_of(data, BTC_JPY), made.ASSETS),
    "positions": (lambda data: holdings_of(data, BTC_JPY), made.POSITIONS),
    "margin": (lambda data: margin_of(data, BTC_JPY), made.MARGIN),
    "ticker": (lambda data: ticker_of(data, BTC_JPY), made.TICKER),
    "circuit": (lambda data: mode_of(data, BTC_JPY), made.CIRCUIT),
    "pairs": (lambda data: pair_of(data, made.STATUSES, BTC_JPY, Millis(1)), made.PAIRS),
    "statuses": (lambda data: pair_of(made.PAIRS, data, BTC_JPY, Millis(1)), made.STATUSES),
}
MESSAGES = (
    {"method": "spot_order", "params": [made.ORDER]},
    {"method": "spot_order_new", "params": [made.ORDER, made.ORDER]},
    {"method": "spot_trade", "params": [made.TRADE]},
    {"method": "spot_order_invalidation", "params": {"order_id": [1]}},
    {"method": "margin_position_update", "params": made.POSITIONS["positions"]},
)
TRANSACTION = {
    "transaction_id": 5,
    "side": "buy",
    "price": "9900000",
    "amount": "0.0001",
    "executed_at": 1_790_000_000_000,
}
ROOMS = (
    {"room_name": "transactions_btc_jpy", "message": {"data": {"transactions": [TRANSACTION, TRANSACTION]}}},
    {"room_name": "circuit_break_info_btc_jpy", "message": {"data": made.CIRCUIT}},
    {"room_name": "ticker_btc_jpy", "message": {"data": made.TICKER}},
)


def spoilt(dice: Dice, value: Any) -> Any:
    """Return a copy of JSON in which something is missing, doubled, or of another kind."""
    result = copy.deepcopy(value)
    for _ in range(dice.choice((0, 1, 1, 1, 3))):
        place: Any = result
        while isinstance(place, dict | list) and place:
            key = dice.choice(list(place)) if isinstance(place, dict) else dice.randrange(len(place))
            if not isinstance(place[key], dict | list) or dice.random() < 0.1:
                _spoil(dice, place, key)
                break
            place = place[key]
    return result if dice.random() < 0.98 else odd_value(dice)


def _spoil(dice: Dice, place: Any, key: Any) -> None:
    how = dice.randrange(4)
    if how == 0:
        del place[key]
    elif how == 1 and isinstance(place[key], str):
        place[key] = broken(dice, place[key])
    elif how == 2 and isinstance(place, dict):
        place[odd_text(dice)] = odd_value(dice)
    else:
        place[key] = odd_value(dice)


def numbers_in(value: Any) -> list[int]:
    if isinstance(value, tuple | list):
        return [number for inner in value for number in numbers_in(inner)]
    return [value] if isinstance(value, int) else []


def parse_spoilt(case: tuple[str, Any]) -> None:
    parse, _ = PARSERS[case[0]]
    with suppress(TraderError):
        value = parse(case[1])
        assert all(-SAFE < number < SAFE for number in numbers_in(value))
        if isinstance(value, OrderReport):
            assert value.start is None or 0 <= value.executed <= value.start
        assert not isinstance(value, AccountReport)


def test_a_spoilt_reply_is_a_value_or_an_error_of_ours():
    def make(dice: Dice) -> tuple[str, Any]:
        name = dice.choice(list(PARSERS))
        return name, spoilt(dice, PARSERS[name][1])

    assert fuzz("exchange replies", make, parse_spoilt) > 0


def test_every_reply_is_read_when_nothing_is_spoilt():
    for parse, reply in PARSERS.values():
        parse(reply)


def open_envelope(answer: Answer) -> None:
    with suppress(TraderError, CodeGiven):
        assert isinstance(payload(answer), dict)
        assert answer.status == 200


def test_a_spoilt_envelope_is_a_value_a_code_or_an_error_of_ours():
    def make(dice: Dice) -> Answer:
        whole = dice.choice(({"success": 1, "data": made.ORDER}, {"success": 0, "data": {"code": 60_001}}))
        text = json.dumps(spoilt(dice, whole), default=str)
        status = dice.choice((200, 200, 200, 201, 301, 403, 409, 429, 500, 502, 504))
        return Answer(status, None, broken(dice, text) if dice.random() < 0.3 else text)

    assert fuzz("envelopes", make, open_envelope) > 0


def hear(case: tuple[str, Any]) -> None:
    where, message = case
    if where == "frame":
        frame = read_frame(message)
        assert isinstance(frame, Frame)
        assert 0 < patience_s(frame.content) <= 120
        return
    read = private_events if where == "private" else public_events
    for event in read(message, BTC_JPY):
        assert isinstance(event, ExchangeEvent)
        assert len(repr(event)) < 1_000


def test_a_spoilt_stream_message_is_events_and_never_an_error():
    def make(dice: Dice) -> tuple[str, Any]:
        where = dice.choice(("private", "public", "frame"))
        if where == "frame":
            text = dice.choice(('0{"pingInterval":25000,"pingTimeout":20000}', "40", "2", '42["message",{}]', "41"))
            return where, dice.choice((broken(dice, text), odd_value(dice), text))
        return where, spoilt(dice, dice.choice(MESSAGES if where == "private" else ROOMS))

    assert fuzz("streams", make, hear) > 0
