"""The trader as a process, the exchange as another, and a backtest of the same hours: the same decisions and trades."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from src.backtest import BacktestEngine
from src.core.config import load_config
from src.core.domain.orders import ExitReason

ROOT = Path(__file__).resolve().parents[2]
START, UNTIL = "2023-05-01", "2023-05-01T09:45"  # in Japan: an entry, its stop, and another entry
CASH = 10_000_000  # JPY that a twin's user starts with


def lines(folder: Path, kind: str) -> list[dict]:
    with sqlite3.connect(f"file:{folder / 'state' / 'live.db'}?mode=ro", uri=True) as journal:
        rows = journal.execute("SELECT body FROM journal_entries WHERE kind = ? ORDER BY number", (kind,))
        return [json.loads(body) for (body,) in rows]


def trade(folder: Path, twin, until: str, **changed: str) -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "--mode", "live", "--until", until],
        cwd=ROOT, env=twin.trader_environment(folder) | changed,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def compared(folder: Path, twin, *words: str, **changed: str) -> dict:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "compare", "--json", *words],
        cwd=ROOT, env=twin.trader_environment(folder) | changed,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


def test_the_trader_on_an_exchange_decides_and_earns_what_a_backtest_says(start_twin, tmp_path):
    twin = start_twin(data="sample", lock_step=True, bars=True, start=START)
    trade(tmp_path, twin, UNTIL)
    assert [line["differences"] for line in lines(tmp_path, "rules")] == [[]]  # the twin has what is assumed
    decided, traded = lines(tmp_path, "decision")[1:], lines(tmp_path, "trade")  # its first bar closed at the start

    settings = load_config("config/backtest/base.yaml", {})
    engine = BacktestEngine(initial_balance=CASH, config=settings, data="sample")
    run = asyncio.run(engine.run_backtest(datetime(2023, 5, 1), datetime(2023, 5, 2)))  # a naive date is Japan's
    bars = len(decided)
    assert [line["row"]["closed_at"] for line in decided] == run.tape.closed_at[:bars].tolist()
    assert [line["decision"]["reason"] for line in decided] == run.output.reason[:bars].tolist()
    assert [line["decision"]["verdict"]["lots"] for line in decided] == run.output.lots[:bars].tolist()
    assert [line["account"]["equity"] for line in decided] == run.output.equity[:bars].tolist()
    signed = [line["account"]["lots"] * line["account"]["side"] for line in decided]
    assert signed == run.output.position[:bars].tolist()
    assert np.any(run.output.lots[:bars] > 0)

    names = ("side", "lots", "entry", "exit", "fee", "interest", "net", "exit_reason")
    expected = [
        [int(getattr(t, name)) for name in names] for t in run.trades if t.exit_reason != ExitReason.END_OF_DATA
    ]
    found = [[trade[name] for name in names] for trade in traded]
    assert found
    assert found == expected[: len(found)]

    told = compared(tmp_path, twin, "--start", START)
    assert (told["bars"], told["divergences"]) == (bars, [])
    assert set(told["parts_jpy"].values()) == {"0.0000"}
    assert told["billed_jpy"] == told["supposed_jpy"] != "0.0000"


def test_on_a_book_the_trader_decides_alike_and_the_gap_is_told_in_parts(start_twin, tmp_path):
    twin = start_twin(data="sample", lock_step=True, start="2023-05-01T18:00")  # an entry, and its stop in the hour
    own = {"TRADER__EXECUTION__ENTRY": "maker_then_taker"}  # which a backtest takes for a taker
    trade(tmp_path, twin, "2023-05-01T19:05", **own)
    told = compared(tmp_path, twin, **own)
    assert told["refolded"] == told["decided"] == told["bars"] == 5
    assert told["divergences"] == []
    (both,) = told["deals"]
    assert both["billed"]["lots"] == both["supposed"]["lots"] > 0
    parts = {name: Decimal(value) for name, value in told["parts_jpy"].items()}
    assert {name for name, value in parts.items() if value} == {"path", "slippage", "fee"}
    assert parts["fee"] > 0
    assert (
        sum(parts.values()) == Decimal(told["gap_jpy"]) == Decimal(told["billed_jpy"]) - Decimal(told["supposed_jpy"])
    )
