"""One bounded queue for what both streams say."""

import asyncio
from typing import Final

from src.core.domain.events import ExchangeEvent, StreamUp
from src.core.protocols import Clock

LONGEST: Final = 10_000


class EventQueue:
    """Events in the order in which they came.

    When it is full, private events make their stream wait (the exchange keeps what was not fetched), while public
    ones are dropped and, once there is room again, a `StreamUp` says that something was missed.

    Parameters
    ----------
    clock
        Stamps what the queue says itself.
    longest
        Events it holds.
    """

    def __init__(self, clock: Clock, longest: int = LONGEST) -> None:
        self._clock = clock
        self._events: asyncio.Queue[ExchangeEvent | None] = asyncio.Queue(longest)
        self._failed: BaseException | None = None
        self._missed = False
        self._asking = 0

    @property
    def idle(self) -> bool:
        """Whether nobody is about to read an event.

        A reader that does not ask for the next one still deals with the one before: it computes, waits for an answer,
        or waits for time.
        """
        return self._events.empty() or self._asking == 0

    async def get(self) -> ExchangeEvent:
        """Wait for the next event.

        Raises
        ------
        BaseException
            What ended a stream for good, once everything before it was read.
        """
        self._asking += 1
        try:
            if self._failed is not None and self._events.empty():
                raise self._failed
            event = await self._events.get()
        finally:
            self._asking -= 1
        if event is None:
            raise self._failed or RuntimeError("a stream ended")
        return event

    def fail(self, error: BaseException) -> None:
        """Let readers have what ended a stream, a fault of this program."""
        self._failed = error
        if not self._events.full():
            self._events.put_nowait(None)

    async def put(self, event: ExchangeEvent) -> None:
        """Add an event, waiting for room."""
        await self._events.put(event)

    def offer(self, event: ExchangeEvent) -> None:
        """Add a public event if there is room."""
        if self._missed and self._events.qsize() < self._events.maxsize - 1:
            self._missed = False
            self._events.put_nowait(StreamUp(False, self._clock.now()))
        try:
            if not self._missed:
                self._events.put_nowait(event)
        except asyncio.QueueFull:
            self._missed = True
