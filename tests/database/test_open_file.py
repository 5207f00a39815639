"""Another SQLite file is put in the place of the one in use: nothing that is answered is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.databases import Todos, move_over
from tests.server import running_server
from tests.waiting import wait_until
from tests.writing import create_todo
from todos import MIGRATIONS
from todos.models import TODOS
from todosync.database.database import Database
from todosync.database.errors import DatabaseUnavailableError, UnknownOutcomeError

moves = pytest.mark.parametrize('with_companions', [True, False], ids=['companions removed', 'companions left'])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'todos.sqlite3'


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(f'sqlite:///{path}', migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)
    with database.write() as session:
        session.connection().exec_driver_sql(
            'INSERT INTO todos(title) WITH n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 300) '
            "SELECT 'old' FROM n"
        )
    yield database
    database.close()


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A file with three todos, longer ago and larger than the one in use."""
    other = tmp_path / 'other' / 'todos.sqlite3'
    other.parent.mkdir()
    todos = Todos(f'sqlite:///{other}')
    todos.add('other ' + 'x' * 400)
    return other


def titles(database: Database) -> set[str]:
    with database.read() as session:
        return {row['title'][:5] for row in TODOS.snapshot(session).rows}


def is_intact(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute('PRAGMA integrity_check').fetchone() == ('ok',))


@moves
def test_what_is_read_and_written_is_the_file_at_the_path(
    database: Database, path: Path, other: Path, with_companions: bool
) -> None:
    assert titles(database) == {'old'}
    move_over(path, other, with_companions=with_companions)
    assert titles(database) == {'other'}
    create_todo(database, {'title': 'answered'})
    assert titles(database) == {'other', 'answe'}
    database.close()
    assert is_intact(path)
    assert set(Todos(f'sqlite:///{path}').titles) == {'other ' + 'x' * 400, 'answered'}


@moves
def test_a_write_is_not_answered_when_its_file_was_moved_away_meanwhile(
    database: Database, path: Path, other: Path, with_companions: bool
) -> None:

    def write() -> None:
        with database.write() as session:
            session.connection().exec_driver_sql("INSERT INTO todos(title) VALUES ('lost')")
            move_over(path, other, with_companions=with_companions)

    with pytest.raises(UnknownOutcomeError, match='replaced'):
        write()
    assert titles(database) == {'other'}
    create_todo(database, {'title': 'answered'})
    assert titles(database) == {'other', 'answe'}
    database.close()
    assert is_intact(path)


def test_while_the_file_is_gone_nothing_is_read_or_written_and_no_empty_one_is_made(
    database: Database, path: Path, other: Path
) -> None:
    path.rename(path.with_suffix('.aside'))
    for _ in range(2):
        with pytest.raises(DatabaseUnavailableError, match='is gone'):
            create_todo(database, {'title': 'refused'})
        with pytest.raises(DatabaseUnavailableError, match='is gone'):
            titles(database)
    assert not path.exists()
    other.replace(path)
    create_todo(database, {'title': 'answered'})
    assert titles(database) == {'other', 'answe'}


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    database = Database(f'sqlite:///{tmp_path}/wrong/todos.sqlite3', migrations=MIGRATIONS)
    with pytest.raises(DatabaseUnavailableError, match='there is no directory'):
        database.migrate()
    assert not list(tmp_path.iterdir())


def test_commits_to_the_new_file_are_noticed(database: Database, path: Path, other: Path) -> None:
    calls: list[None] = []
    signal = database.commit_signal(0.005, lambda: calls.append(None))
    signal.start()
    try:
        wait_until(lambda: calls)
        move_over(path, other, with_companions=True)
        known = len(calls)
        wait_until(lambda: len(calls) > known)
        known = len(calls)
        Todos(f'sqlite:///{path}').add('of another program')
        wait_until(lambda: len(calls) > known)
    finally:
        signal.stop()


@moves
def test_a_running_server_goes_on_with_the_file_that_was_put_there(
    tmp_path: Path, other: Path, with_companions: bool
) -> None:
    with running_server(tmp_path / 'storage', ENV='production') as server:
        server.add('old')
        path = server.storage / 'production.sqlite3'
        move_over(path, other, with_companions=with_companions)
        answered = [server.add(f'answered {n}')['title'] for n in range(3)]
        wait_until(lambda: {todo['title'][:5] for todo in server.todos()} == {'other', 'answe'})
        assert server.is_up()
        server.restart()
        assert {todo['title'] for todo in server.todos()} >= set(answered)
    assert is_intact(path)
