"""What the backups of every kind of database have in common."""

from __future__ import annotations

import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from todosync.database import Database, DatabaseUnavailableError

VERSION_GAP = 1_000_000
"""By how much the versions rise with a restore: beyond any that a browser can hold, or it would keep its rows."""

MIGRATIONS_HINT = 'set TODOSYNC_MIGRATIONS to the directory of the migrations of the app'

DRAFT_PREFIX = '.draft-'
DRAFT_MAX_AGE = 86_400.0
"""Seconds after which a draft counts as left behind by a process that was killed."""


class BackupError(Exception):
    """The database could not be backed up or restored now."""


class NoBackupError(Exception):
    """A file is no intact backup; nothing was changed."""


class MissingProgramError(Exception):
    """A program that backups need is not installed; nothing was changed."""


def now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


class Backups(ABC):
    """The backups of one database.

    :param prefix: what their names begin with
    :param suffix: what their names end with
    :param directory: where they are kept, readable by its owner only
    :param keep: how many, at least one; older ones are removed when a new one is complete
    :param migrations: the directory of the Alembic migrations that make the database's tables, if any do
    :param clock: returns the time, for the names
    """

    def __init__(
        self,
        prefix: str,
        suffix: str,
        directory: Path,
        keep: int,
        *,
        migrations: Path | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._prefix = prefix
        self._suffix = suffix
        self._directory = directory
        self._keep = keep
        self._migrations = migrations
        self._clock = clock

    def create(self) -> Path:
        """Write a complete copy of one moment, while others read and write. Blocks.

        :return: the new backup
        :raises BackupError: the database could not be read
        :raises OSError: the backup could not be written; the older ones are as they were
        :raises MissingProgramError: the database's own program for this is not installed
        """
        path = self._write_new()
        others = [other for other in self.newest_first() if other != path]  # a clock set back makes them look newer
        for old in others[max(self._keep, 1) - 1 :]:
            old.unlink()
        return path

    def newest_first(self) -> list[Path]:
        """Return the backups that there are."""
        return sorted(self._directory.glob(f'{self._prefix}*{self._suffix}'), reverse=True)

    def restore(self, backup: Path) -> Path | None:
        """Make the database what it was when a backup was made, brought up to date where that is of an older release.

        :return: a backup of what has been replaced, or a copy of its damaged file; ``None`` if there was nothing
        :raises NoBackupError: the file is no intact backup; nothing was changed
        :raises BackupError: the database cannot be replaced now, the message says why
        :raises OSError: there is no such file, or no space; nothing was changed
        :raises MissingProgramError: the database's own program for this is not installed; nothing was changed
        """
        if not backup.is_file():
            raise FileNotFoundError(f'there is no backup {backup}')
        if self._check(backup) and self._migrations is None:
            raise BackupError(
                f'{backup} may be of an older release, and the migrations are not known; {MIGRATIONS_HINT}'
            )
        return self._restore(backup)

    @abstractmethod
    def _write(self, draft: Path) -> None:
        """Write a complete copy into a new file."""

    @abstractmethod
    def _check(self, backup: Path) -> bool:
        """Raise ``NoBackupError`` unless a file is an intact backup.

        :return: whether migrations have made its tables
        """

    @abstractmethod
    def _restore(self, backup: Path) -> Path | None:
        """Do what :meth:`restore` promises, with a file that has been checked."""

    def _write_new(self) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._remove_abandoned_drafts()
        path = self._new_path()
        with TemporaryDirectory(dir=self._directory, prefix=DRAFT_PREFIX) as draft_directory:
            draft = Path(draft_directory) / path.name
            self._write(draft)
            with draft.open('rb') as file:
                os.fsync(file.fileno())
            draft.replace(path)
        return path

    def _remove_abandoned_drafts(self) -> None:
        for draft in self._directory.glob(f'{DRAFT_PREFIX}*'):
            if time.time() - draft.stat().st_mtime > DRAFT_MAX_AGE:  # its process was killed
                shutil.rmtree(draft, ignore_errors=True)

    def _new_path(self) -> Path:
        moment = self._clock()
        while (path := self._directory / f'{self._prefix}{moment:%Y%m%dT%H%M%SZ}{self._suffix}').exists():
            moment += timedelta(seconds=1)  # nothing is replaced, not even what was made just now
        return path


def bring_up_to_date(url: str, migrations: Path | None) -> None:
    """Migrate a database that may be of an older release.

    :param url: SQLAlchemy URL
    :param migrations: the directory of the Alembic migrations
    :raises BackupError: it cannot be written to
    """
    database = Database(url, migrations=migrations)
    try:
        database.migrate()
    except DatabaseUnavailableError as error:
        raise BackupError(f'what the backup holds could not be brought up to date: {error}') from error
    finally:
        database.close()
