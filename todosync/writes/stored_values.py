"""Values that a trigger has noted as JSON, as Python has them when SQLAlchemy reads them from their columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Date, DateTime, Dialect, Float, LargeBinary, Numeric, Time, Uuid

from todosync.streams import Stream, plain_type

FLOAT8, NUMERIC = 701, 1700
"""How PostgreSQL names its types of numbers with a fraction."""


def stored_values(stream: Stream, noted: bytes | None, dialect: Dialect) -> dict[str, Any]:
    """Return values by the names of their columns.

    :param stream: the stream, whose table they are of; a column that it has no longer is left out
    :param noted: JSON of an object
    :param dialect: that of the database
    :raises ValueError: it is no JSON, as a text that is no UTF-8, which SQLite accepts
    """
    if noted is None:
        return {}
    found, exact = json.loads(noted), json.loads(noted, parse_float=Decimal)
    return {
        column.key: _as_read(column, found[column.name], exact[column.name], dialect)
        for column in stream.table.columns
        if column.name in found
    }


def _as_read(column: Column[Any], value: Any, exact: Any, dialect: Dialect) -> Any:
    """Return what SQLAlchemy makes of what the database's driver returns.

    :param value: the value in JSON
    :param exact: the same, a decimal where it is a number with a fraction
    """
    kind = plain_type(column)
    returned = _by_sqlite(value) if dialect.name == 'sqlite' else _by_postgres(kind, value, exact)
    type_code = FLOAT8 if isinstance(kind, Float) else NUMERIC
    process = column.type.dialect_impl(dialect).result_processor(dialect, type_code)
    return returned if process is None or returned is None else process(returned)


def _by_sqlite(value: Any) -> Any:
    """Return a value as the driver returns it; an object stands for bytes."""
    return bytes.fromhex(value['blob']) if isinstance(value, Mapping) else value


def _by_postgres(kind: Any, value: Any, exact: Any) -> Any:
    """Return a value as the driver returns it, of a type for which JSON has texts or numbers."""
    if value is None or (isinstance(kind, Uuid) and not kind.native_uuid):
        return value
    for type_, read in _POSTGRES_TYPES.items():
        if isinstance(kind, type_):
            return read(exact)
    return value


def _as_text(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: read(str(value))


_POSTGRES_TYPES: Mapping[type, Callable[[Any], Any]] = {
    Float: float,
    Numeric: _as_text(Decimal),
    DateTime: datetime.fromisoformat,
    Date: date.fromisoformat,
    Time: time.fromisoformat,
    Uuid: UUID,
    LargeBinary: lambda value: bytes.fromhex(value.removeprefix('\\x')),
}
