"""The elements of NiceGUI that can be bound to a field of a row: how each shows a value, and how a person sets it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.choice_element import ChoiceElement
from sqlalchemy import String, Time

from todosync.streams import plain_type

from .expressions import RUNTIME, RowField


@dataclass(frozen=True)
class Kind:
    """How an element of NiceGUI shows a value, and how a person sets it: by choosing it, or by typing.

    :ivar prop: the prop that holds the value
    :ivar shown: makes the prop's value of the field's ``value``, in JavaScript
    :ivar taken: makes the field's value of the prop's ``value``, in JavaScript
    :ivar chosen_by: the event at which what is dragged is let go; empty if each change of the value is a choice
    :ivar typed_until: the events at which typing is done; empty if the value is chosen
    """

    prop: str = 'model-value'
    shown: str = 'value'
    taken: str = 'value'
    chosen_by: str = ''
    typed_until: tuple[str, ...] = ()


TEXT = Kind(prop='value', shown='value ?? ""', typed_until=('blur', 'keydown.enter'))
LONG_TEXT = Kind(prop='value', shown='value ?? ""', typed_until=('blur',))
NUMBER = Kind(taken='value === "" || value === null ? null : Number(value)', typed_until=('blur', 'keydown.enter'))
DRAGGED = Kind(chosen_by='change')
AT_ONCE = Kind()
KINDS: dict[type[Element], Kind] = {
    ui.textarea: LONG_TEXT,  # a kind of input
    ui.input: TEXT,
    ui.number: NUMBER,
    ui.slider: DRAGGED,
    ui.checkbox: AT_ONCE,
    ui.switch: AT_ONCE,
    ui.rating: AT_ONCE,
}
CHOICES = ui.select, ui.radio, ui.toggle


def kind_of(element: Element, field: RowField) -> Kind:
    """Return how an element shows the value of a field.

    :raises TypeError: it cannot be bound to a field
    """
    for known, kind in KINDS.items():
        if isinstance(element, known):
            return _of_type(kind, field)
    if isinstance(element, CHOICES) and isinstance(element, ChoiceElement) and not getattr(element, 'multiple', False):
        values = json.dumps([field.view.stream.told(field.name, option) for option in element.options])
        if isinstance(element, ui.select):
            labels = json.dumps([str(label) for label in _labels(element)])
            shown = (
                f'((index) => index < 0 ? null : {{ value: index, label: {labels}[index] }})({values}.indexOf(value))'
            )
            return Kind(shown=shown, taken=f'{values}[value?.value] ?? null')
        return Kind(shown=f'((index) => index < 0 ? null : index)({values}.indexOf(value))', taken=f'{values}[value]')
    known_names = ', '.join(f'ui.{kind.__name__.lower()}' for kind in (*KINDS, *CHOICES))
    raise TypeError(f'{name_of(element)} cannot be bound to a field of a row; these can: {known_names}')


def _of_type(kind: Kind, field: RowField) -> Kind:
    """Return how a value is taken that is no text and no number in JSON, but typed: an empty field has no value."""
    held, scale = plain_type(field.view.stream.table.c[field.name]), field.view.stream.scale_of(field.name)
    if scale is not None:
        shown = 'Number(value)' if kind is DRAGGED else kind.shown
        return replace(kind, shown=shown, taken=f'{RUNTIME}.fixed(value, {scale})')
    if kind is TEXT and isinstance(held, Time):
        return replace(kind, taken='/^\\d\\d:\\d\\d$/.test(value) ? `${value}:00` : value || null')
    if kind is TEXT and not isinstance(held, String):
        return replace(kind, taken='value === "" ? null : value')
    return kind


def _labels(element: ChoiceElement) -> list[Any]:
    return list(element.options.values()) if isinstance(element.options, dict) else list(element.options)


def name_of(element: Element) -> str:
    """Return what a team calls an element."""
    return f'ui.{type(element).__name__.lower()}'
