"""How fast one webhook may be used: Discord's published limits, and what its answers say. Pure."""

from collections import deque
from typing import Final

BURST: Final = (5, 2.0)
"""Requests in seconds, for each webhook."""

STEADY: Final = (30, 60.0)
"""Messages in seconds, for each channel."""


class Pace:
    """Keeps the limits; every `now` is seconds of one steady clock."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque(maxlen=max(BURST[0], STEADY[0]))
        self._not_before = 0.0

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next request may leave."""
        until = self._not_before
        for count, span in (BURST, STEADY):
            if len(self._sent) >= count:
                until = max(until, self._sent[-count] + span)
        return max(0.0, until - now)

    def sent(self, now: float) -> None:
        """Count a request."""
        self._sent.append(now)

    def pause(self, now: float, seconds: float) -> None:
        """Send nothing for so long."""
        self._not_before = max(self._not_before, now + seconds)
