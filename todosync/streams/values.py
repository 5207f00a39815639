"""Values as rows carry them: what Python has for a field, as a JSON value."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID


def carried(value: Any) -> Any:
    """Return a value of Python as a row carries it.

    An enum is its value, a time with a date is a text in UTC with six decimals, a date or a time of day is a text in
    ISO 8601, a UUID is a text, and a decimal one with all its digits; so are those in lists and objects. All
    others stay as they are. Where the column is known, :meth:`Stream.told` also reads what somebody has sent as JSON.

    :param value: the value; a time without a zone is one in UTC, as it is stored
    """
    if isinstance(value, Enum):
        return carried(value.value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Decimal) and value.is_finite():
        return f'{value:f}'
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return _carried_parts(value)


def _carried_parts(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [carried(each) for each in value]
    return {name: carried(each) for name, each in value.items()} if isinstance(value, dict) else value


def time_text(time: datetime) -> str:
    """Return a time as rows hold it; one without a time zone is in UTC.

    :param time: the time
    """
    in_utc = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return f'{in_utc.replace(tzinfo=None).isoformat(timespec="microseconds")}Z'
