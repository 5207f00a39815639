"""What a deployment does each night: it backs up its database, and forgets sessions that nobody uses."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

from todosync.jobs import JobInterruptedError, job
from todosync.package import extra
from todosync.runtime import current_server
from todosync.settings import Settings

from .backup import BackupError, Backups, SqliteBackups
from .storage_table import StorageTable

BACKUP_TIME = '47 2 * * *'
FORGETTING_TIME = '57 2 * * *'
"""When each runs, in the five fields of cron, in UTC."""
SESSION_RETENTION = timedelta(days=90)
"""For how long a session is kept that nobody uses. By default its cookie lasts for 14 days."""


@job(attempts=3, wait=300, retry_on=(BackupError, OSError, JobInterruptedError))
def back_up_database() -> None:
    """Back the database up, unless the settings want no backups. A failure, such as a full disk, is tried again."""
    settings = current_server().settings
    if settings.backups_kept:
        backups_of(settings).create()


@job
def forget_unused_sessions() -> None:
    """Delete what pages have kept in ``app.storage.user`` for sessions of which no page was loaded for long."""
    with closing(StorageTable(current_server().settings.storage_url)) as table:
        table.forget(datetime.now(UTC) - SESSION_RETENTION)


def backups_of(settings: Settings) -> Backups:
    """Return the backups of the database that the settings name."""
    directory, keep, migrations = settings.backup_dir, settings.backups_kept, settings.migrations
    if (path := settings.database_path) is not None:
        return SqliteBackups(path, directory, keep, migrations=migrations)
    with extra('postgres', 'PostgreSQL'):
        from .backup.postgres import PostgresBackups

    return PostgresBackups(settings.data_url, directory, keep, migrations=migrations)
