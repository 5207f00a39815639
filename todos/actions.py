"""What can be done with todos, each in one transaction. Every call blocks: call it in a thread."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from todosync import Database, Row

from .models import ID_MAX, InvalidTodoError, NewTodo, Todo, TodoChange, explain

Shape = TypeVar('Shape', bound=BaseModel)


class TodoNotFoundError(LookupError):
    """There is no todo with this id (any more); nothing was written.

    Example::

        try:
            await view.delete(todo_id)
        except TodoNotFoundError:
            pass  # somebody else was faster
    """

    def __init__(self, todo_id: int) -> None:
        super().__init__(f'There is no todo {todo_id}; it may have been deleted')


def create_todo(database: Database, fields: Any) -> Todo:
    """Create a todo.

    :param fields: ``title`` (1 to 500 characters after stripping) and optionally ``completed``
    :raises InvalidTodoError: the fields were refused

    Example::

        todo = create_todo(database, {'title': 'Buy milk'})
    """
    new = _validate(NewTodo, fields)
    todo = Todo(**new.model_dump())
    with database.write() as session:
        session.add(todo)
    return todo


def update_todo(database: Database, todo_id: int, fields: Any) -> Todo:
    """Change a todo; fields that are not given stay as they are.

    :raises InvalidTodoError: the fields were refused
    :raises TodoNotFoundError: there is no such todo
    """
    changes = _validate(TodoChange, fields).changes()
    if not changes:
        raise InvalidTodoError(['Nothing to change: give a title or completed'])
    with database.write() as session:
        todo = session.get(Todo, todo_id) if 0 <= todo_id <= ID_MAX else None
        if todo is None:
            raise TodoNotFoundError(todo_id)
        todo.sqlmodel_update(changes)
    return todo


def delete_todo(database: Database, todo_id: int) -> None:
    """Delete a todo.

    :raises TodoNotFoundError: there is no such todo
    """
    with database.write() as session:
        todo = session.get(Todo, todo_id) if 0 <= todo_id <= ID_MAX else None
        if todo is None:
            raise TodoNotFoundError(todo_id)
        session.delete(todo)


def restore_todo(database: Database, row: Row) -> None:
    """Put a deleted todo back as it was; do nothing if it is there.

    :param row: the todo as messages carry it
    """
    with database.write() as session:
        if session.get(Todo, row['id']) is None:
            session.add(Todo(**{**row, 'created_at': datetime.fromisoformat(row['created_at'])}))


def _validate(shape: type[Shape], fields: Any) -> Shape:
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise InvalidTodoError(explain(error)) from None
