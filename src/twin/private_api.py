"""Private REST calls, each answered by the exchange."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from src.backtest.exchange.codes import BAD_ORDER_IDS
from src.backtest.simulated_exchange import UserId
from src.core.domain.time import Millis
from src.twin import wire
from src.twin.body import (
    SYSTEM_ERROR,
    order_filter,
    order_id_of,
    order_ids_of,
    order_request,
    pair_of,
    read_body,
    trade_filter,
)
from src.twin.private_stream import PrivateStream
from src.twin.request import Request
from src.twin.switches import TwinSwitches
from src.twin.venue import Venue


class Caller(NamedTuple):
    """Who calls, and when and under which switches the call is answered."""

    user: UserId
    now: Millis  # the service's time
    switches: TwinSwitches


Call = Callable[[Request, Caller], Any]

NOT_OFFERED: Final = 50011
ABSENT: Final = frozenset(
    {
        "/v1/user/deposit_history",
        "/v1/user/unconfirmed_deposits",
        "/v1/user/deposit_originators",
        "/v1/user/confirm_deposits",
        "/v1/user/confirm_deposits_all",
        "/v1/user/withdrawal_account",
        "/v1/user/withdrawal_history",
        "/v1/user/request_withdrawal",
    }
)
"""Calls that bitbank has and the twin has not: nothing enters or leaves it."""


class PrivateApi:
    """The private calls by method and path.

    Parameters
    ----------
    venue
        Whose exchange answers.
    stream
        Which gives out the tokens of the private stream.
    """

    def __init__(self, venue: Venue, stream: PrivateStream) -> None:
        self._venue = venue
        self._stream = stream
        self.calls: dict[tuple[str, str], Call] = {
            ("GET", "/v1/user/assets"): self._assets,
            ("GET", "/v1/user/subscribe"): self._subscribe,
            ("GET", "/v1/user/spot/order"): self._read_order,
            ("POST", "/v1/user/spot/order"): self._submit,
            ("POST", "/v1/user/spot/cancel_order"): self._cancel,
            ("POST", "/v1/user/spot/cancel_orders"): self._cancel_many,
            ("POST", "/v1/user/spot/orders_info"): self._orders_info,
            ("GET", "/v1/user/spot/active_orders"): self._active_orders,
            ("GET", "/v1/user/spot/trade_history"): self._trade_history,
            ("GET", "/v1/user/margin/status"): self._margin_status,
            ("GET", "/v1/user/margin/positions"): self._margin_positions,
        }

    def _assets(self, request: Request, caller: Caller) -> wire.Json:
        request.query()  # a repeated key is refused everywhere
        return {"assets": [wire.asset(row) for row in self._venue.exchange.assets(caller.user)]}

    def _subscribe(self, request: Request, caller: Caller) -> wire.Json:
        request.query()
        return dict(self._stream.subscribe(caller.user, caller.now, caller.switches.token_life))

    def _submit(self, request: Request, caller: Caller) -> wire.Json:
        asked = order_request(read_body(request.body), null_amount=caller.switches.null_amount)
        view = self._venue.exchange.submit(caller.user, asked)
        return wire.order(view, self._venue.rules[view.pair])

    def _read_order(self, request: Request, caller: Caller) -> wire.Json:
        query = request.query()
        view = self._venue.exchange.order(caller.user, pair_of(query), order_id_of(query))
        return wire.order(view, self._venue.rules[view.pair])

    def _cancel(self, request: Request, caller: Caller) -> wire.Json:
        body = read_body(request.body)
        view = self._venue.exchange.cancel(caller.user, pair_of(body), order_id_of(body))
        return wire.order(view, self._venue.rules[view.pair])

    def _cancel_many(self, request: Request, caller: Caller) -> wire.Json:
        body = read_body(request.body)
        pair = pair_of(body)
        return self._orders(self._venue.exchange.cancel_many(caller.user, pair, order_ids_of(body, BAD_ORDER_IDS)))

    def _orders_info(self, request: Request, caller: Caller) -> wire.Json:
        body = read_body(request.body)
        pair = pair_of(body)
        return self._orders(self._venue.exchange.orders_info(caller.user, pair, order_ids_of(body, SYSTEM_ERROR)))

    def _active_orders(self, request: Request, caller: Caller) -> wire.Json:
        return self._orders(self._venue.exchange.active_orders(caller.user, order_filter(request.query())))

    def _orders(self, views: Any) -> wire.Json:
        return {"orders": [wire.order(view, self._venue.rules[view.pair]) for view in views]}

    def _trade_history(self, request: Request, caller: Caller) -> wire.Json:
        views = self._venue.exchange.trade_history(caller.user, trade_filter(request.query()))
        return {"trades": [wire.trade(view, self._venue.rules[view.pair]) for view in views]}

    def _margin_status(self, request: Request, caller: Caller) -> wire.Json:
        request.query()
        return wire.margin_status(self._venue.exchange.margin_status(caller.user))

    def _margin_positions(self, request: Request, caller: Caller) -> wire.Json:
        request.query()
        return wire.margin_positions(self._venue.exchange.margin_positions(caller.user), self._venue.rules)
