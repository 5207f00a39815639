"""The todo: its table, its stream, and the rules for writes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, String, false
from sqlmodel import Field, SQLModel

from todosync import ID_MAX, Stream, count, new_id, sql_now

TITLE_MAX_LENGTH = 500
INVISIBLE = (
    r'\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f'
    r'\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013441\U00013442\U00016fe4'
    r'\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff'
)
"""The characters that show nothing when they stand alone, as a class of Python's and PostgreSQL's regular expressions.

Unicode's white space, control characters and Default_Ignorable_Code_Point, and the blanks of Braille, music, Khitan and
hieroglyphs. They may stand beside others: a zero-width joiner makes one emoji of two. Migration 0002 has the same ones.
"""
VISIBLE = f'[^{INVISIBLE}]'
SQLITE_IS_A_TIME = (
    "{0} GLOB '????-??-?? ??:??:??*' AND {0} >= '0001' "
    "AND datetime(substr({0}, 1, 19), '+0 days') IS substr({0}, 1, 19) "
    "AND (length({0}) = 19 OR substr({0}, 20) GLOB '.[0-9]*' AND substr({0}, 21) NOT GLOB '*[^0-9]*')"
)
"""The check of a column of times on SQLite, whose columns accept any text."""


POSTGRES_IS_A_TIME = "{0} >= '0001-01-01 00:00:00+00' AND {0} < '10000-01-01 00:00:00+00'"
"""The check on PostgreSQL, whose times may be infinite, before Christ, or in a year of five digits."""


def utc_now() -> datetime:
    """Return the current time in UTC, with its time zone."""
    return datetime.now(UTC)


def clean_title(title: str) -> str:
    """Remove spaces at the ends of a title, and refuse a text that is no title.

    :param title: the text as a person typed it
    :return: the stripped title, 1 to 500 characters, at least one of them visible
    :raises ValueError: blank, too long, or holding what no database can store
    """
    title = title.strip()
    if not re.search(VISIBLE, title):
        raise ValueError("Title can't be blank")
    if len(title) > TITLE_MAX_LENGTH:
        raise ValueError(f'Title is too long (maximum is {TITLE_MAX_LENGTH} characters)')
    if '\0' in title:
        raise ValueError('Title contains a NUL character, which cannot be stored')
    if any('\ud800' <= character <= '\udfff' for character in title):
        raise ValueError('Title contains half a character, which cannot be stored')
    return title


class Todo(SQLModel, table=True):
    """A todo as it is stored. The other columns have defaults, so ``INSERT INTO todos(title) VALUES ('...')`` works.

    What could not be served, other programs cannot write either. Where SQLite's checks do not suffice, triggers refuse
    it: see migration 0002.

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
        *(
            CheckConstraint(condition, name=name).ddl_if(dialect='postgresql')
            for name, condition in {
                'title_is_visible': f"title ~ '{VISIBLE}'",
                'id_is_safe': f'id BETWEEN -{ID_MAX} AND {ID_MAX}',
                'created_at_is_a_time': POSTGRES_IS_A_TIME.format('created_at'),
                'updated_at_is_a_time': POSTGRES_IS_A_TIME.format('updated_at'),
            }.items()
        ),
        {'sqlite_autoincrement': True},  # an INSERT without an id takes the next one, which was never used
    )

    id: int | None = Field(
        default_factory=new_id,
        sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True),
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
    texts={'heading': 'Todos ({count} total, {completed_count} done)'},
    fields=('id', 'title', 'completed', 'created_at'),
    change_log='changes',
    change_key='todo_id',
    history=timedelta(days=90),
)

TODOS.writable('title', 'completed')
