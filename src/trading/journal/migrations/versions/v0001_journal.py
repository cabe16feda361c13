"""Entries, their head, the lease and people's commands; entries and commands can only be added."""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

_NUMBER: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_GENESIS: Final = "0" * 64

_APPEND_ONLY: Final = ("journal_entries", "journal_commands")
_ONE_ROW: Final = ("journal_head", "journal_lease")

_SQLITE_REFUSAL: Final = "CREATE TRIGGER {name} BEFORE {verb} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{why}'); END"
_POSTGRES_REFUSAL: Final = """
CREATE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% can only be added to', TG_TABLE_NAME; END $$
"""
_POSTGRES_GROWTH: Final = """
CREATE FUNCTION {table}_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF {when} THEN RAISE EXCEPTION '{why}'; END IF; RETURN NEW; END $$
"""
_GROWTH: Final = (
    ("journal_head", "NEW.number <= OLD.number", "journal_head only grows"),
    ("journal_lease", "NEW.token < OLD.token", "the token of journal_lease only grows"),
)


def upgrade() -> None:
    """Make the tables, their first rows, and the triggers that refuse changes."""
    _make_tables()
    op.execute(f"INSERT INTO journal_head (id, number, hash) VALUES (1, 0, '{_GENESIS}')")  # noqa: S608 - a constant
    op.execute("INSERT INTO journal_lease (id, owner, until, length, token, watched) VALUES (1, '', 0, 0, 0, 0)")
    on_sqlite = op.get_context().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if on_sqlite else _postgres_triggers():
        op.execute(statement)


def _make_tables() -> None:
    op.create_table(
        "journal_entries",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ix_journal_entries_kind_number", "journal_entries", ["kind", "number"])
    op.create_index("ix_journal_entries_kind_at", "journal_entries", ["kind", "at"])
    op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1", name="ck_journal_head_one_row"), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "journal_lease",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1", name="ck_journal_lease_one_row"), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("length", sa.BigInteger, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("watched", sa.Integer, nullable=False),
    )
    op.create_table(
        "journal_commands",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("verb", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )


def _sqlite_triggers() -> Iterator[str]:
    for verb, tables in (("UPDATE", _APPEND_ONLY), ("DELETE", _APPEND_ONLY + _ONE_ROW)):
        for table in tables:
            yield _SQLITE_REFUSAL.format(
                name=f"{table}_{verb.lower()}", verb=verb, table=table, when="", why=f"{table} can only be added to"
            )
    for table, when, why in _GROWTH:
        yield _SQLITE_REFUSAL.format(name=f"{table}_grows", verb="UPDATE", table=table, when=f"WHEN {when} ", why=why)


def _postgres_triggers() -> Iterator[str]:
    yield _POSTGRES_REFUSAL
    for verbs, tables in (("UPDATE OR DELETE OR TRUNCATE", _APPEND_ONLY), ("DELETE OR TRUNCATE", _ONE_ROW)):
        for table in tables:
            yield f"CREATE TRIGGER {table}_refuse BEFORE {verbs} ON {table} EXECUTE FUNCTION journal_refuse()"
    for table, when, why in _GROWTH:
        yield _POSTGRES_GROWTH.format(table=table, when=when, why=why)
        yield f"CREATE TRIGGER {table}_grows BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_grows()"
