"""Waits between attempts to connect, doubled each time."""

from typing import Final

from src.core.domain.time import SECOND, Millis
from src.core.protocols import Clock

FIRST: Final = SECOND // 2
LONGEST: Final = 30 * SECOND


class Backoff:
    """Pauses between two attempts to connect.

    Parameters
    ----------
    clock
        Whose time passes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = FIRST

    @property
    def fresh(self) -> bool:
        """Whether nothing has failed since the last success."""
        return self._next == FIRST

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._next = FIRST

    async def wait(self) -> None:
        """Wait, and longer the next time."""
        length = self._next
        self._next = min(self._next * 2, LONGEST)
        await self._clock.sleep_until(Millis(self._clock.now() + length))
