"""How often a user may call: so many reads and so many changes a second, across all of the user's keys."""

from collections import defaultdict, deque
from enum import StrEnum
from typing import Final

from src.core.domain.time import SECOND, Millis

UPDATES: Final = frozenset(
    {
        "/v1/user/spot/order",
        "/v1/user/spot/cancel_order",
        "/v1/user/spot/cancel_orders",
        "/v1/user/request_withdrawal",
    }
)
"""The calls (by POST) that count as changes; `orders_info` is a POST that reads."""


class Window(StrEnum):
    """How a second is counted; bitbank does not say."""

    SLIDING = "sliding"
    FIXED = "fixed"


class RateLimits:
    """Admits calls.

    Parameters
    ----------
    queries, updates
        Calls a second; 0 is no limit.
    """

    def __init__(self, queries: int, updates: int, window: Window) -> None:
        self._limits = {False: queries, True: updates}
        self._window = window
        self._admitted: defaultdict[tuple[int, bool], deque[Millis]] = defaultdict(deque)

    def admit(self, user: int, *, update: bool, now: Millis) -> bool:
        """Return whether a call at `now` is within the limit; a refused call does not count."""
        limit = self._limits[update]
        if not limit:
            return True
        since = now - SECOND if self._window is Window.SLIDING else now // SECOND * SECOND - 1
        admitted = self._admitted[user, update]
        while admitted and not since < admitted[0] <= now:  # also when the clock was set back
            admitted.popleft()
        if len(admitted) >= limit:
            return False
        admitted.append(now)
        return True


def is_update(method: str, path: str) -> bool:
    """Return whether a call changes something, as the limits see it."""
    return method == "POST" and path in UPDATES
