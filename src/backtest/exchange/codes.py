"""bitbank's business error codes that an exchange engine can cause, and the refusal that carries one."""

from typing import Final

from src.core.exceptions import TraderError

MISSING_AMOUNT: Final = 30001
MISSING_ORDER_ID: Final = 30006
MISSING_ORDER_IDS: Final = 30007
MISSING_PAIR: Final = 30009
MISSING_PRICE: Final = 30012
MISSING_SIDE: Final = 30013
MISSING_TYPE: Final = 30015
MISSING_TRIGGER: Final = 30101
BAD_AMOUNT: Final = 40001
BAD_COUNT: Final = 40006
BAD_END: Final = 40007
BAD_END_ID: Final = 40008
BAD_FROM_ID: Final = 40009
BAD_ORDER_ID: Final = 40013
BAD_ORDER_IDS: Final = 40014
TOO_MANY_IDS: Final = 40015
BAD_PAIR: Final = 40017
BAD_PRICE: Final = 40020
BAD_SIDE: Final = 40021
BAD_SINCE: Final = 40022
BAD_TYPE: Final = 40024
BAD_TRIGGER: Final = 40112
BAD_POST_ONLY: Final = 40113
POST_ONLY_NOT_LIMIT: Final = 40114
BAD_POSITION_SIDE: Final = 40164
NOT_MARGINABLE: Final = 40165
STOP_TYPE_OPENS: Final = 40200
URL_NOT_FOUND: Final = 10000  # also a candle or trade file that does not exist (yet)
ORDER_NOT_FOUND: Final = 50009
NOT_CANCELABLE: Final = 50010
ALREADY_CANCELED: Final = 50026
ALREADY_EXECUTED: Final = 50027
MARGIN_NOT_REVIEWED: Final = 50058
MARGIN_OPEN_CLOSED: Final = 50059
MARGIN_CLOSE_CLOSED: Final = 50060
EXCEEDS_CAPACITY: Final = 50061
EXCEEDS_POSITION: Final = 50062
MARGIN_RESTRICTED: Final = 50078
NO_FUNDS: Final = 60001
MARKET_BUY_TOO_BIG: Final = 60002
TOO_BIG: Final = 60003
TOO_SMALL: Final = 60004
PRICE_TOO_HIGH: Final = 60005
PRICE_TOO_LOW: Final = 60006
TOO_MANY_ORDERS: Final = 60011
TRIGGER_TOO_HIGH: Final = 60016
FIRES_AT_ONCE: Final = 60018
WRONG_DIRECTION: Final = 60019
SUSPENDED: Final = 70004
BUYS_STOPPED: Final = 70005
SELLS_STOPPED: Final = 70006
MARKET_STOPPED: Final = 70009
MINIMUM_RAISED: Final = 70010
ORDERS_STOPPED: Final = 70017
ORDERS_AND_CANCELS_STOPPED: Final = 70018
CANCEL_PENDING: Final = 70019
NOT_CONTINUOUS: Final = 70020
PRICE_TOO_FAR: Final = 70021
STOP_LIMIT_STOPPED: Final = 70022
STOP_STOPPED: Final = 70023
LONG_STOPPED: Final = 70024
SHORT_STOPPED: Final = 70025

MEANINGS: Final = {
    MISSING_AMOUNT: "the amount is missing",
    MISSING_ORDER_ID: "the order id is missing",
    MISSING_ORDER_IDS: "the list of order ids is missing",
    MISSING_PAIR: "the pair is missing",
    MISSING_PRICE: "the price is missing",
    MISSING_SIDE: "the side is missing",
    MISSING_TYPE: "the order type is missing",
    MISSING_TRIGGER: "the trigger price is missing",
    BAD_AMOUNT: "the amount is not a size of this pair",
    BAD_COUNT: "the count is not one",
    BAD_END: "the end is not a time",
    BAD_END_ID: "the end id is not one",
    BAD_FROM_ID: "the first id is not one",
    BAD_ORDER_ID: "the order id is not one",
    BAD_ORDER_IDS: "the list of order ids is empty or not one",
    TOO_MANY_IDS: "more than 30 order ids in one request",
    BAD_PAIR: "there is no such pair",
    BAD_PRICE: "the price is not a price of this pair",
    BAD_SIDE: "the side is neither buy nor sell",
    BAD_SINCE: "the first time is not one",
    BAD_TYPE: "users have no such order type",
    BAD_TRIGGER: "the trigger price is not a price of this pair",
    BAD_POST_ONLY: "post_only is neither true nor false",
    POST_ONLY_NOT_LIMIT: "only a limit order can be post-only",
    BAD_POSITION_SIDE: "the position side is neither long nor short",
    NOT_MARGINABLE: "the pair has no margin trading",
    STOP_TYPE_OPENS: "an order that waits for a trigger cannot open a position",
    URL_NOT_FOUND: "there is no such resource",
    ORDER_NOT_FOUND: "there is no such order, or it ended more than three months ago",
    NOT_CANCELABLE: "the order cannot be cancelled",
    ALREADY_CANCELED: "the order was already cancelled",
    ALREADY_EXECUTED: "the order was already executed",
    MARGIN_NOT_REVIEWED: "the user has not passed the margin review",
    MARGIN_OPEN_CLOSED: "opening margin positions is closed for now",
    MARGIN_CLOSE_CLOSED: "closing margin positions is closed for now",
    EXCEEDS_CAPACITY: "the margin does not carry a new position of this size",
    EXCEEDS_POSITION: "the order is larger than the free part of the position",
    MARGIN_RESTRICTED: "a forced close or a debt blocks new positions",
    NO_FUNDS: "the free balance is too small",
    MARKET_BUY_TOO_BIG: "a market buy of this size is not accepted",
    TOO_BIG: "an order of this size is not accepted",
    TOO_SMALL: "the amount is below the smallest order",
    PRICE_TOO_HIGH: "the price is above the highest accepted",
    PRICE_TOO_LOW: "the price is below the lowest accepted",
    TOO_MANY_ORDERS: "the user has as many open orders as allowed",
    TRIGGER_TOO_HIGH: "the trigger price is above the highest accepted",
    FIRES_AT_ONCE: "the trigger price is already reached",
    WRONG_DIRECTION: "a take-profit or stop-loss order must close a position",
    SUSPENDED: "trading is suspended",
    BUYS_STOPPED: "buy orders are stopped",
    SELLS_STOPPED: "sell orders are stopped",
    MARKET_STOPPED: "market orders are stopped",
    MINIMUM_RAISED: "the smallest order is larger while the exchange is busy",
    ORDERS_STOPPED: "new orders on the pair are stopped",
    ORDERS_AND_CANCELS_STOPPED: "orders and cancels on the pair are stopped",
    CANCEL_PENDING: "the order is being cancelled",
    NOT_CONTINUOUS: "there are no market orders outside continuous trading",
    PRICE_TOO_FAR: "the price is too far from the market",
    STOP_LIMIT_STOPPED: "stop-limit orders are stopped",
    STOP_STOPPED: "stop orders are stopped",
    LONG_STOPPED: "opening long positions is stopped",
    SHORT_STOPPED: "opening short positions is stopped",
}


class Refused(TraderError):
    """The exchange answered with an error code; nothing was changed.

    Attributes
    ----------
    code
        bitbank's number.
    """

    def __init__(self, code: int) -> None:
        super().__init__(
            f"refused with code {code}: {MEANINGS.get(code, 'a rule of the protocol, not of the engine')}",
            remedy="correct the request, or wait until the exchange allows it; docs/exchange-engine.md has the order "
            "in which a request is checked",
        )
        self.code = code

    def __reduce__(self) -> tuple[type["Refused"], tuple[int]]:
        """Return how a copy is made in another process."""
        return Refused, (self.code,)
