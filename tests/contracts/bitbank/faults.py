"""Arming faults of the catalogue against one user."""

from typing import Any

import requests

from tests.contracts.bitbank.desk import PAIR, PRICE, Desk

ACTIVE = "GET /v1/user/spot/active_orders"
ORDERS = "/v1/user/spot/order"


def arm(desk: Desk, fault: int, variant: str | None = None, **trigger: Any) -> None:
    """Arm a fault by its number, against a desk's user where it is against one."""
    named = {} if variant is None else {"variant": variant}
    desk.twin.arm({"fault": fault, "user": desk.account.user, **named, **trigger})


def raw_order(desk: Desk, price: int = PRICE - 100, amount: str = "0.0100") -> requests.Response:
    """Send a limit order and return the answer, whatever it is."""
    fields = {"pair": PAIR, "side": "buy", "type": "limit", "amount": amount, "price": str(price)}
    return desk.send("POST", ORDERS, desk.encode(fields))


def armed(desk: Desk) -> list[dict[str, Any]]:
    """Return the rules that can still strike."""
    rules: list[dict[str, Any]] = desk.twin.control("GET", "/state")["faults"]
    return rules
