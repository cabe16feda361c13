"""REST calls with their faults, without their sockets."""

import asyncio
from collections.abc import Callable
from typing import Final

from src.core.domain.time import SECOND
from src.twin.acts import perform_due, perform_planned
from src.twin.call_faults import CallFaults, filled
from src.twin.lock_step import LockStep
from src.twin.rate_limits import is_update
from src.twin.reply import Reply, failure
from src.twin.request import BAD_REQUEST, Request
from src.twin.service import Admitted, Service

KEPT_ANSWERS: Final = 1_000
PUBLIC: Final = -1  # in place of a user


class Calls:
    """Answers REST calls, public and private, as faulty as the plan wants it.

    Parameters
    ----------
    service
        What answers.
    lock_step
        Told which calls are being answered.
    changed
        Called after a call that may have changed something, before it is answered.
    """

    def __init__(self, service: Service, lock_step: LockStep, changed: Callable[[], None]) -> None:
        self._service = service
        self._lock_step = lock_step
        self._changed = changed
        self._previous: dict[tuple[int, str], Reply] = {}  # answers by user and target, for faults that repeat one

    async def answer(self, asked: Request) -> tuple[Reply, CallFaults]:
        """Return the answer to a call, and what the connection is to do to it."""
        service = self._service
        if not service.venue.clock.lock_step:
            service.catch_up()
        perform_due(service)
        faults = CallFaults(service.strike("call", f"{asked.method} {asked.path}"))
        self._lock_step.in_flight += 1
        try:
            reply = await self._reply(asked, faults)
            if wait := faults.delay(before=False):
                await asyncio.sleep(wait / SECOND)
        finally:
            self._lock_step.in_flight -= 1
        return reply, faults

    async def _reply(self, asked: Request, faults: CallFaults) -> Reply:
        for act in faults.acts():
            perform_planned(self._service, filled(act, asked.body))
        admitted = self._service.admit(asked)
        if wait := faults.delay(before=True):
            await asyncio.sleep(wait / SECOND)
            self._service.catch_up()
        if not isinstance(admitted, Admitted):
            return self._remembered(PUBLIC, asked, admitted, faults)
        reply = self._service.carry_out(admitted) if faults.processed else failure(BAD_REQUEST)
        if is_update(asked.method, asked.path):
            self._changed()
        return self._remembered(admitted.user, asked, reply, faults)

    def _remembered(self, user: int, asked: Request, reply: Reply, faults: CallFaults) -> Reply:
        """Return the answer after its faults, and keep it for a fault that repeats it (`PUBLIC`: anyone)."""
        what = user, f"{asked.method} {asked.target}"
        result = faults.changed(reply, self._previous.get(what), self._service.venue.exchange.now)
        if asked.method == "GET" and not (faults.stale and what in self._previous):
            if len(self._previous) >= KEPT_ANSWERS:
                self._previous.clear()
            self._previous[what] = reply
        return result
