"""Judges a month that scripts/demo/month.py has lived: orders, money, protection, memory and ends.

It imports nothing of the program: like compare_books, which it begins with, it reads the journal with sqlite3, asks the
exchange over HTTP, and reads the report and the log.

    python -m scripts.demo.judge_month FOLDER http://127.0.0.1:PORT
"""

import argparse
import json
import re
import sqlite3
import statistics
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from scripts.demo.compare_books import Books, Exchange, compare

HOUR: Final = 3_600_000  # milliseconds
DAY: Final = 24 * HOUR
MOST_MB: Final = 250.0
GROWTH: Final = 1.1  # of what a life took after its first hours, and of the first lives
SETTLED: Final = 6 * HOUR  # after its start a life has everything loaded
STOP_S: Final = 10.0
BOUND: Final = 10_000 + 2_000  # naked: what may pass before the position is closed instead, and a restart
EACH_LOST: Final = 6_000  # … and for each stop or close that got lost or was refused: so long it is waited for
TROUBLE: Final = re.compile(
    r"tasks were left|"
    r"Traceback \(most recent call last\)|was never retrieved|Task was destroyed|was never awaited|Unclosed"
)
ALLOWED: Final = {"SIGTERM": 0, "SIGTERM at an order": 0, "SIGKILL": -9, "SIGKILL at an order": -9, "the end": 0}

Line = dict[str, Any]


def main() -> int:
    """Judge, and return 1 if anything is wrong."""
    asked = argparse.ArgumentParser(description="Judge a rehearsed month.")
    asked.add_argument("folder", type=Path)
    asked.add_argument("exchange", help="address of the simulated exchange")
    given = asked.parse_args()
    told = json.loads((given.folder / "month.json").read_text())
    lines = journal(given.folder / "state" / "live.db")
    exchange = Exchange(given.exchange)
    books = Books()
    compare(books, given.folder / "state" / "live.db", exchange, given.folder / "report")
    judge_orders(books, lines, exchange, set(told["strangers"]))
    judge_protection(books, lines, told)
    judge_processes(books, told, logged(given.folder))
    judge_memory(books, told)
    tell(lines, told)
    print("nothing is wrong" if not books.wrong else f"{books.wrong} are wrong")
    return 1 if books.wrong else 0


def logged(folder: Path) -> str:
    """Return what the program said: its log, and what came out beside it."""
    files = (folder / "trader.log", *sorted((folder / "logs").glob("trader.log*")))
    return "\n".join(file.read_text(errors="replace") for file in files)


def journal(path: Path) -> dict[str, list[Line]]:
    """Return the journal's bodies by kind, each with the time of its line as `at`."""
    found: dict[str, list[Line]] = {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as plain:
        for kind, at, body in plain.execute("SELECT kind, at, body FROM journal_entries ORDER BY number"):
            found.setdefault(kind, []).append({"at": at, **json.loads(body)} if kind != "state" else json.loads(body))
    return found


def judge_orders(books: Books, lines: dict[str, list[Line]], exchange: Exchange, strangers: set[int]) -> None:
    """Compare every order the exchange ever had of this account with what the journal says was sent."""
    states = lines["state"]
    newest = max(states[-1]["last_order"], *strangers, *(o for line in states[-1:] for o in line["answered"]), 0)
    made = {int(row["order_id"]): row for row in exchange.orders(newest)}
    ours = {number: row for number, row in made.items() if number not in strangers}
    answered: dict[int, list[int]] = {}
    for line in lines.get("outcome", []):
        ids = [line["order_id"]] if "order_id" in line else line.get("orders", [])
        for number in ids:
            answered.setdefault(int(number), []).append(int(line["intent"]))
    intents = {line["number"]: line for line in lines.get("intent", [])}
    doubled = Counter(intent for found in answered.values() for intent in found)
    books.same("orders of ours", exchange=len(ours), journal=len(answered))
    books.same("orders that the journal does not know", found=sorted(set(ours) - set(answered)), wanted=[])
    books.same("orders that the exchange does not know", found=sorted(set(answered) - set(ours)), wanted=[])
    books.same("intents with more than one order", found=[i for i, n in doubled.items() if n > 1], wanted=[])
    books.same("orders with more than one intent", found=[o for o, i in answered.items() if len(i) > 1], wanted=[])
    unlike = [
        number for number, found in answered.items() if number in ours and not alike(intents[found[0]], ours[number])
    ]
    books.same("orders unlike their intent", found=unlike, wanted=[])
    books.same("open doubts at the end", found=states[-1]["pending"], wanted=None)


def alike(intent: Line, row: Line) -> bool:
    """Return whether an order is what was to be sent."""
    side = "buy" if intent["side"] > 0 else "sell"
    lots = round(float(row["start_amount"]) * 10_000) if row.get("start_amount") is not None else intent["lots"]
    return (row["side"], row["type"], lots) == (side, intent["type"], intent["lots"])


def judge_protection(books: Books, lines: dict[str, list[Line]], told: dict[str, Any]) -> None:
    """Hold every interval without full protection against its bound, less the time in which nothing could be done."""
    blocked = [*told["downtimes"], *told["blocked"]]
    lost = [line["at"] for line in lines.get("outcome", []) if line["outcome"] in {"unknown", "refused"}]
    late, unseen = [], [0]
    for line in lines.get("naked", []):
        since, until = line["since"], line["since"] + line["ms"]
        bound = BOUND + EACH_LOST * sum(since <= at <= until for at in lost)
        vanished = [at for at in told["vanished"] if since - told["watch_ms"] <= at <= since]
        if vanished:  # the trader counts from when it saw it: the stream tells it, or else its next look
            seen = since - max(vanished)
            since, bound = max(vanished), bound + seen
            unseen.append(seen)
        if outside(since, until, blocked) > bound:
            late.append((since, until - since, bound))
    books.same("intervals without a stop beyond the bound", found=late, wanted=[])
    most = told["watch_ms"]
    books.same("stops whose end was not seen within the watch", found=[ms for ms in unseen if ms > most], wanted=[])
    books.same("ends by SIGTERM that left lots without a stop", found=left_bare(lines, told), wanted=[])
    books.same("naked at the end since", found=lines["state"][-1]["naked_since"], wanted=0)


def left_bare(lines: dict[str, list[Line]], told: dict[str, Any]) -> list[int]:
    """Return when the trader ended in order and left lots without a stop, though it could have placed one."""
    stopped = [line for line in lines.get("stopped", []) if abs(line["position"]) > line["protected"]]
    return [line["at"] for line in stopped if not any(b <= line["at"] <= e for b, e in told["blocked"])]


def outside(since: int, until: int, blocked: list[list[int]]) -> int:
    """Return how much of an interval lies outside all the others."""
    left, at = 0, since
    for begins, ends in sorted((max(b, since), min(e, until)) for b, e in blocked if b < until and e > since):
        left += max(begins - at, 0)
        at = max(at, ends)
    return left + max(until - at, 0)


def judge_processes(books: Books, told: dict[str, Any], log: str) -> None:
    """Look how each process ended, and what it said."""
    lives = told["lives"]
    odd = [(life["number"], life["how"], life["code"]) for life in lives if life["code"] != ALLOWED.get(life["how"])]
    books.same("lives that ended otherwise than they were ended", found=odd, wanted=[])
    slow = [life["number"] for life in lives if life["stopping_s"] > STOP_S]
    books.same(f"lives that took longer than {STOP_S:g} s to stop", found=slow, wanted=[])
    books.same("unhandled errors in the log", found=sorted(set(TROUBLE.findall(log))), wanted=[])


def judge_memory(books: Books, told: dict[str, Any]) -> None:
    """Look whether memory is bounded, and whether it grows within a life or from life to life."""
    lives = [life for life in told["lives"] if life["rss_mb"]]
    most = {life["number"]: peak(life) for life in lives}
    books.same(f"lives that took {MOST_MB:g} MB", found=[n for n, mb in most.items() if mb >= MOST_MB], wanted=[])
    growing = []
    for life in lives:
        settled = [mb for at, mb in life["rss_mb"] if life["began"] + SETTLED <= at < life["began"] + 2 * SETTLED]
        later = [mb for at, mb in life["rss_mb"] if at >= life["began"] + 4 * SETTLED]
        if settled and later and max(later) > GROWTH * max(settled):
            growing.append((life["number"], round(max(settled)), round(max(later))))
    books.same("lives that grew by more than a tenth after their first half day", found=growing, wanted=[])
    third = max(len(lives) // 3, 1)
    early, late = (statistics.median(map(peak, some)) for some in (lives[:third], lives[-third:]))
    books.same("the last lives took more than a tenth more than the first", found=late > GROWTH * early, wanted=False)
    highest = max(most.values())
    print(f"  memory: median of the first lives {early:.0f} MB, of the last {late:.0f} MB, most {highest:.0f} MB")


def peak(life: Line) -> float:
    """Return the most that a life took."""
    return max(float(mb) for _, mb in life["rss_mb"])


def tell(lines: dict[str, list[Line]], told: dict[str, Any]) -> None:
    """Print what the month was."""
    days: dict[int, float] = {}
    for life in told["lives"]:
        for at, mb in life["rss_mb"]:
            day = (at - told["began"]) // DAY + 1
            days[day] = max(days.get(day, 0.0), mb)
    print("  MB a day: " + " ".join(f"{mb:.0f}" for _, mb in sorted(days.items())))
    print(
        "  ends: " + ", ".join(f"{how} {n}" for how, n in Counter(life["how"] for life in told["lives"]).most_common())
    )
    stops = [life["stopping_s"] for life in told["lives"] if life["how"].startswith("SIGTERM")]
    ready = [life["ready_s"] for life in told["lives"] if life["ready_s"] is not None]
    if stops:
        print(f"  SIGTERM to the end: median {statistics.median(stops):.1f} s, most {max(stops):.1f} s")
    if ready:
        others = statistics.median(ready[1:] or ready)
        print(f"  start to ready: first {ready[0]:.1f} s, median of the others {others:.1f} s")
    outcomes = Counter(line["outcome"] for line in lines.get("outcome", []) if "intent" in line)
    print(f"  intents {len(lines.get('intent', []))}: " + ", ".join(f"{k} {n}" for k, n in outcomes.most_common()))
    naked = sorted(line["ms"] for line in lines.get("naked", []))
    if naked:
        print(f"  naked {len(naked)} times: median {statistics.median(naked):.0f} ms, most {naked[-1]:,} ms")
    alarms = Counter(line.get("topic", line.get("what", "")) for line in lines.get("alarm", []))
    print("  alarms: " + ", ".join(f"{k} {n}" for k, n in alarms.most_common()))
    print(f"  positions closed {len(lines.get('trade', []))}, candles decided on {len(lines.get('decision', []))}")


if __name__ == "__main__":
    raise SystemExit(main())
