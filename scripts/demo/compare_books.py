"""Compares three accounts of one trading: the trader's journal, the exchange's books, and the report.

It imports nothing of the program: it reads the journal with sqlite3, asks the exchange over HTTP with signatures of its
own, and reads the report's files. Everything is compared exactly, in decimals.

    python scripts/demo/compare_books.py JOURNAL.db http://127.0.0.1:PORT RUN_FOLDER
"""

import argparse
import csv
import hashlib
import hmac
import json
import os
import sqlite3
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

UNIT: Final = Decimal("0.0001")  # JPY in one money unit of BTC/JPY, BTC in one lot
PAGE: Final = 1_000
WINDOW_MS: Final = 60_000
FIRST_ORDER: Final = 40_000_000_000  # id of the first order that a simulated exchange takes
BATCH: Final = 30  # order ids asked for at once
BEYOND: Final = 300  # ids after the newest that is known: other people's and ours come from one counter


class Books:
    """What was found, and whether it is the same everywhere."""

    def __init__(self) -> None:
        self.wrong = 0

    def same(self, what: str, **values: object) -> None:
        """Print one comparison and count it if the values are not all equal."""
        equal = len({str(value) for value in values.values()}) == 1
        self.wrong += not equal
        shown = ", ".join(f"{name} {value}" for name, value in values.items())
        print(f"  {'ok   ' if equal else 'WRONG'} {what}: {shown}")


def main() -> int:
    """Compare, and return 1 if anything differs."""
    asked = argparse.ArgumentParser(description="Compare journal, exchange and report.")
    asked.add_argument("journal", type=Path)
    asked.add_argument("exchange", help="address of the simulated exchange")
    asked.add_argument("run", type=Path, help="folder of the report")
    given = asked.parse_args()
    books = Books()
    compare(books, given.journal, Exchange(given.exchange), given.run)
    print("all agree to the last money unit (0.0001 JPY)" if not books.wrong else f"{books.wrong} differ")
    return 1 if books.wrong else 0


def compare(books: Books, journal: Path, exchange: "Exchange", run: Path) -> None:
    """Compare everything that journal, exchange and report each know."""
    fills, trades, first, last = journal_lines(journal)
    billed = exchange.trades()
    with (run / "trades.csv").open(newline="") as text:
        drawn = list(csv.DictReader(text))
    summary = json.loads((run / "summary.json").read_text(), parse_float=Decimal)
    compare_trades(books, fills, billed)
    compare_positions(books, trades, drawn)
    compare_sums(books, (fills, trades, first, last), billed, exchange.cash(), drawn, summary)


def compare_trades(books: Books, fills: list[dict[str, Any]], billed: list[dict[str, Any]]) -> None:
    """Compare each trade that the exchange billed with the journal's line of it."""
    books.same("trades", journal=len(fills), exchange=len(billed))
    theirs = {int(row["trade_id"]): row for row in billed}
    wrong = [fill["trade_id"] for fill in fills if written(fill) != shown(theirs.get(fill["trade_id"]))]
    books.same("trades that differ in id, order, side, size, price, fee, interest or result", found=wrong, wanted=[])


def written(fill: dict[str, Any]) -> tuple[object, ...]:
    """Return a trade as the journal has it."""
    sums = (fill["fee"], fill["fee_occurred"], fill["interest"], fill["profit"])
    money = tuple(None if value is None else value * UNIT for value in sums)
    side = "buy" if fill["side"] > 0 else "sell"
    return (fill["order_id"], side, fill["position"], fill["lots"] * UNIT, Decimal(fill["price"]), *money)


def shown(row: dict[str, Any] | None) -> tuple[object, ...]:
    """Return a trade as the exchange shows it."""
    if row is None:
        return ()
    names = ("fee_amount_quote", "fee_occurred_amount_quote", "interest", "profit_loss")
    money = tuple(None if row[name] is None else Decimal(row[name]) for name in names)
    return (row["order_id"], row["side"], row["position_side"], Decimal(row["amount"]), Decimal(row["price"]), *money)


def compare_positions(books: Books, trades: list[dict[str, Any]], drawn: list[dict[str, str]]) -> None:
    """Compare each closed position of the journal with the report's line of it."""
    books.same("closed positions", journal=len(trades), report=len(drawn))
    names = ("gross", "fee", "interest", "net", "risk")
    columns = ("gross_jpy", "fee_jpy", "interest_jpy", "net_jpy", "planned_risk_jpy")
    wrong = [
        number
        for number, (trade, line) in enumerate(zip(trades, drawn, strict=False), start=1)
        if [trade[name] * UNIT for name in names] != [Decimal(line[column]) for column in columns]
        or trade["lots"] * UNIT != Decimal(line["amount_btc"])
        or (trade["opened_at"], trade["closed_at"]) != (int(line["opened_at_ms"]), int(line["closed_at_ms"]))
        or (trade["entry"], trade["exit"]) != (Decimal(line["entry"]), Decimal(line["exit"]))
    ]
    books.same("positions that differ", found=wrong, wanted=[])


def compare_sums(
    books: Books,
    journal: tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any], dict[str, Any]],
    billed: list[dict[str, Any]],
    cash: Decimal,
    drawn: list[dict[str, str]],
    summary: dict[str, Any],
) -> None:
    """Compare the sums: result, fees, interest and cash, as each of the three has them."""
    fills, trades, first, last = journal
    open_now = last["holding"]
    for name, theirs, column in (("profit", "profit_loss", "net_jpy"), ("interest", "interest", "interest_jpy"),
                                 ("fee", "fee_amount_quote", "fee_jpy")):  # fmt: skip
        books.same(
            f"sum of {name}",
            exchange=units(sum((Decimal(row[theirs] or 0) for row in billed), Decimal(0))),
            journal=units(sum(fill[name] or 0 for fill in fills) * UNIT),
            report=units(sum((Decimal(line[column]) for line in drawn), Decimal(0)) + open_now[name] * UNIT),
        )
    began, now = first["cash"] * UNIT, last["cash"] * UNIT
    result = sum((Decimal(row["profit_loss"] or 0) for row in billed), Decimal(0))
    books.same("cash", exchange=units(cash), journal=units(now), by_its_trades=units(began + result))
    closed = sum(trade["net"] for trade in trades) * UNIT
    books.same(
        "balance after the last closed position",
        report=units(Decimal(summary["final_balance"])),
        journal=units(began + closed),
        exchange=units(cash - open_now["profit"] * UNIT),
    )


def units(jpy: Decimal) -> Decimal:
    """Return a sum in JPY with as many places as money has; nothing is rounded away unseen."""
    exact = jpy.quantize(UNIT)
    if exact != jpy:
        raise SystemExit(f"{jpy} JPY is no whole number of money units")
    return exact


def journal_lines(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Return the journal's trades, closed positions, and its first and last state."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as plain:
        rows = plain.execute("SELECT kind, body FROM journal_entries ORDER BY number").fetchall()
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for kind, body in rows:
        if kind in {"fill", "trade", "state"}:
            by_kind.setdefault(kind, []).append(json.loads(body))
    states = by_kind["state"]
    return by_kind.get("fill", []), by_kind.get("trade", []), states[0], states[-1]


class Exchange:
    """The exchange's private interface, signed here."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._key, self._secret = os.environ["BITBANK_API_KEY"], os.environ["BITBANK_API_SECRET"]

    def trades(self) -> list[dict[str, Any]]:
        """Return every trade of the account, oldest first."""
        found: dict[int, dict[str, Any]] = {}
        since = 0
        while True:
            data = self._get(f"/v1/user/spot/trade_history?pair=btc_jpy&count={PAGE}&order=asc&since={since}")
            rows = data["trades"]
            found.update({int(row["trade_id"]): row for row in rows})
            if len(rows) < PAGE:
                return [found[number] for number in sorted(found)]
            since = int(rows[-1]["executed_at"])

    def cash(self) -> Decimal:
        """Return the JPY on the account."""
        assets = self._get("/v1/user/assets")["assets"]
        return next(Decimal(asset["onhand_amount"]) for asset in assets if asset["asset"] == "jpy")

    def orders(self, newest: int) -> list[dict[str, Any]]:
        """Return every order the account ever made: every id up to some beyond the newest known is asked for."""
        found: list[dict[str, Any]] = []
        for first in range(FIRST_ORDER, newest + BEYOND, BATCH):
            asked = {"pair": "btc_jpy", "order_ids": list(range(first, first + BATCH))}
            found += self._post("/v1/user/spot/orders_info", json.dumps(asked))["orders"]
        return found

    def _post(self, path: str, body: str) -> dict[str, Any]:
        return self._signed(path, body, body)

    def _get(self, path: str) -> dict[str, Any]:
        return self._signed(path, path, None)

    def _signed(self, path: str, content: str, body: str | None) -> dict[str, Any]:
        now = str(self._a_second_later())
        signed = hmac.new(self._secret.encode(), f"{now}{WINDOW_MS}{content}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "ACCESS-KEY": self._key,
            "ACCESS-REQUEST-TIME": now,
            "ACCESS-TIME-WINDOW": str(WINDOW_MS),
            "ACCESS-SIGNATURE": signed,
        }
        sent = None if body is None else body.encode()
        with urllib.request.urlopen(self._request(path, headers, sent)) as reply:
            envelope = json.loads(reply.read())
        if envelope["success"] != 1:
            raise SystemExit(f"the exchange answered {path} with {envelope}")
        data: dict[str, Any] = envelope["data"]
        return data

    def _a_second_later(self) -> int:
        """Let a second of the exchange's time pass, for its limit of reads in a second, and return its time."""
        token = {"X-Twin-Token": os.environ["TWIN_CONTROL_TOKEN"]}
        with urllib.request.urlopen(self._request("/twin/state", token)) as reply:
            until = json.loads(reply.read())["service"] + 1_000
        body = json.dumps({"until": until, "seen": None}).encode()
        with urllib.request.urlopen(self._request("/twin/wait", token, body)) as reply:
            return int(json.loads(reply.read())["now"])

    def _request(self, path: str, headers: dict[str, str], body: bytes | None = None) -> urllib.request.Request:
        return urllib.request.Request(self._address + path, body, headers)


if __name__ == "__main__":
    raise SystemExit(main())
