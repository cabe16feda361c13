"""bitbank's error codes: what each means for whoever sent the request.

The exchange answers with a number and no text. Only codes listed here as refusals say that nothing was done; what is
not listed says nothing. Groups and meanings: bitbank's list of error codes (rest-api error codes, as of 2025-12) and
the additions of 2026 that were published since; 60020 and 50088 are newer than their description and stay unlisted.
"""

from enum import IntEnum
from typing import Final

from src.backtest.exchange import codes


class Reaction(IntEnum):
    """What to do about a code. Numbers are journaled: never renumbered."""

    UNLISTED = 0  # open nothing, read back
    BUG = 1  # refused: the request is wrong, and so is this program
    SKIP = 2  # refused: not this order; read what it depends on and decide anew
    WAIT = 3  # refused: restricted for now; watch the pair's flags and the breaker's mode
    REREAD = 4  # refused: the order or position is not what was thought; read it
    SUSPENDED = 5  # refused: trading is suspended; repeat cancels and protective orders, open nothing
    DOUBTFUL = 6  # it may have been done
    BUSY = 7  # maintenance or load; it may have been done
    RATE = 8  # too many requests; a gateway may say so for a request that went through
    CLOCK = 9  # refused: the request's time is wrong; measure the clock, sign once more, then stop
    KEY = 10  # refused: key or signature; sign once more, then stop
    STOP = 11  # refused: a person is needed


NOT_SENT: Final = 0
"""Stands in for a code when the connection could not be made: nothing left this machine."""

_BY_REACTION: Final = {
    Reaction.BUG: (
        codes.URL_NOT_FOUND,
        10002,  # malformed request
        codes.MISSING_AMOUNT,
        codes.MISSING_ORDER_ID,
        codes.MISSING_ORDER_IDS,
        codes.MISSING_PAIR,
        codes.MISSING_PRICE,
        codes.MISSING_SIDE,
        codes.MISSING_TYPE,
        codes.MISSING_TRIGGER,
        codes.BAD_AMOUNT,
        codes.BAD_COUNT,
        codes.BAD_END,
        codes.BAD_END_ID,
        codes.BAD_FROM_ID,
        codes.BAD_ORDER_ID,
        codes.BAD_ORDER_IDS,
        codes.TOO_MANY_IDS,
        codes.BAD_PAIR,
        codes.BAD_PRICE,
        codes.BAD_SIDE,
        codes.BAD_SINCE,
        codes.BAD_TYPE,
        codes.BAD_TRIGGER,
        codes.BAD_POST_ONLY,
        codes.POST_ONLY_NOT_LIMIT,
        codes.BAD_POSITION_SIDE,
        codes.NOT_MARGINABLE,
        codes.STOP_TYPE_OPENS,
        codes.WRONG_DIRECTION,
    ),
    Reaction.SKIP: (
        NOT_SENT,
        codes.EXCEEDS_CAPACITY,
        codes.NO_FUNDS,
        codes.MARKET_BUY_TOO_BIG,
        codes.TOO_BIG,
        codes.TOO_SMALL,
        codes.PRICE_TOO_HIGH,
        codes.PRICE_TOO_LOW,
        codes.PRICE_TOO_FAR,
        codes.TOO_MANY_ORDERS,
        codes.TRIGGER_TOO_HIGH,
        codes.FIRES_AT_ONCE,
    ),
    Reaction.WAIT: (
        codes.MARGIN_OPEN_CLOSED,
        codes.MARGIN_CLOSE_CLOSED,
        codes.BUYS_STOPPED,
        codes.SELLS_STOPPED,
        codes.MARKET_STOPPED,
        codes.MINIMUM_RAISED,
        codes.ORDERS_STOPPED,
        codes.NOT_CONTINUOUS,
        codes.STOP_LIMIT_STOPPED,
        codes.STOP_STOPPED,
        codes.LONG_STOPPED,
        codes.SHORT_STOPPED,
        70026,  # any new margin order
    ),
    Reaction.REREAD: (
        codes.ORDER_NOT_FOUND,
        codes.NOT_CANCELABLE,
        codes.ALREADY_CANCELED,
        codes.ALREADY_EXECUTED,
        codes.EXCEEDS_POSITION,
    ),
    Reaction.SUSPENDED: (codes.SUSPENDED, 70013, codes.ORDERS_AND_CANCELS_STOPPED),
    Reaction.DOUBTFUL: (10001, 10003, 10005, 70001, 70002, 70003, 70012, codes.CANCEL_PENDING),
    Reaction.BUSY: (10007, 10008, 70011),
    Reaction.RATE: (10009,),
    Reaction.CLOCK: (20034, 20035),
    Reaction.KEY: (20001, 20002, 20003, 20004, 20005),
    Reaction.STOP: (
        *(20011, 20014, 20023, 20024, 20025, 20026),  # a second factor is asked for, which no call of ours needs
        *(20018, 20019, 20033, 20036, 20037, 20038, 20039),  # a path or header of the authentication is wrong
        *(50003, 50004, 50005, 50006, 50008),  # the account is restricted, or may not do this
        50011,  # there is no such interface any more
        codes.MARGIN_NOT_REVIEWED,
        *(50072, 50073, codes.MARGIN_RESTRICTED, 50079, 50080, 50081, 50083),
    ),
}

REACTIONS: Final = {code: reaction for reaction, group in _BY_REACTION.items() for code in group}
"""The reaction to every listed code."""

_REFUSALS: Final = frozenset(
    {
        Reaction.BUG,
        Reaction.SKIP,
        Reaction.WAIT,
        Reaction.REREAD,
        Reaction.SUSPENDED,
        Reaction.CLOCK,
        Reaction.KEY,
        Reaction.STOP,
    }
)
_PASSING: Final = frozenset(
    {Reaction.UNLISTED, Reaction.WAIT, Reaction.SUSPENDED, Reaction.DOUBTFUL, Reaction.BUSY, Reaction.RATE}
)
_FOR_A_PERSON: Final = frozenset({Reaction.CLOCK, Reaction.KEY, Reaction.STOP})


def reaction(code: int) -> Reaction:
    """Return what to do about a code; `UNLISTED` if the table does not have it."""
    return REACTIONS.get(code, Reaction.UNLISTED)


def nothing_done(code: int) -> bool:
    """Return whether a code in answer to an order or a cancel says for certain that nothing was created or changed."""
    return reaction(code) in _REFUSALS


def may_pass(code: int) -> bool:
    """Return whether the same read may work out later."""
    return reaction(code) in _PASSING


def needs_a_person(code: int) -> bool:
    """Return whether key, permissions or clock are refused."""
    return reaction(code) in _FOR_A_PERSON


def meaning(code: int) -> str:
    """Return a code in words, with its number."""
    words = codes.MEANINGS.get(code) or _OTHER_MEANINGS.get(code) or f"see the exchange's list ({reaction(code).name})"
    return f"code {code}: {words}"


_OTHER_MEANINGS: Final = {
    NOT_SENT: "the connection could not be made, nothing was sent",
    10001: "a fault inside the exchange",
    10002: "the request is malformed",
    10003: "a fault inside the exchange",
    10005: "the engine did not answer in time",
    10007: "maintenance",
    10008: "the exchange is busy",
    10009: "too many requests",
    20001: "authentication failed",
    20002: "there is no such key, or it was revoked",
    20003: "the key is missing",
    20004: "the nonce is missing",
    20005: "the signature is missing or wrong",
    20034: "the request's time is ahead of the exchange's clock",
    20035: "the request's time is too far behind the exchange's clock",
    70001: "a fault inside the exchange",
    70002: "a fault inside the exchange",
    70003: "a fault inside the exchange",
    70011: "the exchange is busy",
    70012: "a fault inside the exchange",
    70013: "trading is suspended",
    70026: "new margin orders are stopped",
}
