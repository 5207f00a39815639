"""The recurring jobs that delete old data, so that a server can run for months without growing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from todosync.jobs import job
from todosync.runtime import current_server
from todosync.writes import forget_history

KEY_RETENTION = 24 * 60 * 60
"""Seconds for which the outcomes of writes with a key are kept."""
QUEUE_RETENTION = 90 * 24 * 60 * 60
"""Seconds for which the queue of a browser is remembered that sends nothing. A device may be offline for long."""


@job
def trim_change_log() -> None:
    """Delete changes that are older than the retention. A browser that was away for longer gets all rows.

    What the history has of a stream is kept for as long as the stream says.
    """
    server = current_server()
    limit = _ago(server.settings.change_log_retention)
    for stream in server.streams:
        with server.database.write() as session:
            stream.trim(session, limit)
        forget_history(server.database, stream, datetime.now(UTC) - (stream.history or timedelta()))


@job
def trim_cable() -> None:
    """Delete messages that are older than the retention; all processes have them."""
    server = current_server()
    server.cable.trim(server.settings.cable_retention)


@job
def cull_cache() -> None:
    """Delete expired entries of the cache."""
    current_server().cache.cull()


@job
def forget_done_writes() -> None:
    """Forget which writes were done under a key, or came from a browser; nobody repeats one after so long."""
    server = current_server()
    if any(stream.is_writable for stream in server.streams):
        server.writer.forget(_ago(KEY_RETENTION))
        server.writer.forget_queues(_ago(QUEUE_RETENTION))


@job
def prune_failed_executions() -> None:
    """Delete the records of jobs that failed longer ago than the retention."""
    server = current_server()
    server.jobs.failed.prune(_ago(server.settings.failure_retention))


SCHEDULE: Mapping[Callable[[], None], str] = {
    trim_change_log: '7 * * * *',
    trim_cable: '17 * * * *',
    cull_cache: '27 * * * *',
    prune_failed_executions: '37 * * * *',
    forget_done_writes: '47 * * * *',
}
"""When each job runs: the five fields of cron, in UTC."""


def _ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)
