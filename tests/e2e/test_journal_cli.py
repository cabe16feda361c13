"""The commands that need only the journal, as a user runs them: processes on a journal that a trader has made."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from src.core.clock import SystemClock
from src.core.config import load_config
from src.core.domain.journal import Entry, Kind, Verb
from src.core.orchestration.operations import journal_url, lease_terms
from src.trading.journal import CommandDesk, open_journal

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    base = REPOSITORY / "config/core/base.yaml"
    path.write_text(f"extends: {base}\nmode: paper\nlanguage: en\njournal:\n  folder: {tmp_path / 'state'}\n")
    return path


def run(config: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "main.py", *words, "--config", str(config)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | environment,
    )


def trade(config: Path, entries: int, *, keep_lease: bool = False) -> None:
    """What a trader leaves behind."""

    async def write() -> None:
        settings, clock = load_config(config, {}), SystemClock()
        journal = await open_journal(journal_url(settings, {}), clock, terms=lease_terms(settings))
        assert await journal.acquire()
        for number in range(entries):
            await journal.append(Entry(Kind.BAR, clock.now(), {"close": number}))
        if not keep_lease:
            await journal.release()
        await journal.close()

    asyncio.run(write())


@pytest.mark.parametrize("verb", list(Verb))
def test_a_command_is_left_for_the_trader_with_its_reason(config, verb):
    trade(config, 1)
    done = run(config, verb.value, "--reason", "maintenance tonight")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"command 1: {verb.value} (")
    assert "maintenance tonight" in done.stdout
    assert "no trader is running" in done.stdout
    with CommandDesk(journal_url(load_config(config, {}), {})) as desk:
        (left,) = desk.undone()
    assert (left.number, left.verb, left.reason) == (1, verb, "maintenance tonight")


def test_it_says_whether_a_trader_runs_who_will_do_it(config):
    trade(config, 1, keep_lease=True)
    done = run(config, "halt", "--reason", "x", TRADER__LANGUAGE="ja")
    assert "コマンド1: halt" in done.stdout
    assert "稼働中のトレーダーが次の周期で実行する" in done.stdout


@pytest.mark.parametrize("words", [("halt", "--reason", "x"), ("journal", "verify")])
def test_without_a_journal_the_error_names_the_place_and_what_to_do(config, tmp_path, words):
    done = run(config, *words)
    assert done.returncode == 1
    assert f"error: there is no journal at {tmp_path / 'state/paper.db'}" in done.stderr
    assert "what to do: name the settings" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_reason_is_asked_for(config):
    trade(config, 1)
    assert run(config, "halt").returncode == 2
    done = run(config, "halt", "--reason", " ")
    assert done.returncode == 2
    assert "error: --reason needs" in done.stderr


def test_verify_counts_a_sound_journal_and_names_the_broken_entry_of_another(config, tmp_path):
    trade(config, 20)
    done = run(config, "journal", "verify")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("all 20 entries are as they were written; the last hash is ")
    with sqlite3.connect(tmp_path / "state/paper.db") as plain:
        plain.execute("DROP TRIGGER journal_entries_update")
        plain.execute("UPDATE journal_entries SET body = '{\"close\":1000}' WHERE number = 13")
    plain.close()
    done = run(config, "journal", "verify")
    assert done.returncode == 1
    assert done.stdout == "12 entries are as they were written, then entry 13 is not\n"
    assert "error: entry 13, or its hash, is not as it was written" in done.stderr


def test_the_password_of_the_database_is_in_no_output(config):
    done = run(config, "journal", "verify", DATABASE_URL="postgresql://trader:canary-4711@127.0.0.1:1/none")
    assert done.returncode == 1
    assert "could not open the journal" in done.stderr
    assert "canary-4711" not in done.stdout + done.stderr
    done = run(config, "journal", "verify", DATABASE_URL="mysql://trader:canary-4711@127.0.0.1:1/none")
    assert done.returncode == 2
    assert "canary-4711" not in done.stdout + done.stderr
