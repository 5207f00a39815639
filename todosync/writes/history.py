"""Who changed what and when: what triggers have noted is read, told to those who may read it, and put back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, inspect, select, union_all
from sqlalchemy.sql.expression import ColumnElement
from sqlmodel import Session

from todosync.database import Database, as_bytes, history
from todosync.streams import RowId, ScopeValue, Stream, told_key

from .stored_values import stored_values

LIMIT = 500
"""How many changes are read at most at a time."""
FORGET_AT_A_TIME = 10_000
"""How many old changes one transaction deletes, so that no writer waits for long."""

Action = Literal['insert', 'update', 'delete', 'enter', 'leave']

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """A change of a row: who changed what and when.

    :ivar id: its number; later changes have higher ones
    :ivar row_id: the id of the row
    :ivar action: ``insert``, ``update`` or ``delete``; ``enter`` and ``leave`` if the row was moved into the scope or
        out of it
    :ivar before: the values before, by field, as rows hold them: of an update those that it has changed, of a deleted
        row all; none of a row that was moved into the scope
    :ivar after: the values after it, by field; none of a row that was moved out of the scope
    :ivar at: when it was, in UTC
    :ivar who: the name of the user; empty if nobody was signed in, and for other programs

    Example::

        for change in await view.history(note):
            print(f'{change.at:%H:%M} {change.who or "somebody"}: {dict(change.before)} → {dict(change.after)}')
    """

    id: int
    row_id: RowId
    action: Action
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    at: datetime
    who: str


def read_history(
    session: Session,
    stream: Stream,
    scope: ScopeValue | None,
    row_id: RowId | None = None,
    *,
    limit: int = LIMIT,
    before: Change | None = None,
) -> list[Change]:
    """Return what has happened in a scope, the newest first. What a row was in another scope is not told.

    :param session: a transaction of the database that has the table
    :param stream: a stream whose history is kept
    :param scope: its scope, ``None`` for a stream without scopes
    :param row_id: of which row (default: of all)
    :param limit: how many changes at most, up to :data:`LIMIT`
    :param before: only what has happened before this change
    """
    wanted = (history.c.stream == stream.name) & (history.c.action != '')
    if row_id is not None:
        wanted &= _is_row(stream, row_id)
    if before is not None:
        wanted &= history.c.id < before.id
    limit = max(0, min(limit, LIMIT))
    found = _newest(wanted, limit)
    if scope is not None:  # two queries, so that each finds its changes by an index, and reads no others
        here = _noted_as(scope, is_uuid=stream.is_scope_a_uuid)
        parts = [_newest(wanted & column.in_(here), limit) for column in (history.c.scope, history.c.left_scope)]
        either = union_all(*(select(part.subquery()) for part in parts)).subquery()
        found = select(either).order_by(either.c.id.desc()).limit(limit)
    connection = session.connection()
    return [_change(stream, scope, row, connection.dialect) for row in connection.execute(found)]


class FromHistory:
    """Deleted rows as triggers have noted them in the history. Whoever may write there can put them back.

    :param change_id: the number of the change that has deleted the row (default: that of the last one)
    """

    def __init__(self, change_id: int | None = None) -> None:
        self._change_id = change_id

    def keep(self, stream: Stream, row: Any, session: Session) -> None:
        """Do nothing: a trigger notes the row."""

    def find(self, stream: Stream, row_id: RowId, session: Session) -> Any:
        """Return a row as it was deleted, an object of the stream's model, ``None`` if the history has none."""
        wanted = (history.c.stream == stream.name) & _is_row(stream, row_id) & (history.c.action == 'delete')
        if self._change_id is not None:
            wanted &= history.c.id == self._change_id
        connection = session.connection()
        found = connection.execute(_newest(wanted, 1)).first()
        values = None if found is None else _values(stream, found.before, connection.dialect)
        if values is None:
            return None
        return stream.model(**{column.key: values[column.key] for column in _stored(stream) if column.key in values})


def forget_history(database: Database, stream: Stream, before: datetime) -> None:
    """Delete what the history has of a stream from before a time; all of it if the stream keeps none.

    :param database: the database that has the table
    :param stream: the stream
    :param before: a time with a time zone
    :raises DatabaseUnavailableError: the database cannot be written to
    """
    with database.read() as session:
        if not inspect(session.connection()).has_table(history.name):
            return
        old = history.c.stream == stream.name
        if stream.history is not None:
            # changes are numbered in the order of time, so this reads none that is kept but the first
            young = select(history.c.id).where(history.c.at >= before.astimezone(UTC)).order_by(history.c.id).limit(1)
            first = session.connection().scalar(young)
            old = old if first is None else old & (history.c.id < first)
        ids = session.connection().scalars(select(history.c.id).where(old).order_by(history.c.id)).all()
    for start in range(0, len(ids), FORGET_AT_A_TIME):
        last = ids[start : start + FORGET_AT_A_TIME][-1]
        with database.write() as session:
            session.connection().execute(delete(history).where(old & (history.c.id <= last)))


def _newest(wanted: ColumnElement[bool], limit: int) -> Any:
    values = [as_bytes(column).label(column.name) for column in (history.c.before, history.c.after)]
    others = [column for column in history.c if column.name not in {'before', 'after'}]
    return select(*others, *values).where(wanted).order_by(history.c.id.desc()).limit(limit)


def _change(stream: Stream, scope: ScopeValue | None, found: Any, dialect: Any) -> Change:
    before, after = (_shown(stream, _values(stream, noted, dialect) or {}) for noted in (found.before, found.after))
    action = found.action
    if scope is not None and found.left_scope is not None:
        if found.left_scope in _noted_as(scope, is_uuid=stream.is_scope_a_uuid):
            action, after = 'leave', {}
        else:
            action, before = 'enter', {}
    at = found.at.replace(tzinfo=UTC) if found.at.tzinfo is None else found.at.astimezone(UTC)
    return Change(found.id, _row_id(stream, found.row_id), action, before, after, at, found.who)


def _values(stream: Stream, noted: bytes | None, dialect: Any) -> dict[str, Any] | None:
    """Return the values of a change as Python has them, ``None`` if they cannot be read."""
    try:
        return stored_values(stream, noted, dialect)
    except (ValueError, LookupError, TypeError, ArithmeticError):
        log.warning('the history of the stream %s has values that cannot be read', stream.name, exc_info=True)
        return None


def _shown(stream: Stream, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stream tells of the values of a change."""
    return {name: stream.told(name, values[name]) for name in stream.fields if name in values}


def _stored(stream: Stream) -> list[Any]:
    """Return the columns whose values a program may set."""
    return [column for column in stream.table.columns if column.computed is None]


def _row_id(stream: Stream, noted: str) -> RowId:
    if not stream.is_key_a_uuid:
        return int(noted)
    return told_key(stream.table.c.id, noted) or noted


def _is_row(stream: Stream, row_id: RowId) -> ColumnElement[bool]:
    return history.c.row_id.in_(_noted_as(row_id, is_uuid=stream.is_key_a_uuid))


def _noted_as(value: RowId | ScopeValue, *, is_uuid: bool) -> list[str]:
    """Return how triggers may have noted a key: SQLite has UUIDs without dashes, PostgreSQL with them."""
    return [str(UUID(str(value))), UUID(str(value)).hex] if is_uuid else [str(value)]
