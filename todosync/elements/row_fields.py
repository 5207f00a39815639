"""The fields of a row in the template of a list, and what else is known of the row."""

from __future__ import annotations

import json
from typing import Any

from todosync.streams import unknown
from todosync.views import View

from .expressions import Expression, RowField


class RowFields:
    """The fields of a row, as expressions: ``row.name``, or ``row['name']``.

    Where the stream has no fields of these names, ``row.pending`` tells that a write of this browser to the row has
    waited for two seconds or more, ``row.errors.name`` why what was typed into a field was refused, and ``row.editors``
    who else is editing the row: their names, or ``row.editors.name`` of those who edit one field.

    :param view: the page's view of the stream

    Example::

        bind_visibility(ui.icon('cloud_off'), row.pending)
    """

    def __init__(self, view: View) -> None:
        self._view = view

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        stream = self._view.stream
        if name in {'pending', 'errors'} and name not in stream.fields and stream.is_writable:
            return _pending(stream.name) if name == 'pending' else RowErrors(self)
        if name == 'editors' and name not in stream.fields:
            return Editors(self._view)
        return self[name]

    def __getitem__(self, name: str) -> RowField:
        stream = self._view.stream
        if name not in stream.fields:
            raise AttributeError(unknown(stream, 'field', name, stream.fields))
        return RowField(self._view, name)


class RowErrors:
    """Why what was typed into the fields of a row was refused; empty texts where nothing was.

    :param fields: the fields of the row
    """

    def __init__(self, fields: RowFields) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Expression:
        if name.startswith('__'):
            raise AttributeError(name)
        field = self._fields[name]
        place = f'{json.dumps(field.view.stream.name)}, props.row, {json.dumps(name)}'
        return Expression(f'todosync.fields.error({place})', lambda _: '')


class Editors(Expression):
    """The names of the others who edit a row, in the browser and in Python; as an attribute, of those who edit a field.

    :param view: the page's view of the stream, of which the page has called ``use_presence``
    :param field: the name of the field, ``None`` for whatever they edit in the row
    :raises ValueError: the page has not called ``use_presence``
    """

    def __init__(self, view: View, field: str | None = None) -> None:
        presence = view.presence
        if presence is None:
            raise ValueError(
                f'who edits a row of the stream {view.stream.name!r} is not known here; call use_presence(view) before'
            )
        presence.show_editing()
        place = f'{json.dumps(view.stream.name)}, {json.dumps(view.scope)}, props.row.id'
        only = '' if field is None else f', {json.dumps(field)}'
        super().__init__(f'todosync.editors({place}{only})', lambda row: presence.editors(row['id'], field))
        self._view = view
        self._field = field

    def __getattr__(self, name: str) -> Editors:
        if name.startswith('_') or self._field is not None:
            raise AttributeError(name)
        stream = self._view.stream
        if name not in stream.fields:
            raise AttributeError(unknown(stream, 'field', name, stream.fields))
        return Editors(self._view, name)


def _pending(stream: str) -> Expression:
    return Expression(f'todosync.writes.isLate({json.dumps(stream)}, props.row.id)', lambda _: False)
