"""Keeps the twin's state on disk."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any, Final, NoReturn

from src.backtest.simulated_exchange import SimulatedExchange
from src.core.domain.time import SECOND
from src.core.exceptions import StoreDamaged
from src.twin.service import Service
from src.twin.state_file import write_state

AT_ONCE: Final = 0
LOOK_EVERY: Final = 0.01  # seconds between two looks whether the copy is done
MODEST: Final = 19  # how far the copy stands back where the machine is full: callers come first


class Keeper:
    """Saves the state after changes.

    Parameters
    ----------
    path
        Where; None keeps nothing.
    every
        Milliseconds between two saves while there are changes: that much can be lost by a kill, nothing by a normal
        end. `AT_ONCE` saves before each change is answered: slow, and nothing that was answered is ever lost.
    """

    def __init__(self, service: Service, path: Path | None, every: int) -> None:
        self._service = service
        self._path = path
        self._every = every
        self._called = 0  # changes that came by a call
        self._saved = (-1, -1)

    def changed(self) -> None:
        """Take note of a change, and save it if every change is to be saved before its answer."""
        self._called += 1
        if self._every == AT_ONCE:
            self.save()

    async def run(self) -> None:
        """Save again and again, whenever something changed."""
        while True:
            await asyncio.sleep((self._every or SECOND) / SECOND)
            if self._every == AT_ONCE or not hasattr(os, "fork"):
                self.save()
            else:
                await self._save_aside()

    async def _save_aside(self) -> None:
        """Save as `save` does, in a copy of this process: writing a large state down would keep callers waiting."""
        mark = (self._called, self._service.changes)
        if self._path is None or mark == self._saved:
            return
        child = os.fork()
        if child == 0:
            _write_and_exit(self._path, self._service)
        try:
            status = _ended(child)
            while status is None:
                await asyncio.sleep(LOOK_EVERY)
                status = _ended(child)
        except asyncio.CancelledError:
            if not _await(child):  # two writers would meet in one file
                self._saved = mark
            raise
        if status:
            self.save()  # which says why it cannot be saved
        else:
            self._saved = mark

    def save(self) -> None:
        """Write the state if it changed."""
        mark = (self._called, self._service.changes)
        if self._path is None or mark == self._saved:
            return
        self._saved = mark
        write_state(self._path, state_of(self._service))


def _write_and_exit(path: Path, service: Service) -> NoReturn:
    """Write the state of this copy of the process, and end it without any of what an end does."""
    status = 1
    try:
        os.nice(MODEST)
        signal.set_wakeup_fd(-1)  # signals are the other's
        write_state(path, state_of(service))
        status = 0
    finally:
        os._exit(status)


def _ended(child: int) -> int | None:
    """Return the status a process ended with; None while it runs."""
    ended, status = os.waitpid(child, os.WNOHANG)
    return status if ended else None


def _await(child: int) -> int:
    return os.waitpid(child, 0)[1]


def state_of(service: Service) -> dict[str, Any]:
    """Return everything that outlives the process."""
    driver = service.venue.driver
    return {
        "exchange": service.venue.exchange.snapshot().decode(),
        "market": None if driver is None else driver.snapshot().decode(),
        "accounts": service.accounts.dump(),
        "channels": service.private.dump(),
    }


def saved_exchange(state: dict[str, Any]) -> SimulatedExchange:
    """Return the exchange of a saved state."""
    try:
        return SimulatedExchange.restore(state["exchange"].encode())
    except (KeyError, AttributeError, UnicodeEncodeError) as e:
        raise StoreDamaged("the saved twin has no exchange in it", remedy="name another file, or remove it") from e


def take_over(service: Service, state: dict[str, Any]) -> None:
    """Give a service the users, keys and channels of a saved state."""
    try:
        service.accounts.load(state["accounts"])
        service.private.load(state["channels"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as e:
        raise StoreDamaged("the saved twin's users cannot be read", remedy="name another file, or remove it") from e
