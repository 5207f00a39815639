"""Reads rows, and leaves out those that cannot be served, so that one odd row of another program hides no others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Column, Engine, Enum, select
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.sql.expression import ColumnElement
from sqlmodel import Session, SQLModel

from .columns import check_of, is_uuid, told, wire
from .keys import stored_key, told_key
from .messages import Row, RowId

CHUNK = 500
"""How many rows are read at a time to find out which of them cannot be served."""
NO_UTF8 = 'Could not decode to UTF-8'
"""The message of SQLite's driver for a text that is no UTF-8."""

log = logging.getLogger(__name__)


class UnservableError(Exception):
    """A row cannot be served. The message says why; it contains no values of the row."""


class RowReader:
    """Reads the rows of a table that can be served.

    All rows are checked together, column by column, which costs next to nothing. Only if the check fails, smaller and
    smaller parts are read, until the rows that cannot be served are found.

    :param name: the stream's name, for the log
    :param columns: the columns of its fields, by name, with ``id``
    :param order_field: the field that orders the rows
    """

    def __init__(self, name: str, columns: Mapping[str, Column[Any]], order_field: str) -> None:
        self._name = name
        self._columns = columns
        self._fields = tuple(columns)
        self._id = columns['id']
        self._uuids = [name for name, source in columns.items() if is_uuid(source)]
        self._wire = [wire(source) for source in columns.values()]
        safe = {'id', order_field}
        self._checks = {field: check_of(source, is_safe=field in safe) for field, source in columns.items()}
        self._logged: WeakKeyDictionary[Engine, dict[RowId, str]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def read(
        self,
        session: Session,
        ids: Sequence[RowId] | None = None,
        order: Sequence[ColumnElement[Any]] = (),
        where: ColumnElement[bool] | None = None,
    ) -> tuple[list[Row], dict[RowId, str]]:
        """Read rows, and log each row that is left out, once.

        :param session: a read transaction
        :param ids: the ids of the rows to read (default: all rows)
        :param order: the order of the rows, as SQLAlchemy expressions
        :param where: which of them, as a SQLAlchemy expression (default: all)
        :return: the rows, and for each row that was left out the reason, by id
        """
        refused: dict[RowId, str] = {}
        try:
            rows = self._read(session, ids, order, where)
        except UnservableError:
            query = select(wire(self._id)).order_by(*order)
            query = query if where is None else query.where(where)
            stored = session.connection().scalars(query if ids is None else query.where(self._has(ids))).all()
            id_check = self._checks['id']
            found = []
            for value in stored:
                if self._uuids and (problem := id_check([value])):
                    refused[str(value)] = f'id is {problem}'
                else:
                    found.append(told_key(self._id, value) or value)
            rows = []
            for start in range(0, len(found), CHUNK):
                rows += self._read_what_can_be(session, found[start : start + CHUNK], order, refused)
        self._log(session, ids, refused)
        return rows, refused

    def get(self, session: Session, model: type[SQLModel], key: Any) -> SQLModel | None:
        """Return a row to be written, locked against others, or ``None`` if there is none.

        :raises UnservableError: it is one of those that are left out
        """
        try:
            row = session.get(model, key, with_for_update=True)
        except Exception as error:
            if not (reason := _reason(error)):
                raise
            raise UnservableError(reason) from error
        for field, check in self._checks.items() if row else ():
            value = getattr(row, field)
            if isinstance(value, Decimal):
                value = told(self._columns[field], value)
            if not isinstance(value, datetime) and (problem := check([value])):
                raise UnservableError(f'{field} is {problem}')
        return row

    def _read(
        self,
        session: Session,
        ids: Sequence[RowId] | None,
        order: Sequence[ColumnElement[Any]],
        where: ColumnElement[bool] | None = None,
    ) -> list[Row]:
        query = select(*self._wire).order_by(*order)
        query = query if where is None else query.where(where)
        try:
            result = session.connection().execute(query if ids is None else query.where(self._has(ids)))
            rows = [dict(zip(self._fields, row, strict=True)) for row in result]
        except Exception as error:
            if not (reason := _reason(error)):
                raise
            raise UnservableError(reason) from error
        for field, check in self._checks.items():
            if problem := check([row[field] for row in rows]):
                raise UnservableError(f'{field} is {problem}')
        for field in self._uuids:
            for row in rows:
                row[field] = row[field] and str(UUID(str(row[field])))
        return rows

    def _has(self, ids: Sequence[RowId]) -> ColumnElement[bool]:
        return self._id.in_([stored_key(self._id, row_id) for row_id in ids] if is_uuid(self._id) else ids)

    def _read_what_can_be(
        self, session: Session, ids: Sequence[RowId], order: Sequence[ColumnElement[Any]], refused: dict[RowId, str]
    ) -> list[Row]:
        """Read rows in halves, and the halves in halves, until the rows that cannot be served are found."""
        try:
            return self._read(session, ids, order)
        except UnservableError as error:
            if len(ids) == 1:
                refused[ids[0]] = self._reason_by_field(session, ids[0]) or str(error)
                return []
        half = len(ids) // 2
        parts = ids[:half], ids[half:]
        return [row for part in parts for row in self._read_what_can_be(session, part, order, refused)]

    def _reason_by_field(self, session: Session, row_id: RowId) -> str:
        """Return which field of a row cannot be read, and why; an empty text if each can."""
        for field, source in zip(self._fields, self._wire, strict=True):
            try:
                session.connection().execute(select(source).where(self._has([row_id]))).all()
            except Exception as error:
                if not (reason := _reason(error)):
                    raise
                kind = source.type
                if isinstance(kind, Enum) and isinstance(error, LookupError):
                    return f'{field} is none of the words that its column keeps: {", ".join(kind.enums)}'
                return f'{field} is {reason}'
        return ''

    def _log(self, session: Session, ids: Iterable[RowId] | None, refused: Mapping[RowId, str]) -> None:
        with self._lock:
            engine = session.connection().engine
            logged = self._logged.setdefault(engine, {})
            for row_id in set(logged if ids is None else ids) - refused.keys():
                logged.pop(row_id, None)
            for row_id, reason in refused.items():
                if logged.get(row_id) != reason:
                    log.error('the row %s of the stream %s cannot be shown: %s', row_id, self._name, reason)
                    logged[row_id] = reason


def _reason(error: Exception) -> str:
    """Return why a row cannot be read; an empty text if the error is one of the database and not of a row."""
    if isinstance(error, OperationalError):
        return 'text that is no UTF-8' if NO_UTF8 in str(error.orig) else ''
    if isinstance(error, (DataError, ValueError, LookupError, TypeError, ArithmeticError)):
        return f'a value that cannot be read ({type(error).__name__})'
    return ''
