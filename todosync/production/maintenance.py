"""The nightly backup, and which kind of backups a deployment has."""

from __future__ import annotations

from todosync.jobs import JobInterruptedError, job
from todosync.package import extra
from todosync.runtime import current_server
from todosync.settings import Settings

from .backup import BackupError, Backups, SqliteBackups

BACKUP_TIME = '47 2 * * *'
"""When the backup runs, in the five fields of cron, in UTC."""


@job(attempts=3, wait=300, retry_on=(BackupError, OSError, JobInterruptedError))
def back_up_database() -> None:
    """Back the database up, unless none are to be kept; what fails for now, as without space, is tried again."""
    settings = current_server().settings
    if settings.backups_kept:
        backups_of(settings).create()


def backups_of(settings: Settings) -> Backups:
    """Return the backups of the database that the settings name."""
    directory, keep, migrations = settings.backup_dir, settings.backups_kept, settings.migrations
    if (path := settings.database_path) is not None:
        return SqliteBackups(path, directory, keep, migrations=migrations)
    with extra('postgres', 'PostgreSQL'):
        from .backup.postgres import PostgresBackups

    return PostgresBackups(settings.data_url, directory, keep, migrations=migrations)
