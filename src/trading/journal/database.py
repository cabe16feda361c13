"""Opening the database: its address, its safest settings, its tables at the newest step, and errors in our words."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from src.core.exceptions import ConfigError, JournalFailed, NoJournal

MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"
WAIT_S: Final = 5
"""Seconds that another process may hold a lock before the database is said to be busy."""

_WRITES: Final = "journal_writes"
_ADVISORY_LOCK: Final = 0x6A6F7572  # "jour": any number, the same in every version of this program
_DRIVERS: Final = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "sqlite": "sqlite"}


def database_url(file: Path, environment: Mapping[str, str]) -> URL:
    """Return where the journal is: what DATABASE_URL names, else the SQLite file.

    Raises
    ------
    ConfigError
        If DATABASE_URL names neither a PostgreSQL nor an SQLite database. Its text is a secret and is not repeated.
    """
    given = environment.get("DATABASE_URL", "").strip()  # a secret store may add a line break
    if not given:
        return URL.create("sqlite", database=str(file))
    try:
        url = make_url(given)
    except ArgumentError:
        url = None
    name = "" if url is None else url.drivername.partition("+")[0]
    if url is None or name not in _DRIVERS or (name == "sqlite" and not url.database):
        raise ConfigError(
            "DATABASE_URL is not the address of a PostgreSQL database or an SQLite file",
            remedy="write postgresql://USER:PASSWORD@HOST/NAME, or remove it to use the file in `journal.file`",
        )
    return url.set(drivername=_DRIVERS[name])


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite database, None for another database."""
    return Path(url.database).resolve() if url.drivername == "sqlite" and url.database else None


def open_database(url: URL) -> Engine:
    """Connect, make the folder and the tables if they are missing, and bring older tables up to date.

    Raises
    ------
    JournalFailed
        If that cannot be done, or the tables were made by a newer version of this program.
    """
    file = sqlite_file(url)
    with in_our_words("open the journal"):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = _connect(url)
        try:
            migrate(engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


def existing_database(url: URL) -> Engine:
    """Connect to a journal that a trader has made; nothing is made or migrated here.

    Raises
    ------
    NoJournal
        If there is none: a command left in a new, empty one would be done by nobody.
    JournalFailed
        If it cannot be opened, or belongs to another version of this program.
    """
    file = sqlite_file(url)
    where = url.render_as_string(hide_password=True) if file is None else str(file)
    if file is not None and not file.is_file():
        raise _none_at(where)
    with in_our_words("open the journal"):
        engine = _connect(url)
        try:
            with engine.connect() as connection:
                step = _step(connection)
        except BaseException:
            engine.dispose()
            raise
    newest = ScriptDirectory.from_config(_migrations()).get_current_head()
    if step == newest:
        return engine
    engine.dispose()
    if step is None:
        raise _none_at(where)
    raise JournalFailed(
        f"the journal's tables are at step {step}, this version of the program works with {newest}",
        remedy="run this command with the version that trades; a newer trader brings the tables up to date at start",
    )


def _none_at(where: str) -> NoJournal:
    return NoJournal(
        f"there is no journal at {where}",
        remedy="name the settings the trader runs with (--config config/paper/base.yaml, say); it makes the journal",
    )


def _connect(url: URL) -> Engine:
    return _postgres(url) if sqlite_file(url) is None else _sqlite(url)


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def migrate(engine: Engine) -> None:
    """Run the missing steps in one transaction; a second process waits and finds them done."""
    config = _migrations()
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect() as connection:
        if _step(connection) == newest:
            return
    with writing(engine) as connection:  # on SQLite this is the write lock
        if engine.dialect.name != "sqlite":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection inside a transaction that writes: committed at the end, rolled back on any error."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


def _step(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def in_our_words(doing: str) -> Iterator[None]:
    """Turn any error of the database or the disk into `JournalFailed`, without addresses, passwords or entries."""
    try:
        yield
    except (SQLAlchemyError, CommandError, sqlite3.Error, OSError) as e:
        raise JournalFailed(f"could not {doing}: {describe(e)}", remedy=remedy_for(e)) from e


def describe(error: Exception) -> str:
    """Return the first line of what the database itself said."""
    cause = _cause(error)
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0] if lines else 'no details'}"


def _cause(error: Exception) -> BaseException:
    """Return the driver's own error behind that of the library, if there is one."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def remedy_for(error: Exception) -> str:
    """Return what a person can do about it."""
    said = str(_cause(error)).lower()
    known = {
        "full": "free some space on the disk, then start again",
        "locked": "another process holds the database for too long: end it, then start again",
        "readonly": "give this user the right to write the journal's file and its folder",
        "unable to open": "give this user the right to write the journal's file and its folder",
        "permission denied": "give this user the right to write the journal's file and its folder",
        "malformed": "the file is damaged: keep it, restore the latest copy, and compare with the exchange",
        "not a database": "the file is damaged or another program's: keep it, and name another in `journal.file`",
        "password": "check user and password in DATABASE_URL",
        "can't locate revision": "the tables belong to a newer version of this program: start that one",
    }
    found = [remedy for word, remedy in known.items() if word in said]
    return found[0] if found else "check that the database runs and can be reached, then start again"


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, pool_size=1, max_overflow=0, hide_parameters=True, connect_args={"timeout": WAIT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver's guess
        connection.execute(f"PRAGMA busy_timeout = {WAIT_S * 1000}")
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")  # a commit returns once it is on the disk
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: what is read in a transaction that will write is not read before another's write is done.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Choose write-ahead logging; while another process does the same, SQLite says "locked" without waiting."""
    for left in reversed(range(100)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as e:
            if "locked" not in str(e) or not left:
                raise
            time.sleep(WAIT_S / 100)


def _postgres(url: URL) -> Engine:
    settings = {
        "synchronous_commit": "on",  # a commit returns once it is on the server's disk
        "lock_timeout": f"{WAIT_S}s",
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "10s",  # a writer that hangs does not hold the others up for ever
    }
    connect: dict[str, Any] = {
        "connect_timeout": WAIT_S,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 10_000,  # milliseconds: a server that vanished is noticed
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }
    return create_engine(url, pool_size=1, max_overflow=0, hide_parameters=True, connect_args=connect)
