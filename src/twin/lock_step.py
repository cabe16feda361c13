"""Lock-step: one client drives the time. It moves while that client waits, has nothing in flight and nothing unread."""

from typing import NamedTuple

from src.backtest.simulated_exchange import OrderFilter
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError
from src.twin.acts import perform_due
from src.twin.service import Service


class Woken(NamedTuple):
    """Why the wait is over, at what time, and how many stream messages there were so far."""

    now: Millis
    reason: str  # "reached", "event", "unread" or "in_flight"; the time has not moved for the last two
    sent: int


class LockStep:
    """Moves the one time on behalf of the driving client.

    Parameters
    ----------
    service
        Whose clock is in lock-step.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.in_flight = 0  # calls that are being answered

    @property
    def sent(self) -> int:
        """How many stream messages there were so far, public and private."""
        return self._service.public.sent + self._service.private.published()

    def wait(self, until: Millis, seen: int | None) -> Woken:
        """Move the time to `until`, or to the first moment before it at which a stream has something to say.

        Parameters
        ----------
        until
            What the client's own clock waits for.
        seen
            How many stream messages the client has read; None: it does not count, or has just reconnected.

        Raises
        ------
        ConfigError
            If the clock is not in lock-step.
        """
        clock = self._service.venue.clock
        if not clock.lock_step:
            raise ConfigError("this twin's clock runs by itself", remedy="start it with --lock-step")
        before = self.sent
        if self.in_flight:
            return Woken(clock.market(), "in_flight", before)
        if seen is not None and seen < before:
            return Woken(clock.market(), "unread", before)
        while clock.market() < until:
            step = self._next(until)
            clock.skip(step - clock.market())
            self._service.catch_up()
            perform_due(self._service)
            if self.sent > before:
                return Woken(clock.market(), "event", self.sent)
        return Woken(clock.market(), "reached", self.sent)

    def _next(self, until: Millis) -> Millis:
        """Return the next moment at which anyone might notice something."""
        if not self._anyone_cares():
            return until
        service, now = self._service, self._service.venue.clock.market()
        watched = service.public.watched()
        fault = service.faults.next_due(service.now)
        times = [
            until,
            service.venue.next_due(),
            service.rooms.next_due(watched, now, service.switches),
            None if fault is None else Millis(fault - service.now + now),  # a fault may have shifted the service's time
        ]
        return Millis(min(max(at, now + 1) for at in times if at is not None))

    def _anyone_cares(self) -> bool:
        service = self._service
        if service.public.watched() or service.faults.report():
            return True
        exchange = service.venue.exchange
        for name in service.accounts.names():
            user = service.accounts.user(name)
            if exchange.active_orders(user, OrderFilter()):
                return True
            if any(row.lots for row in exchange.margin_positions(user).positions):
                return True
        return False
