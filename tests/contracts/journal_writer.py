"""A process that appends to a journal as fast as it can and prints the number of each acknowledged append."""

import asyncio
import itertools
import sys

from sqlalchemy import make_url

from src.core.clock import SystemClock
from src.core.domain.journal import Entry, Kind
from src.trading.journal import open_journal


async def write(address: str) -> None:
    clock = SystemClock()
    journal = await open_journal(make_url(address), clock, owner="writer")
    assert await journal.acquire()
    for append in itertools.count():
        body = {"append": append, "padding": "x" * 2_000}
        number = await journal.append(
            *(Entry(kind, clock.now(), body) for kind in (Kind.INTENT, Kind.FILL, Kind.STATE))
        )
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
