"""The journal: what happened, hash-chained in SQLite or PostgreSQL, written by one process at a time."""

from src.trading.journal.command_desk import CommandDesk
from src.trading.journal.database import database_url
from src.trading.journal.lease import LeaseTerms
from src.trading.journal.reader import JournalReader
from src.trading.journal.sql_journal import SqlJournal, open_journal
from src.trading.journal.verification import Verified

__all__ = [
    "CommandDesk",
    "JournalReader",
    "LeaseTerms",
    "SqlJournal",
    "Verified",
    "database_url",
    "open_journal",
]
