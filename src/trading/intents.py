"""What became of an order whose answer is in doubt: decided from what the exchange shows, by exact match.

bitbank takes no order id of ours. What was sent is recognised by position, side, type, size, price, trigger, an order
id above all that were known before, and a time not before the sending. One match: it is ours. None, for as long as it
could still arrive: nothing happened. More than one: a person has to look.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from src.core.domain.exchange import FillReport, OrderReport
from src.core.domain.time import Millis
from src.trading.book import Intent
from src.trading.outgoing import Purpose


class Fate(IntEnum):
    """What is known of an intent."""

    OPEN = 0  # it may still arrive
    FOUND = 1
    ABSENT = 2  # nobody has seen it for as long as it is waited for
    AMBIGUOUS = 3  # several orders answer its description


class Patience(NamedTuple):
    """How long a request may still take effect after it was sent.

    A close is bounded by the position, so waiting for a lost one may end earlier than it could appear: being without
    protection is worse than one stop too many. An entry is bounded by nothing: it is waited for in full.
    """

    entry_ms: int = 24_000  # the signature's window, clock difference, a settling delay, and the engine's own queue
    closing_ms: int = 5_000  # the signature's window, clock difference and a little
    skew_ms: int = 2_000  # by which the exchange's stamp may precede ours


class Finding(NamedTuple):
    """The fate of an intent, and the order that answers it."""

    fate: Fate
    order: OrderReport | None


def candidates(intent: Intent, fills: Sequence[FillReport], known: Sequence[int]) -> tuple[int, ...]:
    """Return ids of orders that traded since and might be the intent's; their reports have to be read.

    Parameters
    ----------
    known
        Orders that answer other intents.
    """
    ids = (
        fill.order_id
        for fill in fills
        if fill.order_id > intent.after_order
        and fill.order_id not in known
        and (fill.side, fill.position) == (intent.side, intent.position)
    )
    return tuple(sorted(set(ids)))


def find(
    intent: Intent, orders: Sequence[OrderReport], known: Sequence[int], now: Millis, patience: Patience
) -> Finding:
    """Return what became of `intent`.

    Parameters
    ----------
    orders
        Everything the exchange shows that could answer it: active orders, orders that traded, orders seen on the
        stream. One id may occur more than once.
    known
        Orders that answer other intents.
    """
    matches = {o.order_id: o for o in orders if o.order_id not in known and answers(intent, o, patience.skew_ms)}
    if len(matches) > 1:
        return Finding(Fate.AMBIGUOUS, None)
    if matches:
        return Finding(Fate.FOUND, next(iter(matches.values())))
    return Finding(Fate.ABSENT if now >= waited_for(intent, patience) else Fate.OPEN, None)


def answers(intent: Intent, order: OrderReport, skew_ms: int) -> bool:
    """Return whether `order` is in every respect what `intent` asked for, and new since then."""
    return (
        order.order_id > intent.after_order
        and order.ordered_at >= intent.sent_at - skew_ms
        and (order.side, order.position, order.type) == (intent.side, intent.position, intent.type)
        and (order.start, order.price, order.trigger) == (intent.lots, intent.price, intent.trigger)
    )


def waited_for(intent: Intent, patience: Patience) -> Millis:
    """Return when an intent that nobody has seen is given up."""
    return Millis(intent.sent_at + (patience.entry_ms if intent.purpose is Purpose.ENTRY else patience.closing_ms))


def lost_for_sure(intent: Intent, patience: Patience) -> Millis:
    """Return when an intent that nobody has seen can no longer take effect."""
    return Millis(intent.sent_at + max(patience.entry_ms, patience.closing_ms))
