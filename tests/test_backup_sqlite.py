"""Backups of SQLite: complete while others write, kept as many as wanted, and restored under running servers."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.server import running_server
from tests.waiting import wait_until
from todosync.backup import BackupError, NoBackupError, SqliteBackups
from todosync.backup.base import VERSION_GAP
from todosync.database import Database
from todosync.models import TODOS
from todosync.todos import create_todo, delete_todo


class Clock:
    now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(days=1)
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'production.sqlite3'


@pytest.fixture
def backups(tmp_path: Path, path: Path) -> SqliteBackups:
    return SqliteBackups(path, tmp_path / 'backups', keep=3, clock=Clock())


def opened(path: Path) -> Database:
    database = Database(f'sqlite:///{path}')
    database.migrate()
    database.install_change_log(TODOS)
    return database


def titles(database: Database) -> list[str]:
    with database.read() as session:
        return [todo['title'] for todo in TODOS.snapshot(session).records]


def version(database: Database) -> int:
    with database.read() as session:
        return TODOS.version(session)


def test_a_backup_holds_every_todo_and_only_its_owner_can_read_it(backups: SqliteBackups, path: Path) -> None:
    database = opened(path)
    create_todo(database, {'title': 'Buy milk'})
    backup = backups.create()
    assert backup.name == 'production-20261123T030000Z.sqlite3'
    assert titles(opened(backup)) == ['Buy milk']
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700


def test_a_backup_is_of_one_moment_while_others_write(backups: SqliteBackups, path: Path) -> None:
    database = opened(path)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with database.write() as session:  # two at a time, always
                session.connection().exec_driver_sql("INSERT INTO todos(title) VALUES ('a')")
                session.connection().exec_driver_sql("INSERT INTO todos(title) VALUES ('b')")

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: version(database) > 20)
    copies = [titles(opened(backups.create())) for _ in range(3)]
    stop.set()
    writer.join()
    assert all(copy and copy.count('a') == copy.count('b') for copy in copies)


def test_as_many_backups_are_kept_as_wanted_the_newest(backups: SqliteBackups, path: Path) -> None:
    opened(path)
    made = [backups.create() for _ in range(5)]
    assert backups.newest_first() == made[:1:-1]
    assert sorted(entry.name for entry in made[0].parent.iterdir()) == [backup.name for backup in made[2:]]


def test_a_backup_that_fails_leaves_the_older_ones_and_nothing_else(backups: SqliteBackups, path: Path) -> None:
    opened(path).close()
    made = [backups.create() for _ in range(3)]
    path.write_bytes(b'garbage' * 1000)
    with pytest.raises(BackupError, match='is damaged'):
        backups.create()
    assert sorted(entry.name for entry in made[0].parent.iterdir()) == [backup.name for backup in made]


def test_two_backups_within_a_second_are_two_files(tmp_path: Path, path: Path) -> None:
    opened(path).close()
    backups = SqliteBackups(path, tmp_path / 'backups', keep=3, clock=lambda: datetime(2026, 11, 22, 3, tzinfo=UTC))
    made = [backups.create() for _ in range(3)]
    assert backups.newest_first() == made[::-1]


def test_what_a_killed_process_has_left_goes_after_a_day(backups: SqliteBackups, path: Path, tmp_path: Path) -> None:
    opened(path).close()
    old, young = (tmp_path / 'backups' / f'.draft-{name}' for name in ('old', 'young'))
    for draft in (old, young):
        draft.mkdir(parents=True)
        (draft / 'half').touch()
    os.utime(old, (0, 0))
    backups.create()
    assert (old.exists(), young.exists()) == (False, True)


def test_restoring_brings_back_what_was_and_keeps_what_is(backups: SqliteBackups, path: Path) -> None:
    database = opened(path)
    create_todo(database, {'title': 'Buy milk'})
    backup = backups.create()
    create_todo(database, {'title': 'Buy oats'})
    delete_todo(database, 1)
    replaced = backups.restore(backup)
    assert titles(database) == ['Buy milk']
    assert replaced is not None
    assert titles(opened(replaced)) == ['Buy oats']
    assert backup in backups.newest_first()
    create_todo(database, {'title': 'after'})
    assert titles(database) == ['after', 'Buy milk']


def test_after_a_restore_versions_go_on_so_that_everybody_asks_for_the_whole_list(
    backups: SqliteBackups, path: Path
) -> None:
    database = opened(path)
    create_todo(database, {'title': 'Buy milk'})
    backup = backups.create()
    for _ in range(5):
        create_todo(database, {'title': 'lost'})
    backups.restore(backup)
    assert version(database) == 6 + VERSION_GAP
    with database.read() as session:
        assert [TODOS.delta(session, since) for since in range(7)] == [None] * 7


def test_a_database_that_is_gone_or_damaged_can_be_restored(backups: SqliteBackups, path: Path) -> None:
    database = opened(path)
    create_todo(database, {'title': 'Buy milk'})
    database.close()
    backup = backups.create()
    path.write_bytes(b'garbage' * 1000)
    assert backups.restore(backup) is None
    assert titles(opened(path)) == ['Buy milk']
    for file in path.parent.glob(f'{path.name}*'):
        file.unlink()
    assert backups.restore(backup) is None
    assert titles(opened(path)) == ['Buy milk']


def test_a_database_that_only_cannot_be_read_now_is_not_replaced(backups: SqliteBackups, path: Path) -> None:
    database = opened(path)
    create_todo(database, {'title': 'Buy milk'})
    backup = backups.create()
    create_todo(database, {'title': 'Buy oats'})
    database.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute('PRAGMA locking_mode = EXCLUSIVE')
        other.execute('BEGIN IMMEDIATE')
        with pytest.raises(BackupError, match='locked'):
            backups.restore(backup)
    assert titles(opened(path)) == ['Buy oats', 'Buy milk']


@pytest.mark.parametrize('content', [b'', b'garbage' * 1000, None])
def test_what_is_no_backup_is_refused_and_changes_nothing(
    backups: SqliteBackups, path: Path, tmp_path: Path, content: bytes | None
) -> None:
    database = opened(path)
    create_todo(database, {'title': 'Buy milk'})
    wrong = tmp_path / 'wrong.sqlite3'
    if content is None:
        sqlite3.connect(wrong).execute('CREATE TABLE other(x)')
    else:
        wrong.write_bytes(content)
    with pytest.raises(NoBackupError, match=r'wrong\.sqlite3 is no backup'):
        backups.restore(wrong)
    with pytest.raises(FileNotFoundError):
        backups.restore(tmp_path / 'missing')
    assert (titles(database), version(database)) == (['Buy milk'], 1)


def test_a_running_server_shows_what_was_restored(tmp_path: Path) -> None:
    with running_server(tmp_path, ENV='production') as server:
        backups = SqliteBackups(tmp_path / 'production.sqlite3', tmp_path / 'backups', keep=3)
        kept = server.add('Buy milk')
        backup = backups.create()
        server.add('a mistake')
        backups.restore(backup)
        wait_until(lambda: server.todos() == [kept])
        assert server.add('after')['id'] > kept['id']
        assert server.is_up()
