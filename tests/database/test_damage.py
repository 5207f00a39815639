"""A file that is damaged without a word is noticed, named where operators look, and restored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import execute, mix_pages
from tests.server import RunningServer, running_server
from tests.waiting import wait_until
from todos import MIGRATIONS
from todos.models import TODOS
from todosync.database import DamageWatch, Database
from todosync.production.backup import SqliteBackups


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'production.sqlite3'


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(f'sqlite:///{path}', migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)
    yield database
    database.close()


def test_damage_is_told_once_and_that_it_is_mended(
    database: Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = DamageWatch(database)
    watch.look()
    assert (watch.found, caplog.messages) == ('', [])
    backups = SqliteBackups(path, path.parent / 'backups', keep=3, migrations=MIGRATIONS)
    backup = backups.create()
    mix_pages(path)
    for _ in range(2):
        watch.look()
        assert 'out of order' in watch.found
    assert [record.levelname for record in caplog.records] == ['ERROR']
    assert 'restore a backup' in caplog.messages[0]
    backups.restore(backup)
    watch.look()
    assert (watch.found, caplog.messages[1:]) == ('', ['the file of the database is intact again'])


def test_what_is_no_database_any_more_is_damaged_and_what_is_gone_is_not(
    database: Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = DamageWatch(database)
    watch.look()
    execute(f'sqlite:///{path}', 'PRAGMA wal_checkpoint(TRUNCATE)')
    kept = path.read_bytes()
    path.unlink()
    watch.look()
    assert watch.found == ''
    path.write_bytes(b'garbage' * 1000)
    watch.look()
    assert watch.found == 'its file is damaged: file is not a database; restore a backup'
    path.unlink()
    path.write_bytes(kept)
    watch.look()
    assert watch.found == ''


def test_the_file_is_looked_at_when_changes_were_missed(database: Database, path: Path) -> None:
    watch = DamageWatch(database)
    watch.start()
    try:
        wait_until(lambda: not database.doubted.is_set())
        mix_pages(path)
        database.forget_changes(TODOS.log_table)
        wait_until(lambda: watch.found)
    finally:
        watch.stop()


def test_a_server_says_that_its_file_is_damaged_and_serves_what_can_be_read(tmp_path: Path) -> None:
    with running_server(tmp_path, ENV='production') as server:
        server.add('Buy milk')
        mix_pages(tmp_path / 'production.sqlite3')
        server.stop()
        server.start()
        wait_until(lambda: 'file' in up(server))
        assert up(server)['status'] == 'degraded'
        assert 'it is damaged, restore a backup' in up(server)['file']['error']
        assert 'Buy milk' in [todo['title'] for todo in server.todos()]
        assert b'check="file"' in server.request('GET', '/metrics')[1]


def up(server: RunningServer) -> dict[str, Any]:
    return dict(server.request('GET', '/up')[1])
