"""What callers ask for: a new order, and filters on lists of orders and trades."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from src.core.domain.time import Millis

NOT_A_NUMBER: Final = Decimal("NaN")
"""Given for an amount or price whose text was no number: the engine refuses it when its turn in the checks comes."""


class OrderRequest(NamedTuple):
    """A new order as it was written, before any check; None is an absent field.

    The protocol layer only turns texts into numbers (or `NOT_A_NUMBER`). Everything else, missing fields and
    wrong words included, is refused by the engine in its own order of checks.
    """

    pair: str | None
    side: str | None  # "buy", "sell"
    type: str | None  # "limit", "market", "stop", "stop_limit", "take_profit", "stop_loss"
    amount: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    post_only: bool | str | None = None  # a str is a value that was no boolean: 40113
    position_side: str | None = None  # "long", "short"; None: a spot order


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which active orders to list; None is no condition."""

    pair: str | None = None
    count: int | None = None
    from_id: int | None = None
    end_id: int | None = None
    since: Millis | None = None  # of ordered_at
    end: Millis | None = None


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Which of a user's trades to list; None is no condition."""

    pair: str | None = None  # required when `order_id` is given
    count: int | None = None  # 1 to 1000; absent: 1000
    order_id: int | None = None
    since: Millis | None = None  # of executed_at
    end: Millis | None = None
    from_id: int | None = None
    end_id: int | None = None
    ascending: bool = False
