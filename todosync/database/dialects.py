"""What differs between SQLite and PostgreSQL, all of it: connections, transactions, change log, waking on a commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    QueuePool,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
)

from .commits import CommitListener, CommitSignal, CommitWatcher, NoSignal
from .log_table import LogTable
from .ownership import FileOwnership, Ownership, PostgresOwnership, SoleOwnership
from .wal import enter_wal

BUSY_TIMEOUT = 10.0
"""How many seconds a writer waits for another program's transaction before it is told that the database is locked."""
CACHE_SIZE_KB = 128
"""How much of a SQLite file each connection keeps, in KiB. The system keeps all of it, for all connections; with
SQLite's own 2,000 reading and writing take as long, and some ten connections fill up over the days."""
PRIMARY_CODE = 0xFF
"""The part of SQLite's error codes that tells the kinds of errors apart."""
ONE_WRITER_LOCK = 715_031_883
"""The key of PostgreSQL's advisory lock that makes versions visible in their order: no reader skips one."""
TAKE_TURN = f'SELECT pg_advisory_xact_lock({ONE_WRITER_LOCK})'
DATA = 'todosync_data'
"""The topic of commits that change a stream."""
ANY_CHANGE = 'INSERT OR UPDATE OR DELETE OR TRUNCATE'


class Dialect(Protocol):
    """A kind of database."""

    def make_engine(self) -> Engine:
        """Return an engine whose transactions see one moment of the database."""

    def for_writing(self, engine: Engine) -> Engine:
        """Return the engine, sharing its connections, with transactions of which only one runs at a time."""

    def change_log_ddl(self, table: LogTable) -> list[str]:
        """Return the statements that create a table's change log, and the triggers that write it."""

    def signal_ddl(self, topic: str, table: str) -> list[str]:
        """Return the statements after which commits that change a table are signalled under a topic."""

    def commit_signal(self, topic: str, interval: float, on_commit: Callable[[], None]) -> CommitSignal:
        """Return what calls back after commits.

        :param topic: those commits at least
        :param interval: seconds between two looks, where looking is needed
        :param on_commit: called in a thread of the signal's own; must be quick and must not raise
        """

    def make_ownership(self) -> Ownership:
        """Return what one of the processes that share the database can hold."""


def dialect_of(url: str, busy_timeout: float = BUSY_TIMEOUT) -> Dialect:
    """Return the dialect that speaks to a database.

    :param url: SQLAlchemy URL
    :param busy_timeout: seconds that a writer waits for another program's transaction
    :raises ValueError: of a kind that is not supported
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case 'sqlite':
            return SqliteDialect(parsed, busy_timeout)
        case 'postgresql':
            return PostgresDialect(parsed, busy_timeout)
        case other:
            raise ValueError(f'DATABASE_URL must name a SQLite file or a PostgreSQL database, not {other}')


class SqliteDialect:
    """SQLite.

    :param url: SQLAlchemy URL of a file, or ``sqlite://`` for a database in memory
    :param busy_timeout: seconds that a writer waits for another program's transaction
    """

    def __init__(self, url: URL, busy_timeout: float) -> None:
        self._url = url
        self._busy_timeout = busy_timeout
        self._path = Path(url.database) if url.database else None

    def make_engine(self) -> Engine:
        """Return an engine of connections in WAL mode; a database in memory has only one, shared in turns."""
        if self._path is None:
            options: dict[str, Any] = {'pool_size': 1, 'max_overflow': 0, 'connect_args': {'check_same_thread': False}}
        else:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            options = {'pool_size': 8, 'max_overflow': -1}  # threads are what bounds them; an open file costs nothing
        engine = create_engine(self._url, poolclass=QueuePool, execution_options={'begin': 'BEGIN'}, **options)
        event.listen(engine, 'connect', self._configure)
        event.listen(engine, 'begin', _begin)
        event.listen(engine, 'handle_error', _open_anew_what_is_read_only)
        return engine

    def for_writing(self, engine: Engine) -> Engine:
        """Take the file's write lock at the beginning: a transaction that has read first may not get it later."""
        return engine.execution_options(begin='BEGIN IMMEDIATE')

    def change_log_ddl(self, table: LogTable) -> list[str]:
        """Return the statements; triggers are made anew, so that those of an older release do not stay."""
        log, key, source = table.name, table.key, table.source.name

        def trigger(suffix: str, event_: str, row: str, op: str) -> list[str]:
            name = f'{log}_{suffix}'
            write = f"INSERT INTO {log}({key}, op) VALUES ({row}.id, '{op}')"  # noqa: S608 - the program's own names
            return [f'DROP TRIGGER IF EXISTS {name}', f'CREATE TRIGGER {name} AFTER {event_} BEGIN {write}; END']

        return [
            f'CREATE TABLE IF NOT EXISTS {log} ('
            f'version INTEGER PRIMARY KEY AUTOINCREMENT, {key} INTEGER NOT NULL, '
            "op TEXT NOT NULL CHECK (op IN ('put', 'del')), "
            "at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')))",
            *trigger('on_insert', f'INSERT ON {source}', 'NEW', 'put'),
            *trigger('on_update', f'UPDATE ON {source}', 'NEW', 'put'),
            *trigger('on_renumber', f'UPDATE OF id ON {source} WHEN OLD.id <> NEW.id', 'OLD', 'del'),
            *trigger('on_delete', f'DELETE ON {source}', 'OLD', 'del'),
            *self._replacement_ddl(table),
        ]

    def _replacement_ddl(self, table: LogTable) -> list[str]:
        """Return the triggers that note the rows which a write may replace because of what is unique in its table.

        Unless ``recursive_triggers`` is on, ``INSERT OR REPLACE`` deletes them without a word to the trigger for that;
        turning it on would reach this program's connections only, and would have triggers of a team's own call
        themselves. A row that is noted and stays costs a few bytes: a delta has the rows' states.
        """
        log, key, source = table.name, table.key, table.source.name
        same = ' OR '.join(
            f'({" AND ".join(f"{name} = NEW.{name}" for name in names)})' for names in _unique_columns(table.source)
        )
        statements = []
        for event_, others in (('INSERT', ''), ('UPDATE', 'AND id <> OLD.id')):
            name = f'{log}_before_{event_.lower()}'
            statements.append(f'DROP TRIGGER IF EXISTS {name}')
            if same:
                note = f"INSERT INTO {log}({key}, op) SELECT id, 'put' FROM {source} WHERE ({same}) {others}"  # noqa: S608
                statements.append(f'CREATE TRIGGER {name} BEFORE {event_} ON {source} BEGIN {note}; END')
        return statements

    def signal_ddl(self, topic: str, table: str) -> list[str]:
        """Return nothing: every commit is seen."""
        return []

    def commit_signal(self, topic: str, interval: float, on_commit: Callable[[], None]) -> CommitSignal:
        """Return a watcher of the file's version; nobody else can commit to a database in memory."""
        return NoSignal() if self._path is None else CommitWatcher(self._path, interval, on_commit)

    def make_ownership(self) -> Ownership:
        """Return a lock on a file beside the database."""
        return SoleOwnership() if self._path is None else FileOwnership(self._path.with_suffix('.owner'))

    def _configure(self, connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where _begin says, not where the driver guesses
        for pragma in (
            f'busy_timeout = {int(self._busy_timeout * 1000)}',
            'synchronous = FULL',  # what was answered survives a power cut, not only a crash
            'foreign_keys = ON',
            f'cache_size = -{CACHE_SIZE_KB}',
        ):
            connection.execute(f'PRAGMA {pragma}').close()
        if self._path is not None:
            enter_wal(connection, self._busy_timeout)


class PostgresDialect:
    """PostgreSQL, through psycopg.

    :param url: SQLAlchemy URL
    :param busy_timeout: seconds that a writer waits for another program's transaction
    """

    def __init__(self, url: URL, busy_timeout: float) -> None:
        self._url = url
        self._busy_timeout = busy_timeout

    def make_engine(self) -> Engine:
        """Return an engine of repeatable-read transactions, whose connections are tested before use."""
        engine = create_engine(
            self._url,
            isolation_level='REPEATABLE READ',
            pool_size=5,
            max_overflow=10,
            pool_timeout=self._busy_timeout,
            pool_pre_ping=True,  # connections from before a restart of PostgreSQL are replaced unnoticed
            connect_args={
                'connect_timeout': 5,
                'options': f'-c lock_timeout={int(self._busy_timeout * 1000)} -c timezone=UTC',
                'application_name': 'todosync',
            },
        )
        event.listen(engine, 'begin', _begin)
        return engine

    def for_writing(self, engine: Engine) -> Engine:
        """Wait for the writer before, and see what it has committed, which repeatable-read could not."""
        return engine.execution_options(isolation_level='READ COMMITTED', begin=TAKE_TURN)

    def change_log_ddl(self, table: LogTable) -> list[str]:
        """Return the statements.

        A statement waits for its turn before it touches the first row: two programs that waited with rows in their
        hands could wait for each other. The turn ends when the commit is visible.
        """
        log, key, source = table.name, table.key, table.source.name

        def trigger(suffix: str, when: str, each: str, body: str) -> list[str]:
            name = f'{log}_{suffix}'
            return [
                f'CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS '
                f'$$ BEGIN {body}; RETURN NULL; END $$',
                f'CREATE OR REPLACE TRIGGER {name} {when} ON {source} FOR EACH {each} EXECUTE FUNCTION {name}()',
            ]

        write = f'INSERT INTO {log}({key}, op)'
        write_all = f"{write} SELECT id, 'del' FROM {source}"  # noqa: S608 - the program's own names
        write_old = f"{write} VALUES (OLD.id, 'del')"
        return [
            f'CREATE TABLE IF NOT EXISTS {log} ('
            f'version bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, {key} bigint NOT NULL, '
            "op text NOT NULL CHECK (op IN ('put', 'del')), at timestamptz NOT NULL DEFAULT clock_timestamp())",
            *trigger('in_turn', f'BEFORE {ANY_CHANGE}', 'STATEMENT', TAKE_TURN.replace('SELECT', 'PERFORM')),
            *trigger('on_put', 'AFTER INSERT OR UPDATE', 'ROW', f"{write} VALUES (NEW.id, 'put')"),
            *trigger('on_renumber', 'AFTER UPDATE', 'ROW', f'IF OLD.id <> NEW.id THEN {write_old}; END IF'),
            *trigger('on_delete', 'AFTER DELETE', 'ROW', write_old),
            *trigger('on_truncate', 'BEFORE TRUNCATE', 'STATEMENT', write_all),
            *self.signal_ddl(DATA, source),
        ]

    def signal_ddl(self, topic: str, table: str) -> list[str]:
        """Return the trigger that notifies; PostgreSQL sends a transaction's notifications on commit, once."""
        return [
            'CREATE OR REPLACE FUNCTION todosync_signal() RETURNS trigger LANGUAGE plpgsql AS '
            "$$ BEGIN PERFORM pg_notify(TG_ARGV[0], ''); RETURN NULL; END $$",
            f'CREATE OR REPLACE TRIGGER {table}_signal AFTER {ANY_CHANGE} ON {table} '
            f"FOR EACH STATEMENT EXECUTE FUNCTION todosync_signal('{topic}')",
        ]

    def commit_signal(self, topic: str, interval: float, on_commit: Callable[[], None]) -> CommitSignal:
        """Return a listener to the notifications."""
        return CommitListener(self._url, topic, on_commit)

    def make_ownership(self) -> Ownership:
        """Return an advisory lock."""
        return PostgresOwnership(self._url)


def _unique_columns(table: Table) -> list[list[str]]:
    """Return the columns that the table's model declares to be unique, alone or together, besides the key."""
    constraints = [found.columns for found in table.constraints if isinstance(found, UniqueConstraint)]
    indexes = [
        index.columns for index in table.indexes if index.unique and len(index.columns) == len(index.expressions)
    ]
    return [[f'"{column.name}"' for column in columns] for columns in (*constraints, *indexes)]


def _open_anew_what_is_read_only(context: ExceptionContext) -> None:
    """Drop all pooled connections when one cannot write.

    SQLite opens a file for reading only where it must not be written to, and such a connection never writes again,
    whatever becomes of the file.
    """
    code = getattr(context.original_exception, 'sqlite_errorcode', sqlite3.SQLITE_OK)
    if code & PRIMARY_CODE == sqlite3.SQLITE_READONLY:
        context.is_disconnect = True


def _begin(connection: Connection) -> None:
    if statement := connection.get_execution_options().get('begin'):
        connection.exec_driver_sql(statement)
