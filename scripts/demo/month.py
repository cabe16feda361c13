"""Thirty days of live trading in minutes, with faults and restarts: what months of operation would show.

The trader is the real program as a process, the exchange a twin as another, in lock-step and bar mode on the sample
market. The twin is armed with the plan of scripts/demo/month_plan.py. This program plays everybody else: the system
that ends the trader by SIGTERM or SIGKILL at drawn moments and starts it again later, a stranger who uses the account,
and the person who looks in every half hour and lifts a halt. What is left is judged by scripts/demo/judge_month.py,
which shares no code with the trader.

    python -m scripts.demo.month [--folder logs/month] [--days 30] [--seed 1] [--restarts 8] [--stress 1]
"""

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, NamedTuple

from scripts.demo.live import CONFIG, MAIN, in_turn, start_twin
from scripts.demo.month_plan import DAY, MINUTE, USER, Plan, plan
from src.twin.process import ROOT, RunningTwin

HOUR: Final = 60 * MINUTE
JST: Final = timezone(timedelta(hours=9))
LOOK_S: Final = 0.1  # of the machine's time, between two looks at the exchange's
LOOK_FOR_ORDER_S: Final = 0.005
STOP_S: Final = 10.0  # that whoever ends a program by SIGTERM gives it
KILL_S: Final = 30.0
LONG_LIFE: Final = 60 * HOUR  # one life in twenty: what leaks slowly needs one
FOR_ORDER: Final = 6 * HOUR  # for which an order is waited for, so that the end comes while it is under way
PERSON: Final = 30 * MINUTE  # between two looks of a person
STUCK_S: Final = 300.0  # of the machine's time without any of the exchange's
WATCH_S: Final = 300  # between two looks of the trader at its account
STRANGER: Final = {
    "pair": "btc_jpy",
    "side": "buy",
    "type": "limit",
    "amount": "0.0002",
    "price": "1000000",
    "position_side": "long",
}


class Life(NamedTuple):
    """One process of the trader."""

    number: int
    began: int  # exchange's time, ms
    ended: int
    how: str
    code: int | None
    stopping_s: float  # from SIGTERM to the end
    ready_s: float | None  # from the start to its first line in the journal
    rss_mb: list[tuple[int, float]]  # exchange's time, and what the process took


class Twin:
    """The exchange, as the rehearsal drives it while no trader does."""

    def __init__(self, announced: dict[str, Any]) -> None:
        self._control = announced["control"]
        self._token = announced["control_token"]

    def call(self, what: str, content: dict[str, Any] | None = None, method: str | None = None) -> dict[str, Any]:
        """Ask the control endpoint."""
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self._control}/{what}", body, {"X-Twin-Token": self._token}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                answer: dict[str, Any] = json.loads(reply.read())
        except urllib.error.HTTPError as e:
            raise SystemExit(f"the twin refused {what}: {e.read().decode()}") from e
        return answer

    def now(self) -> int:
        """Return the exchange's time."""
        return int(self.call("state")["market"])

    def move(self, until: int) -> None:
        """Let time pass while nobody trades."""
        while int(self.call("wait", {"until": until, "seen": None})["now"]) < until:
            time.sleep(LOOK_S / 100)


class Month:
    """The rehearsal: lives of the trader one after the other, and what is done to it meanwhile."""

    def __init__(self, given: argparse.Namespace, twin: Twin, armed: Plan, environment: dict[str, str]) -> None:
        self._dice = random.Random(given.seed)  # noqa: S311 - repeatable on purpose
        self._twin = twin
        self._plan = armed
        self._environment = environment
        self._folder: Path = given.folder
        self._journal = given.folder / "state" / "live.db"
        self._restarts = given.restarts
        self.began = twin.now()
        self.ends = self.began + given.days * DAY
        self._until = datetime.fromtimestamp(self.ends / 1_000, JST).replace(tzinfo=None).isoformat()
        self.lives: list[Life] = []
        self.downtimes: list[tuple[int, int]] = []
        self.strangers: list[int] = []
        self._stranger_at = sorted(self._dice.randrange(self.began, self.ends) for _ in range(max(given.days // 10, 1)))
        self._stranger_leaves = 0
        self._person_at = self.began + PERSON
        self.resumed = 0

    def run(self) -> None:
        """Live the whole month."""
        while not self.lives or self.lives[-1].how != "the end":
            life = self._life()
            self.lives.append(life)
            self._write()
            day = (life.ended - self.began) / DAY
            most = max((mb for _, mb in life.rss_mb), default=0.0)
            print(
                f"  day {day:5.2f}  life {life.number:>3}  {life.how:<22} code {life.code}  {most:.0f} MB", flush=True
            )
            if life.how != "the end":
                self._rest(life.ended)

    def _rest(self, since: int) -> None:
        """Let the exchange go on without a trader for a while: a new version, a crash, an outage."""
        length = self._dice.choice([2_000, 10_000, 30_000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR][: 4 + self._rare()])
        until = min(since + length, self.ends)
        self._twin.move(until)
        self.downtimes.append((since, until))

    def _rare(self) -> int:
        return 2 if self._dice.random() < 0.2 else 0

    def _life(self) -> Life:
        """Start the trader, end it at its time, and return what it was."""
        number, began = len(self.lives) + 1, self._twin.now()
        at = began + self._gap(number)
        how = self._dice.choice(["SIGTERM", "SIGKILL", "SIGKILL at an order", "SIGTERM at an order"])
        started = time.monotonic()
        with (self._folder / "trader.log").open("a") as log:
            command = [*MAIN, "--mode", "live", "--config", str(ROOT / CONFIG), "--until", self._until]
            trader = subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log)
        watch = _Watch(trader, self._journal, started)
        try:
            self._watch(watch, at)
            now = self._twin.now()
            if trader.poll() is None and how.endswith("order"):
                self._wait_for_an_order(watch, min(now + FOR_ORDER, self.ends))
            took = 0.0 if trader.poll() is not None else _end(trader, kill=how.startswith("SIGKILL"))
            code = trader.poll()
        finally:
            if trader.poll() is None:
                trader.kill()
                trader.wait(KILL_S)
        ended = self._twin.now()
        if watch.ended_itself:
            how = "the end" if ended >= self.ends else "by itself"
        return Life(number, began, ended, how, code, took, watch.ready_s, watch.rss_mb)

    def _gap(self, number: int) -> int:
        """Return how long a life is to last."""
        if not self._restarts:
            return int(self.ends)
        return LONG_LIFE if number % 20 == 0 else int(self._dice.expovariate(self._restarts / DAY)) + 15 * MINUTE

    def _watch(self, watch: "_Watch", until: int) -> None:
        """Wait until the exchange's time, or until the trader is gone; play the others meanwhile."""
        moved_at, before = time.monotonic(), -1
        while watch.alive():
            now = self._twin.now()
            if now >= until:
                return
            if now > before:
                before, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > STUCK_S:
                raise SystemExit(f"nothing moves any more; see {self._folder / 'trader.log'}")
            watch.sample(now)
            self._play_stranger(now)
            self._play_person(now)
            time.sleep(LOOK_S)

    def _wait_for_an_order(self, watch: "_Watch", until: int) -> None:
        """Wait for the next order that is written down, so that the end comes while it is under way."""
        before, looks = watch.intents(), 0
        while watch.alive() and watch.intents() == before:
            looks += 1
            if looks % 50 == 0:
                now = self._twin.now()
                watch.sample(now)
                if now >= until:
                    return
            time.sleep(LOOK_FOR_ORDER_S)

    def _play_stranger(self, now: int) -> None:
        """Order something by hand, and take it back an hour later."""
        if self._stranger_at and now >= self._stranger_at[0]:
            self._stranger_at.pop(0)
            made = self._twin.call("act", {"act": "order", "user": USER, "order": STRANGER})
            self.strangers.append(int(made["order"]["order_id"]))
            self._stranger_leaves = now + HOUR
        if self._stranger_leaves and now >= self._stranger_leaves:
            self._stranger_leaves = 0
            self._twin.call("act", {"act": "cancel", "user": USER, "order_id": self.strangers[-1]})

    def _play_person(self, now: int) -> None:
        """Look whether trading is halted, and lift it: everything that halts it in this month passes."""
        if now < self._person_at:
            return
        self._person_at = now + PERSON
        if halted(self._journal):
            command = [*MAIN, "resume", "--config", str(ROOT / CONFIG), "--reason", "looked at it"]
            subprocess.run(command, cwd=self._folder, env=self._environment, check=True, capture_output=True)
            self.resumed += 1

    def _write(self) -> None:
        """Keep what was done for the judge."""
        told = {
            "began": self.began,
            "ended": self.ends,
            "watch_ms": WATCH_S * 1_000,
            "lives": [life._asdict() for life in self.lives],
            "downtimes": self.downtimes,
            "blocked": [(self.began + since, self.began + until) for since, until in self._plan.blocked],
            "vanished": [self.began + at for at in self._plan.vanished],
            "strangers": self.strangers,
            "resumed": self.resumed,
        }
        (self._folder / "month.json").write_text(json.dumps(told))


class _Watch:
    """One process of the trader, seen from outside."""

    def __init__(self, trader: "subprocess.Popen[bytes]", journal: Path, started: float) -> None:
        self._trader = trader
        self._journal = journal
        self._started = started
        self._known = newest(journal, "started")
        self._sampled = 0
        self.ready_s: float | None = None
        self.rss_mb: list[tuple[int, float]] = []
        self.ended_itself = False

    def alive(self) -> bool:
        """Return whether it runs; if not, it was not ended from here."""
        if self._trader.poll() is None:
            return True
        self.ended_itself = True
        return False

    def sample(self, now: int) -> None:
        """Note what it takes, and when it was ready."""
        if self.ready_s is None and newest(self._journal, "started") > self._known:
            self.ready_s = time.monotonic() - self._started
        if self.ready_s is None or now < self._sampled + HOUR:
            return
        self._sampled = now
        try:
            status = Path(f"/proc/{self._trader.pid}/status").read_text()
        except OSError:  # no such page on this system, or gone by now
            return
        line = next((line for line in status.splitlines() if line.startswith("VmRSS")), None)
        if line is not None:
            self.rss_mb.append((now, int(line.split()[1]) / 1_024))

    def intents(self) -> int:
        """Return the number of its newest intent's line."""
        return newest(self._journal, "intent")


def _end(trader: "subprocess.Popen[bytes]", *, kill: bool) -> float:
    """End the trader; return how long that took, in seconds."""
    began = time.monotonic()
    trader.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
    try:
        trader.wait(KILL_S)
    except subprocess.TimeoutExpired:
        trader.kill()
        trader.wait(KILL_S)
    return time.monotonic() - began


def newest(journal: Path, kind: str) -> int:
    """Return the number of the newest line of a kind; 0 if there is none yet."""
    found = _ask(journal, "SELECT max(number) FROM journal_entries WHERE kind = ?", kind)
    return int(found or 0)


def halted(journal: Path) -> bool:
    """Return whether the newest state says that trading is halted."""
    found = _ask(journal, "SELECT body FROM journal_entries WHERE kind = ? ORDER BY number DESC LIMIT 1", "state")
    if not isinstance(found, str):
        return False
    book = json.loads(found)
    return bool(book["halted"] or book["state"]["risk"]["halted"])


def _ask(journal: Path, question: str, kind: str) -> Any:
    if not journal.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=5)) as plain:
            row = plain.execute(question, (kind,)).fetchone()
    except sqlite3.OperationalError:  # its tables are being made
        return None
    return None if row is None else row[0]


def main() -> int:
    """Live the month, ask what a trader asks, and let it be judged."""
    asked = argparse.ArgumentParser(description="A month of live trading with faults and restarts.")
    asked.add_argument("--folder", type=Path, default=Path("logs/month"))
    asked.add_argument("--start", default="2023-06-10T09:00", help="first moment of the market (JST)")
    asked.add_argument("--days", type=int, default=30)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--restarts", type=float, default=8, help="a day, on average; 0 for none")
    asked.add_argument("--stress", type=float, default=1, help="multiplies the rates of all faults; 0 for none")
    given = asked.parse_args()
    given.folder = given.folder.resolve()
    shutil.rmtree(given.folder, ignore_errors=True)
    given.folder.mkdir(parents=True)
    began = time.monotonic()
    process, announced = start_twin(given.folder, given.start)
    try:
        twin = Twin(announced)
        armed = plan(given.seed, given.days, given.stress) if given.stress else Plan([], [], [])
        twin.call("faults", {"faults": armed.rules})
        environment = RunningTwin(process, announced).trader_environment(given.folder, exported_settings=True)
        environment["TRADER__EXECUTION__WATCH_SECONDS"] = str(WATCH_S)
        environment["TRADER__EXCHANGE__DEADLINE_S"] = "1"
        environment["TRADER__SIZING__METHOD"] = "fixed_fraction"  # Kelly would hardly trade on what this market earns
        print(
            f"exchange: {announced['rest']} (simulated; no order is real); {len(armed.rules)} faults armed", flush=True
        )
        month = Month(given, twin, armed, environment)
        month.run()
        print(f"lived {given.days} days {len(month.lives)} times in {time.monotonic() - began:.0f} s", flush=True)
        return judged(given.folder, environment, announced, twin)
    finally:
        process.terminate()
        process.wait(timeout=30)


def judged(folder: Path, environment: dict[str, str], announced: dict[str, Any], twin: Twin) -> int:
    """Let the commands of a trader and the third program look at what is left; return the first failure."""
    (folder / "faults.json").write_text(json.dumps(twin.call("state")["faults"]))
    twin.call("faults", method="DELETE")
    run = folder / "report"
    commands: tuple[list[str], ...] = (
        [*MAIN, "account"],
        [*MAIN, "replay"],
        [*MAIN, "report", str(run), "--journal"],
        [sys.executable, "-m", "scripts.demo.judge_month", str(folder), announced["rest"]],
    )
    return in_turn(commands, environment)


if __name__ == "__main__":
    raise SystemExit(main())
