"""What can be done with todos."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from tests.writing import create_todo, delete_todo, update_todo
from todos import MIGRATIONS
from todos.models import TODOS
from todosync import new_id
from todosync.database.database import Database
from todosync.ids import EPOCH, GIVEN_ID_MAX, ID_MAX
from todosync.streams.messages import Row
from todosync.writes import RefusedWriteError, RowGoneError, Writer


def rows(database: Database) -> list[Row]:
    with database.read() as session:
        return TODOS.snapshot(session).rows


def version(database: Database) -> int:
    with database.read() as session:
        return TODOS.version(session).number


def test_a_created_todo_is_listed_first(database: Database) -> None:
    create_todo(database, {'title': ' Buy milk '})
    newest = create_todo(database, {'title': 'Buy oats', 'completed': True})
    assert [(todo['title'], todo['completed']) for todo in rows(database)] == [
        ('Buy oats', True),
        ('Buy milk', False),
    ]
    assert rows(database)[0]['id'] == newest.id


def test_an_update_changes_what_is_given_and_the_time_of_the_last_change(database: Database) -> None:
    todo = create_todo(database, {'title': 'Buy milk'})
    changed = update_todo(database, todo.id or 0, {'completed': True})
    assert (changed.title, changed.completed, changed.created_at) == ('Buy milk', True, todo.created_at)
    assert changed.updated_at > todo.updated_at


def test_an_update_to_what_already_is_makes_no_new_version(database: Database) -> None:
    todo = create_todo(database, {'title': 'Buy milk'})
    update_todo(database, todo.id or 0, {'title': 'Buy milk', 'completed': False})
    assert version(database) == 1


def test_a_deleted_todo_is_gone_and_its_id_is_never_used_again(database: Database) -> None:
    todo = create_todo(database, {'title': 'Buy milk'})
    delete_todo(database, todo.id or 0)
    assert rows(database) == []
    assert (create_todo(database, {'title': 'Buy oats'}).id or 0) > (todo.id or 0)


def test_a_deleted_todo_can_be_put_back_as_it_was_once(database: Database) -> None:
    todo = create_todo(database, {'title': 'Buy milk', 'completed': True})
    create_todo(database, {'title': 'Buy oats'})
    before = rows(database)
    delete_todo(database, todo.id or 0)
    Writer(database).restore(TODOS, before[1])
    Writer(database).restore(TODOS, before[1])
    assert rows(database) == before


@pytest.mark.parametrize('todo_id', [2, 0, -1, 2**63 - 1, 2**63, 2**70, -(2**70)])
def test_what_is_not_there_can_be_neither_changed_nor_deleted(database: Database, todo_id: int) -> None:
    create_todo(database, {'title': 'Buy milk'})
    with pytest.raises(RowGoneError, match=f'There is no todo {todo_id}'):
        update_todo(database, todo_id, {'completed': True})
    with pytest.raises(RowGoneError, match=f'There is no todo {todo_id}'):
        delete_todo(database, todo_id)
    assert version(database) == 1


@pytest.mark.parametrize('fields', [{}, {'title': ''}, {'title': 'x', 'owner': 'me'}, [], None, 'Buy milk'])
def test_what_is_invalid_changes_nothing(database: Database, fields: Any) -> None:
    create_todo(database, {'title': 'Buy milk'})
    with pytest.raises(RefusedWriteError):
        create_todo(database, fields)
    with pytest.raises(RefusedWriteError):
        update_todo(database, 1, fields)
    assert version(database) == 1


@pytest.mark.parametrize('title', ['</script><img src=x onerror=alert(1)>', 'קנה חלב', '🥛🥛', "a'b", '%s %(x)s', '\\'])
def test_every_title_comes_back_as_it_was_given(database: Database, title: str) -> None:
    create_todo(database, {'title': title})
    assert rows(database)[0]['title'] == title


def test_an_insert_that_names_only_the_title_is_complete(database: Database) -> None:
    create_todo(database, {'title': 'before'})
    with database.write() as session:
        session.connection().execute(text("INSERT INTO todos(title) VALUES ('Buy milk')"))
    create_todo(database, {'title': 'after'})
    inserted = rows(database)[1]
    assert [todo['title'] for todo in rows(database)] == ['after', 'Buy milk', 'before']
    assert (inserted['completed'], inserted['created_at'][-1], len(inserted['created_at'])) == (False, 'Z', 27)


def test_an_id_that_is_taken_is_replaced_by_another(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first = create_todo(database, {'title': 'Buy milk'})
    monkeypatch.setattr('todosync.ids.new_id._numbers._last', (first.id or 0) - 1)
    monkeypatch.setattr(new_id, '_clock', EPOCH.timestamp)  # set back, so that the next id is the one after the last
    second = create_todo(database, {'title': 'Buy oats'})
    assert [todo['title'] for todo in rows(database)] == ['Buy oats', 'Buy milk']
    assert second.id == (first.id or 0) + 1


def test_after_rows_were_copied_with_their_ids_the_next_adds_work(database: Database) -> None:
    with database.write() as session:
        session.connection().execute(text("INSERT INTO todos(id, title) VALUES (1, 'a'), (2, 'b'), (3, 'c')"))
    create_todo(database, {'title': 'by a server'})
    with database.write() as session:
        for title in ('by a program', 'by another'):
            session.connection().execute(text('INSERT INTO todos(title) VALUES (:title)'), {'title': title})
    create_todo(database, {'title': 'by a server'})
    assert len({row['id'] for row in rows(database)}) == 7


def test_many_rows_that_another_program_adds_at_once_have_ids_of_their_own(database: Database) -> None:
    with database.write() as session:
        numbers = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000)'
        session.connection().execute(text(f"INSERT INTO todos(title) {numbers} SELECT 'x' FROM n"))
    create_todo(database, {'title': 'by a server'})
    assert len({row['id'] for row in rows(database)}) == 5001


def test_the_largest_id_that_may_be_given_leaves_room_for_those_that_come_after_it(database: Database) -> None:
    with database.write() as session:
        session.connection().execute(text(f"INSERT INTO todos(id, title) VALUES ({GIVEN_ID_MAX}, 'x')"))
        for _ in range(3):
            session.connection().execute(text("INSERT INTO todos(title) VALUES ('y')"))
    create_todo(database, {'title': 'z'})
    assert len(rows(database)) == 5
    assert all(row['id'] <= ID_MAX for row in rows(database))


@pytest.mark.parametrize('todo_id', [-5, 0, ID_MAX - 2**40, -ID_MAX])
def test_a_todo_of_any_id_that_the_database_takes_can_be_changed_and_deleted(database: Database, todo_id: int) -> None:
    with database.write() as session:
        session.connection().execute(text(f"INSERT INTO todos(id, title) VALUES ({todo_id}, 'x')"))
    update_todo(database, todo_id, {'completed': True})
    assert [(row['id'], row['completed']) for row in rows(database)] == [(todo_id, True)]
    delete_todo(database, todo_id)
    assert rows(database) == []


def test_what_an_earlier_version_took_keeps_nobody_from_adding_after_an_upgrade(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Database(database_url, migrations=MIGRATIONS)
    with monkeypatch.context() as context:
        upgrade = command.upgrade
        context.setattr(command, 'upgrade', lambda config, _: upgrade(config, '0001'))
        earlier.migrate()
    with earlier.write() as session:
        connection = session.connection()
        on_sqlite = connection.dialect.name == 'sqlite'
        odd = "CAST(x'ff' AS TEXT), '2026-01-01 00:00:00'" if on_sqlite else "'x', 'infinity'"
        connection.execute(text(f'INSERT INTO todos(id, title, created_at) VALUES (7, {odd})'))
        connection.execute(text("INSERT INTO todos(id, title) VALUES (9223372036854775807, '\u200b')"))
    earlier.close()
    database = Database(database_url, migrations=MIGRATIONS)
    database.migrate()
    create_todo(database, {'title': 'Buy milk'})
    with database.write() as session:
        connection = session.connection()
        assert connection.scalar(text('SELECT count(*) FROM todos')) == 3
        connection.execute(text('DELETE FROM todos WHERE id = 9223372036854775807'))
        connection.execute(text("INSERT INTO todos(title) VALUES ('by another program')"))
    database.close()
