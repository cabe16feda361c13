"""What goes wrong in a month, how often, and why that often: the plan of faults that a rehearsed month is armed with.

    python -m scripts.demo.month_plan            # the table
    python -m scripts.demo.month_plan --rules    # the rules, as the twin takes them

No exchange publishes how often it fails. Where a reason names no source, the rate is ours: so high that the fault is
seen several times in a month, so low that several at once stay rare. `--stress` multiplies all of them.
"""

import argparse
import json
import random
from typing import Any, Final, NamedTuple

MINUTE: Final = 60_000  # milliseconds
DAY: Final = 86_400_000
DAYS: Final = 30
HALF_HOUR: Final = 30 * MINUTE
READ: Final = "GET /v1/*"
ORDER: Final = "POST /v1/user/spot/order"
CANCEL: Final = "POST /v1/user/spot/cancel_order"
ACTIVE: Final = "GET /v1/user/spot/active_orders"
ONE_ORDER: Final = "GET /v1/user/spot/order"
TRADES: Final = "GET /v1/user/spot/trade_history"
ASSETS: Final = "GET /v1/user/assets"
HASTE: Final = 200  # ms of the machine's time for faults that wait: the exchange's time stands still meanwhile

Rule = dict[str, Any]


class Often(NamedTuple):
    """A fault of single calls or messages: it strikes each with a chance."""

    fault: int
    variant: str
    one_in: int
    reason: str
    match: str | None = None
    ms: int | None = None


class Now(NamedTuple):
    """A fault that comes at drawn moments."""

    fault: int
    what: str
    times: int  # in 30 days
    reason: str
    rules: tuple[Rule, ...]  # their `after` counts from the moment
    blocks: int = 0  # milliseconds in which stops, closes or cancels may be impossible


class Plan(NamedTuple):
    """What a twin is armed with."""

    rules: list[Rule]
    blocked: list[tuple[int, int]]  # from and to in ms since the start: nothing may be possible there
    vanished: list[int]  # when resting orders vanish


GATEWAY: Final = "gateways fail for seconds a day: a client that polls meets it every few hours"
NETWORK: Final = "a good line loses one request in thousands"
TAIL: Final = "rare, but each has been reported by users of the interface; here often enough to be seen"
BUSY: Final = "bitbank says so itself when the market moves, which is when orders are sent"
LAG: Final = "lists lag by up to seconds (reported); mostly not"
DRAWN: Final = "a few an hour or a day, as every long connection over the internet"

OFTEN: Final = (
    Often(5, "503", 4_000, GATEWAY, READ),
    Often(3, "504", 8_000, GATEWAY, READ),
    Often(45, "cut", 4_000, NETWORK, "GET *"),
    Often(11, "hang", 40_000, NETWORK, READ),
    Often(9, "truncated", 10_000, TAIL, READ),
    Often(9, "empty", 10_000, TAIL, READ),
    Often(9, "html", 10_000, TAIL, READ),
    Often(9, "no_data", 10_000, TAIL, READ),
    Often(10, "short", 10_000, TAIL, READ),
    Often(8, "json", 5_000, "two programs on one key, or a second counted otherwise than by us", READ),
    Often(8, "html_429", 20_000, TAIL, READ),
    Often(13, "20001", 20_000, TAIL),
    Often(39, "field", 10_000, "fields are added without notice", READ),
    Often(39, "status", 300, TAIL, ONE_ORDER),
    Often(28, "stale", 300, LAG),
    Often(28, "stale", 300, LAG, ASSETS),
    Often(30, "hidden", 50, LAG),
    Often(1, "silence", 60, TAIL),
    Often(1, "silence", 120, TAIL, CANCEL),
    Often(2, "reset", 60, NETWORK),
    Often(2, "reset", 120, NETWORK, CANCEL),
    Often(3, "502", 60, GATEWAY),
    Often(4, "500", 80, GATEWAY),
    Often(5, "503", 60, GATEWAY),
    Often(6, "late", 80, "a queue in front of the engine", None, HASTE),
    Often(7, "created", 80, BUSY),
    Often(7, "not_created", 80, BUSY),
    Often(9, "truncated", 100, TAIL),
    Often(9, "html", 100, TAIL),
    Often(10, "short", 120, TAIL),
    Often(8, "json", 60, TAIL, ORDER),
    Often(16, "10008", 50, BUSY),
    Often(16, "70011", 50, BUSY),
    Often(17, "order_70004", 150, BUSY),
    Often(17, "70013", 80, BUSY),
    Often(22, "canceled", 60, TAIL),
    Often(22, "not_canceled", 60, TAIL),
    Often(27, "50062", 50, "seen whenever the ledger of positions is behind (reported)"),
    Often(29, "50061", 100, "somebody else used the capacity"),
    Often(29, "60011", 150, TAIL),
    Often(36, "before_reply", 20, "the stream is often the faster one", None, HASTE),
    Often(39, "code", 150, "codes are added without notice"),
    Often(31, "stale", 200, "the content network serves old copies for seconds"),
    Often(31, "missing_bar", 2_000, TAIL),
    Often(31, "duplicate", 2_000, TAIL),
    Often(31, "zero", 2_000, TAIL),
    Often(32, "null", 2_000, "no quotes on one side for an instant"),
    Often(33, "disconnect", 4_000, DRAWN),
    Often(36, "5xx", 200, DRAWN),
    Often(36, "duplicated", 100, "delivery is at least once"),
    Often(36, "reordered", 100, TAIL),
    Often(36, "lost", 100, TAIL),
)


def _act(*acts: Rule, after: int = 0) -> Rule:
    return {"where": "time", "after": after, "action": {"do": "act", "acts": list(acts)}}


def _flag(name: str, minutes: int) -> tuple[Rule, ...]:
    return (
        _act({"act": "flags", "flags": {name: True}}),
        _act({"act": "flags", "flags": {name: False}}, after=minutes * MINUTE),
    )


def _mode(minutes: int) -> tuple[Rule, ...]:
    first = {"act": "mode", "mode": "CIRCUIT_BREAK", "fee_type": "SELL_MAKER", "reopen_in": minutes * MINUTE}
    return (
        _act(first),
        _act({"act": "mode", "mode": "RESUMPTION", "fee_type": "SELL_MAKER"}, after=minutes * MINUTE),
        _act({"act": "mode", "mode": "NONE"}, after=(minutes + 1) * MINUTE),
    )


def _clock(ms: int, minutes: int) -> tuple[Rule, ...]:
    return _act({"act": "clock", "ms": ms}), _act({"act": "clock", "ms": -ms}, after=minutes * MINUTE)


USER: Final = "trader"
VANISH: Final = 38

NOW: Final = (
    Now(15, "maintenance for half an hour", 2, "announced ones alone are about monthly", ({"fault": 15},), HALF_HOUR),
    Now(8, "every private call refused with 10009 for 30 s", 3, TAIL, ({"fault": 8, "variant": "burst"},), MINUTE),
    Now(
        19,
        "circuit breaker for ten minutes",
        2,
        "published by the exchange: some a year, in falls",
        _mode(10),
        11 * MINUTE,
    ),
    Now(19, "circuit breaker for a minute", 2, TAIL, _mode(1), 2 * MINUTE),
    Now(
        16,
        "smallest order of 0.01 BTC for ten minutes",
        2,
        BUSY,
        (
            _act({"act": "status", "status": "BUSY", "min_lots": 100}),
            _act({"act": "status", "status": "NORMAL"}, after=10 * MINUTE),
        ),
        10 * MINUTE,
    ),
    Now(
        17,
        "no cancels for two minutes",
        3,
        BUSY,
        ({"fault": 17, "variant": "70004", "times": 0, "lasts": 2 * MINUTE},),
        2 * MINUTE,
    ),
    *(
        Now(18, f"{name} for ten minutes", 1, BUSY, _flag(name, 10), 10 * MINUTE)
        for name in ("stop_order", "stop_market_order")
    ),
    *(
        Now(18, f"{name} for a minute", 1, BUSY, _flag(name, 1), MINUTE)
        for name in ("stop_stop_order", "stop_order_and_cancel")
    ),
    Now(VANISH, "every resting order invalidated", 12, TAIL, ({"fault": VANISH},)),
    Now(12, "clock 4 s ahead for 20 minutes", 2, "NTP that is not running", _clock(4_000, 20), 20 * MINUTE),
    Now(12, "clock 6 s behind for ten minutes", 1, TAIL, _clock(-6_000, 10), 10 * MINUTE),
    Now(
        14,
        "key revoked for 30 minutes",
        1,
        "a person at the wrong button",
        (
            _act({"act": "revoke", "user": USER}),
            _act({"act": "revoke", "user": USER, "revoked": False}, after=30 * MINUTE),
        ),
        HALF_HOUR,
    ),
    Now(
        14,
        "no margin trading for 30 minutes",
        1,
        "a review by the exchange",
        (
            _act({"act": "margin", "user": USER, "enabled": False}),
            _act({"act": "margin", "user": USER, "enabled": True}, after=30 * MINUTE),
        ),
        HALF_HOUR,
    ),
    Now(36, "the stream's token expires early", 6, "beside each twelve hours", ({"fault": 36, "variant": "expired"},)),
    Now(
        37,
        "other names in private messages for a day",
        1,
        "documents and service differ",
        (
            _act({"act": "switches", "switches": {"key_style": "docs"}}),
            _act({"act": "switches", "switches": {"key_style": "live"}}, after=DAY),
        ),
    ),
    Now(35, "the sequence jumps", 1, TAIL, ({"fault": 35},)),
    Now(39, "a message of an unknown kind", 3, "kinds are added without notice", ({"fault": 39, "variant": "method"},)),
    Now(
        41,
        "another fee until the next candle",
        2,
        "campaigns begin and end",
        (_act({"act": "fees", "fees": {"open_taker_ppm": 1_200, "close_taker_ppm": 1_200}}),),
    ),
    Now(
        30,
        "trades are listed three seconds late for an hour",
        12,
        LAG,
        (
            {
                "where": "call",
                "match": TRADES,
                "times": 0,
                "lasts": 60 * MINUTE,
                "action": {"do": "hide", "list": "data.trades", "by": "executed_at", "younger_than": 3_000},
            },
        ),
    ),
    Now(
        30,
        "orders are listed three seconds late for an hour",
        6,
        LAG,
        ({"fault": 30, "variant": "hidden", "lasts": 60 * MINUTE},),
    ),
)

LEFT_OUT: Final = {
    "20, 21, 23, 24, 25, 26, 40, 46": "need a book of orders: in bar mode nobody meets anybody; `drill` has them",
    "33 half_open, join_lost, burst; 11 slow": "need the machine's time, which stands still in lock-step",
    "34": "no depth is followed",
    "42": "a stranger's order: the rehearsal itself makes and takes back some",
    "43": "180 days",
    "44": "the rehearsal itself ends the program",
}


def plan(seed: int, days: int, stress: float = 1.0) -> Plan:
    """Return the plan; moments are drawn in the first `days`, and times in proportion."""
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    made = Plan([_often(each, stress) for each in OFTEN], [], [])
    for now in NOW:
        wanted = now.times * days / DAYS * stress
        times = int(wanted) + (dice.random() < wanted % 1)
        for _ in range(times):
            moment = dice.randrange(int(days * DAY * 0.98))
            made.rules.extend({**rule, "after": rule.get("after", 0) + moment} for rule in now.rules)
            if now.fault == VANISH:
                made.vanished.append(moment)
            if now.blocks:
                made.blocked.append((moment, moment + now.blocks))
    return made


def _often(each: Often, stress: float) -> Rule:
    rule: Rule = {"fault": each.fault, "variant": each.variant, "times": 0}
    rule["probability"] = min(1.0, stress / each.one_in)
    if each.match is not None:
        rule["match"] = each.match
    if each.ms is not None:
        rule["ms"] = each.ms
    return rule


def main() -> None:
    """Print the plan."""
    asked = argparse.ArgumentParser(description="Faults of a rehearsed month.")
    asked.add_argument("--rules", action="store_true")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    if given.rules:
        print(json.dumps({"faults": plan(given.seed, DAYS).rules}, indent=1))
        return
    for each in OFTEN:
        print(f"{each.fault:>3} {each.variant:<13} one in {each.one_in:>6,} {each.match or '':<38} {each.reason}")
    for now in NOW:
        print(f"{now.fault:>3} {now.what:<52} {now.times:>3} in {DAYS} days   {now.reason}")
    print("left out:")
    for numbers, why in LEFT_OUT.items():
        print(f"    {numbers}: {why}")


if __name__ == "__main__":
    main()
