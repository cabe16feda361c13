"""The twin's two clocks.

Free-running, for foreign clients: the market's time runs at a stated speed from where it was, while signatures, rate
limits and the streams' cadence read the machine's clock. Lock-step, for our own bot: there is one time for everything,
and it moves only when the driving client says that it waits.
"""

from typing import Protocol

from src.core.domain.time import Millis
from src.core.protocols import Clock


class TwinClock(Protocol):
    """What the twin reads of time."""

    lock_step: bool

    def service(self) -> Millis:
        """Return the time of signatures, limits, tokens and cadences."""
        ...

    def market(self) -> Millis:
        """Return the time the market should have reached."""
        ...

    def skip(self, by: int) -> None:
        """Let the market's time jump ahead by so many milliseconds."""
        ...

    def shift_service(self, by: int) -> None:
        """Let the server's clock be wrong by so many milliseconds more (a fault)."""
        ...


class FreeClock:
    """The market runs `speed` times as fast as the machine's clock.

    Parameters
    ----------
    clock
        The machine's.
    start
        The market's time at the beginning.
    speed
        0 stands still; only `skip` moves the market then.
    """

    lock_step = False

    def __init__(self, clock: Clock, start: Millis, speed: float) -> None:
        self._clock = clock
        self._begun = clock.now()
        self._start = start
        self._speed = speed
        self._wrong_by = 0

    def service(self) -> Millis:
        """Return the machine's time, as wrong as a fault made it."""
        return Millis(self._clock.now() + self._wrong_by)

    def market(self) -> Millis:
        """Return the start plus the time since then at the market's speed."""
        return Millis(self._start + int((self._clock.now() - self._begun) * self._speed))

    def skip(self, by: int) -> None:
        """Move the market's start, and with it its present."""
        self._start = Millis(self._start + by)

    def shift_service(self, by: int) -> None:
        """Add to the error of the service's time."""
        self._wrong_by += by


class LockStepClock:
    """One time for everything; it stands still until `skip`."""

    lock_step = True

    def __init__(self, start: Millis) -> None:
        self._now = start
        self._wrong_by = 0

    def service(self) -> Millis:
        """Return the one time, as wrong as a fault made it."""
        return Millis(self._now + self._wrong_by)

    def market(self) -> Millis:
        """Return the one time."""
        return self._now

    def skip(self, by: int) -> None:
        """Move the time."""
        self._now = Millis(self._now + by)

    def shift_service(self, by: int) -> None:
        """Add to the error of the service's time."""
        self._wrong_by += by
