"""Backups of a SQLite database, made and restored while servers use it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from .database import Database, DatabaseUnavailableError

VERSION_GAP = 1_000_000
"""How far versions go on after a restore: past any that a browser can hold by then, or it would keep what it has."""


class NoBackupError(ValueError):
    """A file is no intact backup; nothing was changed."""


class Backups:
    """The backups of one database.

    :param database: the SQLite file
    :param directory: where the backups are kept, readable by its owner only
    :param keep: how many; older ones are removed when a new one is complete
    :param clock: returns the time, for the names

    Example::

        Backups(Path('production.sqlite3'), Path('backups'), keep=7).create()
    """

    def __init__(
        self, database: Path, directory: Path, keep: int, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._directory = directory
        self._keep = keep
        self._clock = clock

    def create(self) -> Path:
        """Write a complete copy of one moment, while others read and write. Blocks, for 0.3 s per 100 MB.

        :return: the new backup
        :raises OSError: it could not be written; the older ones are as they were
        :raises sqlite3.Error: the database could not be read
        """
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._directory / f'{self._database.stem}-{self._clock():%Y%m%dT%H%M%SZ}.sqlite3'
        with TemporaryDirectory(dir=self._directory, prefix='.') as draft_directory:
            draft = Path(draft_directory) / path.name
            with _read_only(self._database) as connection:
                connection.execute('VACUUM INTO ?', (str(draft),))
            with draft.open('rb') as file:
                os.fsync(file.fileno())
            draft.replace(path)
        for old in self.newest_first()[self._keep :]:
            old.unlink()
        return path

    def newest_first(self) -> list[Path]:
        """Return the backups that there are."""
        return sorted(self._directory.glob(f'{self._database.stem}-*.sqlite3'), reverse=True)

    def restore(self, backup: Path) -> Path | None:
        """Make the database what it was when a backup was made. Servers may be running: every tab follows.

        A backup of an older release is brought up to date on the way. A database that is damaged is replaced by
        another file, which running servers notice only when they are started again.

        :return: a backup of what has been replaced; ``None`` if that could not be read
        :raises NoBackupError: the file is no intact backup; nothing was changed
        :raises OSError: there is no such file, or no space; nothing was changed
        """
        _check(backup)
        replaced: Path | None = None
        self._database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryDirectory(dir=self._database.parent, prefix='.') as draft_directory:
            draft = Path(draft_directory) / backup.name
            shutil.copyfile(backup, draft)
            _bring_up_to_date(draft)
            _move_versions_on(draft, self._database)
            try:
                replaced = self._create_without_removing() if self._database.exists() else None
                _overwrite(self._database, draft)
            except sqlite3.DatabaseError:  # what is there is no database any more
                _replace(self._database, draft)
        return replaced

    def _create_without_removing(self) -> Path:
        return Backups(self._database, self._directory, len(self.newest_first()) + 1, clock=self._clock).create()


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f'{path.absolute().as_uri()}?mode=ro', uri=True, isolation_level=None)) as connection:
        yield connection


def _check(backup: Path) -> None:
    if not backup.is_file():
        raise FileNotFoundError(f'there is no backup {backup}')
    try:
        with _read_only(backup) as connection:
            (result,) = connection.execute('PRAGMA integrity_check').fetchone()
            connection.execute('SELECT count(*) FROM todos, alembic_version').fetchone()
    except sqlite3.Error as error:
        raise NoBackupError(f'{backup} is no backup: {error}') from error
    if result != 'ok':
        raise NoBackupError(f'{backup} is damaged: {result}')


def _bring_up_to_date(draft: Path) -> None:
    database = Database(f'sqlite:///{draft.absolute()}')
    try:
        database.migrate()
    except DatabaseUnavailableError as error:
        raise OSError(f'the backup could not be brought up to date: {error}') from error
    finally:
        database.close()


def _move_versions_on(draft: Path, current: Path) -> None:
    """Leave only a version in each change log that is newer than any, so that everybody asks for the whole list."""
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


def _newest_version(connection: sqlite3.Connection, log: str) -> int:
    return int(connection.execute(f'SELECT max(version) FROM {log}').fetchone()[0] or 0)  # noqa: S608


def _newest_version_of(path: Path, log: str) -> int:
    try:
        with _read_only(path) as connection:
            return _newest_version(connection, log)
    except sqlite3.Error:
        return 0  # it is not there, or damaged: the gap is for this too


def _overwrite(path: Path, draft: Path) -> None:
    """Copy a database over another in one transaction, which all who use it see as a commit."""
    with closing(sqlite3.connect(draft)) as source, closing(sqlite3.connect(path, timeout=30)) as target:
        source.backup(target)


def _replace(path: Path, draft: Path) -> None:
    for companion in (f'{path}-wal', f'{path}-shm', f'{path}-journal'):
        Path(companion).unlink(missing_ok=True)
    draft.replace(path)
