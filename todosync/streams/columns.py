"""What the values of columns are in rows: how they are selected, and what is wrong with those that no row can hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Enum,
    Float,
    Integer,
    Numeric,
    String,
    TypeDecorator,
    Uuid,
    type_coerce,
)
from sqlalchemy.sql.expression import ColumnElement
from sqlmodel import AutoString

from todosync.database import decimal_text, iso_utc
from todosync.ids import ID_MAX

from .values import carried, time_text

DECIMAL_DIGITS = 15
"""How many digits a decimal may have: SQLite keeps decimals as floats, which hold that many exactly."""

IN_SQLITE = re.compile('[0-9a-f]{32}').fullmatch

Check = Callable[[Sequence[Any]], str]
"""Returns what is wrong with the values of a field; an empty text if nothing is."""


def is_time(source: Column[Any]) -> bool:
    """Return whether a column holds times with a date."""
    return isinstance(plain_type(source), DateTime)


def is_uuid(source: Column[Any]) -> bool:
    """Return whether a column holds UUIDs, as objects of Python."""
    return isinstance(source.type, Uuid) and bool(source.type.as_uuid)


def is_own(source: Column[Any]) -> bool:
    """Return whether a column has a type of a team's own, whose values may be anything."""
    return isinstance(source.type, TypeDecorator) and type(source.type) is not AutoString


def scale_of(source: Column[Any]) -> int | None:
    """Return how many decimals the decimals of a column have; ``None`` if it holds none, or does not say it."""
    held = source.type
    return held.scale if isinstance(held, Numeric) and held.asdecimal else None


def plain_type(source: Column[Any]) -> Any:
    """Return the database's type of a column; for a type of a team's own, the type on which it is built."""
    return source.type.impl if isinstance(source.type, TypeDecorator) else source.type


def wire(source: Column[Any]) -> ColumnElement[Any]:
    """Return the expression to select for a column. Times and decimals are selected as the text that messages carry."""
    if is_time(source):
        return iso_utc(source).label(source.name)
    if is_uuid(source):
        return type_coerce(source, String).label(source.name)  # as it is stored, which may be anything in SQLite
    scale = scale_of(source)
    return source if scale is None else decimal_text(source, scale).label(source.name)


def told(source: Column[Any], value: Any) -> Any:
    """Return a value of a column as rows hold it, in JSON values; what is none stays as it is.

    :param source: the column
    :param value: a value of Python, such as a ``Decimal``, or what somebody has sent as JSON
    """
    try:
        if value is None or isinstance(value, bool):
            return value
        if (scale := scale_of(source)) is not None:
            return text_of(Decimal(str(value)), scale)
        if is_time(source):
            return time_text(value if isinstance(value, datetime) else datetime.fromisoformat(value))
        if is_uuid(source):
            return str(value if isinstance(value, UUID) else UUID(value))
        return carried(value)
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return value


def text_of(value: Decimal, scale: int) -> str:
    """Return a decimal as messages carry it.

    :param value: the decimal
    :param scale: how many decimals it has at least
    :raises decimal.InvalidOperation: it is no finite number
    """
    if not value.is_finite():
        raise InvalidOperation
    shown = f'{value:f}' if -int(value.as_tuple().exponent) >= scale else f'{value:.{scale}f}'
    return shown.removeprefix('-') if not value else shown


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
    if isinstance(source.type, Enum) or is_own(source):
        return _check_any
    if is_uuid(source):
        return _check_uuids
    scale = scale_of(source)
    if scale is not None:
        return _check_decimals(plain_type(source).precision, scale)
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


def _check_decimals(digits: int, scale: int) -> Check:
    fraction = rf'\.\d{{{scale}}}' if scale else ''
    is_one = re.compile(rf'-?\d{{1,{max(digits - scale, 1)}}}{fraction}').fullmatch

    def check(values: Sequence[Any]) -> str:
        is_fine = all(isinstance(value, str) and is_one(value) for value in values)
        return '' if is_fine else f'no number of at most {digits} digits'

    return check


def is_stored_well(value: Any) -> bool:
    """Return whether a UUID is stored in the one form in which it is found again."""
    return isinstance(value, UUID) or (isinstance(value, str) and bool(IN_SQLITE(value)))


def _check_uuids(values: Sequence[Any]) -> str:
    return '' if all(map(is_stored_well, values)) else 'no UUID as SQLAlchemy stores it: 32 lower hexadecimal digits'


def _check_any(values: Sequence[Any]) -> str:
    try:
        orjson.dumps(values)
    except TypeError:  # also orjson's own error
        return 'nothing that JSON can hold'
    return ''
