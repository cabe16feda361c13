"""What bitbank's streams say, as events. A message that cannot be read becomes a hint to look, never an error.

Field names are read in both of the styles that were seen: `snake_case` on the wire, `camelCase` in documents.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from src.core.domain.events import ExchangeEvent, FillSeen, ModeSeen, OrderSeen, PositionSeen, TradeSeen
from src.core.domain.market import Instrument
from src.data.margin_replies import SIDES, fill_of, mode_of, order_of
from src.data.wire_fields import BrokenReply, Fields

ORDERS: Final = frozenset({"spot_order_new", "spot_order"})
TRADES: Final = frozenset({"spot_trade"})
HINTS: Final = frozenset(
    {
        "spot_order_invalidation",  # the engine dropped orders for lack of assets
        "margin_position_update",
        "margin_payable_update",
        "margin_notice_update",
        "withdrawal",
    }
)
IGNORED: Final = frozenset(
    {
        "asset_update",  # every change that trading causes comes with a trade or a position
        "dealer_order_new",
        "deposit",
    }
)
WORD: Final = re.compile(r"[a-z_]{1,40}")
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")

Json = Any


def private_events(message: Json, instrument: Instrument) -> list[ExchangeEvent]:
    """Return what one message of the private stream says about the pair.

    Parameters
    ----------
    message
        `{"method": …, "params": …}`, or whatever came.
    """
    method = message.get("method") if isinstance(message, Mapping) else None
    if not isinstance(method, str):
        return [PositionSeen("a message without a method")]
    if method in IGNORED:
        return []
    parse = _PARSERS.get(method)
    if parse is None:
        known = method in HINTS or WORD.fullmatch(method) is not None
        return [PositionSeen(method if known else "a method with an odd name")]
    rows = message.get("params")
    if not isinstance(rows, list):
        return [PositionSeen(f"{method} without rows")]
    found: list[ExchangeEvent] = []
    for row in rows:
        try:
            snake = snake_case(row)
            if _is_foreign(snake, instrument):
                continue
            found.append(parse(snake, instrument))
        except BrokenReply:
            found.append(PositionSeen(f"{method} that cannot be read"))
    return found


def public_events(message: Json, instrument: Instrument) -> list[ExchangeEvent]:
    """Return what one message of the public stream says about the pair; trades in the order in which they happened.

    Parameters
    ----------
    message
        `{"room_name": …, "message": {"data": …}}`, or whatever came.
    """
    try:
        envelope = Fields(message, "message", instrument)
        room, content = envelope.text("room_name"), envelope.inner("message")
        if room == f"transactions_{instrument.pair}":
            trades = [_trade_seen(row) for row in content.inner("data").rows("transactions")]
            return [*sorted(trades, key=lambda trade: trade.trade_id)]
        if room == f"circuit_break_info_{instrument.pair}":
            data = message["message"].get("data")
            return [ModeSeen(_mode_words(data, instrument))]
        return []
    except BrokenReply:
        return [ModeSeen("a message that cannot be read")]


def snake_case(row: Json) -> Json:
    """Return an object with its names in snake case; a name given in both styles keeps the first."""
    if not isinstance(row, Mapping):
        return row
    result: dict[str, Json] = {}
    for name, value in row.items():
        result.setdefault(_CAPITAL.sub(lambda match: f"_{match[1].lower()}", str(name)), value)
    return result


def _order_seen(row: Json, instrument: Instrument) -> ExchangeEvent:
    return OrderSeen(order_of(row, instrument))


def _fill_seen(row: Json, instrument: Instrument) -> ExchangeEvent:
    return FillSeen(fill_of(row, instrument))


_PARSERS: Final[dict[str, Callable[[Json, Instrument], ExchangeEvent]]] = {
    **dict.fromkeys(ORDERS, _order_seen),
    **dict.fromkeys(TRADES, _fill_seen),
}


def _is_foreign(row: Json, instrument: Instrument) -> bool:
    """Return whether a row says plainly that it is about another pair."""
    pair = row.get("pair") if isinstance(row, Mapping) else None
    return isinstance(pair, str) and pair != instrument.pair


def _trade_seen(row: Fields) -> TradeSeen:
    side = SIDES.get(row.text("side"))
    if side is None:
        raise BrokenReply("a transaction's side is neither buy nor sell")
    return TradeSeen(
        trade_id=row.whole("transaction_id", 1),
        side=side,
        price=row.price("price"),
        lots=row.size("amount"),
        at=row.moment("executed_at"),
    )


def _mode_words(data: Json, instrument: Instrument) -> str:
    mode = mode_of(data, instrument)
    return "an unknown mode" if mode is None else mode.value
