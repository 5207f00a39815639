"""The recurring jobs, each run once against a server's own parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.waiting import wait_until
from todosync import Settings, maintenance
from todosync.cache import Entry
from todosync.models import TODOS
from todosync.server import SyncServer
from todosync.todos import create_todo


@pytest.fixture(params=['development', 'production', 'postgresql'])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncServer]:
    url = request.getfixturevalue('postgres_url') if request.param == 'postgresql' else None
    env = 'development' if request.param == 'development' else 'production'
    server = SyncServer(Settings(env=env, storage_dir=tmp_path, database_url=url))  # type: ignore[arg-type]
    server._open()
    monkeypatch.setattr('todosync.app.current_server', lambda: server)
    yield server
    server._close()


def test_each_is_scheduled(server: SyncServer) -> None:
    wait_until(lambda: server.jobs.queue().waiting == len(maintenance.SCHEDULE))
    assert {run.__name__ for run in maintenance.SCHEDULE} == {
        'trim_change_log',
        'trim_cable',
        'cull_cache',
        'prune_failed_executions',
        'back_up_database',
    }


def test_old_changes_are_trimmed_and_the_version_stays(server: SyncServer) -> None:
    for title in ('a', 'b', 'c'):
        create_todo(server.database, {'title': title})
    with server.database.write() as session:
        session.connection().execute(text("UPDATE changes SET at = '2026-01-01 00:00:00' WHERE version < 3"))
    maintenance.trim_change_log()
    with server.database.read() as session:
        assert TODOS.version(session) == 3
        assert session.connection().scalar(text('SELECT count(*) FROM changes')) == 1


def test_the_cable_the_cache_and_the_failures_are_kept_small(server: SyncServer) -> None:
    server.jobs.failed.record('job', ValueError())
    server.cache.fetch('todos', 1, lambda: Entry(1, b'[]'))
    maintenance.trim_cable()
    maintenance.cull_cache()
    maintenance.prune_failed_executions()
    assert server.jobs.failed.count() == 1  # too young


def test_the_database_is_backed_up(server: SyncServer) -> None:
    create_todo(server.database, {'title': 'Buy milk'})
    maintenance.back_up_database()
    assert len(maintenance.backups_of(server.settings).newest_first()) == 1


def test_where_no_backups_are_to_be_kept_none_is_made(server: SyncServer) -> None:
    server.settings = server.settings.model_copy(update={'backups_kept': 0})
    maintenance.back_up_database()
    assert maintenance.backups_of(server.settings).newest_first() == []


@pytest.mark.parametrize('server', ['postgresql'], indirect=True)
def test_a_backup_without_pg_dump_is_one_failed_execution_that_says_what_to_install(
    server: SyncServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    server.jobs.enqueue(maintenance.back_up_database)
    wait_until(lambda: server.jobs.failed.count() == 1)
    (failure,) = server.jobs.failed.newest()
    assert failure.error.startswith('MissingProgramError: pg_dump is not installed. Install')
