"""Writes to todos besides insert, update and delete. Every call blocks, so call it in a thread."""

from __future__ import annotations

from datetime import datetime

from todosync import Database, Row

from .models import Todo


def restore_todo(database: Database, row: Row) -> None:
    """Put a deleted todo back as it was. Do nothing if it is not deleted.

    :param database: the database of the server
    :param row: the todo as it was in a view's ``rows``
    """
    with database.write() as session:
        if session.get(Todo, row['id']) is None:
            session.add(Todo(**{**row, 'created_at': datetime.fromisoformat(row['created_at'])}))
