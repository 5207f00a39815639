"""Rows that browsers have deleted, as they were, so that whoever deleted one can put it back."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import ColumnElement, delete, insert, select
from sqlmodel import Session

from todosync.streams import RowId, Stream

from .tables import deleted, seconds

log = logging.getLogger(__name__)


class Kept(Protocol):
    """Where deleted rows are, to be put back."""

    def keep(self, stream: Stream, row: Any, session: Session) -> None:
        """Keep a row that is about to be deleted."""

    def find(self, stream: Stream, row_id: RowId, session: Session) -> Any:
        """Return a row that was kept, an object of the stream's model, ``None`` if there is none."""


class Deleted:
    """The rows that one queue has deleted. Nobody else can put them back.

    :param queue: the id of the queue
    """

    def __init__(self, queue: str) -> None:
        self._queue = queue

    def keep(self, stream: Stream, row: Any, session: Session) -> None:
        """Keep a row that is about to be deleted. A row that JSON cannot hold is not kept, so it cannot be put back."""
        try:
            kept = orjson.dumps(row.model_dump(mode='json')).decode()
        except (ValueError, TypeError):
            log.warning('a deleted row of the stream %s cannot be put back: it is no JSON', stream.name, exc_info=True)
            return
        connection = session.connection()
        row_id = str(row.id)
        connection.execute(delete(deleted).where(self._is(stream, row_id)))
        values = {'id': row_id, 'row': kept, 'at': seconds(datetime.now(UTC))}
        connection.execute(insert(deleted).values(queue=self._queue, stream=stream.name, **values))

    def find(self, stream: Stream, row_id: RowId, session: Session) -> Any:
        """Return a row that was kept, an object of the stream's model, ``None`` if there is none."""
        found = session.connection().scalar(select(deleted.c.row).where(self._is(stream, str(row_id))))
        return None if found is None else stream.model.model_validate(orjson.loads(found))

    def _is(self, stream: Stream, row_id: str) -> ColumnElement[bool]:
        of_stream = (deleted.c.queue == self._queue) & (deleted.c.stream == stream.name)
        return of_stream & (deleted.c.id == row_id)


def forget_deleted(session: Session, before: datetime) -> None:
    """Forget the rows that were deleted before a time."""
    session.connection().execute(delete(deleted).where(deleted.c.at < seconds(before)))
