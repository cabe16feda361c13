"""What waits to be sent through one webhook: critical notices one by one, others merged with their like. Pure."""

from collections import deque
from typing import NamedTuple

from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import Millis


class Parcel(NamedTuple):
    """A notice, and how many of its like it stands for."""

    notice: Notice
    said: int = 1
    first: Millis = Millis(0)  # stamp of the first of them; the notice is the newest
    record: str = ""  # what keeps a critical one on the disk until it is delivered

    @property
    def like(self) -> tuple[Tier, Topic]:
        """What is merged with what."""
        return self.notice.tier, self.notice.topic


class Outbox:
    """The first of a kind is due at once; its like within `merge_s` after a sending are one, due when that has passed.

    So what waits is bounded by the number of topics, however long nothing can be sent; critical notices are not
    bounded, since none may be lost.

    Parameters
    ----------
    merge_s
        Seconds. Every `now` below is seconds of one steady clock.
    """

    def __init__(self, merge_s: float) -> None:
        self._merge_s = merge_s
        self._critical: deque[Parcel] = deque()
        self._merged: dict[tuple[Tier, Topic], Parcel] = {}
        self._sent_at: dict[tuple[Tier, Topic], float] = {}

    def __len__(self) -> int:
        return len(self._critical) + len(self._merged)

    def put(self, parcel: Parcel) -> None:
        """Add one."""
        if parcel.notice.tier is Tier.CRITICAL:
            self._critical.append(parcel)
            return
        waiting = self._merged.get(parcel.like)
        if waiting is not None:
            newer = max(waiting.notice, parcel.notice, key=lambda notice: notice.at)
            first = min(waiting.first, parcel.first)
            parcel = Parcel(newer, waiting.said + parcel.said, first)
        self._merged[parcel.like] = parcel

    def put_back(self, parcels: list[Parcel]) -> None:
        """Add those again that were taken and could not be sent; they are as urgent as they were."""
        self._critical.extendleft(reversed([p for p in parcels if p.notice.tier is Tier.CRITICAL]))
        for parcel in parcels:
            if parcel.notice.tier is not Tier.CRITICAL:
                self._sent_at.pop(parcel.like, None)
                self.put(parcel)

    def due_in(self, now: float) -> float | None:
        """Return the seconds until something is due, 0 if something is; None if nothing waits."""
        if self._critical:
            return 0.0
        return min((self._wait(like, now) for like in self._merged), default=None)

    def take(self, now: float, count: int, *, all_: bool = False) -> list[Parcel]:
        """Remove and return up to `count` that are due, or any, the most urgent first."""
        taken = [self._critical.popleft() for _ in range(min(count, len(self._critical)))]
        due = [like for like in self._merged if all_ or self._wait(like, now) <= 0]
        for like in sorted(due, key=lambda like: (-like[0], self._merged[like].first))[: count - len(taken)]:
            taken.append(self._merged.pop(like))
            self._sent_at[like] = now
        return taken

    def take_critical(self) -> list[Parcel]:
        """Remove and return all critical ones: they go another way."""
        taken = list(self._critical)
        self._critical.clear()
        return taken

    def _wait(self, like: tuple[Tier, Topic], now: float) -> float:
        sent_at = self._sent_at.get(like)
        return 0.0 if sent_at is None else max(0.0, sent_at + self._merge_s - now)
