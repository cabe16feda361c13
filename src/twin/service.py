"""bitbank's service without its sockets: requests in, replies out, events told to streams."""

from typing import Any, Final, NamedTuple

from src.backtest.simulated_exchange import Refused, UserId
from src.core.domain.time import Millis
from src.twin.accounts import Accounts
from src.twin.authentication import AUTHENTICATION_FAILED, authenticate
from src.twin.dispatch import Dispatch
from src.twin.fault_rules import FaultPlan
from src.twin.private_api import ABSENT, NOT_OFFERED, Caller, PrivateApi
from src.twin.private_stream import PrivateStream
from src.twin.public_api import PublicApi
from src.twin.public_stream import PublicStream
from src.twin.rate_limits import RateLimits, is_update
from src.twin.refusal import CallRefused
from src.twin.reply import TOO_MANY_REQUESTS, Reply, failure, success, unknown_url
from src.twin.request import Request
from src.twin.rooms import Rooms
from src.twin.switches import TwinSwitches
from src.twin.venue import PublicData, Venue

VERSION: Final = "/v1/"
WITHOUT_VERSION: Final = 20018
PRIVATE_TOPS: Final = frozenset({"user", "spot"})


class Admitted(NamedTuple):
    """A private call that may be carried out: it is signed, in time and within the limits."""

    request: Request
    user: UserId


class Service:
    """One exchange's whole service.

    Parameters
    ----------
    venue
        The exchange and its time.
    switches
        The protocol's switches; they can be replaced while it runs.
    """

    def __init__(self, venue: Venue, switches: TwinSwitches, seed: int = 0) -> None:
        self.venue = venue
        self.accounts = Accounts(venue.exchange)
        self.private = PrivateStream()
        self.data = PublicData(venue)
        self.rooms = Rooms(self.data)
        self.faults = FaultPlan(seed)
        self.public = PublicStream(self.strike, self._joined)
        self._private_api = PrivateApi(venue, self.private)
        self._public_api = PublicApi(self.data)
        self._dispatch = Dispatch(venue, self.rooms, self.private, self.strike)
        self.changes = 0  # batches of events, ever: what the saved state is compared with
        self.switch(switches)

    def switch(self, switches: TwinSwitches) -> None:
        """Replace the switches; the rate limits begin anew."""
        self.switches = switches
        self._limits = RateLimits(switches.queries_per_second, switches.updates_per_second, switches.window)

    @property
    def now(self) -> Millis:
        """The service's time."""
        return self.venue.clock.service()

    def strike(self, where: str, what: str) -> list[Any]:
        """Return the faults that hit an occurrence."""
        return self.faults.strike(where, what, self.now)

    def admit(self, request: Request) -> Admitted | Reply:
        """Return a private call that may be carried out, or the answer to anything else."""
        path = request.path
        try:
            if path in {"/spot/pairs", "/v1/spot/pairs"} and request.method == "GET":
                return success(self.data.pair_list())
            if path == "/v1/spot/status" and request.method == "GET":
                return success(self.data.statuses())
            if not path.startswith(VERSION):
                return self._public(request)
            if path.split("/")[2] not in PRIVATE_TOPS:
                return unknown_url()
            return self._signed(request)
        except (Refused, CallRefused) as e:
            return failure(e.code)

    def carry_out(self, call: Admitted) -> Reply:
        """Return the exchange's answer to a private call, and tell what it caused."""
        handler = self._private_api.calls[call.request.method, call.request.path]
        try:
            return success(handler(call.request, Caller(call.user, self.now, self.switches)))
        except (Refused, CallRefused) as e:
            return failure(e.code)
        finally:
            self.tell()

    def catch_up(self) -> None:
        """Let happen what is due, and tell it."""
        self.venue.catch_up()
        self.tell()

    def tell(self) -> None:
        """Pass on what happened on the exchange, and let the rooms speak that are due."""
        now = self.now
        if self._dispatch.route(self.venue.drain(), now, self.switches.key_style):
            self.changes += 1
        self.public.deliver(self.rooms.due(self.public.watched(), now, self.switches))

    def publish(self, user: UserId, message: dict[str, Any]) -> None:
        """Send a private message that no event of the exchange caused (a fault)."""
        self._dispatch.tell(user, message, self.now)

    def _signed(self, request: Request) -> Admitted | Reply:
        key = authenticate(request, self.accounts.keys, self.now, self.switches.bad_signature)
        if not self._limits.admit(key.user, update=is_update(request.method, request.path), now=self.now):
            return failure(TOO_MANY_REQUESTS)
        if (request.method, request.path) in self._private_api.calls:
            return Admitted(request, key.user)
        # Signatures are checked before paths: a misspelt path looks like a wrong signature.
        return failure(NOT_OFFERED if request.path in ABSENT else AUTHENTICATION_FAILED)

    def _public(self, request: Request) -> Reply:
        first = request.path.split("/")[1] if request.path.startswith("/") else ""
        if first in PRIVATE_TOPS:
            raise CallRefused(WITHOUT_VERSION)
        if request.method not in {"GET", "HEAD"}:
            return unknown_url()
        return self._public_api.answer(request.path, self.now, self.venue.exchange.now, self.switches)

    def _joined(self, room: str) -> None:
        self.rooms.joined(room, self.now)
