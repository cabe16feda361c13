"""The questions a trader asks, as processes on a journal that the real engine has written."""

import json
import shutil
import sqlite3
from decimal import Decimal
from pathlib import Path

from src.backtest.simulated_exchange import SimulatedExchange, UserId
from src.core.domain.orders import Reason
from src.core.domain.time import DAY, format_jst, to_datetime
from src.core.orchestration.cycle import params_hash
from src.core.orchestration.live_wiring import PAPER_FILE
from src.core.orchestration.wiring import core_params
from tests.trader_journal import DAYS, FIRST, ask


def altered(journal: Path, folder: Path, statement: str, *values: object) -> Path:
    """Return a copy of a journal that somebody has changed from outside."""
    copy = folder / "altered.db"
    shutil.copy(journal, copy)
    with sqlite3.connect(copy) as plain:
        plain.execute("DROP TRIGGER journal_entries_update")
        plain.execute(statement, values)
    plain.close()
    return copy


def test_status_tells_the_last_bar_position_and_protection_as_the_book_has_them(traded):
    done = traded.ask("status", "--json")
    assert done.returncode == 0, done.stderr
    told, book = json.loads(done.stdout), traded.desk.cycle.judged[-1]
    assert told["mode"] == "paper"
    assert told["trader"] == "stopped"
    assert told["last_bar"] == format_jst(FIRST + DAYS * DAY)
    assert told["decision"] == book.decision.reason.name
    assert told["equity_jpy"] == f"{book.account.equity / 10_000:.4f}"
    assert (told["position"] is None) == (book.account.lots == 0)
    assert told["unresolved"] == []
    assert told["process"]["config"] == traded.settings.hash()


def test_status_is_a_table_in_the_language_that_is_set(traded):
    japanese = traded.ask("status").stdout
    english = traded.ask("status", TRADER__LANGUAGE="en").stdout
    assert "トレーダーの状態" in japanese
    assert "稼働していない" in japanese
    assert "Status of the trader" in english
    assert "not running" in english
    assert "with all costs" in english


def test_status_shows_no_secret(traded):
    done = traded.ask("status", "--json", BITBANK_API_KEY="canary-key-4711", BITBANK_API_SECRET="canary-secret-4711")
    assert "canary" not in done.stdout + done.stderr


def test_a_question_needs_a_journal(tmp_path):
    for words in (["status"], ["replay"], ["why", "--at", "2023-06-01"]):
        done = ask(tmp_path / "none.db", *words)
        assert done.returncode == 1
        assert "error: there is no journal at" in done.stderr


def test_replay_makes_every_decision_again_with_the_same_hash(traded):
    done = traded.ask("replay", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["decisions"] == found["same"] == DAYS * 96
    assert (found["different"], found["other_settings"]) == (0, [])
    assert "すべて同じハッシュ" in traded.ask("replay").stdout


def test_replay_names_the_line_in_which_one_byte_was_flipped(traded, tmp_path):
    with sqlite3.connect(traded.journal) as plain:
        number, body = plain.execute(
            "SELECT number, body FROM journal_entries WHERE kind = 'decision' ORDER BY number LIMIT 1 OFFSET 100"
        ).fetchone()
    plain.close()
    place = body.index('"rsi_14":') + len('"rsi_14":')
    flipped = body[:place] + chr(ord(body[place]) ^ 1) + body[place + 1 :]
    copy = altered(traded.journal, tmp_path, "UPDATE journal_entries SET body = ? WHERE number = ?", flipped, number)
    done = ask(copy, "replay", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["broken"] == number
    assert found["entries"] == number - 1


def test_replay_says_which_lines_are_of_other_settings(traded):
    done = traded.ask("replay", "--json", TRADER__VOTE__MIN_CONFIDENCE="0.45")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (other,) = found["other_settings"]
    assert other["config"] == params_hash(core_params(traded.settings))
    assert (found["same"], other["decisions"]) == (0, DAYS * 96)


def test_replay_takes_no_language_no_folder_and_no_log_for_other_settings(traded, tmp_path):
    changed = {"LANGUAGE": "en", "LOGGING__LEVEL": "error", "MONITORING__PORT": "0", "DATA__TRADING": str(tmp_path)}
    done = traded.ask("replay", "--json", **{f"TRADER__{name}": value for name, value in changed.items()})
    found = json.loads(done.stdout)
    assert (found["same"], found["other_settings"]) == (DAYS * 96, [])


def test_account_of_a_paper_trader_agrees_with_its_own_exchange_or_names_the_difference(traded, tmp_path):
    (tmp_path / PAPER_FILE).write_bytes(traded.desk.exchange.snapshot())
    done = traded.ask("account", "--json", TRADER__JOURNAL__FOLDER=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["mode"], told["agree"]) == ("paper", True)
    assert told["total"]["closed"] > 0
    started = SimulatedExchange.restore((tmp_path / PAPER_FILE).read_bytes())
    started.deposit(UserId(1), "jpy", Decimal(1))
    (tmp_path / PAPER_FILE).write_bytes(started.snapshot())
    done = traded.ask("account", "--json", TRADER__JOURNAL__FOLDER=str(tmp_path))
    assert done.returncode == 1
    assert [each["what"] for each in json.loads(done.stdout)["compared"] if not each["agrees"]] == ["cash"]


def moment_of(traded, reason):
    judged = next(each for each in traded.desk.cycle.judged if each.decision.reason == reason)
    return to_datetime(judged.row.closed_at).isoformat()


def test_why_walks_the_gates_of_a_bar_and_names_the_nearest_change(traded):
    done = traded.ask("why", "--at", moment_of(traded, Reason.COOLDOWN))
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert "COOLDOWN – 損失直後の休止中" in first
    assert "  3. 口座: 通過" in done.stdout
    assert "  4. リスク状態: ここで停止" in done.stdout
    assert "  5. 相場の異常: 未到達" in rest
    assert "次の1点が違えば新規に建てていた: 損失後の休止" in rest[-1]


def test_why_tells_what_the_executor_made_of_an_entry(traded):
    done = traded.ask("why", "--at", moment_of(traded, Reason.ENTER))
    assert "執行の結果: sent" in done.stdout


def test_why_of_a_bar_without_a_decision_says_so(traded):
    done = traded.ask("why", "--at", "2020-01-01T00:00")
    assert done.returncode == 1
    assert "2020-01-01 00:00 JST" in done.stderr
    assert traded.ask("why", "--at", "noon").returncode == 2


def test_questions_are_not_for_backtests(traded):
    done = traded.ask("status", "--config", "config/backtest/base.yaml")
    assert done.returncode == 2
    assert "keep no journal" in done.stderr
