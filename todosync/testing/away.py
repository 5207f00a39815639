"""What the page of a person who is offline shows: the rows that it had, and upon them what waits to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from todosync.streams import Delta, Replica, Row, ScopeValue, Stream, Version, carried
from todosync.writes import NOW, shown_defaults


class Away:
    """The rows of a page without a connection, and the writes that wait in its browser.

    :param stream: the stream
    :param scope: its scope, if the stream has scopes
    :param rows: the rows that the page had when the connection ended
    """

    def __init__(self, stream: Stream, scope: ScopeValue | None, rows: Iterable[Row]) -> None:
        self.waiting: list[dict[str, Any]] = []
        self._stream, self._scope = stream, scope
        self._replica = Replica(stream)
        self._replica.reset(Version(0, ''), rows)

    @property
    def rows(self) -> Sequence[Row]:
        """The rows in their order, with the writes that wait."""
        return self._replica.rows

    def keep(self, write: dict[str, Any]) -> None:
        """Show a write, and have it wait.

        :param write: the write as a browser sends it, see :class:`QueuedWrite`
        """
        self.waiting.append(write)
        row, version = self._written(write), self._replica.version
        if row is not None and self._stream.scope and row[self._stream.scope] != self._scope:
            row = None  # it moves to another scope
        put, deleted = ([row], []) if row else ([], [write['id']])
        self._replica.apply(
            Delta(self._stream.name, version, version._replace(number=version.number + 1), put, deleted)
        )

    def _written(self, write: dict[str, Any]) -> Row | None:
        row, action = self._replica.get(write['id']), write['action']
        values = {name: self._stream.told(name, value) for name, value in write['values'].items()}
        if action == 'delete':
            return None
        if action == 'insert':
            return {**self._defaults(), **values, 'id': write['id']}
        if action == 'restore':
            raise ValueError('what a person deletes and puts back while offline can only be tested in a browser')
        return row and {**row, **(values if action == 'update' else self._stream.declared.shows[action])}

    def _defaults(self) -> Row:
        now = carried(datetime.now(UTC))
        return {name: now if value == NOW else value for name, value in shown_defaults(self._stream).items()}
