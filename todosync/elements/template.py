"""The template of a row: one set of NiceGUI elements, which the browser renders for each row."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.elements.mixins.value_element import ValueElement

from todosync.streams import Stream, unknown

from .expressions import RUNTIME, Expression, RowField
from .kinds import name_of

FIELD_OF_ROW = re.compile(
    r"""\bprops\.row(?:\??\.([A-Za-z_$][\w$]*)(?![\w$]|\s*\()|(?:\?\.)?\[\s*["']([^"']+)["']\s*\])"""
)
"""What JavaScript reads of a row: ``props.row.title``, ``props.row['title']``. A call is no field."""
SHARED = ui.menu, ui.expansion, ui.tabs, ui.stepper, ui.carousel
"""Elements that are open or closed, or are turned to a page; NiceGUI keeps that for all rows at once."""


def finish_template(
    stream: Stream,
    row: Element,
    bound_fields: Mapping[int, RowField],
    classes_of: Mapping[int, Mapping[str, Expression]],
) -> None:
    """Give each element of a template an id of its own in each row, and its classes.

    :param stream: the stream of the list
    :param row: the element around the template
    :param bound_fields: what elements are bound to both ways, by their ids
    :param classes_of: which classes elements have by expressions, by their ids
    :raises TypeError: an element cannot stand in a row
    :raises ValueError: the stream has no field that the elements read from ``props.row``
    """
    _refuse_unknown_fields(stream, row)
    for element in row.descendants(include_self=True):
        _refuse_expressions(element)
        if isinstance(element, SHARED) or (isinstance(element, ValueElement) and element.id not in bound_fields):
            remedy = 'open it by an action, outside the list' if isinstance(element, SHARED) else 'use bind_value()'
            raise TypeError(
                f'{name_of(element)} cannot stand in a row as it is, since all rows would share its state; {remedy}'
            )
        if not {'id', ':id'} & element.props.keys():
            element.props[':id'] = f'`c{element.id}-${{props.row.id}}`'
        if 'for' in element.props:  # NiceGUI's own inputs name themselves, for their labels
            element.props[':for'] = f'`c{element.id}-${{props.row.id}}-for`'
    for element in row.descendants(include_self=True):
        if conditions := classes_of.get(element.id):
            chosen = ', '.join(
                f'{json.dumps(name)}: {RUNTIME}.is_true({condition.javascript})'
                for name, condition in conditions.items()
            )
            element.props[':class'] = f'[{json.dumps(" ".join(element.classes))}, {{{chosen}}}]'


def forget_own_value(element: ValueElement[Any]) -> None:
    """Take out the value that NiceGUI keeps on the server, which would be one for all rows."""
    element.props.pop(element.VALUE_PROP, None)
    listeners = element._event_listeners
    for key in [key for key, listener in listeners.items() if listener.type.startswith('update:')]:
        del listeners[key]


def _refuse_expressions(element: Element) -> None:
    """Refuse an expression where NiceGUI takes a value of Python, as in ``ui.label(row.name)``."""
    name = name_of(element)
    if isinstance(getattr(element, '_text', None), Expression):
        raise TypeError(f'{name} cannot take {element._text!r} itself; use bind_text({name}(), ...)')
    for prop, value in element.props.items():
        if isinstance(value, Expression):
            as_text = isinstance(element, TextElement) and prop == 'label'
            remedy = f'bind_text({name}(), ...)' if as_text else f"bind_prop({name}(...), '{prop}', ...)"
            raise TypeError(f'{name} cannot take {value!r} itself; use {remedy}')


def _refuse_unknown_fields(stream: Stream, row: Element) -> None:
    for element in row.descendants(include_self=True):
        sources = [str(value) for name, value in element.props.items() if name.startswith(':')]
        sources += [listener.js_handler or '' for listener in element._event_listeners.values()]
        for found in FIELD_OF_ROW.finditer('\n'.join(sources)):
            name = found[1] or found[2]
            if name not in stream.fields:
                said = unknown(stream, 'field', name, stream.fields)
                raise ValueError(f'a row of the list reads {found[0]}, but {said}')
