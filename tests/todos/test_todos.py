"""What can be done with todos."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.writing import create_todo, delete_todo, update_todo
from todos.actions import restore_todo
from todos.models import TODOS
from todosync.database.database import Database
from todosync.streams.messages import Row
from todosync.writes import RefusedWriteError, RowGoneError


def rows(database: Database) -> list[Row]:
    with database.read() as session:
        return TODOS.snapshot(session).rows


def version(database: Database) -> int:
    with database.read() as session:
        return TODOS.version(session)


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
    restore_todo(database, before[1])
    restore_todo(database, before[1])
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
