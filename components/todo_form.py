"""The field for a new todo, with `todo_form.js` for the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from todosync import RefusedWriteError

QUESTION = 'What needs to be done?'


class TodoForm(ui.element, component='todo_form.js'):
    """A field for a new todo. Enter adds the todo, and the field is ready for the next one.

    A refused title comes back into the field, with the reason under it.

    :param on_submit: a coroutine function that adds a todo with the given title, or raises ``RefusedWriteError``

    Example::

        TodoForm(on_submit=view.add)
    """

    def __init__(self, *, on_submit: Callable[[str], Awaitable[Any]]) -> None:
        super().__init__()
        self.classes('todo-form')
        submit = f'(event) => getElement({self.id}).submit(event, emit)'
        self._on_submit = on_submit
        with self:
            self.input = ui.input(placeholder=QUESTION).mark('new-todo')
            self.input.props(f'outlined bottom-slots enterkeyhint=done autocomplete=off aria-label="{QUESTION}"')
            self.input.on('keydown.enter', self._submit, js_handler=submit)
            with self.input.add_slot('append'):
                button = ui.element('button').classes('icon icon-add').props('type=button aria-label="Add todo"')
                button.on('click', self._submit, js_handler=submit)

    async def _submit(self, e: GenericEventArguments) -> None:
        typed = isinstance(e.args, str)
        title = e.args if typed else self.input.value or ''
        if not title.strip():
            return
        is_done = False
        try:
            await self._on_submit(title)
            is_done = True
        except Exception as error:
            self.input.value = self.input.value or title
            if not isinstance(error, RefusedWriteError):
                raise
            self.input.error = str(error)
        finally:
            self.run_method('answered', is_done)
        if not typed:  # in a test without a browser nobody else empties the field
            self.input.value = ''
