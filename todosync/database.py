"""The database: engine, pragmas, migrations, and the triggers that write the change log."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, Table, event, make_url
from sqlmodel import Session, create_engine

from .streams import Stream

BUSY_TIMEOUT = 10.0
"""How many seconds a writer waits for another program's transaction before it is told that the database is locked."""


def forbid_event_loop(what: str) -> None:
    """Refuse to block the event loop.

    :param what: what would have blocked it, for the message
    :raises RuntimeError: the calling thread is running an event loop
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(f'{what} would block the event loop; call it in a thread: await asyncio.to_thread(...)')


class Database:
    """The data, in SQLite. Every call blocks and refuses to run on an event loop.

    :param url: SQLAlchemy URL of a SQLite file
    :param on_commit: called after each commit made through :meth:`write`, in the writer's thread; must be quick and
        must not raise

    Example::

        with database.write() as session:
            session.add(Todo(title='Buy milk'))
    """

    def __init__(self, url: str, *, on_commit: Callable[[], None] = lambda: None) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() != 'sqlite' or not self.url.database:
            raise ValueError(f'DATABASE_URL must name a SQLite file, as in sqlite:///todos.sqlite3, not {url!r}')
        self.path = Path(self.url.database)
        self._on_commit = on_commit
        self._one_writer = threading.Lock()  # SQLite's own waiting sleeps; a lock hands over at once
        self._engine = create_engine(self.url, pool_size=8, max_overflow=32)
        _configure_sqlite(self._engine)
        self._writing_engine = self._engine.execution_options(begin='BEGIN IMMEDIATE')

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a read transaction: everything read in it is of one moment.

        :raises sqlalchemy.exc.OperationalError: the database cannot be read
        """
        forbid_event_loop('Reading the database')
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a write transaction, committed on leaving the block and rolled back if the block raises.

        :raises sqlalchemy.exc.OperationalError: the database cannot be written to (locked for 10 s by another
            program, disk full, read-only); nothing was written
        """
        forbid_event_loop('Writing to the database')
        with self._one_writer, Session(self._writing_engine, expire_on_commit=False) as session:
            yield session
            session.commit()
        self._on_commit()

    def migrate(self) -> None:
        """Create the database or bring its schema up to date; do nothing where it already is."""
        forbid_event_loop('Migrating the database')
        self.path.parent.mkdir(parents=True, exist_ok=True)
        config = Config()
        config.set_main_option('script_location', str(Path(__file__).parent / 'migrations').replace('%', '%%'))
        with self._writing_engine.connect() as connection:
            config.attributes['connection'] = connection
            command.upgrade(config, 'head')
            connection.commit()

    def install_change_log(self, stream: Stream) -> None:
        """Create a stream's change log and the triggers that write it, unless they exist.

        Triggers, so that a change by any program is seen: this one, another process, ``sqlite3`` on the command line.
        """
        with self._one_writer, self._writing_engine.begin() as connection:
            for statement in change_log_ddl(stream):
                connection.exec_driver_sql(statement)

    def create_table(self, table: Table) -> None:
        """Create a table that no migration makes, unless it exists."""
        with self._one_writer, self._writing_engine.begin() as connection:
            table.create(connection, checkfirst=True)

    def close(self) -> None:
        """Close all pooled connections; safe to call twice."""
        self._engine.dispose()


class CommitWatcher:
    """Calls back when another connection, of this process or any other, has committed to a SQLite file.

    Reads ``PRAGMA data_version`` at an interval, about 3 microseconds each.

    :param path: the SQLite file
    :param interval: seconds between two reads
    :param on_commit: called in the watcher's own thread; must be quick and must not raise
    """

    def __init__(self, path: Path, interval: float, on_commit: Callable[[], None]) -> None:
        self._path = path
        self._interval = interval
        self._on_commit = on_commit
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start watching; safe to call twice."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._watch, name=f'watch {self._path.name}', daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread to end; safe to call twice."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            seen = self._data_version(connection)
            while not self._stopping.wait(self._interval):
                version = self._data_version(connection)
                if version != seen:
                    seen = version
                    self._on_commit()
        finally:
            connection.close()

    @staticmethod
    def _data_version(connection: sqlite3.Connection) -> int | None:
        try:
            return int(connection.execute('PRAGMA data_version').fetchone()[0])
        except sqlite3.OperationalError:
            return None  # locked or unreadable for a moment; a later read differs from None and calls back


def change_log_ddl(stream: Stream) -> list[str]:
    """Return the statements that create a stream's change log and triggers in SQLite."""
    log, key, source = stream.change_log, stream.change_key, stream.table.name

    def trigger(event_: str, suffix: str, row: str, op: str, condition: str = '') -> str:
        return (
            f'CREATE TRIGGER IF NOT EXISTS {log}_{suffix} AFTER {event_} ON {source} {condition} '
            f"BEGIN INSERT INTO {log}({key}, op) VALUES ({row}.id, '{op}'); END"  # noqa: S608 - names of the program's own
        )

    return [
        f'CREATE TABLE IF NOT EXISTS {log} ('
        f'version INTEGER PRIMARY KEY AUTOINCREMENT, {key} INTEGER NOT NULL, '
        "op TEXT NOT NULL CHECK (op IN ('put', 'del')), "
        "at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')))",
        trigger('INSERT', 'on_insert', 'NEW', 'put'),
        trigger('UPDATE', 'on_update', 'NEW', 'put'),
        trigger('UPDATE OF id', 'on_renumber', 'OLD', 'del', 'WHEN OLD.id <> NEW.id'),
        trigger('DELETE', 'on_delete', 'OLD', 'del'),
    ]


def _configure_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, 'connect')
    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where on_begin says, not where the driver guesses
        for pragma in (
            f'busy_timeout = {int(BUSY_TIMEOUT * 1000)}',
            'journal_mode = WAL',  # readers never wait for a writer
            'synchronous = FULL',  # what was answered survives a power cut, not only a crash
            'foreign_keys = ON',
        ):
            connection.execute(f'PRAGMA {pragma}').close()

    @event.listens_for(engine, 'begin')
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get('begin', 'BEGIN'))
