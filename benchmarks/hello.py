"""A server that does nothing but answer, to show what HTTP costs on this machine: `python -m benchmarks.hello`.

It reads a request and answers the same JSON to each, on the same library and with the same garbage collection as the
twin. Prints its port.
"""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from aiohttp import web

from src.twin.launch import BACKLOG, GC_EVERY
from src.twin.process import ROOT

ANSWER = b'{"success":1,"data":{"order_id":1}}'


class RunningHello(NamedTuple):
    """A started server."""

    pid: int
    port: int


@contextmanager
def started_hello() -> Iterator[RunningHello]:
    """Start the server as a process of its own; it is stopped at the end."""
    command = [sys.executable, "-m", "benchmarks.hello"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            said = process.stdout.readline() if process.stdout else ""
            if not said:
                raise RuntimeError("the server that does nothing did not start")
            yield RunningHello(process.pid, int(said))
        finally:
            process.kill()


async def serve() -> None:
    """Answer until killed."""

    async def answer(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response(body=ANSWER, headers={"Content-Type": "application/json"})

    runner = web.ServerRunner(web.Server(answer, access_log=None, auto_decompress=False))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG).start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_EVERY)
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
