"""Keys: the ids of rows and the values of scopes, as messages hold them and as databases do.

A UUID is a text in messages, with dashes and lower letters. SQLAlchemy keeps it in SQLite as a text without dashes.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Column, Integer

from todosync.ids import ID_MAX

from .columns import is_uuid, plain_type
from .messages import RowId


def told_key(source: Column[Any], value: Any) -> RowId | None:
    """Return a key as messages hold it; ``None`` if it is none of the column.

    :param source: the column
    :param value: a key as the database has it, as Python has it, or as somebody has told it
    """
    if not is_uuid(source):
        is_known = type(value) is int if isinstance(plain_type(source), Integer) else isinstance(value, str)
        return value if is_known else None
    try:
        return str(value if isinstance(value, UUID) else UUID(value))
    except (AttributeError, TypeError, ValueError):
        return None


def stored_key(source: Column[Any], told: Any) -> Any:
    """Return a key as the app's own code and SQLAlchemy have it: ``UUID``, ``int``, ``str``; ``None`` if it is none.

    :param source: the column
    :param told: a key as messages hold it
    """
    found = told_key(source, told)
    if is_uuid(source) and isinstance(found, str):
        return UUID(found)
    return None if isinstance(found, int) and abs(found) > ID_MAX else found
