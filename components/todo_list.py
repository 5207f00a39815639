"""The todos: rows to check, edit and delete, and a choice of which to show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from todos import TodoView
from todosync import BrowserChoice, LiveElement, LiveList, RefusedWriteError, Row, RowGoneError

ROW_HEIGHT = 52
UNDO_SECONDS = 8
FILTERS: Mapping[str, Mapping[str, Any]] = {'All': {}, 'Active': {'completed': False}, 'Done': {'completed': True}}
NOTHING_SHOWN = {'All': 'Nothing to do yet.', 'Active': 'All done.', 'Done': 'Nothing done yet.'}

# What is written shows at once, and is kept until it is done. Where the browser cannot keep it, the server is told.
TOGGLE = """(event) => {
    const completed = event.target.checked;
    todosync.writes.update('todos', props.row.id, { completed }) ?? emit(props.row.id, completed);
}"""
# Keys that an input method has for itself are none of the editor's; Safari tells them by their code only.
# An editor is open while its row says so. The row's field is nobody's but the person's who types into it: what others
# do to the todo meanwhile does not touch it. A title in which nothing was typed is not sent, since it would undo what
# others have done to it.
OPEN_EDITOR = """(event) => {
    const row = event.currentTarget.closest('.todo');
    const field = row.querySelector('.todo-edit');
    row.dataset.editing = '';
    field.dataset.was = field.value = props.row.title;
    field.dataset.before = field.value; // a field of one line shows no line breaks
    field.focus();
    field.select();
}"""
CLOSE_EDITOR = """(event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const row = event.currentTarget.closest('.todo');
    delete row.dataset.editing;
    row.querySelector('.icon-edit').focus();
}"""
SAVE = """(event) => {
    if (event.isComposing || event.keyCode === 229) return;
    event.preventDefault(); // of the key, which would press the button that gets the focus
    event.currentTarget.closest('.todo').querySelector('.icon-edit').focus(); // the field loses the focus, and saves
}"""
SAVE_ON_BLUR = """(event) => {
    const field = event.currentTarget;
    const row = field.closest('.todo');
    if (row?.dataset.editing === undefined) return;
    delete row.dataset.editing;
    const { id } = props.row;
    const title = field.value;
    if (title === field.dataset.before) return;
    const written = todosync.writes.update('todos', id, { title }, { title: field.dataset.was });
    if (written) written.then(({ state, gone }) => state === 'refused' && !gone && reopen());
    else emit(id, title);

    function reopen() {
        const row = document.getElementById(`todo-${id}`);
        if (!row || row.dataset.editing !== undefined) return;
        row.dataset.editing = '';
        row.querySelector('.todo-edit').value = title; // so it is not lost
    }
}"""
# The focus goes to the neighbour, so that somebody without a mouse does not have to start from the top again. The
# second click of a double click would hit the neighbour, which has moved under the pointer.
DELETE = """(event) => {
    if (event.detail > 1) return;
    const row = event.currentTarget.closest('.todo');
    (row.nextElementSibling ?? row.previousElementSibling)?.querySelector('.icon-delete').focus();
    const undo = `Deleted “${props.row.title}”`;
    todosync.writes.delete('todos', props.row.id, { undo }) ?? emit(props.row);
}"""


class TodoList(ui.element):
    """The todos, newest first, in a box that scrolls.

    :param view: the page's view of the todos

    Example::

        TodoList(use_todo_sync())
    """

    def __init__(self, view: TodoView) -> None:
        super().__init__('section')
        self.view = view
        self._undo: ui.notification | None = None
        self.classes('todo-list').props('aria-label=Todos')
        with self:
            self.filter = BrowserChoice('filter', FILTERS).mark('todo-filter').classes('todo-filter')
            self.filter.props('aria-label=Show')
            self.rows = LiveList(view, text='title', row_height=ROW_HEIGHT).classes('todo-rows')
            self.rows.show_by(self.filter, FILTERS)
            self.rows.row.classes('todo').props[':id'] = '`todo-${props.row.id}`'
            with self.rows:
                self._make_row()
            self.nothing = _NothingShown(self)

    def _make_row(self) -> None:
        # elements of plain html: while a person scrolls, rows are rendered by the dozen
        checkbox = ui.element('input').mark('todo-completed').classes('todo-checkbox')
        checkbox.props('type=checkbox :checked=props.row.completed :aria-label=props.row.title')
        checkbox.on('change', self._toggle, js_handler=TOGGLE)

        title = ui.element('span').mark('todo-title').props(':textContent=props.row.title dir=auto')
        title.props[':class'] = "props.row.completed ? 'todo-title todo-title-done' : 'todo-title'"
        title.on('dblclick', js_handler=OPEN_EDITOR)

        field = ui.element('input').mark('todo-edit').classes('todo-edit')
        field.props('type=text dir=auto aria-label="New title" enterkeyhint=done autocomplete=off')
        field.on('keydown.enter', self._edit, js_handler=SAVE)
        field.on('blur', self._edit, js_handler=SAVE_ON_BLUR)
        field.on('keydown.esc', js_handler=CLOSE_EDITOR)

        edit = ui.element('button').classes('icon icon-edit').props('type=button title=Edit')
        edit.props[':aria-label'] = '`Edit ${props.row.title}`'
        edit.on('click', js_handler=OPEN_EDITOR)

        delete = ui.element('button').mark('todo-delete').classes('icon icon-delete').props('type=button title=Delete')
        delete.props[':aria-label'] = '`Delete ${props.row.title}`'
        delete.on('click', self._delete, js_handler=DELETE)

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
