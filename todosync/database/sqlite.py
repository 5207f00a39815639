"""Everything that is special about SQLite: connections, transactions, change log, waking on a commit.

The module is long because a reader finds all of that in one place.
"""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    QueuePool,
    create_engine,
    event,
)
from sqlalchemy.exc import DataError

from .base import begin, first_row_ddl
from .commits import CommitSignal, NoSignal, Watching
from .errors import PRIMARY_CODE
from .file_watch import FileWatch
from .history_table import history
from .log_table import LogTable
from .open_file import OpenFile
from .ownership import FileOwnership, Ownership, SoleOwnership
from .sqlite_history import history_ddl, unique_columns
from .wal import enter_wal

CACHE_SIZE_KB = 128
"""How much of a SQLite file each connection keeps, in KiB. The system keeps all of it, for all connections; with
SQLite's own 2,000 reading and writing take as long, and some ten connections fill up over the days."""
CREATION = re.compile(r'CREATE (?P<kind>TABLE|TRIGGER) (IF NOT EXISTS )?(?P<rest>(?P<name>\w+).*)', re.DOTALL)
REMOVAL = re.compile(r'DROP TRIGGER IF EXISTS (?P<name>\w+)')
PROBLEMS_READ = 100
"""How many problems a check reports at most."""
QUICK_CHECK = f'PRAGMA quick_check({PROBLEMS_READ})'
"""Reads all tables, and not whether their indexes fit: 0.3 s for 100 MB."""
CONSTRAINT = re.compile(r'(CHECK constraint failed|NULL value|NUMERIC value|TEXT value|non-\w+ value) in ')
"""What a check of a file reports as well: rows that break a rule of their table. The file itself is in order."""
NO_DECIMALS = 'Dialect sqlite.* does .not. support Decimal objects natively'


class SqliteDialect:
    """SQLite.

    :param url: SQLAlchemy URL of a file, or ``sqlite://`` for a database in memory
    :param busy_timeout: seconds that a writer waits for another program's transaction
    """

    def __init__(self, url: URL, busy_timeout: float) -> None:
        self._url = url
        self._busy_timeout = busy_timeout
        self._path = Path(url.database) if url.database else None
        self._file = OpenFile(self._path) if self._path is not None else None

    def make_engine(self) -> Engine:
        """Return an engine of connections in WAL mode; a database in memory has only one, shared in turns."""
        if self._path is None:
            options: dict[str, Any] = {'pool_size': 1, 'max_overflow': 0, 'connect_args': {'check_same_thread': False}}
        else:
            options = {'pool_size': 8, 'max_overflow': -1}  # threads are what bounds them; an open file costs nothing
        warnings.filterwarnings('ignore', NO_DECIMALS)  # of as many digits as streams carry, a float holds them exactly
        engine = create_engine(self._url, poolclass=QueuePool, execution_options={'begin': 'BEGIN'}, **options)
        event.listen(engine, 'connect', self._configure)
        if self._file is not None:
            self._file.watch(engine)
        event.listen(engine, 'begin', begin)
        event.listen(engine, 'handle_error', _open_anew_what_is_read_only)
        event.listen(engine, 'handle_error', _refuse_what_is_too_large)
        return engine

    def for_writing(self, engine: Engine) -> Engine:
        """Take the file's write lock at the beginning: a transaction that has read first may not get it later."""
        return engine.execution_options(begin='BEGIN IMMEDIATE')

    def for_migrating(self, engine: Engine) -> Engine:
        """Return the same as for writing: SQLite ends no transaction."""
        return self.for_writing(engine)

    def change_log_ddl(self, table: LogTable) -> list[str]:
        """Return the statements; triggers are made anew, so that those of an older release do not stay.

        The mark is the column's default, not the triggers' business: those of an older release, which runs beside this
        one during an upgrade and may put its own in place, give marks as well.
        """
        log, source, scope = table.name, table.source.name, table.scope
        columns = table.scope_ddl('text') + table.key_ddl('INTEGER', 'TEXT')

        def trigger(suffix: str, event_: str, row: str, op: str) -> list[str]:
            name = f'{log}_{suffix}'
            values = table.values(f'{row}.', op)
            write = f'INSERT INTO {log}({table.columns}) VALUES ({values})'  # noqa: S608 - the program's own names
            return [f'DROP TRIGGER IF EXISTS {name}', f'CREATE TRIGGER {name} AFTER {event_} BEGIN {write}; END']

        return [
            f'CREATE TABLE IF NOT EXISTS {log} ('
            f'version INTEGER PRIMARY KEY AUTOINCREMENT, {columns}, '
            "op TEXT NOT NULL CHECK (op IN ('put', 'del')), "
            "at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')), "
            'mark TEXT NOT NULL DEFAULT (lower(hex(randomblob(8)))))',
            *table.index_ddl,
            first_row_ddl(table),
            *trigger('on_insert', f'INSERT ON {source}', 'NEW', 'put'),
            *trigger('on_update', f'UPDATE ON {source}', 'NEW', 'put'),
            *(
                trigger('on_renumber', f'UPDATE OF id ON {source} WHEN OLD.id <> NEW.id', 'OLD', 'del')
                if table.is_keyed
                else []
            ),
            *(
                trigger('on_move', f'UPDATE ON {source} WHEN OLD."{scope}" IS NOT NEW."{scope}"', 'OLD', 'del')
                if scope
                else []
            ),
            *trigger('on_delete', f'DELETE ON {source}', 'OLD', 'del'),
            *(self._replacement_ddl(table) if table.is_keyed else []),
            *history_ddl(table),
        ]

    def enforcement_ddl(self, table: LogTable) -> list[str]:
        """Return nothing: no program of SQLite's can turn triggers off for others, and they are known by their text."""
        return []

    def has_change_log(self, connection: Connection, table: LogTable, *, exactly: bool) -> bool:
        """Compare what SQLite keeps of each statement, which is its text."""
        query = "SELECT name, sql FROM sqlite_schema WHERE tbl_name IN (?, ?, ?) AND type IN ('table', 'trigger')"
        rows = connection.exec_driver_sql(query, (table.source.name, table.name, history.name))
        found: dict[str, str | None] = {row.name: row.sql for row in rows}
        wanted: dict[str, str | None] = {}
        for statement in self.change_log_ddl(table):
            if match := REMOVAL.match(statement):
                wanted[match['name']] = None
            elif match := CREATION.match(statement):
                wanted[match['name']] = f'CREATE {match["kind"]} {match["rest"]}'
        if not exactly:
            return found.keys() >= {table.source.name, *(name for name, sql in wanted.items() if sql)}
        return table.source.name in found and all(found.get(name) == sql for name, sql in wanted.items())

    def is_in_the_way(self, error: BaseException | None) -> bool:
        """Return false: to begin is to wait for those who write."""
        return False

    def removal_ddl(self, connection: Connection, error: Exception) -> list[str]:
        """Return the statements for the triggers of histories: SQLite drops no column that a trigger names."""
        if 'error in trigger' not in str(error):
            return []
        query = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND instr(sql, ?)"
        names = connection.exec_driver_sql(query, (f'INTO {history.name}(',)).scalars()
        return [f'DROP TRIGGER {name}' for name in names]

    def marks_ddl(self, table: LogTable) -> list[str]:
        """Return the statements; SQLite adds no column with such a default, so the log is made anew with its rows."""
        log, kept = table.name, f'version, {table.key}, op, at'
        copy = f'{log}_without_marks'
        return [
            f'CREATE TABLE {copy} AS SELECT {kept} FROM {log}',  # noqa: S608 - the program's own names
            f'DROP TABLE {log}',
            self.change_log_ddl(table)[0],
            f'INSERT INTO {log}({kept}) SELECT {kept} FROM {copy}',  # noqa: S608
            f'DROP TABLE {copy}',
        ]

    def _replacement_ddl(self, table: LogTable) -> list[str]:
        """Return the triggers that note the rows which a write may replace because of what is unique in its table.

        Unless ``recursive_triggers`` is on, ``INSERT OR REPLACE`` deletes them without a word to the trigger for that;
        turning it on would reach this program's connections only, and would have triggers of a team's own call
        themselves. A row that is noted and stays costs a few bytes: a delta has the rows' states.
        """
        log, source = table.name, table.source.name
        unique = unique_columns(table.source)
        if table.scope:
            unique.append(['id'])  # the row that is replaced may have been of another scope
        same = ' OR '.join(f'({" AND ".join(f"{name} = NEW.{name}" for name in names)})' for names in unique)
        statements = []
        for event_, others in (('INSERT', ''), ('UPDATE', 'AND id <> OLD.id')):
            name = f'{log}_before_{event_.lower()}'
            statements.append(f'DROP TRIGGER IF EXISTS {name}')
            if same:
                values = table.values('', 'put')
                note = f'INSERT INTO {log}({table.columns}) SELECT {values} FROM {source} WHERE ({same}) {others}'  # noqa: S608
                statements.append(f'CREATE TRIGGER {name} BEFORE {event_} ON {source} BEGIN {note}; END')
        return statements

    def signal_ddl(self, topic: str, table: str) -> list[str]:
        """Return nothing: every commit is seen."""
        return []

    def place(self) -> object:
        """Return which file is at the path now."""
        return self._file and self._file.identity()

    def damage(self, connection: Connection) -> str:
        """Read the whole file; what is in memory cannot be damaged."""
        if self._path is None:
            return ''
        return damage_of(connection.exec_driver_sql(QUICK_CHECK).scalars())

    def commit_signal(self, topic: str, interval: float, on_commit: Callable[[], None]) -> CommitSignal:
        """Return a watcher of the file's version; nobody else can commit to a database in memory."""
        if self._path is None or self._file is None:
            return NoSignal()
        return CommitWatcher(self._path, self._file, interval, on_commit)

    def make_ownership(self) -> Ownership:
        """Return a lock on a file beside the database."""
        return SoleOwnership() if self._path is None else FileOwnership(self._path.with_suffix('.owner'))

    def _configure(self, connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where begin() says, not where the driver guesses
        for pragma in (
            f'busy_timeout = {int(self._busy_timeout * 1000)}',
            'synchronous = FULL',  # what was answered survives a power cut, not only a crash
            'foreign_keys = ON',
            f'cache_size = -{CACHE_SIZE_KB}',
        ):
            connection.execute(f'PRAGMA {pragma}').close()
        if self._path is not None:
            enter_wal(connection, self._busy_timeout)


class CommitWatcher(Watching):
    """Sees the commits of all other connections, of this process or any other, to a SQLite file.

    Reads ``PRAGMA data_version``, about 3 microseconds each time, when :class:`FileWatch` says so.

    :param path: the SQLite file
    :param file: which file is at that path
    :param interval: seconds between two reads while somebody writes
    :param on_commit: called in the watcher's own thread; must be quick and must not raise
    """

    def __init__(self, path: Path, file: OpenFile, interval: float, on_commit: Callable[[], None]) -> None:
        super().__init__(f'watch {path.name}')
        self._path = path
        self._open_file = file
        self._interval = interval
        self._on_commit = on_commit
        self._file: FileWatch  # from start to stop

    def start(self) -> None:
        """Start watching; safe to call twice."""
        if self._thread is None:
            self._file = FileWatch(self._path, self._interval)
        super().start()

    def _interrupt(self) -> None:
        self._file.wake()

    def _watch(self) -> None:
        with self._file:
            while not self._stopping.is_set():
                try:
                    connection, identity = self._open_file.connect(self._connect)
                except sqlite3.Error:  # gone for now; who reads or writes says so
                    self._file.wait()
                    continue
                with closing(connection):
                    self._watch_file(connection, identity)

    def _watch_file(self, connection: sqlite3.Connection, identity: object) -> None:
        """Watch until another file is at the path."""
        seen, found = self._data_version(connection), True
        while not self._stopping.is_set() and self._open_file.identity() == identity:
            if found:  # at the start, too: what was committed before the first read would otherwise go unnoticed
                self._on_commit()
            self._file.wait(found=found)
            version = self._data_version(connection)
            seen, found = version, version != seen

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None)

    @staticmethod
    def _data_version(connection: sqlite3.Connection) -> int | None:
        try:
            return int(connection.execute('PRAGMA data_version').fetchone()[0])
        except sqlite3.Error:
            return None  # locked or unreadable for a moment; a later read differs from None and calls back


def damage_of(problems: Iterable[str]) -> str:
    """Return the first damage among what a check of a SQLite file has reported; empty if there is none.

    :param problems: the lines that ``PRAGMA quick_check`` or ``PRAGMA integrity_check`` gave
    """
    for problem in problems:
        if problem != 'ok' and not CONSTRAINT.match(problem):
            return problem.removeprefix('*** in database main ***').strip().partition('\n')[0]
    return ''


def _open_anew_what_is_read_only(context: ExceptionContext) -> None:
    """Drop all pooled connections when one cannot write.

    SQLite opens a file for reading only where it must not be written to, and such a connection never writes again,
    whatever becomes of the file.
    """
    code = getattr(context.original_exception, 'sqlite_errorcode', sqlite3.SQLITE_OK)
    if code & PRIMARY_CODE == sqlite3.SQLITE_READONLY:
        context.is_disconnect = True


def _refuse_what_is_too_large(context: ExceptionContext) -> DataError | None:
    """Return the error for a number of more than 64 bits: one of the database, as with PostgreSQL, not of Python."""
    error = context.original_exception
    return DataError(context.statement, context.parameters, error) if isinstance(error, OverflowError) else None
