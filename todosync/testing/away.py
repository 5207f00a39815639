"""What the page of a person who is offline shows: the rows that it had, and upon them what waits to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from todosync.streams import Delta, Replica, Row, Stream, Version
from todosync.views import View
from todosync.writes import NOW, shown_defaults


class Away:
    """The rows of a page without a connection, and the writes that wait in its browser.

    :param views: the views of the page, by their keys
    """

    def __init__(self, views: Mapping[str, View]) -> None:
        self.waiting: list[dict[str, Any]] = []
        self._views = dict(views)
        self._replicas = {key: Replica(view.stream) for key, view in views.items()}
        for key, replica in self._replicas.items():
            replica.reset(Version(0, ''), views[key].rows)

    def rows(self, key: str) -> Sequence[Row]:
        """Return the rows of a view in their order, with the writes that wait.

        :param key: the key of the view
        """
        return self._replicas[key].rows

    def keep(self, stream: Stream, write: dict[str, Any], shows: Row | None = None) -> None:
        """Show a write wherever the page shows its row, or will, and have it wait.

        :param stream: the stream that is written to
        :param write: the write as a browser sends it, see :class:`QueuedWrite`
        :param shows: the row that is put back
        """
        self.waiting.append(write)
        keys = [key for key, view in self._views.items() if view.stream is stream]
        found = (self._replicas[key].get(write['id']) for key in keys)
        row = shows or _written(stream, next((row for row in found if row is not None), None), write)
        for key in keys:
            is_here = row is not None and (not stream.scope or row[stream.scope] == self._views[key].scope)
            replica, put = self._replicas[key], [row] if row is not None and is_here else []
            deleted = [] if put else [write['id']]
            version = replica.version
            replica.apply(Delta(stream.name, version, version._replace(number=version.number + 1), put, deleted))


def _written(stream: Stream, row: Row | None, write: dict[str, Any]) -> Row | None:
    action = write['action']
    values = {name: stream.told(name, value) for name, value in write['values'].items()}
    if action == 'delete':
        return None
    if action == 'insert':
        return {**_defaults(stream), **values, 'id': write['id']}
    if action == 'restore':
        raise ValueError('what a person deletes while offline can only be put back by undo() here, or in a browser')
    return row and {**row, **stream.declared.shows.get(action, values)}


def _defaults(stream: Stream) -> Row:
    now = datetime.now(UTC)
    return {name: stream.told(name, now) if value == NOW else value for name, value in shown_defaults(stream).items()}
