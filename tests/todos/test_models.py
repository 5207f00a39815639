"""The todo: which values the model accepts, and which the database itself refuses."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import BaseModel
from sqlalchemy import MetaData, inspect, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlmodel import create_engine

from todos import MIGRATIONS
from todos.models import TODOS, Todo
from todosync.database.database import Database
from todosync.writes import RefusedWriteError, insert_shape, update_shape
from todosync.writes.shapes import check_values

NEW = insert_shape(TODOS)
CHANGE = update_shape(TODOS)


def errors_of(shape: type[BaseModel], fields: Any) -> list[str]:
    with pytest.raises(RefusedWriteError) as refused:
        check_values(shape, fields)
    return refused.value.errors


@pytest.mark.parametrize(
    'title',
    [
        'Buy milk',
        'x',
        'x' * 500,
        '</script>',
        'קנה חלב',
        '🥛' * 500,
        '👨\u200d👩\u200d👧',
        '🏴\U000e0067\U000e007f',
        "'; DROP TABLE todos; --",
        'two\nlines',
    ],
)
def test_any_text_of_1_to_500_characters_is_a_title(title: str) -> None:
    assert check_values(NEW, {'title': title}) == {'title': title}


@pytest.mark.parametrize('title', ['  Buy milk', 'Buy milk\t', '\n Buy milk \r\n', '\u3000Buy milk\u2003'])
def test_titles_are_stripped(title: str) -> None:
    assert check_values(NEW, {'title': title}) == {'title': 'Buy milk'}


@pytest.mark.parametrize('shape', [NEW, CHANGE])
@pytest.mark.parametrize(
    ('title', 'sentence'),
    [
        ('', "Title can't be blank"),
        (' \t\n\u3000', "Title can't be blank"),
        ('\u200b', "Title can't be blank"),
        ('\u2060\u2800\ufeff \u3164\U000e0041', "Title can't be blank"),
        ('x' * 501, 'Title is too long (maximum is 500 characters)'),
        ('milk\0', 'Title contains a NUL character, which cannot be stored'),
        (None, 'Title must be text'),
        (5, 'Title must be text'),
        (['x'], 'Title must be text'),
        ('\ud800', 'Title contains half a character, which cannot be stored'),
    ],
)
def test_what_is_no_title_is_refused_with_a_sentence(shape: type[BaseModel], title: Any, sentence: str) -> None:
    assert errors_of(shape, {'title': title}) == [sentence]


@pytest.mark.parametrize('completed', ['yes', 'true', 1, 0, None, 1.0, []])
def test_completed_is_true_or_false_and_nothing_like_it(completed: Any) -> None:
    assert errors_of(CHANGE, {'completed': completed}) == ['Completed must be true or false']


def test_every_mistake_gets_its_sentence() -> None:
    assert errors_of(NEW, {'completed': 'yes', 'owner': 'me', 'id': 3}) == [
        "Title can't be blank",
        'Completed must be true or false',
        'Unknown field: owner',
        'Unknown field: id',
    ]


def test_a_change_holds_only_what_was_given() -> None:
    assert check_values(CHANGE, {'completed': False}) == {'completed': False}
    assert check_values(CHANGE, {'title': ' Buy oats '}) == {'title': 'Buy oats'}


def test_the_migrated_schema_is_that_of_the_model(database: Database, database_url: str) -> None:
    modelled_table = Todo.__table__.to_metadata(MetaData())  # type: ignore[attr-defined]
    engine = create_engine(database_url)
    with engine.connect() as connection:
        options = {
            'compare_type': True,
            # the model does not say that PostgreSQL makes ids by itself
            'compare_server_default': lambda context, inspected, *_: None if inspected.name != 'id' else False,
            'include_name': lambda name, kind, parents: kind != 'table' or name == 'todos',
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, modelled_table.metadata) == []
        on_sqlite = connection.dialect.name == 'sqlite'
        connection.exec_driver_sql("ATTACH ':memory:' AS modelled" if on_sqlite else 'CREATE SCHEMA modelled')
        elsewhere = connection.execution_options(schema_translate_map={None: 'modelled'})
        Todo.__table__.create(elsewhere)  # type: ignore[attr-defined]
        modelled, migrated = (
            {check['name']: check['sqltext'] for check in inspect(connection).get_check_constraints('todos', schema)}
            for schema in ('modelled', 'main' if on_sqlite else 'public')
        )
    engine.dispose()
    assert migrated == modelled
    assert 'title_length' in migrated


@pytest.mark.parametrize(
    'columns',
    [
        "title) VALUES ('')",
        "title) VALUES ('   ')",
        f"title) VALUES ('{'x' * 501}')",
        'title) VALUES (NULL)',
        "title, completed) VALUES ('x', 2)",
        "title, completed) VALUES ('x', NULL)",
        "title, created_at) VALUES ('x', NULL)",
        "title, created_at) VALUES ('x', 'yesterday noon')",
        "title, created_at) VALUES ('x', '2026-02-30 12:00:00')",
        "title, created_at) VALUES ('x', '2026-01-01 12:00:00x')",
        "title, updated_at) VALUES ('x', '2026-13-01 12:00:00')",
        "title, created_at) VALUES ('x', 'infinity')",
        "title, created_at) VALUES ('x', '10000-01-01 00:00:00+00')",
        "title, updated_at) VALUES ('x', '-infinity')",
        "title) VALUES ('\t')",
        "title) VALUES ('\n')",
        "title) VALUES ('\u00a0\u200b')",
        "id, title) VALUES (9007199254740992, 'x')",
        "id, title) VALUES (-9007199254740992, 'x')",
        "id, title) VALUES (9223372036854775807, 'x')",
    ],
)
def test_the_database_refuses_what_is_no_todo_from_any_program(database: Database, columns: str) -> None:
    with pytest.raises(Exception) as refused, database.write() as session:  # noqa: PT011
        session.connection().execute(text(f'INSERT INTO todos({columns}'))
    assert isinstance(refused.value, DatabaseError) or isinstance(refused.value.__cause__, DatabaseError)
    with database.read() as session:
        assert session.connection().execute(text('SELECT count(*) FROM todos')).scalar() == 0


@pytest.mark.parametrize(
    'stored',
    ["x'6d696c6b'", "'milk' || char(0)", "'milk' || char(0) || 'and more'"]
    + [f"CAST(x'{found}' AS TEXT)" for found in ('43616ce9', 'a3', '61a362', 'e282', '80', 'f09f98', 'c080', 'eda080')],
)
def test_sqlite_refuses_a_title_that_is_no_text_in_utf_8(tmp_path: Path, stored: str) -> None:
    database = Database(f'sqlite:///{tmp_path}/todos.sqlite3', migrations=MIGRATIONS)
    database.migrate()
    with database.write() as session:
        session.connection().execute(text("INSERT INTO todos(title) VALUES ('Café 🥛 \uffff')"))
    for statement in (f'INSERT INTO todos(title) VALUES ({stored})', f'UPDATE todos SET title = {stored}'):
        with pytest.raises(IntegrityError, match='a title must'), database.write() as session:
            session.connection().execute(text(statement))
    with database.read() as session:
        assert session.connection().execute(text('SELECT title FROM todos')).scalars().all() == ['Café 🥛 \uffff']
    database.close()


def is_title(character: str) -> bool:
    try:
        check_values(NEW, {'title': character})
    except RefusedWriteError:
        return False
    return True


def is_stored(database: Database, title: str) -> bool:
    try:
        with database.write() as session:
            session.connection().execute(text('INSERT INTO todos(title) VALUES (:title)'), {'title': title})
    except IntegrityError:
        return False
    return True


def test_a_database_takes_the_same_characters_alone_as_the_model(database: Database) -> None:
    characters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    borders = [ord(found) for before, found in pairwise(characters) if is_title(before) != is_title(found)]
    around = [chr(code + step) for code in borders for step in (-1, 0)]
    assert len(around) > 90
    assert [found for found in around if is_stored(database, found)] == list(filter(is_title, around))
