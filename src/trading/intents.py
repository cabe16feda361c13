"""What became of an order whose answer is in doubt: decided from what the exchange shows, by exact match.

bitbank takes no order id of ours. What was sent is recognised by position, side, type, size, price, trigger, an order
id above all that were known before, and a time not before the sending. One match: it is ours. None, for as long as it
could still arrive: nothing happened. More than there were intents of that description: all are taken for ours, since
an order that nobody looks after is the worse error, and a person has to look.
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
    AMBIGUOUS = 3  # more orders than intents answer its description


class Patience(NamedTuple):
    """How long a request may still take effect after it was sent.

    A close is bounded by the position, so waiting for a lost one may end earlier than it could appear: being without
    protection is worse than one stop too many. An entry is bounded by nothing: it is waited for in full. What appears
    later than that is still known for ours, for as long as `lurk_ms`.
    """

    entry_ms: int = 24_000  # the signature's window, clock difference, a settling delay, and the engine's own queue
    closing_ms: int = 5_000  # the signature's window, clock difference and a little
    skew_ms: int = 2_000  # by which the exchange's stamp may precede ours
    lurk_ms: int = 600_000  # no bound is published for the engine's queue


class Finding(NamedTuple):
    """The fate of an intent, and the orders that answer it: one if FOUND, more if AMBIGUOUS."""

    fate: Fate
    orders: tuple[OrderReport, ...]


def candidates(intents: Sequence[Intent], fills: Sequence[FillReport], known: Sequence[int]) -> tuple[int, ...]:
    """Return ids of orders that traded since and might answer one of the intents; their reports have to be read.

    Parameters
    ----------
    known
        Orders that answer other intents.
    """
    ids = (
        fill.order_id
        for fill in fills
        for intent in intents
        if fill.order_id > intent.after_order
        and fill.order_id not in known
        and (fill.side, fill.position) == (intent.side, intent.position)
    )
    return tuple(sorted(set(ids)))


def find(
    intents: Sequence[Intent], orders: Sequence[OrderReport], known: Sequence[int], now: Millis, patience: Patience
) -> tuple[Finding, ...]:
    """Return what became of each intent; of two that look alike the first is answered first.

    Parameters
    ----------
    orders
        Everything the exchange shows that could answer one: active orders, orders that traded, orders seen on the
        stream. One id may occur more than once.
    known
        Orders that answer other intents.
    """
    free = {order.order_id: order for order in orders if order.order_id not in known}
    findings = []
    for place, intent in enumerate(intents):
        matches = sorted(i for i, order in free.items() if answers(intent, order, patience.skew_ms))
        alike = sum(_shape(other) == _shape(intent) for other in intents[place + 1 :])
        taken = tuple(free.pop(i) for i in matches[: max(len(matches) - alike, min(len(matches), 1))])
        if len(taken) > 1:
            findings.append(Finding(Fate.AMBIGUOUS, taken))
        elif taken:
            findings.append(Finding(Fate.FOUND, taken))
        else:
            findings.append(Finding(Fate.ABSENT if now >= waited_for(intent, patience) else Fate.OPEN, ()))
    return tuple(findings)


def answers(intent: Intent, order: OrderReport, skew_ms: int) -> bool:
    """Return whether `order` is in every respect what `intent` asked for, and new since then."""
    return (
        order.order_id > intent.after_order
        and order.ordered_at >= intent.sent_at - skew_ms
        and (order.side, order.position, order.type) == (intent.side, intent.position, intent.type)
        and (order.start, order.price, order.trigger) == (intent.lots, intent.price, intent.trigger)
    )


def waiting_ms(purpose: Purpose, patience: Patience) -> int:
    """Return for how long an order that nobody has seen is waited for."""
    return patience.entry_ms if purpose is Purpose.ENTRY else patience.closing_ms


def waited_for(intent: Intent, patience: Patience) -> Millis:
    """Return when an intent that nobody has seen is given up."""
    return Millis(intent.sent_at + waiting_ms(intent.purpose, patience))


def quarantined_until(intent: Intent, patience: Patience) -> Millis:
    """Return until when an intent that was given up still forbids new positions."""
    return Millis(intent.sent_at + max(patience.entry_ms, patience.closing_ms))


def forgotten_at(intent: Intent, patience: Patience) -> Millis:
    """Return from when on an order that appears is no longer taken for the intent's."""
    return Millis(intent.sent_at + patience.lurk_ms)


def _shape(intent: Intent) -> tuple[object, ...]:
    return (intent.side, intent.position, intent.type, intent.lots, intent.price, intent.trigger)
