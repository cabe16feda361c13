"""A journal as a run: the files of a backtest, with what really happened in them."""

import json
import shutil
import sqlite3

import pytest

from src.backtest.report import write_report
from src.backtest.report.run_folder import read_run
from src.backtest.reporter import write_run
from src.core.domain.journal import Kind
from src.core.orchestration.questions.journal_run import journal_run
from src.trading.journal import JournalReader
from src.trading.journal.database import database_url


@pytest.fixture
def result(traded):
    with JournalReader(database_url(traded.journal, {})) as reader:
        return journal_run(reader, traded.settings)


def test_every_bar_has_the_decision_equity_and_position_that_the_trader_saw(traded, result):
    judged = traded.desk.cycle.judged
    assert result.tape.closed_at.tolist() == [each.row.closed_at for each in judged]
    assert result.output.reason.tolist() == [each.decision.reason for each in judged]
    assert result.output.equity.tolist() == [each.account.equity for each in judged]
    assert result.output.position.tolist() == [each.account.lots * each.account.side for each in judged]


def test_the_balance_is_what_the_trades_made_of_the_first_cash(traded, result):
    assert result.trades
    initial, final = (result.instrument.jpy(0), result.summary["final_balance"])
    net = result.instrument.jpy(sum(trade.net for trade in result.trades))
    assert result.summary["initial_balance"] == traded.settings.backtest.initial_balance_jpy
    assert final == float(initial + traded.settings.backtest.initial_balance_jpy + net)


def test_a_report_can_read_what_is_written(result, tmp_path):
    write_run(result, tmp_path / "run")
    run = read_run(tmp_path / "run")
    assert len(run.trades) == len(result.trades)
    assert run.trades.net.tolist() == [trade.net for trade in result.trades]
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["series"] == "paper journal"
    assert summary["config_hash"] == result.summary["config_hash"]


def test_the_report_says_whose_it_is_and_takes_nothing_for_granted_that_was_billed(result, tmp_path):
    write_run(result, tmp_path / "run")
    write_report(tmp_path / "run", "en")
    text = (tmp_path / "run/report.md").read_text()
    assert text.startswith("# Report of the paper trader: ")
    assert "as the exchange stated and billed them" in text
    assert "by argument" not in text
    assert "fills at the open after the decision" not in text


def test_a_deposit_is_no_result(traded, result, tmp_path):
    copy = tmp_path / "journal.db"
    shutil.copy(traded.journal, copy)
    deposit = 5_000_000_000
    with sqlite3.connect(copy) as plain:
        plain.execute("DROP TRIGGER journal_entries_update")
        plain.execute(
            "UPDATE journal_entries SET kind = 'alarm', body = ? WHERE number ="
            " (SELECT number FROM journal_entries WHERE kind = 'naked' ORDER BY number LIMIT 1)",
            (json.dumps({"what": "cash", "flow": deposit}),),
        )
        (at,) = plain.execute(
            "SELECT number FROM journal_entries WHERE kind = 'alarm' AND body LIKE '%cash%'"
        ).fetchone()
    plain.close()
    with JournalReader(database_url(copy, {})) as reader:
        found = journal_run(reader, traded.settings)
        numbers = [line.number for line in reader.walk(Kind.DECISION)]
    before = sum(number < at for number in numbers)
    assert 0 < before < len(numbers)
    assert found.summary["initial_balance"] == result.summary["initial_balance"]
    assert (result.output.equity - found.output.equity).tolist() == [0] * before + [deposit] * (len(numbers) - before)


def told(traded, **changes: dict) -> dict:
    settings = traded.settings.model_copy(
        update={name: getattr(traded.settings, name).model_copy(update=values) for name, values in changes.items()}
    )
    with JournalReader(database_url(traded.journal, {})) as reader:
        return journal_run(reader, settings).summary


def test_candles_of_this_machine_are_told_for_simulated_ones(traded):
    assert told(traded, data={"base_url": "http://127.0.0.1:8080"})["synthetic"]
    assert not told(traded, data={"base_url": None})["synthetic"]


def test_a_model_that_was_to_be_asked_and_never_answered_is_told(traded):
    assert told(traded, model={"used": False})["model"] == {"used": False}
    model = told(traded, model={"used": True})["model"]
    assert (model["used"], model["status"]) == (True, "NONE")
    assert "good on 0 of" in model["text"]
