"""What the elements in the template of a row show, and what they do: bound to expressions over the row.

Each function takes an element that stands inside ``with LiveList(...) as row:`` and returns it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from todosync.streams import Row
from todosync.views import View
from todosync.writes import RefusedWriteError

from .expressions import RUNTIME, Expression, RowField, expression
from .kinds import kind_of, name_of
from .lists import LiveList
from .template import forget_own_value

Bound = TypeVar('Bound', bound=Element)
Action = Mapping[str, Any] | Callable[..., Awaitable[Any] | Any]

COMPOSING = 'todosync.isOfInputMethod(event)'
FIELDS = 'todosync.fields'


def bind_text(element: Bound, text: Any) -> Bound:
    """Have an element show a text of the row.

    :param element: one that has a text, such as ``ui.label()`` or ``ui.button()``
    :param text: an expression, or a text
    :raises TypeError: the element has no text
    :raises ValueError: the element does not stand in the template of a row

    Example::

        bind_text(ui.label(), row.name)
    """
    if not isinstance(element, TextElement):
        raise TypeError(f'{name_of(element)} has no text; bind one of its props with bind_prop()')
    shown = expression(text)
    _list_of(element).shown_texts.append(shown)
    source = f'{RUNTIME}.text({shown.javascript})'
    if 'label' in element.props or isinstance(element, (ui.button, ui.checkbox, ui.switch)):
        return bind_prop(element, 'label', Expression(source, shown.evaluate))
    element.set_text(cast(str, None))  # the text is a prop now, which must have no child beside it
    return bind_prop(element, 'textContent', Expression(source, shown.evaluate))


def bind_prop(element: Bound, prop: str, value: Any) -> Bound:
    """Have a prop of an element follow a value of the row.

    :param element: any element
    :param prop: the name of the prop, as Quasar's documentation has it
    :param value: an expression, or a JSON value
    :raises ValueError: the element does not stand in the template of a row

    Example::

        bind_prop(ui.icon('star'), 'color', row.urgent.then('red', 'grey'))
    """
    _list_of(element)
    element.props.pop(prop, None)
    element.props[f':{prop}'] = f'{RUNTIME}.plain({expression(value).javascript})'
    return element


def bind_classes(element: Bound, classes: Mapping[str, Any]) -> Bound:
    """Have an element get classes where an expression is true; its other classes stay.

    :param element: any element
    :param classes: an expression for each class
    :raises ValueError: the element does not stand in the template of a row

    Example::

        bind_classes(ui.label(), {'line-through': row.bought})
    """
    conditions = _list_of(element).classes_of.setdefault(element.id, {})
    conditions |= {name: expression(condition) for name, condition in classes.items()}
    return element


def bind_visibility(element: Bound, condition: Any) -> Bound:
    """Have an element show only where an expression is true.

    :param element: any element
    :param condition: an expression
    :raises ValueError: the element does not stand in the template of a row

    Example::

        bind_visibility(ui.icon('star'), row.urgent)
    """
    return bind_classes(element, {'hidden': ~expression(condition)})


def bind_value(element: Bound, field: RowField) -> Bound:
    """Have an element show a field of the row, and write to it what a person sets.

    What is chosen is written at once. What is typed is written at Enter or when the person leaves the field, and what
    is dragged when it is let go. Until then it is the person's, whatever others write, also over a reload. Esc takes
    it back. What is refused stays in the field, with the reason.

    :param element: ``ui.input``, ``textarea``, ``number``, ``slider``, ``checkbox``, ``switch``, ``rating``, ``select``
        with one choice, ``radio`` or ``toggle``
    :param field: a field of the row that the stream allows to be written
    :raises TypeError: the element, or what it is bound to, cannot be bound both ways
    :raises ValueError: the field is not writable, or the element does not stand in the template of a row

    Example::

        with LiveList(view, row_height=40) as row:
            bind_value(ui.checkbox(), row.bought)
    """
    if not isinstance(field, RowField):
        raise TypeError('only a field of the row can be bound both ways, such as `row.name`')
    view, stream, name = field.view, field.view.stream, field.name
    if name not in stream.declared.fields:
        raise ValueError(
            f'the field {name!r} of the stream {stream.name!r} cannot be written; name it in '
            f'`{stream.name.upper()}.writable(...)`, or show it with bind_text()'
        )
    kind, live_list = kind_of(element, field), _list_of(element)
    live_list.bound_fields[element.id] = field
    if kind.typed_until:
        live_list.shown_texts.append(field)
    place = f'{json.dumps(stream.name)}, props.row, {json.dumps(name)}'
    forget_own_value(cast(Any, element))
    element.props[f':{kind.prop}'] = f'((value) => {kind.shown})({FIELDS}.value({place}))'
    element.props[':data-field'] = f'JSON.stringify([{json.dumps(stream.name)}, props.row.id, {json.dumps(name)}])'
    if kind.typed_until:
        element.props[':error'] = f'{FIELDS}.error({place}) !== ""'
        element.props[':error-message'] = f'{FIELDS}.error({place})'

    async def write(e: GenericEventArguments) -> None:
        row_id, value = e.args
        await _try(view, view.update(row_id, **{name: value}), typed=value)

    update = f'update:{kind.prop}'
    if kind.typed_until or kind.chosen_by:
        element.on(update, js_handler=f'(value) => {FIELDS}.type({place}, value)')
    if not kind.typed_until:
        chosen = f'(value) => {FIELDS}.set({place}, {kind.taken}, emit)'
        return element.on(kind.chosen_by or update, write, js_handler=chosen)
    for event in kind.typed_until:
        unless = f'if (!{COMPOSING}) ' if event.startswith('keydown') else ''
        commit = f'{FIELDS}.commit({place}, emit, (value) => {kind.taken})'
        element.on(event, write, js_handler=f'(event) => {{ {unless}{commit}; }}')
    element.on('keydown.esc', js_handler=f'(event) => {{ if (!{COMPOSING}) {FIELDS}.cancel({place}); }}')
    return element


def on_click(element: Bound, action: Action, *, undo: Any = None) -> Bound:
    """Have a click on an element do something with the row.

    All but a function show at once in the browser, and are kept until they are done.

    :param element: any element
    :param action: the values to write, by field, each a JSON value or an expression; or ``view.delete``; or a verb of
        the stream; or any function that takes the row, or a coroutine function, which runs on the server
    :param undo: an expression of the text with which ``view.delete`` offers to put the row back; none is offered where
        the browser keeps no writes, as in some private windows
    :raises ValueError: a field cannot be written, or the element does not stand in the template of a row

    Example::

        on_click(ui.button('Take two'), {'count': row.count * 2})
        on_click(ui.button(icon='delete'), view.delete, undo='Deleted ' + row.name)
    """
    view = _list_of(element).view
    stream = json.dumps(view.stream.name)
    run, script = _action(view, stream, action, expression(undo))

    async def handle(e: GenericEventArguments) -> None:
        row = view.rows.get(e.args)
        if row is not None:
            await _try(view, run(row))

    element.on('click', handle, js_handler=f'() => {script}emit(props.row.id)')
    return element


def _action(view: View, stream: str, action: Action, undo: Expression) -> tuple[Callable[[Row], Any], str]:
    """Return what an action does to a row on the server, and what the browser tries first."""
    if isinstance(action, Mapping):
        for name in action:
            if name not in view.stream.declared.fields:
                raise ValueError(f'the field {name!r} of the stream {view.stream.name!r} cannot be written')
        values = {name: expression(value) for name, value in action.items()}
        pairs = ', '.join(f'{json.dumps(name)}: {RUNTIME}.plain({value.javascript})' for name, value in values.items())

        def write(row: Row) -> Any:
            return view.update(row, **{name: value.evaluate(row) for name, value in values.items()})

        return write, f'todosync.writes.update({stream}, props.row.id, {{{pairs}}}) ?? '
    if action == view.delete:
        options = f'{{ undo: {undo.javascript} ?? undefined }}'
        return view.delete, f'todosync.writes.delete({stream}, props.row.id, {options}) ?? '
    if action in view.stream.declared.verbs.values():
        verb = cast(Any, action)
        script = f'todosync.writes.do({stream}, props.row.id, {json.dumps(verb.__name__)}) ?? '
        return lambda row: view.do(verb, row), script
    return action, ''


async def _try(view: View, done: Any, *, typed: Any = None) -> None:
    """Wait until something is done; tell the person if it is refused."""
    try:
        if isinstance(done, Awaitable):
            await done
    except RefusedWriteError as error:
        ui.notify(f'{error}. You had written “{typed}”' if isinstance(typed, str) and typed else str(error))


def _list_of(element: Element) -> LiveList:
    for ancestor in element.ancestors():
        if isinstance(ancestor, LiveList):
            return ancestor
    raise ValueError(f'{name_of(element)} does not stand in the template of a row, inside `with LiveList(...) as row:`')
