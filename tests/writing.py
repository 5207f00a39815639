"""Writes to the todos in a test's own thread, for tests of something else than writing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from todos.models import TODOS, Todo
from todosync.database.database import Database
from todosync.writes import RowOrId, Writer


def create_todo(database: Database, values: Mapping[str, Any]) -> Todo:
    """Create a todo."""
    return cast(Todo, Writer(database).insert(TODOS, values))


def update_todo(database: Database, todo: RowOrId, values: Mapping[str, Any]) -> Todo:
    """Change a todo."""
    return cast(Todo, Writer(database).update(TODOS, todo, values))


def delete_todo(database: Database, todo: RowOrId) -> None:
    """Delete a todo."""
    Writer(database).delete(TODOS, todo)
