"""Backups of a SQLite database, made and restored while servers use it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from todosync.database import damage_of, enter_wal

from .base import VERSION_GAP, BackupError, Backups, NoBackupError, bring_up_to_date, now

SQLITE_OK = 0
WRITERS_TIMEOUT = 30.0
"""Seconds that a restore waits for those who write."""


class SqliteBackups(Backups):
    """The backups of a SQLite file, each of them a SQLite file. A backup takes 0.3 s per 100 MB.

    While one is restored, servers may be running: every tab follows. A database that is damaged is replaced by another
    file, which running servers open as soon as they read or write.

    :param database: the SQLite file
    :param directory: where the backups are kept, readable by its owner only
    :param keep: how many, at least one; older ones are removed when a new one is complete
    :param migrations: the directory of the Alembic migrations that make the database's tables, if any do
    :param clock: returns the time, for the names

    Example::

        SqliteBackups(Path('production.sqlite3'), Path('backups'), keep=7).create()
    """

    def __init__(
        self,
        database: Path,
        directory: Path,
        keep: int,
        *,
        migrations: Path | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        super().__init__(f'{database.stem}-', '.sqlite3', directory, keep, migrations=migrations, clock=clock)
        self._database = database

    def create(self) -> Path:
        """Write a complete copy, as :class:`Backups` promises; a damaged database takes the place of no older backup.

        :raises BackupError: the database could not be read, or is damaged
        """
        if self._database.exists():
            with _explained(self._database), _read_only(self._database) as connection:
                if found := damage_of(line for (line,) in connection.execute('PRAGMA integrity_check')):
                    raise BackupError(f'{self._database} is damaged, restore a backup: {found}')
        return super().create()

    def _write(self, draft: Path) -> None:
        if not self._database.exists():
            raise BackupError(f'there is no database {self._database}')
        with _explained(self._database), _read_only(self._database) as connection:
            connection.execute('VACUUM INTO ?', (str(draft),))

    def _check(self, backup: Path) -> bool:
        try:
            with _read_only(backup) as connection:
                found = damage_of(line for (line,) in connection.execute('PRAGMA integrity_check'))
                has_migrations = _has_migrations(connection)
                is_ours = has_migrations or _change_logs(connection)
        except sqlite3.Error as error:
            raise NoBackupError(f'{backup} is no backup: {error}') from error
        if found:
            raise NoBackupError(f'{backup} is damaged: {found}')
        if not is_ours:
            raise NoBackupError(f'{backup} is no backup: it holds neither a change log nor migrations')
        return has_migrations

    def _restore(self, backup: Path) -> Path | None:
        self._database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryDirectory(dir=self._database.parent, prefix='.') as draft_directory:
            draft = Path(draft_directory) / backup.name
            shutil.copyfile(backup, draft)
            bring_up_to_date(f'sqlite:///{draft.absolute()}', self._migrations)
            _move_versions_on(draft, self._database)
            replaced: list[Path] = []
            try:
                if self._database.exists():
                    # nobody writes between the two: what was acknowledged is in the copy that is kept
                    _overwrite(self._database, draft, before=lambda: replaced.append(self._write_new()))
                else:
                    _replace(self._database, draft)
            except _DamagedDatabaseError:
                replaced = [self._set_aside()]
                _replace(self._database, draft)
        return replaced[0] if replaced else None

    def _set_aside(self) -> Path:
        """Copy what no backup can be made of, as it is: a program for that may find rows in it."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self._new_path().with_suffix('.damaged')
        for suffix in ('', '-wal'):
            if (found := Path(f'{self._database}{suffix}')).exists():
                shutil.copyfile(found, f'{aside}{suffix}')
        return aside


class _DamagedDatabaseError(BackupError):
    """What is there is no database any more."""


@contextmanager
def _explained(database: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:  # locked, or no space: what is there is all right
        raise BackupError(f'{database} could not be copied: {error}') from error
    except sqlite3.DatabaseError as error:
        raise _DamagedDatabaseError(f'{database} is damaged: {error}') from error


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f'{path.absolute().as_uri()}?mode=ro', uri=True, isolation_level=None)) as connection:
        yield connection


def _move_versions_on(draft: Path, current: Path) -> None:
    """Leave one version in each change log, higher than any before, so that everybody asks for all rows."""
    with closing(sqlite3.connect(draft)) as connection, connection:
        for log in _change_logs(connection):
            _, key, *_ = [column[1] for column in connection.execute(f'PRAGMA table_info({log})')]
            version = max(_newest_version(connection, log), _newest_version_of(current, log)) + VERSION_GAP
            connection.execute(f'DELETE FROM {log}')  # noqa: S608 - names of the program's own
            connection.execute(f"INSERT INTO {log}(version, {key}, op) VALUES (?, 0, 'del')", (version,))  # noqa: S608


def _change_logs(connection: sqlite3.Connection) -> list[str]:
    query = (
        "SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE TABLE % (version INTEGER PRIMARY KEY AUTOINCREMENT,%'"
    )
    return [str(name) for (name,) in connection.execute(query)]


def _has_migrations(connection: sqlite3.Connection) -> bool:
    query = "SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'"
    return bool(connection.execute(query).fetchone()[0])


def _newest_version(connection: sqlite3.Connection, log: str) -> int:
    return int(connection.execute(f'SELECT max(version) FROM {log}').fetchone()[0] or 0)  # noqa: S608


def _newest_version_of(path: Path, log: str) -> int:
    try:
        with _read_only(path) as connection:
            return _newest_version(connection, log)
    except sqlite3.Error:
        return 0  # it is not there, or damaged: the gap is for this too


def _overwrite(path: Path, draft: Path, before: Callable[[], object]) -> None:
    """Copy a database over another in one transaction, which all who use it see as a commit.

    :param before: called when nobody else can write any more and nothing can be seen of the copy yet; if it raises,
        nothing is changed
    """
    began = False

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal began
        if not began and status == SQLITE_OK:  # the first page is written, so the write lock is held
            began = True
            before()

    with _explained(path), closing(sqlite3.connect(draft)) as source, closing(_connect(path)) as target:
        source.backup(target, pages=1, progress=progress)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=WRITERS_TIMEOUT, isolation_level=None)
    enter_wal(connection, WRITERS_TIMEOUT)  # in other modes nobody could read what is to be kept under the lock
    return connection


def _replace(path: Path, draft: Path) -> None:
    for companion in (f'{path}-wal', f'{path}-shm', f'{path}-journal'):
        Path(companion).unlink(missing_ok=True)
    draft.replace(path)
