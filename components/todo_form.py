"""The field into which a new todo is typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from todosync import RefusedWriteError

# The browser empties the field, so that the next todo can be typed while this one is on its way; the server hears of
# that first, so that a text which it refuses can go back into the field. Without a connection the text stays there.
SUBMIT = """(event) => {
    if (event.isComposing || !window.socket?.connected) return;
    const field = event.currentTarget.closest('.todo-form').querySelector('input');
    const title = field.value;
    field.value = '';
    field.dispatchEvent(new Event('input'));
    field.focus();
    setTimeout(() => emit(title));
}"""

# Where there is a touch keyboard, it is not to cover half of the list before anybody wants to type.
FOCUS = "(node) => matchMedia('(hover: hover)').matches && node.el.querySelector('input').focus()"


class TodoForm(ui.element):
    """A field for a new todo: Enter adds it, and the field is ready for the next one.

    A refused title comes back into the field, with the reason under it.

    :param on_submit: adds a todo with the given title, or raises ``RefusedWriteError``

    Example::

        TodoForm(on_submit=view.add)
    """

    def __init__(self, *, on_submit: Callable[[str], Awaitable[Any]]) -> None:
        super().__init__('div')
        self.classes('todo-form').on('vnodeMounted', js_handler=FOCUS)
        self._on_submit = on_submit
        with self:
            self.input = ui.input('What needs to be done?').mark('new-todo')
            self.input.props('outlined bottom-slots enterkeyhint=done autocomplete=off')
            self.input.on('keydown.enter', self._submit, js_handler=SUBMIT)
            with self.input.add_slot('append'):
                button = ui.element('button').classes('icon icon-add').props('type=button aria-label="Add todo"')
                button.on('click', self._submit, js_handler=SUBMIT)

    async def _submit(self, e: GenericEventArguments) -> None:
        typed = isinstance(e.args, str)
        title = e.args if typed else self.input.value or ''
        try:
            await self._on_submit(title)
        except Exception as error:
            self.input.value = self.input.value or title
            if not isinstance(error, RefusedWriteError):
                raise
            self.input.error = str(error)
        else:
            if not typed:  # in a test without a browser nobody else empties the field
                self.input.value = ''
