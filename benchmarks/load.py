"""Users who ask a server at a rate, or one request after another, from a client that is light enough to measure with.

What a user sends is signed before the clock starts, valid for a minute and sent again; only a cancel waits for its
order's number and is signed with the answer. One thread, sockets without a library, no garbage collection meanwhile.
"""

import gc
import hashlib
import hmac
import json
import os
import select
import socket
import time
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from src.twin.process import Account

PAIR: Final = "btc_jpy"
WINDOW: Final = 60_000  # ms a signature is valid, the exchange's longest
LONGEST: Final = 45.0  # seconds of a stretch, with room for the last answers in that window
PATIENCE: Final = 10.0  # seconds without an answer
LARGEST: Final = 1 << 16  # bytes read at once
ORDER, ASSETS, CANCEL, ACTIVE = range(4)  # what a user does, in this order


class Seen(NamedTuple):
    """What a stretch of requests was like."""

    requests: int
    seconds: float
    server_cpu: float  # seconds of the server's processor
    own_cpu: float  # seconds of this process's
    latencies: Sequence[float]  # seconds from the moment due to the answer, ascending
    lags: Sequence[float]  # seconds this process came late to what was due, ascending; empty if nothing was due

    def latency(self, part: float) -> float:
        """Return within how many milliseconds a part of the requests was answered."""
        return at(self.latencies, part) * 1_000

    def lag(self, part: float) -> float:
        """Return within how many milliseconds this process came to a part of what was due."""
        return at(self.lags, part) * 1_000


def at(ascending: Sequence[float], part: float) -> float:
    """Return the value that a part of the values does not exceed."""
    return ascending[min(int(len(ascending) * part), len(ascending) - 1)]


class User:
    """A user on a connection that stays open: orders, reads, cancels, reads."""

    def __init__(self, account: Account, port: int, reads: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.busy = False
        self.due = 0.0  # of the request under way
        self.waiting: deque[float] = deque()  # when those are due that its answer holds up
        self._key = account.key
        self._keyed = hmac.new(account.secret.encode(), b"", hashlib.sha256)
        self._reads = reads  # before the first order, so that not all users order in the same moment
        self._kind = ORDER
        self._order = b""  # the number of the open one
        self._ready = [b""] * 4  # requests as sent, by kind
        self._time = ""
        self._answer = b""

    def prepare(self) -> None:
        """Sign what comes next, with the present time."""
        self._time = str(time.time_ns() // 1_000_000)
        order = {"pair": PAIR, "side": "buy", "type": "limit", "amount": "0.0100", "price": "9000000"}
        body = json.dumps({**order, "position_side": "long"}).encode()
        self._ready[ORDER] = self._signed("POST", "/v1/user/spot/order", body)
        self._ready[ASSETS] = self._signed("GET", "/v1/user/assets")
        self._ready[ACTIVE] = self._signed("GET", f"/v1/user/spot/active_orders?pair={PAIR}")
        if self._order:
            self._prepare_cancel()

    def send(self, due: float) -> None:
        """Send the next request."""
        if self._reads:
            self._kind = ASSETS
        request = self._ready[self._kind]
        self.busy, self.due = True, due
        if self.socket.send(request) != len(request):
            raise RuntimeError("the server does not read")

    def answered(self) -> bool:
        """Read; return whether the answer is complete.

        Raises
        ------
        RuntimeError
            If it is not a success, or the connection ended.
        """
        read = self.socket.recv(LARGEST)
        self._answer = answer = self._answer + read if self._answer else read
        if not read:
            raise RuntimeError("the server closed a connection")
        head = answer.find(b"\r\n\r\n")
        length = answer.find(b"Content-Length: ", 0, head)
        if head < 0 or len(answer) < head + 4 + int(answer[length + 16 : answer.find(b"\r", length)]):
            return False
        if not answer.startswith(b'{"success":1,', head + 4):
            raise RuntimeError(f"refused: {answer[head + 4 :].decode(errors='replace')}")
        self._answer = b""
        self.busy = False
        self._go_on(answer)
        return True

    def _go_on(self, answer: bytes) -> None:
        if self._reads:
            self._reads -= 1
            self._kind = ORDER
            return
        if self._kind == ORDER:
            begin = answer.index(b'"order_id":') + 11
            self._order = answer[begin : begin + 20].partition(b",")[0].partition(b"}")[0]
            self._prepare_cancel()
        elif self._kind == CANCEL:
            self._order = b""
        self._kind = (self._kind + 1) % 4

    def _prepare_cancel(self) -> None:
        body = b'{"pair": "%s", "order_id": %s}' % (PAIR.encode(), self._order)
        self._ready[CANCEL] = self._signed("POST", "/v1/user/spot/cancel_order", body)

    def _signed(self, method: str, target: str, body: bytes = b"") -> bytes:
        signature = self._keyed.copy()
        signature.update(f"{self._time}{WINDOW}".encode() + (body or target.encode()))
        return (
            f"{method} {target} HTTP/1.1\r\nHost: twin\r\nContent-Length: {len(body)}\r\n"
            f"ACCESS-KEY: {self._key}\r\nACCESS-SIGNATURE: {signature.hexdigest()}\r\n"
            f"ACCESS-REQUEST-TIME: {self._time}\r\nACCESS-TIME-WINDOW: {WINDOW}\r\n\r\n"
        ).encode() + body


class Load:
    """Users of one server, which is a process of this machine."""

    def __init__(self, accounts: Sequence[Account], port: int, pid: int) -> None:
        self._users = [User(account, port, place % 4) for place, account in enumerate(accounts)]
        self._pid = pid
        self._by_file = {user.socket.fileno(): user for user in self._users}
        self._poll = select.epoll()
        for file in self._by_file:
            self._poll.register(file, select.EPOLLIN)

    def close(self) -> None:
        """Close the connections."""
        self._poll.close()
        for user in self._users:
            user.socket.close()

    def at_even_times(self, rate: float, seconds: float) -> Seen:
        """Let the users ask at a rate, whether or not the answers keep up; one that still waits asks after its answer.

        What a request took counts from the moment it was due.
        """
        total = self._prepare(round(rate * seconds), seconds)
        latencies, lags = array("d", bytes(8 * total)), array("d", bytes(8 * total))
        users, clock = self._users, time.perf_counter
        sent = done = 0
        with without_garbage_collection():
            cpu, own, began = cpu_seconds(self._pid), time.process_time(), clock()
            while done < total:
                while sent < total and (now := clock()) >= (due := began + sent / rate):
                    lags[sent] = now - due
                    user = users[sent % len(users)]
                    user.waiting.append(due) if user.busy else user.send(due)
                    sent += 1
                for user in self._answers(began + sent / rate if sent < total else None):
                    latencies[done] = clock() - user.due
                    done += 1
                    if user.waiting:
                        user.send(user.waiting.popleft())
            took = clock() - began, cpu_seconds(self._pid) - cpu, time.process_time() - own
        return Seen(total, *took, sorted(latencies), sorted(lags))

    def one_after_another(self, seconds: float) -> Seen:
        """Let every user ask again as soon as it has an answer."""
        self._prepare(1, seconds)
        latencies, clock = array("d"), time.perf_counter
        with without_garbage_collection():
            cpu, own, began = cpu_seconds(self._pid), time.process_time(), clock()
            ends = began + seconds
            for user in self._users:
                user.send(clock())
            under_way = len(self._users)
            while under_way:
                for user in self._answers(None):
                    latencies.append((now := clock()) - user.due)
                    if now < ends:
                        user.send(now)
                    else:
                        under_way -= 1
            took = clock() - began, cpu_seconds(self._pid) - cpu, time.process_time() - own
        return Seen(len(latencies), *took, sorted(latencies), ())

    def _prepare(self, total: int, seconds: float) -> int:
        if total < 1 or not 0 < seconds <= LONGEST:
            raise ValueError(f"a stretch is of at least one request and of at most {LONGEST:.0f} seconds")
        for user in self._users:
            user.prepare()
        return total

    def _answers(self, until: float | None) -> Iterator[User]:
        """Wait until there is an answer or it is `until`; yield who has one.

        epoll itself waits whole milliseconds; select waits microseconds, and epoll's descriptor is all it has to watch.
        """
        patience = PATIENCE if until is None else max(0.0, until - time.perf_counter())
        ready, _, _ = select.select([self._poll], [], [], patience)
        if not ready and until is None:
            raise RuntimeError(f"no answer in {PATIENCE:.0f} seconds")
        if ready:
            for file, _ in self._poll.poll(0):
                if (user := self._by_file[file]).answered():
                    yield user


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Keep the garbage collector out of what is measured."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
