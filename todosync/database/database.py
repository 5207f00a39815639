"""The database: transactions, migrations, and the change logs. What differs by kind of database is in its dialect.

The module is long because it tells for each call what a failure means: refused, not written, or not known.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Table, inspect
from sqlalchemy.schema import CreateColumn
from sqlmodel import Session

from .base import BUSY_TIMEOUT, DATA
from .commits import CommitSignal
from .dialects import dialect_of
from .errors import DatabaseUnavailableError, UnknownOutcomeError, explained, explained_commit, is_damage
from .history_table import newest_change, sign_changes
from .log_table import LogTable
from .migrations import is_migrated
from .outage import QUIET, Outage
from .session import WriteSession

SCHEMA_PAUSE = 0.1
"""Seconds in which those who write go on, between two attempts to change the schema."""

log = logging.getLogger(__name__)


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
    """The data, in SQLite or PostgreSQL. Every call blocks and refuses to run on an event loop.

    :param url: SQLAlchemy URL of a SQLite file or a PostgreSQL database
    :param migrations: the directory of the Alembic migrations that make its tables, if any do
    :param busy_timeout: seconds that a writer waits for others
    :param on_commit: called after each commit made through :meth:`write`, in the writer's thread; must be quick and
        must not raise
    :raises ValueError: the URL names another kind of database

    Example::

        with database.write() as session:
            session.add(Todo(title='Buy milk'))
    """

    def __init__(
        self,
        url: str,
        *,
        migrations: Path | None = None,
        busy_timeout: float = BUSY_TIMEOUT,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._migrations = migrations
        self._dialect = dialect_of(url, busy_timeout)
        self._busy_timeout = busy_timeout
        self._on_commit = on_commit
        self._one_writer = threading.Lock()  # the databases' own waiting polls or holds connections; a lock hands over
        self._engine = self._dialect.make_engine()
        self._writing_engine = self._dialect.for_writing(self._engine)
        self._keeps_history = False
        self.doubted = threading.Event()
        """Set when what was read cannot be true, so that the file may be damaged."""
        self._reads = Outage(log, 'reading the database', quiet=QUIET)
        self._writes = Outage(log, 'writing to the database', quiet=QUIET)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a read transaction: everything read in it is of one moment.

        :raises DatabaseUnavailableError: the database cannot be read
        """
        forbid_event_loop('Reading the database')
        with self._told(self._reads), explained(), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self, who: str = '') -> Iterator[Session]:
        """Open a write transaction, committed on leaving the block and rolled back if the block raises.

        The block itself can neither commit nor roll back.

        :param who: who makes the changes, for their history
        :raises DatabaseUnavailableError: the database cannot be written to: locked by another program, disk
            full, read-only, gone; nothing was written
        :raises UnknownOutcomeError: it went away during the commit; it is not known whether something was written
        :raises sqlalchemy.exc.IntegrityError: a constraint or a trigger refused what was to be written; nothing was
        """
        forbid_event_loop('Writing to the database')
        place = self._dialect.place()
        with (
            self._told(self._writes),
            explained(),
            self._turn(),
            WriteSession(self._writing_engine, expire_on_commit=False) as session,
        ):
            since = newest_change(session) if who and self._keeps_history else None
            yield session
            session.flush()
            if since is not None:
                sign_changes(session, since, who)
            with explained_commit():
                session.commit_at_the_end()
        if self._dialect.place() != place:
            raise UnknownOutcomeError('its file was replaced by another one')
        self._on_commit()

    def migrate(self, back_to: str = '') -> None:
        """Run the migrations that have not been run; do nothing without any. Safe in several processes at once.

        :param back_to: take back those after this revision instead, for an older release that does not know them
        :raises DatabaseUnavailableError: the database cannot be written to
        :raises alembic.util.CommandError: there is no such revision
        """
        forbid_event_loop('Migrating the database')
        if self._migrations is None:
            return
        config = Config()
        config.set_main_option('script_location', str(self._migrations).replace('%', '%%'))
        with explained(), self._engine.begin() as connection:
            if not back_to and is_migrated(connection, config):
                return  # without waiting for those who write

        def migrate(connection: Connection, removal: Sequence[str] = ()) -> None:
            for statement in removal:
                connection.exec_driver_sql(statement)
            config.attributes['connection'] = connection
            if back_to:
                command.downgrade(config, back_to)
            else:
                command.upgrade(config, 'head')

        try:
            self._change_schema(migrate)
        except DatabaseUnavailableError as error:
            with explained(), self._engine.begin() as connection:
                removal = self._dialect.removal_ddl(connection, error)
            if not removal:
                raise
            self._change_schema(partial(migrate, removal=removal))

    def create_table(self, table: Table) -> None:
        """Create a table where it is not there yet, and add the columns that it did not have in a build before.

        Such a column has a default of the database's own, because a process of that build, which runs beside this one
        during an upgrade, goes on to write rows without it. Safe in several processes at once.

        :param table: the table
        :raises DatabaseUnavailableError: the database cannot be written to
        """
        forbid_event_loop('Changing the schema')

        def create(connection: Connection) -> None:
            table.create(connection, checkfirst=True)
            known = {column['name'] for column in inspect(connection).get_columns(table.name)}
            for column in table.columns:
                if column.name not in known:
                    added = CreateColumn(column).compile(dialect=connection.dialect)
                    connection.exec_driver_sql(f'ALTER TABLE {table.name} ADD COLUMN {added}')

        self._change_schema(create)

    def install_change_log(self, log: LogTable) -> None:
        """Create a table's change log and the triggers that write it, and the table itself where no migration has.

        Triggers see the changes of every program: this one, another process, ``sqlite3`` on the command line.

        :param log: the table, and the names in its change log
        :raises DatabaseUnavailableError: the database cannot be written to, or the table lacks a column of the model,
            which a migration may still add
        """
        forbid_event_loop('Changing the schema')
        with explained(), self._engine.begin() as connection:
            missing = log.missing_columns(connection)
        if missing:
            raise DatabaseUnavailableError(missing)
        self._keeps_history |= log.history is not None
        if self.has_change_log(log, exactly=True):
            return  # without waiting for those who write

        def install(connection: Connection) -> None:
            log.source.create(connection, checkfirst=True)
            if log.is_of_other_kind(connection):
                connection.exec_driver_sql(f'DROP TABLE {log.name}')  # everybody gets all rows once
            marks = self._dialect.marks_ddl(log) if _is_without_marks(connection, log) else []
            for statement in (*marks, *self._dialect.change_log_ddl(log), *self._dialect.enforcement_ddl(log)):
                connection.exec_driver_sql(statement)

        self._change_schema(install)

    def has_change_log(self, log: LogTable, *, exactly: bool) -> bool:
        """Return whether a table has its change log, and triggers that are fired by every program.

        :param log: the table, and the names in its change log
        :param exactly: whether they have to be those of this release
        :raises DatabaseUnavailableError: the database cannot be read
        """
        forbid_event_loop('Reading the schema')
        with explained(), self._engine.begin() as connection:
            return self._dialect.has_change_log(connection, log, exactly=exactly)

    def forget_changes(self, log: LogTable) -> None:
        """Have everybody read all rows of a table, after changes that its change log may have missed.

        :param log: the table, and the names in its change log
        :raises DatabaseUnavailableError: the database cannot be written to
        """
        forbid_event_loop('Writing to the database')
        with explained(), self._turn(), self._writing_engine.begin() as connection:
            # two rows, of which one is kept: so nobody holds the version just before the one that is kept
            for _ in range(2):
                connection.exec_driver_sql(f"INSERT INTO {log.name}({log.key}, op) VALUES ({log.no_row}, 'del')")  # noqa: S608
            newest = f'SELECT max(version) FROM {log.name}'  # noqa: S608 - the program's own names
            connection.exec_driver_sql(f'DELETE FROM {log.name} WHERE version < ({newest})')  # noqa: S608
        self._on_commit()
        self.doubted.set()

    def damage(self) -> str:
        """Return what is damaged in the file, in the database's own words; empty if nothing is. Reads the whole file.

        :raises DatabaseUnavailableError: the database cannot be read
        """
        forbid_event_loop('Reading the whole database')
        with explained(), self._engine.begin() as connection:
            return self._dialect.damage(connection)

    def why_not_written(self) -> str:
        """Return why a write was refused in the last minute, with none since that was made; empty if none was."""
        return self._writes.reason()

    def commit_signal(self, interval: float, on_commit: Callable[[], None]) -> CommitSignal:
        """Return what calls back after each commit by any program.

        :param interval: seconds between two looks, where looking is needed
        :param on_commit: called in a thread of the signal's own; must be quick and must not raise
        """
        return self._dialect.commit_signal(DATA, interval, on_commit)

    def close(self) -> None:
        """Close all pooled connections; safe to call twice."""
        self._engine.dispose()

    def _change_schema(self, change: Callable[[Connection], None]) -> None:
        """Change the schema, in a transaction that gives way to those who write.

        A program that has begun to write has locked its table, and waits for its turn, which this transaction has:
        neither could go on. So this one waits for a table for a moment only, ends, and tries again.
        """
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                with explained(), self._turn(), self._dialect.for_migrating(self._engine).begin() as connection:
                    change(connection)
            except DatabaseUnavailableError as error:
                if not self._dialect.is_in_the_way(error.__cause__) or time.monotonic() > deadline:
                    raise
                time.sleep(SCHEMA_PAUSE)
            else:
                return

    @contextmanager
    def _told(self, outage: Outage) -> Iterator[None]:
        try:
            yield
        except DatabaseUnavailableError as error:
            outage.note(error)
            if is_damage(error.__cause__):
                self.doubted.set()
            raise
        outage.end()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._one_writer.acquire(timeout=self._busy_timeout):
            raise DatabaseUnavailableError('other writers are waiting for it already')
        try:
            yield
        finally:
            self._one_writer.release()


def _is_without_marks(connection: Connection, log: LogTable) -> bool:
    found = inspect(connection)
    return found.has_table(log.name) and 'mark' not in {column['name'] for column in found.get_columns(log.name)}
