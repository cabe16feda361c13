"""Messages of the private stream, in both ways of naming their fields."""

import re
from typing import Any, Final

from src.backtest.simulated_exchange import (
    AssetView,
    Event,
    NoticeView,
    OrderView,
    PairRules,
    PayableView,
    PositionView,
    TradeView,
)
from src.twin import wire

NOTICE_WORDS: Final = {"margin_call": "marginCall"}
_UNDERSCORE: Final = re.compile(r"_([a-z])")

Message = dict[str, Any]


def private_message(event: Event, rules: dict[str, PairRules], style: str) -> Message:
    """Return the message that reports a private event.

    Parameters
    ----------
    style
        "live": names as seen on the wire; "docs": as documented.
    """
    return {"method": event.kind.value, "params": _params(event, rules, docs=style == "docs")}


def _params(event: Event, rules: dict[str, PairRules], *, docs: bool) -> Any:
    match event.payload:
        case OrderView() as view if event.kind.value == "spot_order_invalidation":
            return {"order_id": [view.order_id]}
        case OrderView() as view:
            return [wire.streamed_order(view, rules[view.pair])]
        case TradeView() as view:
            return [wire.streamed_trade(view, rules[view.pair])]
        case PositionView() as view:
            return [_position(view, rules[view.pair], docs=docs)]
        case PayableView() as view:
            return [{"amount": wire.money(view.amount)}]
        case NoticeView() as view:
            row = wire.notice(view)
            return [{**row, "what": NOTICE_WORDS.get(row["what"], row["what"])}]
    return [_asset(row, docs=docs) for row in event.payload if isinstance(row, AssetView)]


def _position(view: PositionView, rules: PairRules, *, docs: bool) -> Message:
    amounts = {
        "open": wire.fixed(view.lots, rules.amount_digits),
        "locked": wire.fixed(view.locked, rules.amount_digits),
        "unrealized_fee": wire.money(view.unrealized_fee),
        "unrealized_interest": wire.money(view.unrealized_interest),
    }
    return {
        "pair": view.pair,
        "position_side": view.position_side.value,
        "product": wire.money(view.product),
        "average_price": wire.fixed(view.average_price, rules.price_digits),
        **({f"{name}_amount": value for name, value in amounts.items()} if docs else amounts),
    }


def _asset(view: AssetView, *, docs: bool) -> Message:
    row = wire.asset(view)
    return {_camel(name): value for name, value in row.items()} if docs else row


def _camel(name: str) -> str:
    return _UNDERSCORE.sub(lambda match: match.group(1).upper(), name)
