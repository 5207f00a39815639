"""All that PostgreSQL does in its own way, through psycopg (extra ``postgres``). Only :func:`dialect_of` loads it.

The module is long because a reader finds all of that in one place.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from .base import DATA, begin, first_row_ddl
from .commits import CommitSignal, Watching
from .history_table import history
from .log_table import LogTable
from .outage import Outage
from .ownership import Ownership
from .postgres_connection import connect, connect_to_server
from .postgres_history import history_ddl, unwanted_triggers
from .postgres_url import POSTGRES_CONNECTION, conninfo_of

ONE_WRITER_LOCK = 715_031_883
"""The key of PostgreSQL's advisory lock that makes versions visible in their order: no reader skips one."""
OWNER_LOCK = 715_031_885
"""The key of the advisory lock that the owner holds."""
TAKE_TURN = f'SELECT pg_advisory_xact_lock({ONE_WRITER_LOCK})'
ANY_CHANGE = 'INSERT OR UPDATE OR DELETE OR TRUNCATE'
MARK = "mark text NOT NULL DEFAULT substr(replace(gen_random_uuid()::text, '-', ''), 1, 16)"
POLL_INTERVAL = 1.0
"""Seconds after which PostgreSQL is taken to have committed something, should a notification have been lost."""
RETRY_INTERVAL = 0.2
"""Seconds between two attempts to connect again, and between two looks whether to stop."""
HUNG_AFTER = 5.0
"""Seconds without a word from a program in the middle of a transaction, after which PostgreSQL takes it for hung and
ends the transaction. All writers wait for it until then, so it is less than they wait (``BUSY_TIMEOUT``)."""

SCHEMA_PATIENCE = 0.3
"""Seconds that a change of the schema waits for a table. Less than PostgreSQL waits (1 s) before it ends one of two
transactions that wait for each other: that could be the other program's."""
LOCKED = ('55P03', '40P01')
"""PostgreSQL's SQLSTATEs of a lock that was not got in time, and of transactions that waited for each other."""
FUNCTION = re.compile(r'CREATE OR REPLACE FUNCTION (?P<name>\w+)\(\).*?\$\$(?P<body>.*)\$\$', re.DOTALL)
TRIGGER = re.compile(r'CREATE OR REPLACE TRIGGER (?P<name>\w+) .* EXECUTE FUNCTION (?P<function>\w+)\(', re.DOTALL)
NOTE = text(  # none where the log has no marks, as in a dump of an older release
    "SELECT obj_description(attrelid, 'pg_class') FROM pg_attribute "
    "WHERE attrelid = to_regclass(:log) AND attname = 'mark' AND NOT attisdropped"
)
TRIGGERS = text(
    'SELECT tgname AS name, tgenabled AS enabled, prosrc AS body, to_regclass(:history) IS NOT NULL AS has_history '
    'FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid '
    'WHERE tgrelid = to_regclass(:source) AND NOT tgisinternal'
)

log = logging.getLogger(__name__)


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
                **POSTGRES_CONNECTION,
                'options': f'-c lock_timeout={int(self._busy_timeout * 1000)} -c timezone=UTC '
                f'-c idle_in_transaction_session_timeout={int(HUNG_AFTER * 1000)}',
                'application_name': 'todosync',
            },
        )
        event.listen(engine, 'do_connect', connect_to_server)
        event.listen(engine, 'begin', begin)
        return engine

    def for_writing(self, engine: Engine) -> Engine:
        """Let writers wait for each other, and then see what the other has committed; repeatable-read hides that."""
        return engine.execution_options(isolation_level='READ COMMITTED', begin=TAKE_TURN)

    def for_migrating(self, engine: Engine) -> Engine:
        """Let a migration take as long as it wants between two statements, but wait for a table only briefly."""
        begin = (
            f'{TAKE_TURN}; SET LOCAL idle_in_transaction_session_timeout = 0; '
            f'SET LOCAL lock_timeout = {int(SCHEMA_PATIENCE * 1000)}'
        )
        return engine.execution_options(isolation_level='READ COMMITTED', begin=begin)

    def change_log_ddl(self, table: LogTable) -> list[str]:
        """Return the statements.

        A statement waits for its turn before it touches the first row: two programs that waited with rows in their
        hands could wait for each other. The turn ends when the commit is visible.
        """
        log, source = table.name, table.source.name
        columns = table.scope_ddl('uuid') + table.key_ddl('bigint', 'uuid')

        def trigger(suffix: str, when: str, each: str, body: str) -> list[str]:
            name = f'{log}_{suffix}'
            return [
                f'CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS '
                f'$$ BEGIN {body}; RETURN NULL; END $$',
                f'CREATE OR REPLACE TRIGGER {name} {when} ON {source} FOR EACH {each} EXECUTE FUNCTION {name}()',
            ]

        write = f'INSERT INTO {log}({table.columns})'
        write_all = f'{write} SELECT {table.values("", "del")} FROM {source}'  # noqa: S608 - the program's own names
        write_old = f'{write} VALUES ({table.values("OLD.", "del")})'
        leaves = ['OLD.id <> NEW.id'] if table.is_keyed else []
        if table.scope:
            leaves.append(f'OLD."{table.scope}" IS DISTINCT FROM NEW."{table.scope}"')
        renumber = f'IF {" OR ".join(leaves)} THEN {write_old}; END IF'
        return [
            f'CREATE TABLE IF NOT EXISTS {log} ('
            f'version bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, {columns}, '
            "op text NOT NULL CHECK (op IN ('put', 'del')), at timestamptz NOT NULL DEFAULT clock_timestamp(), "
            f'{MARK})',
            *table.index_ddl,
            first_row_ddl(table),
            *trigger('in_turn', f'BEFORE {ANY_CHANGE}', 'STATEMENT', TAKE_TURN.replace('SELECT', 'PERFORM')),
            *trigger('on_put', 'AFTER INSERT OR UPDATE', 'ROW', f'{write} VALUES ({table.values("NEW.", "put")})'),
            *(trigger('on_renumber', 'AFTER UPDATE', 'ROW', renumber) if leaves else []),
            *trigger('on_delete', 'AFTER DELETE', 'ROW', write_old),
            *trigger('on_truncate', 'BEFORE TRUNCATE', 'STATEMENT', write_all),
            *self.signal_ddl(DATA, source),
            *history_ddl(table),
        ]

    def enforcement_ddl(self, table: LogTable) -> list[str]:
        """Return the statements by which triggers fire under every ``session_replication_role``, and a note of them.

        Triggers of a history that is kept no longer are removed here, so that the note is the same where none ever was.
        """
        source, triggers = table.source.name, self._triggers(table)
        always = [f'ALTER TABLE {source} ENABLE ALWAYS TRIGGER {name}' for name in triggers]
        removal = [f'DROP TRIGGER IF EXISTS {name} ON {source}' for name in unwanted_triggers(table)]
        return [*always, *removal, f"COMMENT ON TABLE {table.name} IS '{self._note(table)}'"]

    def has_change_log(self, connection: Connection, table: LogTable, *, exactly: bool) -> bool:
        """Compare the note of the statements that were executed, and what has become of the triggers since."""
        names = {'source': table.source.name, 'log': table.name, 'history': history.name}
        found = {row.name: row for row in connection.execute(TRIGGERS, names)}
        triggers, bodies = self._triggers(table), self._bodies(table)
        if not all(name in found and found[name].enabled == 'A' for name in triggers):
            return False
        if table.history and not all(row.has_history for row in found.values()):
            return False
        if not exactly:
            return True
        if any(name in found for name in unwanted_triggers(table)):
            return False
        note = connection.execute(NOTE, names).scalar()
        return note == self._note(table) and all(
            found[name].body == bodies[function] for name, function in triggers.items()
        )

    def is_in_the_way(self, error: BaseException | None) -> bool:
        """Return whether a table was locked, or two transactions waited for each other."""
        return getattr(getattr(error, 'orig', None), 'sqlstate', None) in LOCKED

    def _triggers(self, table: LogTable) -> dict[str, str]:
        """Return the functions of the triggers, by the name of the trigger."""
        found = map(TRIGGER.match, self.change_log_ddl(table))
        return {match['name']: match['function'] for match in found if match}

    def _bodies(self, table: LogTable) -> dict[str, str]:
        found = map(FUNCTION.match, self.change_log_ddl(table))
        return {match['name']: match['body'] for match in found if match}

    def _note(self, table: LogTable) -> str:
        return f'todosync {hashlib.sha256(repr(self.change_log_ddl(table)).encode()).hexdigest()[:16]}'

    def removal_ddl(self, connection: Connection, error: Exception) -> list[str]:
        """Return nothing: what the triggers do is not compared with the columns of the table before they fire."""
        return []

    def marks_ddl(self, table: LogTable) -> list[str]:
        """Return the statement, by which each row gets a mark of its own."""
        return [f'ALTER TABLE {table.name} ADD COLUMN {MARK}']

    def signal_ddl(self, topic: str, table: str) -> list[str]:
        """Return the trigger that notifies; PostgreSQL sends a transaction's notifications on commit, once."""
        return [
            'CREATE OR REPLACE FUNCTION todosync_signal() RETURNS trigger LANGUAGE plpgsql AS '
            "$$ BEGIN PERFORM pg_notify(TG_ARGV[0], ''); RETURN NULL; END $$",
            f'CREATE OR REPLACE TRIGGER {table}_signal AFTER {ANY_CHANGE} ON {table} '
            f"FOR EACH STATEMENT EXECUTE FUNCTION todosync_signal('{topic}')",
        ]

    def place(self) -> object:
        """Return nothing: PostgreSQL keeps its files to itself."""
        return None

    def damage(self, connection: Connection) -> str:
        """Return nothing: the server looks after its files, and refuses what it finds damaged."""
        return ''

    def commit_signal(self, topic: str, interval: float, on_commit: Callable[[], None]) -> CommitSignal:
        """Return a listener to the notifications."""
        return CommitListener(self._url, topic, on_commit)

    def make_ownership(self) -> Ownership:
        """Return an advisory lock."""
        return PostgresOwnership(self._url)


class CommitListener(Watching):
    """Hears the commits that triggers notify of, see ``PostgresDialect``; connects again when it has to.

    :param url: SQLAlchemy URL of the database
    :param topic: which commits, the channel of the notifications
    :param on_commit: called in the listener's own thread; must be quick and must not raise
    """

    def __init__(self, url: URL, topic: str, on_commit: Callable[[], None]) -> None:
        super().__init__(f'listen to {topic}')
        self._topic = topic
        self._conninfo = conninfo_of(url)
        self._on_commit = on_commit
        self._outage = Outage(log, f'listening to {topic}')

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                with connect(self._conninfo, 'todosync commits') as connection:
                    connection.execute(f'LISTEN {self._topic}')
                    self._outage.end()
                    self._listen(connection)
            except psycopg.Error as error:
                self._outage.note(error)
                self._stopping.wait(RETRY_INTERVAL)

    def _interrupt(self) -> None:
        """Do nothing: it looks every ``RETRY_INTERVAL``."""

    def _listen(self, connection: psycopg.Connection) -> None:
        due = time.monotonic()  # at once, for what was committed before LISTEN
        while not self._stopping.is_set():
            if time.monotonic() >= due:
                self._on_commit()
                due = time.monotonic() + POLL_INTERVAL
            for _ in connection.notifies(timeout=RETRY_INTERVAL, stop_after=1):
                due = time.monotonic()


class PostgresOwnership:
    """Between the processes that share a database, on any machine. It is lost when the connection is.

    :param url: SQLAlchemy URL of the database
    """

    def __init__(self, url: URL) -> None:
        self._conninfo = conninfo_of(url)
        self._connection: psycopg.Connection | None = None
        self._held = False

    def acquire(self) -> bool:
        """Return whether this process is the owner, after trying to become it, and making sure that it still is."""
        try:
            if self._connection is None:
                self._connection = connect(self._conninfo, 'todosync owner')
            query = 'SELECT true' if self._held else f'SELECT pg_try_advisory_lock({OWNER_LOCK})'
            row = self._connection.execute(query).fetchone()
            self._held = row is not None and bool(row[0])
        except psycopg.Error:
            self.release()
        return self._held

    def release(self) -> None:
        """Let another process be the owner; safe to call twice."""
        self._held = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None
