"""The todos: rows to check, edit and delete, what is done with all of them, and a choice of which to show.

`todo_list.js` has what the browser does.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
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
    bind_prop,
    total_expression,
)

ROW_HEIGHT = 44
UNDO_SECONDS = 8
CLEAR_DONE = 'Clear completed'
FILTERS: Mapping[str, Mapping[str, Any]] = {'All': {}, 'Active': {'completed': False}, 'Done': {'completed': True}}
NOTHING_SHOWN = {'All': 'Nothing to do yet.', 'Active': 'All done.', 'Done': 'Nothing done yet.'}


class TodoList(ui.element, component='todo_list.js'):
    """The todos in a box that scrolls, with what is done to all of them above it.

    :param view: the page's view of the todos
    :param order: the choice of their order, see :class:`components.view_menu.ViewMenu`
    :param oldest_first: the option of it that shows the oldest first

    Example::

        TodoList(use_todo_sync(), menu.order, oldest_first='Oldest first')
    """

    def __init__(self, view: TodoView, order: BrowserChoice, *, oldest_first: str) -> None:
        super().__init__()
        self.view = view
        self._undo: ui.notification | None = None
        self.mark('todo-list').classes('todo-list').props('aria-label=Todos')
        self.props['is-oldest-first'] = f'{order.expression} === {json.dumps(oldest_first)}'
        self.on('toggle', self._toggle)
        self.on('edit', self._edit)
        self.on('delete', self._delete)
        with self:
            with LiveElement('div', {'hidden': f'!{total_expression(view, "count")}'}).classes('todo-bar'):
                _ToggleAll(view).on('change', self._toggle_all, js_handler=self._in_browser('toggleAll'))
                self.filter = BrowserChoice('filter', FILTERS).mark('todo-filter').classes('todo-filter')
                self.filter.props('aria-label=Show')
                _ClearDone(view).on('click', self._clear_done, js_handler=self._in_browser('clearDone'))
            self.rows = LiveList(view, text='title', row_height=ROW_HEIGHT).classes('todo-rows')
            self.rows.props('aria-label=Todos')
            self.rows.show_by(self.filter, FILTERS)
            self.rows.reverse_by(order, oldest_first)
            self.rows.row.classes('todo').props[':id'] = '`todo-${props.row.id}`'
            with self.rows as row:
                _make_row(row)
            self.nothing = _NothingShown(self)

    def _in_browser(self, method: str) -> str:
        """Return the handler of an event that calls a method of `todo_list.js`."""
        return f'(event) => getElement({self.id}).{method}(event, emit)'

    async def _toggle(self, e: GenericEventArguments) -> None:
        todo_id, completed = e.args
        try:
            await self.view.update(todo_id, completed=completed)
        except RowGoneError:
            ui.notify('This todo is not there any more; it may have been deleted')

    async def _toggle_all(self, e: GenericEventArguments) -> None:
        completed = e.args is True  # a browser says which, a test without one does not
        if not isinstance(e.args, bool):
            completed = self.view.completed_count < self.view.count
        for todo in list(self.view.todos):
            if todo['completed'] != completed:
                await self._unless_gone(self.view.update(todo, completed=completed))

    async def _edit(self, e: GenericEventArguments) -> None:
        todo_id, title = e.args
        try:
            if title.strip():
                await self.view.update(todo_id, title=title)
            elif todo := self.view.rows.get(todo_id):
                await self._delete_all([todo], f'Deleted “{todo["title"]}”')
        except RefusedWriteError as error:
            ui.notify(f'{error}. You had written “{title}”')

    async def _delete(self, e: GenericEventArguments) -> None:
        row = e.args
        await self._delete_all([row], f'Deleted “{row["title"]}”')

    async def _clear_done(self) -> None:
        done = [todo for todo in self.view.todos if todo['completed']]
        await self._delete_all(done, _deleted(len(done)))

    async def _delete_all(self, todos: Iterable[Row], message: str) -> None:
        deleted = [todo['id'] for todo in todos if await self._unless_gone(self.view.delete(todo['id']))]

        async def undo() -> None:
            while deleted:  # a second click would take back what was done to the todos before
                await self.view.undo(deleted.pop())

        if deleted:
            self._offer_undo(message, undo)

    async def _unless_gone(self, write: Awaitable[Any]) -> bool:
        """Wait for a write; return whether somebody else has not deleted the todo before."""
        try:
            await write
        except RowGoneError:
            return False
        return True

    def _offer_undo(self, message: str, undo: Callable[[], Awaitable[Any]]) -> None:
        if self._undo is not None:
            self._undo.dismiss()
        self._undo = notification = ui.notification(
            message,
            timeout=UNDO_SECONDS,
            classes='todo-undo',
            actions=[{'label': 'Undo', 'noCaps': True, ':handler': '() => {}'}],
        ).mark('todo-undo')
        notification.on('undo', undo)
        notification.props['options']['actions'][0][':handler'] = f"() => getElement({notification.id}).$emit('undo')"


def _make_row(row: RowFields) -> None:
    # elements of plain html, without ids and handlers: while a person scrolls, rows are rendered by the dozen
    checkbox = ui.element('input').classes('todo-checkbox').props('type=checkbox')
    bind_prop(bind_prop(checkbox, 'checked', row.completed), 'aria-label', row.title)
    # the checkbox has it as its name, so assistive technology need not read it again
    title = ui.element('span').classes('todo-title').props('dir=auto aria-hidden=true')
    bind_prop(title, 'textContent', row.title)
    field = ui.element('input').classes('todo-edit')
    field.props('type=text dir=auto aria-label="New title" enterkeyhint=done autocomplete=off')
    edit = ui.element('button').classes('icon icon-edit').props('type=button title=Edit')
    bind_prop(edit, 'aria-label', 'Edit ' + row.title)
    delete = ui.element('button').classes('icon icon-delete').props('type=button title=Delete')
    bind_prop(delete, 'aria-label', 'Delete ' + row.title)
    for part in (checkbox, title, field, edit, delete):
        part.props['id'] = None


class _ToggleAll(LiveElement):
    """The checkbox of all todos, checked where all are done."""

    def __init__(self, view: TodoView) -> None:
        super().__init__('input', {'checked': f'!({_active(view)})'})
        self.mark('toggle-all').classes('todo-checkbox').props('type=checkbox')
        self.props('aria-label="Mark all as complete" title="Mark all as complete"')


class _ClearDone(LiveElement):
    """The button that deletes the todos that are done, there where any are."""

    def __init__(self, view: TodoView) -> None:
        super().__init__('button', {'hidden': f'!{total_expression(view, "completed_count")}'})
        self.view = view
        self.mark('clear-completed').classes('text-button').props(f'type=button textContent="{CLEAR_DONE}"')

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        return [CLEAR_DONE] if self.view.completed_count else []


class ItemsLeft(LiveElement):
    """Says how many todos are to be done, of those that there are.

    :param view: the page's view of the todos

    Example::

        ItemsLeft(use_todo_sync())
    """

    def __init__(self, view: TodoView) -> None:
        left = _active(view)
        text = f'((left) => `${{left}} ${{left === 1 ? "item" : "items"}} left`)({left})'
        super().__init__('span', {'textContent': text, 'hidden': f'!{total_expression(view, "count")}'})
        self.view = view
        self.classes('items-left')

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        left = self.view.count - self.view.completed_count
        return [f'{left} {"item" if left == 1 else "items"} left'] if self.view.count else []


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


def _active(view: TodoView) -> str:
    """Return the JavaScript expression of how many todos are to be done."""
    return f'{total_expression(view, "count")} - {total_expression(view, "completed_count")}'


def _deleted(count: int) -> str:
    return 'Deleted 1 todo that was done' if count == 1 else f'Deleted {count} todos that were done'
