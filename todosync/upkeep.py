"""The recurring jobs that keep a server that runs for months from growing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from todosync.jobs import job
from todosync.runtime import current_server


@job
def trim_change_log() -> None:
    """Forget changes that are older than the retention; a browser that was away for longer gets the whole list."""
    server = current_server()
    limit = _ago(server.settings.change_log_retention)
    for stream in server.streams:
        with server.database.write() as session:
            stream.trim(session, limit)


@job
def trim_cable() -> None:
    """Forget messages that have been delivered long ago."""
    server = current_server()
    server.cable.trim(server.settings.cable_retention)


@job
def cull_cache() -> None:
    """Drop what has expired."""
    current_server().cache.cull()


@job
def prune_failed_executions() -> None:
    """Forget jobs that failed long ago."""
    server = current_server()
    server.jobs.failed.prune(_ago(server.settings.failure_retention))


SCHEDULE: Mapping[Callable[[], None], str] = {
    trim_change_log: '7 * * * *',
    trim_cable: '17 * * * *',
    cull_cache: '27 * * * *',
    prune_failed_executions: '37 * * * *',
}
"""When each runs, in the five fields of cron, in UTC."""


def _ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)
