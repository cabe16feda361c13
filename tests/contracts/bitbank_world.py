"""A twin with an account on it that bitbank's client trades, for the contract suite and for tests of faults."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from src.core.clock import SystemClock
from src.core.domain.market import BTC_JPY, Side
from src.core.protocols import Clock
from src.data.api_keys import ApiKeys
from src.data.bitbank_margin import BitbankMargin, Terms
from src.twin.process import Account, RunningTwin
from tests.contracts.exchange_contract import PRICE

SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
UNHURRIED = {"queries_per_second": 0, "updates_per_second": 0, "public_lag": 0}
NOTHING: Mapping[str, Any] = MappingProxyType({})
_numbers = itertools.count(1)


class TwinWorld:
    """See `World`; besides, everything that a twin can be told."""

    def __init__(self, twin: RunningTwin, port: BitbankMargin, account: Account, rival: Account) -> None:
        self.twin = twin
        self.port = port
        self.account = account
        self._rival = rival
        self.clock: Any = None  # of a test that drives the time

    def rest(self, side: Side, price: int, lots: int) -> None:
        self._order(self._rival, side=SIDES[side], type="limit", price=str(price), amount=f"{BTC_JPY.amount(lots)}")

    def trade(self, price: int) -> None:
        self.twin.act("trade", price=str(price))

    def stop_flag(self, name: str, raised: bool) -> None:
        self.twin.act("flags", flags={name: raised})

    def arm(self, fault: int, variant: str | None = None, **more: Any) -> None:
        """Arm a fault of the catalogue against this account."""
        named = {} if variant is None else {"variant": variant}
        self.twin.arm({"fault": fault, "user": self.account.user, **named, **more})

    def foreign(self, **fields: Any) -> dict[str, Any]:
        """Order by hand on the account itself."""
        return self._order(self.account, **fields)

    def _order(self, account: Account, **fields: Any) -> dict[str, Any]:
        order = {"pair": BTC_JPY.pair, **fields}
        result: dict[str, Any] = self.twin.act("order", user=account.user, order=order)["order"]
        return result


@asynccontextmanager
async def opened(
    twin: RunningTwin, *, clock: Clock | None = None, limits: Mapping[str, Any] = NOTHING, **terms: Any
) -> AsyncIterator[TwinWorld]:
    """Open an account and a rich rival on a twin, bring its market to the price, and connect a client."""
    twin.control("DELETE", "/faults")
    twin.act("mode", mode="NONE")
    twin.act("status", status="NORMAL")
    twin.act("flags", flags={"stop_stop_order": False, "stop_margin_short_order": False})
    number = next(_numbers)
    account = twin.open_account(f"ours{number}", jpy="10000000")
    rival = twin.open_account(f"theirs{number}", jpy="100000000000", btc="10000")
    twin.act("trade", price=str(PRICE))
    urls = {
        "private_url": twin.rest,
        "public_url": twin.rest,
        "private_stream": twin.announced["private_stream"],
        "public_stream": twin.announced["public_stream"],
    }
    port = BitbankMargin(
        clock or SystemClock(), ApiKeys(account.key, account.secret), BTC_JPY, Terms(**{**urls, **terms}), **limits
    )
    try:
        yield TwinWorld(twin, port, account, rival)
    finally:
        await port.close()
        for name in (account.user, rival.user):
            twin.act("cancel", user=name)
