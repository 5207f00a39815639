"""Backups of a PostgreSQL database, made and restored by PostgreSQL's own programs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from todosync.database import conninfo_of

from .base import VERSION_GAP, BackupError, Backups, MissingProgramError, NoBackupError, bring_up_to_date, now

NO_DATA = ('apscheduler_jobs', 'cable_messages', 'executions', 'failed_executions*', 'nicegui_storage', 'todosync_jobs')
"""The tables of the jobs and of the cable, as patterns: going back must not run a job twice, or repeat a message."""
RESTORED = (
    'TABLE',
    'TABLE DATA',
    'SEQUENCE',
    'SEQUENCE OWNED BY',
    'SEQUENCE SET',
    'DEFAULT',
    'CONSTRAINT',
    'CHECK CONSTRAINT',
    'FK CONSTRAINT',
    'INDEX',
    'TYPE',
    'VIEW',
)
"""What of an archive is restored. Functions, triggers, rules, policies and the like are code: who could make or change
an archive would run it in the database. Those that the database has stay; servers make the missing ones of the change
logs when they start."""
LOCK_TIMEOUT = '60s'
"""How long a table may be locked by somebody who changes it before a backup gives up."""
GOODBYE_TIMEOUT = 1.0
"""Seconds in which a process that has been stopped may still be listed as connected; it is a few milliseconds."""
CHANGE_LOGS = """
    SELECT table_name, max(column_name) FILTER (WHERE ordinal_position = 2) FROM information_schema.columns
    WHERE table_schema = current_schema() GROUP BY table_name
    HAVING string_agg(column_name, ',' ORDER BY ordinal_position) ~ '^version,[^,]+,op,at(,mark)?$'
"""

TABLES = 'SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()'
TRIGGERS = """
    SELECT relname, tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
"""


class PostgresBackups(Backups):
    """The backups of a PostgreSQL database, each an archive of ``pg_dump``.

    They hold everything in the database but the jobs and the cable's messages. For a restore, servers have to be
    stopped, on all machines. Tables that have come since the backup then stay; the tables in it are replaced in one
    transaction. Nothing else of it is taken: no functions, triggers, owners and rights, nor the tables of the jobs. The
    functions and triggers that the database has stay.

    :param url: SQLAlchemy URL of the database
    :param directory: where the backups are kept, readable by its owner only
    :param keep: how many, at least one; older ones are removed when a new one is complete
    :param migrations: the directory of the Alembic migrations that make the database's tables, if any do
    :param clock: returns the time, for the names

    Example::

        PostgresBackups('postgresql+psycopg://todosync@db/todosync', Path('backups'), keep=7).create()
    """

    def __init__(
        self,
        url: str,
        directory: Path,
        keep: int,
        *,
        migrations: Path | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        super().__init__('postgresql-', '.dump', directory, keep, migrations=migrations, clock=clock)
        self._url = url
        self._conninfo = conninfo_of(url)

    def _write(self, draft: Path) -> None:
        without = [f'--exclude-table={pattern}' for pattern in NO_DATA]
        self._run('pg_dump', '--format=custom', f'--lock-wait-timeout={LOCK_TIMEOUT}', f'--file={draft}', *without)

    def _check(self, backup: Path) -> bool:
        try:
            contents = self._run('pg_restore', '--list', backup)
        except BackupError as error:
            raise NoBackupError(f'{backup} is no backup: {error}') from error
        has_migrations = bool(re.search(r' TABLE DATA \S+ alembic_version ', contents))
        if not has_migrations and not re.search(r' FUNCTION \S+ \w+_on_put\(\)', contents):
            raise NoBackupError(f'{backup} is no backup: it holds neither a change log nor migrations')
        return has_migrations

    def _restore(self, backup: Path) -> Path | None:
        with self._alone() as connection:
            versions = _versions(connection)
            replaced = self._write_new() if versions else None
            triggers = _triggers(connection)
            self._replace_tables(backup)
            bring_up_to_date(self._url, self._migrations)
            _put_back(connection, triggers)
            _move_versions_on(connection, versions)
        return replaced

    def _replace_tables(self, backup: Path) -> None:
        with NamedTemporaryFile('w', suffix='.list') as chosen:
            chosen.write(tables_of(self._run('pg_restore', '--list', backup)))
            chosen.flush()
            in_one = ('--single-transaction', '--clean', '--if-exists', '--no-owner', '--no-privileges')
            self._run('pg_restore', *in_one, f'--use-list={chosen.name}', '--dbname=', backup)

    @contextmanager
    def _alone(self) -> Iterator[psycopg.Connection]:
        try:
            with psycopg.connect(self._conninfo, autocommit=True, application_name='todosync restore') as connection:
                _wait_until_alone(connection)
                yield connection
        except psycopg.Error as error:
            raise BackupError(str(error).strip()) from error

    def _run(self, program: str, *arguments: str | Path) -> str:
        command = [program, *map(str, arguments)]
        try:
            done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
                command, env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise MissingProgramError(
                f'{program} is not installed. Install the client of PostgreSQL (Debian: postgresql-client), of the '
                "server's version or a later one"
            ) from error
        if done.returncode < 0:
            raise BackupError(f'{program} was ended by signal {-done.returncode}')
        if done.returncode > 0:
            raise BackupError(done.stderr.strip())
        return done.stdout

    def _environment(self) -> dict[str, str]:
        """Return how to connect, as variables: arguments, and a password in them, could be read by everybody."""
        names = {option.keyword: option.envvar for option in Conninfo.get_defaults() if option.envvar}
        given = {key.encode(): str(value) for key, value in conninfo_to_dict(self._conninfo).items()}
        return {**os.environ, **{names[key].decode(): value for key, value in given.items() if key in names}}


def tables_of(contents: str) -> str:
    """Return the lines of an archive's list of contents that are about tables which may be restored.

    :param contents: what ``pg_restore --list`` says
    """
    kinds = '|'.join(sorted(RESTORED, key=len, reverse=True))
    entry = re.compile(rf'\d+; \d+ \d+ (?:{kinds}) (?:public|-) (?P<name>[^ ]+) ')
    found = ((line, entry.match(line)) for line in contents.splitlines())
    return '\n'.join(line for line, match in found if match and not _is_left_out(match['name'])) + '\n'


def _is_left_out(table: str) -> bool:
    return any(fnmatchcase(table, pattern) for pattern in NO_DATA)


def _wait_until_alone(connection: psycopg.Connection) -> None:
    """Raise ``BackupError`` if app processes are connected, and stay so."""
    query = (
        'SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() '
        "AND application_name LIKE 'todosync%' AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + GOODBYE_TIMEOUT
    while (row := connection.execute(query).fetchone()) and row[0]:
        if time.monotonic() > deadline:
            raise BackupError('app processes are connected to the database; stop them first, on all machines')
        time.sleep(GOODBYE_TIMEOUT / 20)


def _triggers(connection: psycopg.Connection) -> dict[tuple[str, str], str]:
    """Return the definitions of the database's triggers, by table and name."""
    return {(table, name): definition for table, name, definition in connection.execute(TRIGGERS).fetchall()}


def _put_back(connection: psycopg.Connection, triggers: dict[tuple[str, str], str]) -> None:
    """Make the triggers again that went with the tables that were replaced; their functions are still there."""
    tables = {name for (name,) in connection.execute(TABLES).fetchall()}
    for key in triggers.keys() - _triggers(connection).keys():
        if key[0] in tables:
            connection.execute(triggers[key].encode())


def _versions(connection: psycopg.Connection) -> dict[str, int]:
    """Return the newest version of each change log."""
    versions: dict[str, int] = {}
    for log, _ in connection.execute(CHANGE_LOGS).fetchall():
        row = connection.execute(sql.SQL('SELECT max(version) FROM {}').format(sql.Identifier(log))).fetchone()
        versions[log] = int(row[0] or 0) if row else 0
    return versions


def _move_versions_on(connection: psycopg.Connection[Any], before: dict[str, int]) -> None:
    """Leave one version in each change log, higher than any before, so that everybody asks for all rows."""
    keys = dict(connection.execute(CHANGE_LOGS).fetchall())
    for log, restored in _versions(connection).items():
        version = max(restored, before.get(log, 0)) + VERSION_GAP
        names = {'log': sql.Identifier(log), 'key': sql.Identifier(keys[log])}
        with connection.transaction():
            connection.execute(sql.SQL('DELETE FROM {log}').format(**names))
            connection.execute(
                sql.SQL("INSERT INTO {log}(version, {key}, op) VALUES (%s, 0, 'del')").format(**names), (version,)
            )
            connection.execute("SELECT setval(pg_get_serial_sequence(%s, 'version'), %s)", (log, version))
