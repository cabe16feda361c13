"""Requests one after the other, no faster than a stated pace."""

import asyncio


class Pace:
    """Gives turns at least `every_s` seconds apart, in the order they were asked for."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next: float | None = None  # on the event loop's own clock, which never goes back
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for the next turn."""
        async with self._queue:
            loop = asyncio.get_running_loop()
            if self._next is not None and self._next > loop.time():
                await asyncio.sleep(self._next - loop.time())
            self._next = loop.time() + self._every_s
