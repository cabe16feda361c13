"""What the exchange may do wrong, as it looks from behind the port: each fault strikes once, at a named moment.

The names of replies and codes do not appear here: the client turns a timeout, a reset, a page of HTML, a 5xx, 10005,
429 and a broken body into `OutcomeUnknown` for what was sent and into `Retryable` for what was read, and its own tests
hold that. What remains is whether the order was created, when it can be seen, and what the reads say meanwhile.
"""

from enum import IntEnum
from typing import Final, NamedTuple

from src.core.domain.time import SECOND
from src.trading.outgoing import Purpose


class Effect(IntEnum):
    """What a fault does."""

    NOTHING = 0
    REPLY_LOST = 1  # done, but the answer never comes (timeout, reset, 5xx, 10005, 429, a broken body)
    NOT_DONE = 2  # not done, and the answer does not say so
    LATE = 3  # not done now: accepted after `ms`
    BLIND = 4  # done, the answer is lost, and reads fail for `ms` (broken bodies on the read-back)
    DOWN = 5  # everything fails for `ms` (maintenance, a long 429)
    SLOW = 6  # every call takes four seconds for `ms`
    REFUSED = 7  # refused `times` times with `code`
    HIDDEN = 8  # for `ms` new orders are missing in the list of active ones
    STALE = 9  # for `ms` positions and cash are read as they were before
    NO_TRADES = 10  # for `ms` new trades are missing in the history
    LEDGER_LAG = 11  # the exchange's own position ledger lags each fill by `ms`
    SYSTEM_CANCEL = 12  # accepted, then cancelled by the system
    SYSTEM_CANCEL_GAP = 13  # the same, and the price is beyond the trigger before it is noticed
    CROSSED = 14  # the market moves so that a post-only order would match: it ends cancelled
    THIN = 15  # the book is too thin: a market order ends REJECTED
    FILL_WINS = 16  # the order trades in full just before it is cancelled
    FILL_PARTLY = 17  # a part of it trades just before it is cancelled
    BREAK = 18  # the circuit breaker stops continuous trading for `ms`
    FLAGS = 19  # new stops are stopped for `ms`
    MINIMUM = 20  # the smallest order is raised above what rests, for `ms`
    STRANGER = 21  # somebody else places an order on the account


class Fault(NamedTuple):
    """A fault and the moment it strikes: the first order sent for a purpose, or the first cancel."""

    name: str
    effect: Effect = Effect.NOTHING
    purpose: Purpose | None = None  # of the order; None: the first cancel
    ms: int = 0  # how long it lasts
    code: int = 0
    times: int = 0

    @property
    def allowance_ms(self) -> int:
        """How much longer a position may be naked because of it: while it lasts, nothing can be done."""
        return self.ms if self.effect in _BINDING else 0


_BINDING: Final = frozenset(
    {
        Effect.DOWN,
        Effect.BLIND,
        Effect.SLOW,
        Effect.BREAK,
        Effect.REFUSED,
        Effect.STALE,
        Effect.NO_TRADES,
        Effect.LEDGER_LAG,
        Effect.FLAGS,
        Effect.THIN,
    }
)

CLEAN: Final = Fault("none")
_PURPOSES: Final = (Purpose.ENTRY, Purpose.STOP, Purpose.CLOSE)


def _for_each(name: str, effect: Effect, ms: int = 0) -> tuple[Fault, ...]:
    return tuple(Fault(f"{purpose.name.lower()}: {name}", effect, purpose, ms) for purpose in _PURPOSES)


FAULTS: Final = (
    CLEAN,
    *_for_each("reply lost", Effect.REPLY_LOST),
    *_for_each("not done, no answer", Effect.NOT_DONE),
    *_for_each("accepted 3 s later", Effect.LATE, 3 * SECOND),
    *_for_each("accepted 9 s later", Effect.LATE, 9 * SECOND),
    *_for_each("reply lost, reads broken", Effect.BLIND, 4 * SECOND),
    *_for_each("exchange down 30 s", Effect.DOWN, 30 * SECOND),
    *_for_each("slow answers", Effect.SLOW, 20 * SECOND),
    *_for_each("active orders lag", Effect.HIDDEN, 3 * SECOND),
    *_for_each("positions lag", Effect.STALE, 3 * SECOND),
    *_for_each("trades lag", Effect.NO_TRADES, 3 * SECOND),
    Fault("fills: position ledger lags", Effect.LEDGER_LAG, Purpose.ENTRY, 3 * SECOND),
    Fault("stop: 70004 three times", Effect.REFUSED, Purpose.STOP, 3 * SECOND, 70004, 3),
    Fault("stop: 50062 three times", Effect.REFUSED, Purpose.STOP, 3 * SECOND, 50062, 3),
    Fault("stop: 60011", Effect.REFUSED, Purpose.STOP, 0, 60011, 1),
    Fault("stop: 60018", Effect.REFUSED, Purpose.STOP, 0, 60018, 1),
    Fault("close: 50062 three times", Effect.REFUSED, Purpose.CLOSE, 3 * SECOND, 50062, 3),
    Fault("close: 70009", Effect.REFUSED, Purpose.CLOSE, 0, 70009, 1),
    Fault("entry: 50061", Effect.REFUSED, Purpose.ENTRY, 0, 50061, 1),
    Fault("stop: cancelled by the system", Effect.SYSTEM_CANCEL, Purpose.STOP),
    Fault("stop: cancelled by the system over a gap", Effect.SYSTEM_CANCEL_GAP, Purpose.STOP),
    Fault("entry: post-only cancelled", Effect.CROSSED, Purpose.ENTRY),
    Fault("close: thin book", Effect.THIN, Purpose.CLOSE, 2 * SECOND),
    Fault("entry: thin book", Effect.THIN, Purpose.ENTRY, 2 * SECOND),
    Fault("cancel: reply lost", Effect.REPLY_LOST),
    Fault("cancel: not done, no answer", Effect.NOT_DONE),
    Fault("cancel: the fill wins", Effect.FILL_WINS),
    Fault("cancel: a partial fill wins", Effect.FILL_PARTLY),
    Fault("cancel: 70004 three times", Effect.REFUSED, None, 5 * SECOND, 70004, 3),
    Fault("cancel: 50026", Effect.REFUSED, None, 0, 50026, 1),
    Fault("close: circuit breaker", Effect.BREAK, Purpose.CLOSE, 15 * SECOND),
    Fault("stop: circuit breaker", Effect.BREAK, Purpose.STOP, 15 * SECOND),
    Fault("stop: stops are stopped", Effect.FLAGS, Purpose.STOP, 10 * SECOND),
    Fault("stop: minimum raised", Effect.MINIMUM, Purpose.STOP, 10 * SECOND),
    Fault("close: a stranger's order", Effect.STRANGER, Purpose.CLOSE),
)
