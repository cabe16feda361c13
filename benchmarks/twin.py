"""Time the twin over HTTP and in lock-step.

    python -m benchmarks.twin              about two minutes
    python -m benchmarks.twin --seconds 5  shorter

Twin and client are processes of one machine. 100 users, each with a connection kept open and a key of its own, sign
each request; limits are off, the state is saved each second. First as many requests as 100 users can make one after
another, then 1,500 a second at even times, with what each took from the moment it was due. Half of the requests change
something. Processor time is the twin's alone.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from src.core.domain.time import DAY, SECOND
from src.twin.process import Account, RunningTwin, started_twin

USERS: Final = 100
RATE: Final = 1_500  # requests a second, offered
PAIR: Final = "btc_jpy"
UNLIMITED: Final = ("--set", "queries_per_second=0", "--set", "updates_per_second=0")
STILL: Final = ("--data", "none", "--speed", "0")


class Seen(NamedTuple):
    """What a stretch of requests was like."""

    requests: int
    seconds: float
    cpu: float  # of the twin
    latencies: list[float]  # seconds, ascending

    def line(self) -> str:
        """Return it in words."""
        at = {
            part: self.latencies[min(int(len(self.latencies) * part), len(self.latencies) - 1)] for part in (0.5, 0.99)
        }
        return (
            f"{self.requests / self.seconds:,.0f} requests a second, {self.requests / self.cpu:,.0f} a second of the "
            f"twin's processor; half within {at[0.5] * 1000:.1f} ms, 99 of 100 within {at[0.99] * 1000:.1f} ms"
        )


class User:
    """A user on a connection that stays open; makes `idle` reads first, so that not all order in the same moment."""

    def __init__(self, account: Account, idle: int) -> None:
        self._account = account
        self._idle = idle
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._number = 0
        self._order: int | None = None

    async def connect(self, port: int) -> None:
        """Open the connection."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)

    async def step(self) -> None:
        """Make the next request: order, read, cancel, read."""
        if self._idle:
            self._idle -= 1
            await self._call("GET", "/v1/user/assets")
            return
        self._number += 1
        kind = self._number % 4
        if kind == 1:
            price = 9_000_000 + self._number % 1_000
            order = {"pair": PAIR, "side": "buy", "type": "limit", "amount": "0.0100", "price": str(price)}
            data = await self._call("POST", "/v1/user/spot/order", {**order, "position_side": "long"})
            self._order = data["order_id"]
        elif kind == 3:
            await self._call("POST", "/v1/user/spot/cancel_order", {"pair": PAIR, "order_id": self._order})
        else:
            await self._call("GET", "/v1/user/assets" if kind else f"/v1/user/spot/active_orders?pair={PAIR}")

    async def _call(self, method: str, target: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        text = b"" if body is None else json.dumps(body).encode()
        at = str(time.time_ns() // 1_000_000)
        signed = at.encode() + b"60000" + (text if method == "POST" else target.encode())
        signature = hmac.new(self._account.secret.encode(), signed, hashlib.sha256).hexdigest()
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: twin\r\nContent-Length: {len(text)}\r\n"
            f"ACCESS-KEY: {self._account.key}\r\nACCESS-SIGNATURE: {signature}\r\n"
            f"ACCESS-REQUEST-TIME: {at}\r\nACCESS-TIME-WINDOW: 60000\r\n\r\n"
        )
        self._writer.write(head.encode() + text)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answered.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        envelope = json.loads(await self._reader.readexactly(length))
        if envelope["success"] != 1:
            raise RuntimeError(f"{method} {target}: {envelope}")
        data: dict[str, Any] = envelope["data"]
        return data


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> str:
    """Return how much memory a process has, and the most it has had."""
    lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()]
    now, most = (next(int(line[1]) for line in lines if line[0] == name) / 1024 for name in ("VmRSS:", "VmHWM:"))
    return f"{now:.0f} MB in use, {most:.0f} MB at most"


async def one_after_another(users: list[User], pid: int, seconds: float) -> Seen:
    """Let every user ask again as soon as it has an answer."""
    latencies: list[float] = []
    ends = time.perf_counter() + seconds

    async def go(user: User) -> None:
        while (began := time.perf_counter()) < ends:
            await user.step()
            latencies.append(time.perf_counter() - began)

    cpu, began = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(go(user) for user in users))
    return Seen(len(latencies), time.perf_counter() - began, cpu_seconds(pid) - cpu, sorted(latencies))


async def at_even_times(users: list[User], pid: int, seconds: float) -> Seen:
    """Let the users ask at a rate, whether or not the answers keep up."""
    latencies: list[float] = []
    cpu, began = cpu_seconds(pid), time.perf_counter()

    async def go(place: int, user: User) -> None:
        for i in range(int(RATE * seconds / len(users))):
            due = began + (i * len(users) + place) / RATE
            await asyncio.sleep(max(0, due - time.perf_counter()))
            await user.step()
            latencies.append(time.perf_counter() - due)

    await asyncio.gather(*(go(place, user) for place, user in enumerate(users)))
    return Seen(len(latencies), time.perf_counter() - began, cpu_seconds(pid) - cpu, sorted(latencies))


async def over_http(twin: RunningTwin, seconds: float) -> None:
    """Measure both ways of asking."""
    users = [User(account, place % 4) for place, account in enumerate(twin.accounts)]
    for user in users:
        await user.connect(int(twin.rest.rpartition(":")[2]))
    pid = twin.process.pid
    await one_after_another(users, pid, 1)
    say(f"one after another: {(await one_after_another(users, pid, seconds)).line()}")
    say(f"{RATE:,} a second offered: {(await at_even_times(users, pid, seconds)).line()}")
    say(f"memory of the twin: {memory(pid)}")


def lock_step(days: int) -> None:
    """Time days of the sample market with an idle client that drives the clock."""
    with started_twin("--data", "sample", "--lock-step", "--start", "2023-01-01") as twin:
        now = twin.announced["market_time"]
        pid, before, began = twin.process.pid, cpu_seconds(twin.process.pid), time.perf_counter()
        woken = twin.control("POST", "/wait", {"until": now + DAY})
        took, cpu = time.perf_counter() - began, cpu_seconds(pid) - before
        say(f"a day in lock-step, idle client: {took:.1f} s, {cpu:.1f} s of processor ({woken['reason']})")
        for day in range(2, days + 1):
            twin.control("POST", "/wait", {"until": now + day * DAY})
        cpu = cpu_seconds(pid) - before
        say(f"after {days} days in lock-step: {memory(pid)}, {cpu:.0f} s of processor")


def say(line: str) -> None:
    """Print."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15, help="of each way of asking")
    parser.add_argument("--days", type=int, default=30, help="in lock-step")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = ("--state", str(Path(folder) / "twin.json"), "--save-every", str(SECOND))
        with started_twin(*STILL, *UNLIMITED, "--accounts", str(USERS), *state) as twin:
            asyncio.run(over_http(twin, given.seconds))
    lock_step(given.days)


if __name__ == "__main__":
    main()
