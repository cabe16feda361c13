"""What the dashboard shows is what the journal holds, and what has not changed is not read twice."""

import json
import shutil
import sqlite3

import pytest

from src.core.domain.journal import Kind
from src.core.domain.market import BTC_JPY
from src.core.domain.orders import Reason
from src.core.domain.reason_words import REASON_WORDS
from src.core.domain.time import BAR_15M, DAY, Millis, format_jst
from src.core.orchestration.questions.overview import WINDOWS, Overview
from src.core.orchestration.questions.status_page import status_lines
from src.core.orchestration.questions.trader_status import read_status
from src.trading.journal import JournalReader
from src.trading.journal.database import database_url
from tests.trader_journal import DAYS, FIRST

END = Millis(FIRST + DAYS * DAY)


@pytest.fixture
def reader(traded):
    with JournalReader(database_url(traded.journal, {})) as opened:
        yield opened


@pytest.fixture
def shown(traded, reader):
    return Overview(reader, traded.settings).read(END, 7)


def test_every_decision_is_shown_the_newest_first(traded, shown):
    judged = traded.desk.cycle.judged
    assert [each["at"] for each in shown["decisions"]] == [each.row.closed_at for each in reversed(judged)]
    assert [each["reason"] for each in shown["decisions"]] == [
        Reason(each.decision.reason).name for each in reversed(judged)
    ]
    first, newest = shown["decisions"][0], judged[-1]
    assert first["time"] == format_jst(newest.row.closed_at)
    assert first["words"] == REASON_WORDS[Reason(newest.decision.reason)][0]
    assert first["equity_jpy"] == f"{newest.account.equity / 10_000:,.0f}"


def test_a_decision_shows_what_is_held_or_what_is_to_be_opened(traded, shown):
    for each, made in zip(reversed(shown["decisions"]), traded.desk.cycle.judged, strict=True):
        verdict, account = made.decision.verdict, made.account
        lots, side = (verdict.lots, verdict.side) if verdict.lots else (account.lots, account.side)
        assert each["btc"] == (f"{lots / 10_000:.4f}" if lots else "")
        assert each["side"] == {1: "買い", -1: "売り", 0: ""}[int(side)]


def test_the_reasons_count_every_bar_once(traded, shown):
    assert sum(each["bars"] for each in shown["reasons"]) == len(traded.desk.cycle.judged) == DAYS * 96
    counts = [each["bars"] for each in shown["reasons"]]
    assert counts == sorted(counts, reverse=True)


def test_candles_and_equity_are_those_the_trader_decided_on(traded, shown):
    rows = [each.row for each in traded.desk.cycle.judged]
    bars = shown["bars"]
    for name in ("open", "high", "low", "close"):
        assert bars[name] == [getattr(row, name) for row in rows]
    assert bars["at"] == [row.closed_at for row in rows]
    assert bars["equity"] == [each.account.equity / 10_000 for each in traded.desk.cycle.judged]


def test_trades_are_the_journals_with_their_net_to_the_unit(traded, reader, shown):
    lines = [line.entry.body for line in reader.walk(Kind.TRADE)]
    assert lines
    assert [each["net_jpy"] for each in reversed(shown["trades"])] == [body["net"] / 10_000 for body in lines]
    assert [each["opened_at"] for each in reversed(shown["trades"])] == [body["opened_at"] for body in lines]
    assert {each["strategy"] for each in shown["trades"]} <= set(traded.settings.strategies)


def test_a_window_ends_with_the_last_line_and_holds_no_older_bar(traded, reader):
    shown = Overview(reader, traded.settings).read(Millis(END + 400 * DAY), 1)
    assert min(WINDOWS) == 1
    assert shown["decisions"][0]["at"] == END
    assert shown["decisions"][-1]["at"] == END - DAY
    assert len(shown["decisions"]) == DAY // BAR_15M + 1


def test_the_status_is_that_of_the_command(traded, reader, shown):
    status = read_status(reader, "paper", END)
    lines = status_lines(status, BTC_JPY, "ja")
    assert [(each["name"], each["said"], each["alarming"]) for each in shown["status"]] == lines


def test_all_of_it_is_json(shown):
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_what_has_not_changed_is_not_read_twice(traded, reader, monkeypatch):
    overview = Overview(reader, traded.settings)
    first = overview.read(END, 7)
    monkeypatch.setattr(reader, "decisions", None)  # asking it now would fail
    later = overview.read(Millis(END + DAY), 7)
    assert later["decisions"] is first["decisions"]
    assert later["status"] != first["status"]  # how long ago the last line was written
    with pytest.raises(TypeError):
        overview.read(END, 30)


def test_a_new_line_is_seen(traded, tmp_path):
    copy = tmp_path / "journal.db"
    shutil.copy(traded.journal, copy)
    with JournalReader(database_url(copy, {})) as reader:
        overview = Overview(reader, traded.settings)
        before = overview.read(END, 7)
        with sqlite3.connect(copy) as plain:
            (number,) = plain.execute("SELECT max(number) FROM journal_entries").fetchone()
            _repeat_last_trade(plain, number)
        plain.close()
        after = overview.read(END, 7)
    assert after["line"] == before["line"] + 1
    assert len(after["trades"]) == len(before["trades"]) + 1


def _repeat_last_trade(plain, number):
    columns = [row[1] for row in plain.execute("PRAGMA table_info(journal_entries)")]
    kept = ", ".join(name for name in columns if name != "number")
    plain.execute(
        f"INSERT INTO journal_entries (number, {kept}) SELECT {number + 1}, {kept} FROM journal_entries"
        " WHERE kind = 'trade' ORDER BY number DESC LIMIT 1"
    )
