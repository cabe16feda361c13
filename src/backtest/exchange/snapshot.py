"""The whole state as JSON and back, by the types of its fields; equal states give equal bytes."""

import json
import types
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import numpy as np

from src.backtest.exchange.account import User
from src.backtest.exchange.kinds import EventKind
from src.backtest.exchange.market import Market
from src.backtest.exchange.order import Order
from src.backtest.exchange.state import OUTSIDE, State
from src.backtest.exchange.views import (
    AssetView,
    CircuitView,
    Event,
    NoticeView,
    OrderView,
    PairView,
    PayableView,
    PositionView,
    TradeView,
    TransactionView,
    UserId,
)
from src.core.domain.candles import Candles
from src.core.domain.market import Side
from src.core.exceptions import StoreDamaged

VERSION: Final = 2
PAYLOADS: Final[dict[EventKind, Any]] = {
    EventKind.ORDER_NEW: OrderView,
    EventKind.ORDER: OrderView,
    EventKind.ORDER_INVALIDATION: OrderView,
    EventKind.TRADE: TradeView,
    EventKind.ASSETS: tuple[AssetView, ...],
    EventKind.POSITION: PositionView,
    EventKind.PAYABLE: PayableView,
    EventKind.NOTICE: NoticeView,
    EventKind.TRANSACTION: TransactionView,
    EventKind.CIRCUIT: CircuitView,
    EventKind.PAIR: PairView,
}


def write(state: State) -> bytes:
    """Return the state as JSON."""
    books = {pair: _book_rows(market) for pair, market in state.markets.items()}
    document = {"version": VERSION, "state": encode(state), "books": books}
    return json.dumps(document, separators=(",", ":")).encode()


def read(content: bytes) -> State:
    """Return the state that `write` wrote.

    Raises
    ------
    StoreDamaged
        If `content` is anything else.
    """
    try:
        document = json.loads(content)
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']}, this program writes {VERSION}")
        state = decode(State, document["state"])
        if not isinstance(state, State):
            raise TypeError("not a state")
        for pair, market in state.markets.items():
            _rebuild(state, market, document["books"][pair])
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as e:
        raise StoreDamaged(
            f"this is not a snapshot of the simulated exchange: {e}",
            remedy="start a new exchange, or restore a snapshot that this version wrote",
        ) from e
    return state


# ---- the book, the waiting list and the lists of active orders are drawn from the orders


def _book_rows(market: Market) -> list[Any]:
    """Return the resting orders of each side in their order of trading: ids of users' orders, quotes in full."""
    return [
        [encode(o) if o.user == OUTSIDE else o.id for level in side.best_first() for o in level.orders.values()]
        for side in (market.book.bids, market.book.asks)
    ]


def _rebuild(state: State, market: Market, rows: list[Any]) -> None:
    for side, resting in zip((Side.BUY, Side.SELL), rows, strict=True):
        for row in resting:
            order: Order = state.orders[row] if isinstance(row, int) else decode(Order, row)
            market.book.side(side).add(order)
            if order.user == OUTSIDE:
                market.quotes[side].setdefault(order.price or 0, []).append(order)
    for order in state.orders.values():
        if order.active:
            state.active[order.id] = order
            state.users[order.user].active[order.id] = order
        if order.waiting and order.pair == market.rules.pair:
            market.waiting.add(order)


DERIVED: Final[dict[type, set[str]]] = {
    State: {"active"},
    User: {"active"},
    Market: {
        *("book", "waiting", "quotes"),
        *("base_asset", "unit_divisor", "collateral_multiplier", "collateral_divisor"),
    },
}


# ---- values by type


def encode(value: Any) -> Any:
    """Return `value` as what JSON has: records are lists of their fields, mappings lists of pairs."""
    kind: Any = type(value)
    return _encoder(kind)(value)


def _same(value: Any) -> Any:
    return value


def _listed(value: Iterable[Any]) -> list[Any]:
    return [encode(item) for item in value]


@cache
def _encoder(kind: Any) -> Callable[[Any], Any]:
    """Return what writes values of a type; texts, numbers and members of enums are JSON's already."""
    if issubclass(kind, str | int | NoneType):
        return _same
    if issubclass(kind, Candles):
        return lambda value: [column.tolist() for column in value.columns]
    if is_dataclass(kind):
        return _record_encoder(kind)
    if issubclass(kind, dict):
        return lambda value: [[encode(k), encode(v)] for k, v in value.items()]
    if issubclass(kind, array):
        return lambda value: value.tolist()
    if _named(kind) and _all_plain(kind):
        return _same
    if issubclass(kind, tuple | list | deque):
        return _listed
    raise TypeError(f"{kind.__name__} has no form in a snapshot")


def _record_encoder(kind: Any) -> Callable[[Any], Any]:
    """Return what writes a dataclass: in one go if its fields are JSON's already, as those of the many orders are."""
    fields_of = attrgetter(*(name for name, _ in _stored(kind)))
    return fields_of if _all_plain(kind) else lambda value: [encode(item) for item in fields_of(value)]


@cache
def _all_plain(kind: Any) -> bool:
    return all(_plain(hint) for _, hint in _stored(kind))


def _plain(hint: Any) -> bool:
    """Return whether JSON writes every value of a type as `encode` would."""
    if hasattr(hint, "__supertype__"):
        return _plain(hint.__supertype__)
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return all(_plain(arg) for arg in args)
    if _named(hint):
        return _all_plain(hint)
    return isinstance(hint, type) and issubclass(hint, str | int | NoneType)


def _named(kind: Any) -> bool:
    """Return whether a type is a tuple with names, which JSON writes as a list."""
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


@cache
def _stored(kind: type) -> tuple[tuple[str, Any], ...]:
    """Return the names and types of a record's stored fields."""
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)] if is_dataclass(kind) else list(hints)
    left_out = DERIVED.get(kind, set())
    return tuple((name, hints[name]) for name in names if name not in left_out)


def decode(hint: Any, data: Any) -> Any:
    """Return `data` as a value of type `hint`."""
    return _decoder(hint)(data)


@cache
def _decoder(hint: Any) -> Callable[[Any], Any]:
    if hasattr(hint, "__supertype__"):
        return _decoder(hint.__supertype__)
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        (inner,) = (_decoder(a) for a in args if a is not type(None))
        return lambda data: None if data is None else inner(data)
    if origin is not None:
        return _container(origin, args)
    if hint is None:
        return _checked(type(None))
    if hint in {int, bool, str, type(None)}:
        return _checked(hint)
    if hint is Event:
        return _event
    if hint is array:
        return lambda data: array("q", data)
    if hint is Candles:
        return lambda data: Candles(*(np.array(column, np.int64) for column in data))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return _record(hint)


def _checked(hint: type) -> Callable[[Any], Any]:
    def same(data: Any) -> Any:
        if type(data) is not hint:
            raise TypeError(f"{data!r} is not of type {hint.__name__}")
        return data

    return same


def _container(origin: Any, args: tuple[Any, ...]) -> Callable[[Any], Any]:
    if origin is dict:
        key, value = _decoder(args[0]), _decoder(args[1])
        return lambda data: {key(k): value(v) for k, v in data}
    if origin is tuple and args[-1] is not Ellipsis:
        parts = [_decoder(a) for a in args]
        return lambda data: tuple(part(item) for part, item in zip(parts, data, strict=True))
    inner = _decoder(args[0])
    return lambda data: origin(inner(item) for item in data)


def _record(kind: Any) -> Callable[[Any], Any]:
    stored = [(name, _decoder(hint)) for name, hint in _stored(kind)]

    def build(data: Any) -> Any:
        return kind(**{name: read_(item) for (name, read_), item in zip(stored, data, strict=True)})

    return build


def _event(data: Any) -> Event:
    at, kind, user, pair, payload = data
    return Event(at, EventKind(kind), None if user is None else UserId(user), pair, decode(PAYLOADS[kind], payload))
