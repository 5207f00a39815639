"""Reads rows, and leaves out those that cannot be served, so that one odd row of another program hides no others."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import Boolean, Column, DateTime, Engine, Enum, Float, Integer, String, TypeDecorator, select
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.sql.expression import ColumnElement
from sqlmodel import AutoString, Session, SQLModel

from todosync.database import iso_utc
from todosync.ids import ID_MAX

from .messages import Row

CHUNK = 500
"""How many rows are read at a time to find out which of them cannot be served."""
NO_UTF8 = 'Could not decode to UTF-8'
"""The message of SQLite's driver for a text that is no UTF-8."""

Check = Callable[[Sequence[Any]], str]
"""Returns what is wrong with the values of a field; an empty text if nothing is."""

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
        self._fields = tuple(columns)
        self._id = columns['id']
        self._wire = [wire(source) for source in columns.values()]
        safe = {'id', order_field}
        self._checks = {field: check_of(source, is_safe=field in safe) for field, source in columns.items()}
        self._logged: WeakKeyDictionary[Engine, dict[int, str]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def read(
        self,
        session: Session,
        ids: Sequence[int] | None = None,
        order: Sequence[ColumnElement[Any]] = (),
        where: ColumnElement[bool] | None = None,
    ) -> tuple[list[Row], dict[int, str]]:
        """Read rows, and log each row that is left out, once.

        :param session: a read transaction
        :param ids: the ids of the rows to read (default: all rows)
        :param order: the order of the rows, as SQLAlchemy expressions
        :param where: which of them, as a SQLAlchemy expression (default: all)
        :return: the rows, and for each row that was left out the reason, by id
        """
        refused: dict[int, str] = {}
        try:
            rows = self._read(session, ids, order, where)
        except UnservableError:
            query = select(self._id).order_by(*order)
            query = query if where is None else query.where(where)
            found = session.connection().scalars(query if ids is None else query.where(self._id.in_(ids))).all()
            rows = []
            for start in range(0, len(found), CHUNK):
                rows += self._read_what_can_be(session, found[start : start + CHUNK], order, refused)
        self._log(session, ids, refused)
        return rows, refused

    def get(self, session: Session, model: type[SQLModel], row_id: int) -> SQLModel | None:
        """Return a row to be written, locked against others, or ``None`` if there is none.

        :raises UnservableError: it is one of those that are left out
        """
        try:
            row = session.get(model, row_id, with_for_update=True)
        except Exception as error:
            if not (reason := _reason(error)):
                raise
            raise UnservableError(reason) from error
        for field, check in self._checks.items() if row else ():
            value = getattr(row, field)
            if not isinstance(value, datetime) and (problem := check([value])):
                raise UnservableError(f'{field} is {problem}')
        return row

    def _read(
        self,
        session: Session,
        ids: Sequence[int] | None,
        order: Sequence[ColumnElement[Any]],
        where: ColumnElement[bool] | None = None,
    ) -> list[Row]:
        query = select(*self._wire).order_by(*order)
        query = query if where is None else query.where(where)
        try:
            result = session.connection().execute(query if ids is None else query.where(self._id.in_(ids)))
            rows = [dict(zip(self._fields, row, strict=True)) for row in result]
        except Exception as error:
            if not (reason := _reason(error)):
                raise
            raise UnservableError(reason) from error
        for field, check in self._checks.items():
            if problem := check([row[field] for row in rows]):
                raise UnservableError(f'{field} is {problem}')
        return rows

    def _read_what_can_be(
        self, session: Session, ids: Sequence[int], order: Sequence[ColumnElement[Any]], refused: dict[int, str]
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

    def _reason_by_field(self, session: Session, row_id: int) -> str:
        """Return which field of a row cannot be read, and why; an empty text if each can."""
        for field, source in zip(self._fields, self._wire, strict=True):
            try:
                session.connection().execute(select(source).where(self._id == row_id)).all()
            except Exception as error:
                if not (reason := _reason(error)):
                    raise
                kind = source.type
                if isinstance(kind, Enum) and isinstance(error, LookupError):
                    return f'{field} is none of the words that its column keeps: {", ".join(kind.enums)}'
                return f'{field} is {reason}'
        return ''

    def _log(self, session: Session, ids: Iterable[int] | None, refused: Mapping[int, str]) -> None:
        with self._lock:
            engine = session.connection().engine
            logged = self._logged.setdefault(engine, {})
            for row_id in set(logged if ids is None else ids) - refused.keys():
                logged.pop(row_id, None)
            for row_id, reason in refused.items():
                if logged.get(row_id) != reason:
                    log.error('the row %s of the stream %s cannot be shown: %s', row_id, self._name, reason)
                    logged[row_id] = reason


def is_time(source: Column[Any]) -> bool:
    """Return whether a column holds times with a date."""
    return isinstance(plain_type(source), DateTime)


def plain_type(source: Column[Any]) -> Any:
    """Return the database's type of a column; for a type of a team's own, the type on which it is built."""
    return source.type.impl if isinstance(source.type, TypeDecorator) else source.type


def wire(source: Column[Any]) -> ColumnElement[Any]:
    """Return the expression to select for a column. A time is selected as the text that messages carry."""
    return iso_utc(source).label(source.name) if is_time(source) else source


def check_of(source: Column[Any], *, is_safe: bool) -> Check:
    """Return the check of the values of a column.

    :param source: the column
    :param is_safe: whether its numbers must be such that JavaScript can represent exactly
    """
    check = _check_of_type(source, is_safe=is_safe)
    if not source.nullable:
        return check
    return lambda values: check([value for value in values if value is not None])


def _check_of_type(source: Column[Any], *, is_safe: bool) -> Check:
    if is_time(source):
        return _check_times
    if isinstance(source.type, Enum) or (
        isinstance(source.type, TypeDecorator) and type(source.type) is not AutoString
    ):
        return _check_any
    checks: dict[type, Check] = {
        String: _check_texts,
        Boolean: _check_booleans,
        Integer: _check_safe_integers if is_safe else _check_integers,
        Float: _check_floats,
    }
    kind = plain_type(source)
    return next((check for known, check in checks.items() if isinstance(kind, known)), _check_any)


def _check_texts(values: Sequence[Any]) -> str:
    return '' if set(map(type, values)) <= {str} else 'no text'


def _check_booleans(values: Sequence[Any]) -> str:
    return '' if set(map(type, values)) <= {bool} else 'neither true nor false'


def _check_times(values: Sequence[Any]) -> str:
    try:
        for value in values:
            datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return 'no time of the years 1 to 9999'
    return '' if set(map(len, values)) <= {27} else 'no time of the years 1 to 9999'


def _check_integers(values: Sequence[Any]) -> str:
    return '' if set(map(type, values)) <= {int} else 'no whole number'


def _check_safe_integers(values: Sequence[Any]) -> str:
    if problem := _check_integers(values):
        return problem
    is_safe = not values or (min(values) >= -ID_MAX and max(values) <= ID_MAX)
    return '' if is_safe else 'a number that JavaScript cannot tell from others (beyond 2^53 - 1)'


def _check_floats(values: Sequence[Any]) -> str:
    is_finite = set(map(type, values)) <= {float, int} and all(map(math.isfinite, values))
    return '' if is_finite else 'no finite number'


def _check_any(values: Sequence[Any]) -> str:
    try:
        orjson.dumps(values)
    except TypeError:  # also orjson's own error
        return 'nothing that JSON can hold'
    return ''


def _reason(error: Exception) -> str:
    """Return why a row cannot be read; an empty text if the error is one of the database and not of a row."""
    if isinstance(error, OperationalError):
        return 'text that is no UTF-8' if NO_UTF8 in str(error.orig) else ''
    if isinstance(error, (DataError, ValueError, LookupError, TypeError, ArithmeticError)):
        return f'a value that cannot be read ({type(error).__name__})'
    return ''
