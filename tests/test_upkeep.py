"""The recurring jobs of every server, each run once against a server's own parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from tests.waiting import wait_until
from tests.writing import create_todo
from todos.models import TODOS
from todosync import upkeep
from todosync.assembly import SyncServer
from todosync.streams.cache import CacheEntry
from todosync.streams.version import Version


def test_each_is_scheduled(open_server: SyncServer) -> None:
    wait_until(lambda: open_server.jobs.queue().waiting == len(upkeep.SCHEDULE))
    assert {run.__name__ for run in upkeep.SCHEDULE} == {
        'trim_change_log',
        'trim_cable',
        'cull_cache',
        'prune_failed_executions',
        'forget_done_writes',
    }


def test_old_changes_are_trimmed_and_the_version_stays(open_server: SyncServer) -> None:
    for title in ('a', 'b', 'c'):
        create_todo(open_server.database, {'title': title})
    with open_server.database.write() as session:
        session.connection().execute(text("UPDATE changes SET at = '2026-01-01 00:00:00' WHERE version < 3"))
    upkeep.trim_change_log()
    with open_server.database.read() as session:
        assert TODOS.version(session).number == 3
        assert session.connection().scalar(text('SELECT count(*) FROM changes')) == 1


def test_what_happened_is_forgotten_when_the_stream_says_so(open_server: SyncServer) -> None:
    for title in ('a', 'b'):
        create_todo(open_server.database, {'title': title})
    with open_server.database.write() as session:
        old = 'UPDATE todosync_history SET at = :at WHERE id = 1'
        session.connection().execute(
            text(old), {'at': str(datetime.now(UTC).replace(tzinfo=None) - timedelta(days=91))}
        )
    upkeep.trim_change_log()
    assert [change.after['title'] for change in open_server.writer.history(TODOS)] == ['b']


def test_the_cable_the_cache_and_the_failures_are_kept_small(open_server: SyncServer) -> None:
    open_server.jobs.failed.record('job', ValueError())
    version = Version(1, 'mark')
    open_server.cache.fetch('todos', version, lambda: CacheEntry(version, b'[]'))
    upkeep.trim_cable()
    upkeep.cull_cache()
    upkeep.prune_failed_executions()
    assert open_server.jobs.failed.count() == 1  # too young


def test_the_keys_of_writes_are_kept_for_a_day(open_server: SyncServer) -> None:
    first = open_server.writer.insert(TODOS, {'title': 'Buy milk'}, key='a')
    upkeep.forget_done_writes()
    assert open_server.writer.insert(TODOS, {'title': 'Buy milk'}, key='a').id == first.id
    with open_server.database.write() as session:
        session.connection().execute(text('UPDATE todosync_done SET at = at - 86500'))
    upkeep.forget_done_writes()
    assert open_server.writer.insert(TODOS, {'title': 'Buy milk'}, key='a').id != first.id
