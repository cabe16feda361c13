"""The journal's ledger beside the exchange's: equal to the money unit, and a difference has a name."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from src.core.domain.market import BTC_JPY
from src.core.orchestration.questions.accounting import compare_accounts
from src.trading.journal import JournalReader
from src.trading.journal.database import database_url


async def compared(traded, journal: Path):
    with JournalReader(database_url(journal, {})) as reader:
        return await compare_accounts(reader, traded.desk.port, "paper", BTC_JPY)


def with_one_unit_more(traded, folder: Path, kind: str, field: str) -> Path:
    """Return a copy of the journal in which one number of the newest line of a kind is larger by 1."""
    copy = folder / "altered.db"
    shutil.copy(traded.journal, copy)
    with sqlite3.connect(copy) as plain:
        plain.execute("DROP TRIGGER journal_entries_update")
        number, text = plain.execute(
            "SELECT number, body FROM journal_entries WHERE kind = ? ORDER BY number DESC LIMIT 1", (kind,)
        ).fetchone()
        body = json.loads(text)
        body[field] += 1
        plain.execute("UPDATE journal_entries SET body = ? WHERE number = ?", (json.dumps(body), number))
    plain.close()
    return copy


async def test_journal_and_exchange_agree_to_the_money_unit(traded):
    found = await compared(traded, traded.journal)
    assert found.agree
    assert found.total.closed > 0
    assert found.total.net == found.total.gross - found.total.fee - found.total.interest
    assert sum(day.net for day in found.days) == found.total.net
    sheet = {each.what: each.theirs for each in found.compared}
    assert sheet["trades"] == str(found.total.fills)


@pytest.mark.parametrize(
    ("kind", "field", "named"),
    [
        ("state", "cash", {"cash", "cash by its trades"}),
        ("fill", "fee", {"fees"}),
        ("fill", "interest", {"interest"}),
        ("fill", "profit", {"net", "cash by its trades", "net by positions"}),
        ("trade", "net", {"net by positions"}),
    ],
)
async def test_one_money_unit_is_a_difference_with_a_name(traded, tmp_path, kind, field, named):
    found = await compared(traded, with_one_unit_more(traded, tmp_path, kind, field))
    wrong = {each.what for each in found.compared if not each.agrees}
    assert named <= wrong
    assert {name for name in wrong - named if not name.startswith("trade ")} == set()
    assert any(name.startswith("trade ") for name in wrong) == (kind == "fill")
