"""The recurring jobs: what keeps a server that runs for months from growing, and its data safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from .backup import BackupError, Backups, PostgresBackups, SqliteBackups
from .jobs import JobInterruptedError, job
from .settings import Settings

if TYPE_CHECKING:
    from .server import SyncServer


@job
def trim_change_log() -> None:
    """Forget changes that are older than the retention; a browser that was away for longer gets the whole list."""
    server = _server()
    limit = _ago(server.settings.change_log_retention)
    for stream in server.streams:
        with server.database.write() as session:
            stream.trim(session, limit)


@job
def trim_cable() -> None:
    """Forget messages that have been delivered long ago."""
    server = _server()
    server.cable.trim(server.settings.cable_retention)


@job
def cull_cache() -> None:
    """Drop what has expired."""
    _server().cache.cull()


@job
def prune_failed_executions() -> None:
    """Forget jobs that failed long ago."""
    server = _server()
    server.jobs.failed.prune(_ago(server.settings.failure_retention))


@job(attempts=3, wait=300, retry_on=(BackupError, OSError, JobInterruptedError))
def back_up_database() -> None:
    """Back the database up, unless none are to be kept; what fails for now, as without space, is tried again."""
    settings = _server().settings
    if settings.backups_kept:
        backups_of(settings).create()


def backups_of(settings: Settings) -> Backups:
    """Return the backups of the database that the settings name."""
    if (path := settings.database_path) is not None:
        return SqliteBackups(path, settings.backup_dir, settings.backups_kept)
    return PostgresBackups(settings.data_url, settings.backup_dir, settings.backups_kept)


SCHEDULE: Mapping[Callable[[], None], str] = {
    trim_change_log: '7 * * * *',
    trim_cable: '17 * * * *',
    cull_cache: '27 * * * *',
    prune_failed_executions: '37 * * * *',
    back_up_database: '47 2 * * *',
}
"""When each runs, in the five fields of cron, in UTC."""


def _server() -> SyncServer:
    from .app import current_server

    return current_server()


def _ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)
