"""The todos: rows to check, edit and delete, and a choice of which to show, with `todo_list.js` for the browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from todos import TodoView
from todosync import (
    BrowserChoice,
    LiveElement,
    LiveList,
    RefusedWriteError,
    Row,
    RowFields,
    RowGoneError,
    bind_classes,
    bind_prop,
)

ROW_HEIGHT = 52
UNDO_SECONDS = 8
FILTERS: Mapping[str, Mapping[str, Any]] = {'All': {}, 'Active': {'completed': False}, 'Done': {'completed': True}}
NOTHING_SHOWN = {'All': 'Nothing to do yet.', 'Active': 'All done.', 'Done': 'Nothing done yet.'}


class TodoList(ui.element, component='todo_list.js'):
    """The todos, newest first, in a box that scrolls.

    :param view: the page's view of the todos

    Example::

        TodoList(use_todo_sync())
    """

    def __init__(self, view: TodoView) -> None:
        super().__init__()
        self.view = view
        self._undo: ui.notification | None = None
        self.classes('todo-list').props('aria-label=Todos')
        with self:
            self.filter = BrowserChoice('filter', FILTERS).mark('todo-filter').classes('todo-filter')
            self.filter.props('aria-label=Show')
            self.rows = LiveList(view, text='title', row_height=ROW_HEIGHT).classes('todo-rows')
            self.rows.show_by(self.filter, FILTERS)
            self.rows.row.classes('todo').props[':id'] = '`todo-${props.row.id}`'
            with self.rows as row:
                self._make_row(row)
            self.nothing = _NothingShown(self)

    def _make_row(self, row: RowFields) -> None:
        # elements of plain html: while a person scrolls, rows are rendered by the dozen
        open_editor = self._in_browser('openEditor(event, props.row)')

        checkbox = ui.element('input').mark('todo-completed').classes('todo-checkbox').props('type=checkbox')
        bind_prop(bind_prop(checkbox, 'checked', row.completed), 'aria-label', row.title)
        checkbox.on('change', self._toggle, js_handler=self._in_browser('toggle(event, props.row, emit)'))

        title = ui.element('span').mark('todo-title').classes('todo-title').props('dir=auto')
        bind_classes(bind_prop(title, 'textContent', row.title), {'todo-title-done': row.completed})
        title.on('dblclick', js_handler=open_editor)

        field = ui.element('input').mark('todo-edit').classes('todo-edit')
        field.props('type=text dir=auto aria-label="New title" enterkeyhint=done autocomplete=off')
        field.on('keydown.enter', self._edit, js_handler=self._in_browser('leaveEditor(event)'))
        field.on('blur', self._edit, js_handler=self._in_browser('save(event, props.row, emit)'))
        field.on('keydown.esc', js_handler=self._in_browser('closeEditor(event)'))

        edit = ui.element('button').classes('icon icon-edit').props('type=button title=Edit')
        bind_prop(edit, 'aria-label', 'Edit ' + row.title).on('click', js_handler=open_editor)

        delete = ui.element('button').mark('todo-delete').classes('icon icon-delete').props('type=button title=Delete')
        bind_prop(delete, 'aria-label', 'Delete ' + row.title)
        delete.on('click', self._delete, js_handler=self._in_browser('remove(event, props.row, emit)'))

    def _in_browser(self, call: str) -> str:
        """Return the handler of an event that calls a method of `todo_list.js`."""
        return f'(event) => getElement({self.id}).{call}'

    async def _toggle(self, e: GenericEventArguments) -> None:
        todo_id, completed = e.args
        try:
            await self.view.update(todo_id, completed=completed)
        except RowGoneError:
            ui.notify('This todo is not there any more; it may have been deleted')

    async def _edit(self, e: GenericEventArguments) -> None:
        todo_id, title = e.args
        try:
            await self.view.update(todo_id, title=title)
        except RefusedWriteError as error:
            ui.notify(f'{error}. You had written “{title}”')

    async def _delete(self, e: GenericEventArguments) -> None:
        row = e.args
        todo = self.view.rows.get(row['id'])  # not the browser's, which may hold anything
        try:
            await self.view.delete(row['id'])
        except RowGoneError:
            return  # somebody else was faster
        self._offer_undo(row['title'], todo)

    def _offer_undo(self, title: str, todo: Row | None) -> None:
        async def undo() -> None:
            if todo is not None:
                await self.view.restore(todo)
            else:  # it was so new that this process had not heard of it
                await self.view.add(title)

        if self._undo is not None:
            self._undo.dismiss()
        self._undo = notification = ui.notification(
            f'Deleted “{title}”',
            timeout=UNDO_SECONDS,
            classes='todo-undo',
            actions=[{'label': 'Undo', 'noCaps': True, ':handler': '() => {}'}],
        ).mark('todo-undo')
        notification.on('undo', undo)
        notification.props['options']['actions'][0][':handler'] = f"() => getElement({notification.id}).$emit('undo')"


class _NothingShown(LiveElement):
    """What stands in the place of rows where there are none."""

    def __init__(self, todo_list: TodoList) -> None:
        super().__init__('p', {
            'textContent': f'{json.dumps(NOTHING_SHOWN)}[{todo_list.filter.expression}]',
            'hidden': f'{todo_list.rows.items_expression}.length > 0',
        })  # fmt: skip
        self._list = todo_list
        self.classes('todo-nothing').props('role=status')

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        return [] if self._list.rows.shown else [NOTHING_SHOWN[self._list.filter.value]]
