"""The todo: its table, and the shapes in which requests bring it and messages carry it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictBool, StrictStr, ValidationError
from pydantic_core import PydanticCustomError
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, false
from sqlmodel import Field, SQLModel

from todosync import Stream, count, sql_now

TITLE_MAX_LENGTH = 500
ID_MAX = 2**63 - 1
"""The largest id that the database can hold."""
SQLITE_IS_A_TIME = (
    "{0} GLOB '????-??-?? ??:??:??*' AND {0} >= '0001' "
    "AND datetime(substr({0}, 1, 19), '+0 days') IS substr({0}, 1, 19) "
    "AND (length({0}) = 19 OR substr({0}, 20) GLOB '.[0-9]*' AND substr({0}, 21) NOT GLOB '*[^0-9]*')"
)
"""What SQLite, whose columns take any text, has to check for a column of times."""


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


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
    title: str = Field(max_length=TITLE_MAX_LENGTH)
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


def clean_title(title: str) -> str:
    """Strip a title and refuse what cannot be one.

    :param title: as a person typed it
    :return: the stripped title, 1 to 500 characters
    :raises PydanticCustomError: blank, too long, or holding what no database can store
    """
    title = title.strip()
    if not title:
        raise PydanticCustomError('title', "Title can't be blank")
    if len(title) > TITLE_MAX_LENGTH:
        raise PydanticCustomError('title', f'Title is too long (maximum is {TITLE_MAX_LENGTH} characters)')
    if '\0' in title:
        raise PydanticCustomError('title', 'Title contains a NUL character, which cannot be stored')
    if any('\ud800' <= character <= '\udfff' for character in title):
        raise PydanticCustomError('title', 'Title contains half a character, which cannot be stored')
    return title


Title = Annotated[StrictStr, AfterValidator(clean_title)]


class NewTodo(BaseModel):
    """What a request may say of a todo that it creates."""

    model_config = ConfigDict(extra='forbid')

    title: Title
    completed: StrictBool = False


class TodoChange(BaseModel):
    """What a request may say of a todo that it changes; what it leaves out stays."""

    model_config = ConfigDict(extra='forbid')

    title: Title = ''
    completed: StrictBool = False

    def changes(self) -> dict[str, Any]:
        """Return only what was given."""
        return self.model_dump(exclude_unset=True)


class InvalidTodoError(ValueError):
    """A todo was refused, and nothing was written.

    :param errors: one sentence for each reason, meant for the person who sent it

    Example::

        try:
            await view.add(title)
        except InvalidTodoError as error:
            ui.notify(str(error))
    """

    def __init__(self, errors: list[str]) -> None:
        super().__init__('. '.join(errors))
        self.errors = errors


def explain(error: ValidationError) -> list[str]:
    """Turn a validation error into sentences for the person who sent the input."""
    return [_sentence(detail['type'], detail['loc'], detail['msg']) for detail in error.errors(include_url=False)]


def _sentence(kind: str, location: tuple[int | str, ...], message: str) -> str:
    field = '.'.join(str(part) for part in location)
    name = field.rpartition('.')[2].capitalize()
    sentences = {
        'title': message,
        'missing': f"{name} can't be blank" if name == 'Title' else f'{name} is missing',
        'extra_forbidden': f'Unknown field: {field}',
        'string_type': f'{name} must be text',
        'bool_type': f'{name} must be true or false',
        'model_type': f'{name or "Body"} must be an object',
        'model_attributes_type': f'{name or "Body"} must be an object',
    }
    return sentences.get(kind, f'{name or "Body"}: {message}')
