"""What is SQLite's own about backups: they are databases themselves, and are restored under running servers."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.databases import Todos, mix_pages
from tests.server import running_server
from tests.waiting import wait_until
from tests.writing import create_todo, delete_todo
from todos import MIGRATIONS
from todos.models import TODOS, Todo
from todosync.database.database import Database
from todosync.production.backup import BackupError, SqliteBackups


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'production.sqlite3'


@pytest.fixture
def backups(tmp_path: Path, path: Path) -> SqliteBackups:
    return SqliteBackups(
        path, tmp_path / 'backups', keep=3, migrations=MIGRATIONS, clock=lambda: datetime(2026, 11, 23, 3, tzinfo=UTC)
    )


@pytest.fixture
def todos(path: Path) -> Todos:
    return todos_in(path)


def todos_in(path: Path) -> Todos:
    return Todos(f'sqlite:///{path}')


def titles(database: Database) -> list[str]:
    with database.read() as session:
        return [todo['title'] for todo in TODOS.snapshot(session).rows]


def test_a_backup_holds_every_todo_and_is_named_after_its_database(backups: SqliteBackups, todos: Todos) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    assert backup.name == 'production-20261123T030000Z.sqlite3'
    assert todos_in(backup).titles == ['Buy milk']


def test_a_backup_is_of_one_moment_while_others_write(backups: SqliteBackups, todos: Todos, path: Path) -> None:
    database = Database(f'sqlite:///{path}')
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with database.write() as session:  # two at a time, always
                session.connection().exec_driver_sql("INSERT INTO todos(title) VALUES ('a')")
                session.connection().exec_driver_sql("INSERT INTO todos(title) VALUES ('b')")

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: todos.version.number > 20)
    copies = [todos_in(backups.create()).titles for _ in range(3)]
    stop.set()
    writer.join()
    assert all(copy and copy.count('a') == copy.count('b') for copy in copies)


def test_who_stays_connected_sees_what_was_restored_and_what_it_replaced_can_be_opened(
    backups: SqliteBackups, todos: Todos, path: Path
) -> None:
    with closing(Database(f'sqlite:///{path}')) as connected:
        milk = create_todo(connected, {'title': 'Buy milk'})
        backup = backups.create()
        create_todo(connected, {'title': 'Buy oats'})
        delete_todo(connected, milk)
        replaced = backups.restore(backup)
        assert titles(connected) == ['Buy milk']
        create_todo(connected, {'title': 'after'})
        assert titles(connected) == ['after', 'Buy milk']
    assert replaced is not None
    assert todos_in(replaced).titles == ['Buy oats']


def test_what_is_acknowledged_during_a_restore_is_in_the_copy_that_is_kept_or_in_the_restored_database(
    backups: SqliteBackups, todos: Todos, path: Path
) -> None:
    with closing(Database(f'sqlite:///{path}')) as connected:
        with connected.write() as session:
            session.add_all([Todo(title=f'filling {n} {"x" * 400}') for n in range(4000)])
        backup = backups.create()
        acknowledged: list[str] = []
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                acknowledged.append(create_todo(connected, {'title': f'acknowledged {len(acknowledged)}'}).title)

        writer = threading.Thread(target=write)
        writer.start()
        kept: set[str] = set()
        for _ in range(4):
            goal = len(acknowledged) + 20
            wait_until(lambda goal=goal: len(acknowledged) > goal)  # type: ignore[misc]
            replaced = backups.restore(backup)
            assert replaced is not None
            kept |= set(todos_in(replaced).titles)
        stop.set()
        writer.join()
        lost = set(acknowledged) - kept - set(titles(connected))
    assert not lost


def test_a_copy_that_cannot_be_kept_ends_a_restore_and_nothing_is_changed(
    backups: SqliteBackups, todos: Todos, tmp_path: Path
) -> None:
    todos.add('Buy milk')
    backup = backups.create().rename(tmp_path / 'backup.sqlite3')
    todos.add('Buy oats')
    (tmp_path / 'backups').rmdir()
    (tmp_path / 'backups').write_text('no directory')
    with pytest.raises(OSError, match='backups'):
        backups.restore(backup)
    assert todos.titles == ['Buy oats', 'Buy milk']
    todos.add('and can be written to')


def test_a_damaged_database_can_be_restored(backups: SqliteBackups, todos: Todos, path: Path) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    path.write_bytes(b'garbage' * 1000)
    kept = backups.restore(backup)
    assert todos.titles == ['Buy milk']
    assert kept is not None
    assert kept.read_bytes() == b'garbage' * 1000, 'a program that reads what is damaged may find rows in it'
    assert backups.newest_first() == [backup]


def test_a_damaged_database_takes_the_place_of_no_backup(backups: SqliteBackups, todos: Todos, path: Path) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    mix_pages(path)
    assert len(todos.titles) == 201, 'SQLite goes on with it without a word'
    with pytest.raises(BackupError, match=r'production\.sqlite3 is damaged, restore a backup'):
        backups.create()
    assert backups.newest_first() == [backup]


def test_a_row_that_breaks_a_rule_of_its_table_is_no_damage(backups: SqliteBackups, todos: Todos, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute('PRAGMA ignore_check_constraints = ON')
        other.execute("CREATE TABLE notes (text TEXT CHECK (text <> ''))")
        other.execute("INSERT INTO notes VALUES ('')")
        other.execute('PRAGMA ignore_check_constraints = OFF')
        assert 'CHECK' in other.execute('PRAGMA integrity_check').fetchone()[0]
    backups.restore(backups.create())


def test_a_database_that_only_cannot_be_read_now_is_not_replaced(
    backups: SqliteBackups, todos: Todos, path: Path
) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    todos.add('Buy oats')
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute('PRAGMA locking_mode = EXCLUSIVE')
        other.execute('BEGIN IMMEDIATE')
        with pytest.raises(BackupError, match='locked'):
            backups.restore(backup)
    assert todos.titles == ['Buy oats', 'Buy milk']


def test_a_running_server_shows_what_was_restored(tmp_path: Path) -> None:
    with running_server(tmp_path, ENV='production') as server:
        backups = SqliteBackups(tmp_path / 'production.sqlite3', tmp_path / 'backups', keep=3, migrations=MIGRATIONS)
        kept = server.add('Buy milk')
        backup = backups.create()
        server.add('a mistake')
        backups.restore(backup)
        wait_until(lambda: server.todos() == [kept])
        assert server.add('after')['id'] > kept['id']
        assert server.is_up()
