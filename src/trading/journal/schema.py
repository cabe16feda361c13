"""The tables, as the newest migration leaves them (a test compares the two)."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, String, Table, Text

metadata: Final = MetaData()

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts by itself only in an INTEGER key

entries: Final = Table(
    "journal_entries",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),  # milliseconds UTC
    Column("body", Text, nullable=False),  # canonical JSON
    Column("hash", String(64), nullable=False),
    Index("ix_journal_entries_kind_number", "kind", "number"),
    Index("ix_journal_entries_kind_at", "kind", "at"),
)

head: Final = Table(  # one row: where the journal ends, so that a cut tail is noticed; its lock orders writers
    "journal_head",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="ck_journal_head_one_row"), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

lease: Final = Table(  # one row: who may write
    "journal_lease",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="ck_journal_lease_one_row"), primary_key=True),
    Column("owner", String(64), nullable=False),  # "" nobody
    Column("until", BigInteger, nullable=False),  # milliseconds UTC
    Column("length", BigInteger, nullable=False),  # milliseconds it was taken for
    Column("token", BigInteger, nullable=False),  # grows with every change of owner
    Column("watched", Integer, nullable=False),  # 1: the owner holds the lock file, which the system frees at its end
)

commands: Final = Table(
    "journal_commands",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("verb", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),  # milliseconds UTC
    Column("reason", Text, nullable=False),
    sqlite_autoincrement=True,  # a number is never used twice
)
