"""The todo: its table, what is shown of it, and what may be written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, String, false
from sqlmodel import Field, SQLModel

from todosync import Stream, count, sql_now

TITLE_MAX_LENGTH = 500
SQLITE_IS_A_TIME = (
    "{0} GLOB '????-??-?? ??:??:??*' AND {0} >= '0001' "
    "AND datetime(substr({0}, 1, 19), '+0 days') IS substr({0}, 1, 19) "
    "AND (length({0}) = 19 OR substr({0}, 20) GLOB '.[0-9]*' AND substr({0}, 21) NOT GLOB '*[^0-9]*')"
)
"""What SQLite, whose columns take any text, has to check for a column of times."""


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def clean_title(title: str) -> str:
    """Strip a title and refuse what cannot be one.

    :param title: as a person typed it
    :return: the stripped title, 1 to 500 characters
    :raises ValueError: blank, too long, or holding what no database can store
    """
    title = title.strip()
    if not title:
        raise ValueError("Title can't be blank")
    if len(title) > TITLE_MAX_LENGTH:
        raise ValueError(f'Title is too long (maximum is {TITLE_MAX_LENGTH} characters)')
    if '\0' in title:
        raise ValueError('Title contains a NUL character, which cannot be stored')
    if any('\ud800' <= character <= '\udfff' for character in title):
        raise ValueError('Title contains half a character, which cannot be stored')
    return title


class Todo(SQLModel, table=True):
    """One todo as it is stored. The SQL defaults make ``INSERT INTO todos(title) VALUES ('...')`` complete.

    Example::

        with database.write() as session:
            session.add(Todo(title='Buy milk'))
    """

    __tablename__ = 'todos'
    __table_args__ = (
        CheckConstraint(f'length(trim(title)) BETWEEN 1 AND {TITLE_MAX_LENGTH}', name='title_length'),
        *(
            CheckConstraint(condition, name=name).ddl_if(dialect='sqlite')
            for name, condition in {
                'completed_is_boolean': 'completed IN (0, 1)',
                'created_at_is_a_time': SQLITE_IS_A_TIME.format('created_at'),
                'updated_at_is_a_time': SQLITE_IS_A_TIME.format('updated_at'),
            }.items()
        ),
        {'sqlite_autoincrement': True},  # an id is never used again, so a late message cannot hit a newer todo
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True)
    )
    title: Annotated[str, AfterValidator(clean_title)] = Field(sa_type=String(TITLE_MAX_LENGTH))
    completed: bool = Field(default=False, sa_column_kwargs={'server_default': false()})
    created_at: datetime = Field(default_factory=utc_now, sa_column_kwargs={'server_default': sql_now()})
    updated_at: datetime = Field(
        default_factory=utc_now, sa_column_kwargs={'server_default': sql_now(), 'onupdate': utc_now}
    )


TODOS = Stream(
    Todo,
    order_by='-created_at',
    totals={'count': count(), 'completed_count': count('completed')},
    texts=lambda totals: {'heading': f'Todos ({totals["count"]} total, {totals["completed_count"]} done)'},
    fields=('id', 'title', 'completed', 'created_at'),
    change_log='changes',
    change_key='todo_id',
)

TODOS.writable('title', 'completed')
