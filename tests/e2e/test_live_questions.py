"""Doctor, account and the demo, as processes beside an exchange that is one, too."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from scripts.demo.compare_books import Books, compare_positions, compare_trades
from tests.e2e.test_live_process import ROOT


def run(folder: Path, twin, *words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", str(ROOT / "main.py"), *words],
        cwd=ROOT,
        env=twin.trader_environment(folder) | changed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def twin(start_twin):
    return start_twin(data="sample", lock_step=True, bars=True, start="2023-05-01")


def test_doctor_finds_nothing_in_the_way_and_says_what_it_cannot_know(twin, tmp_path):
    done = run(tmp_path, twin, "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {each["what"]: each for each in json.loads(done.stdout)}
    assert {name for name, each in found.items() if each["level"] == "OK"} >= {
        "config", "candles", "keys", "trade", "margin", "clock", "pair", "mode"
    }  # fmt: skip
    assert {found[name]["level"] for name in ("withdraw", "webhook", "model", "journal")} == {"WARN"}
    assert twin.announced["accounts"][0]["secret"] not in done.stdout + done.stderr


def test_a_question_does_not_let_the_market_go_on_without_its_trader(twin, tmp_path):
    begun = twin.announced["market_time"]
    for words in (("doctor",), ("account",)):  # without a journal yet, account reads nothing
        run(tmp_path, twin, *words)
    request = urllib.request.Request(
        f"{twin.announced['control']}/state", headers={"X-Twin-Token": twin.announced["control_token"]}
    )
    with urllib.request.urlopen(request) as reply:
        now = json.loads(reply.read())["market"]
    assert now - begun <= 2_000


def test_doctor_fails_on_a_key_that_the_exchange_does_not_know(twin, tmp_path):
    done = run(tmp_path, twin, "doctor", BITBANK_API_KEY="0" * 36)
    assert done.returncode == 1
    assert "FAIL APIキー(読み取り)" in done.stdout
    assert "→" in done.stdout


def test_doctor_fails_where_keys_and_exchange_are_missing(tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TRADER__", "BITBANK"))}
    env |= {"TRADER__JOURNAL__FOLDER": str(tmp_path), "TRADER__DATA__TRADING": str(tmp_path / "candles")}
    done = subprocess.run(
        [sys.executable, "-B", "main.py", "doctor", "--json"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    failed = {each["what"]: each["remedy"] for each in json.loads(done.stdout) if each["level"] == "FAIL"}
    assert "BITBANK_API_KEY" in failed["keys"]


def test_the_demo_trades_asks_and_agrees_to_the_last_money_unit(tmp_path):
    given = ["--folder", str(tmp_path / "demo"), "--start", "2023-05-01", "--days", "1"]
    done = subprocess.run(
        [sys.executable, "scripts/demo/live.py", *given],
        cwd=ROOT, env=os.environ | {"TRADER__LANGUAGE": "en"}, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "journal and exchange agree to the money unit" in done.stdout
    assert "exchange read at 2023-05-02 00:00 JST" in done.stdout  # the market has not gone on since the trader stopped
    assert "all with the same hash" in done.stdout
    assert done.stdout.rstrip().endswith("all agree to the last money unit (0.0001 JPY)")
    assert (tmp_path / "demo/report/report.html").is_file()


FILL = {
    "trade_id": 7, "order_id": 9, "side": 1, "position": "long", "lots": 12, "price": 4_000_000, "fee": 0,
    "fee_occurred": 48_000, "interest": 0, "profit": 0,
}  # fmt: skip
BILLED = {
    "trade_id": 7, "order_id": 9, "side": "buy", "position_side": "long", "amount": "0.0012", "price": "4000000",
    "fee_amount_quote": "0.0000", "fee_occurred_amount_quote": "4.8000", "interest": "0.0000", "profit_loss": "0.0000",
}  # fmt: skip


@pytest.mark.parametrize(("field", "wrong"), [(None, 0), ("fee_occurred", 1), ("lots", 1), ("order_id", 1)])
def test_the_third_program_notices_one_unit(field, wrong):
    books = Books()
    compare_trades(books, [FILL if field is None else FILL | {field: FILL[field] + 1}], [BILLED])
    assert books.wrong == wrong


def test_the_third_program_notices_a_position_that_the_report_has_otherwise():
    trade = {
        "gross": 10, "fee": 2, "interest": 1, "net": 7, "risk": 5, "lots": 1, "opened_at": 1, "closed_at": 2,
        "entry": 100, "exit": 110,
    }  # fmt: skip
    line = {
        "gross_jpy": "0.0010", "fee_jpy": "0.0002", "interest_jpy": "0.0001", "net_jpy": "0.0007",
        "planned_risk_jpy": "0.0005", "amount_btc": "0.0001", "opened_at_ms": "1", "closed_at_ms": "2",
        "entry": "100", "exit": "110",
    }  # fmt: skip
    books = Books()
    compare_positions(books, [trade], [line])
    assert books.wrong == 0
    compare_positions(books, [trade], [line | {"net_jpy": "0.0008"}])
    assert books.wrong == 1
