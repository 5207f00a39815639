"""The recurring jobs: what keeps a server that runs for months from growing, and its data safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from .backup import Backups
from .settings import Settings

if TYPE_CHECKING:
    from .server import SyncServer


def trim_change_log() -> None:
    """Forget changes that are older than the retention; a browser that was away for longer gets the whole list."""
    server = _server()
    limit = _ago(server.settings.change_log_retention)
    for stream in server.streams:
        with server.database.write() as session:
            stream.trim(session, limit)


def trim_cable() -> None:
    """Forget messages that have been delivered long ago."""
    server = _server()
    server.cable.trim(server.settings.cable_retention)


def cull_cache() -> None:
    """Drop what has expired."""
    _server().cache.cull()


def prune_failed_executions() -> None:
    """Forget jobs that failed long ago."""
    server = _server()
    server.jobs.failed.prune(_ago(server.settings.failure_retention))


def back_up_database() -> None:
    """Back a SQLite database up; PostgreSQL has tools of its own for that."""
    if (backups := backups_of(_server().settings)) is not None:
        backups.create()


def backups_of(settings: Settings) -> Backups | None:
    """Return the backups of the database that the settings name, ``None`` when it is not on SQLite."""
    path = settings.database_path
    return None if path is None else Backups(path, settings.backup_dir, settings.backups_kept)


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
