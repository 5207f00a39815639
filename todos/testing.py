"""For tests of the todo page without a browser."""

from __future__ import annotations

from nicegui import ui
from nicegui.testing import User

from todosync.testing import RowUser

from .models import TODOS


class TodoUser(RowUser):
    """A simulated person who has opened the todo page.

    Each method waits until the page shows its effect, and raises ``AssertionError`` if the todo is not on the page or
    the effect does not come within 10 s.

    :param user: NiceGUI's ``User``, who has opened the page

    Example::

        todos = TodoUser(user)
        await todos.add('Buy milk')
        assert todos.titles() == ['Buy milk']
    """

    def __init__(self, user: User) -> None:
        super().__init__(user, TODOS)

    def titles(self) -> list[str]:
        """Return the titles of the todos that the page shows, in their order.

        Example::

            assert todos.titles() == ['Call Ann', 'Buy milk']
        """
        return [todo['title'] for todo in self.rows()]

    def done(self) -> list[str]:
        """Return the titles of the todos that the page shows and that are done.

        Example::

            assert todos.done() == ['Buy milk']
        """
        return [todo['title'] for todo in self.rows() if todo['completed']]

    def field(self) -> ui.input:
        """Return the field for a new todo. Its ``value`` is the text in it, its ``error`` the message under it.

        Example::

            assert todos.field().error == 'Title is too long (maximum is 500 characters)'
        """
        field = self.element('new-todo')
        assert isinstance(field, ui.input)
        return field

    async def add(self, title: str) -> None:
        """Type a title into the field for a new todo, and press Enter.

        :param title: the title; a refused one stays in the field, see :meth:`field`; a blank one is no todo

        Example::

            await todos.add('Buy milk')
        """
        with self.user:
            self.field().value = title
            self.field().value = ''  # as the browser does, before it sends the title
        await self.trigger('new-todo', 'keydown.enter', title)

    async def toggle(self, title: str) -> None:
        """Click on the checkbox of a todo.

        :param title: the title of the todo

        Example::

            await todos.toggle('Buy milk')
        """
        todo = self.row(title=title)
        await self.trigger('todo-list', 'toggle', todo['id'], not todo['completed'])

    async def edit(self, title: str, new_title: str) -> None:
        """Open the editor of a todo, type a new title, and press Enter.

        :param title: the title of the todo
        :param new_title: the title to type; if it is refused, the page shows a notification with the reason; where
            nothing is left of it, the todo is deleted

        Example::

            await todos.edit('Buy milk', 'Buy oat milk')
        """
        await self.trigger('todo-list', 'edit', self.row(title=title)['id'], new_title)

    async def delete(self, title: str) -> None:
        """Click on the delete button of a todo.

        :param title: the title of the todo

        Example::

            await todos.delete('Buy milk')
        """
        await self.trigger('todo-list', 'delete', self.row(title=title))

    async def toggle_all(self) -> None:
        """Click on the checkbox of all todos: all are done then, or none, where all were done.

        Example::

            await todos.toggle_all()
            assert todos.done() == todos.titles()
        """
        await self.trigger('toggle-all', 'change')

    async def clear_completed(self) -> None:
        """Click on the button that deletes the todos that are done.

        Example::

            await todos.clear_completed()
            assert todos.done() == []
        """
        await self.trigger('clear-completed', 'click')

    async def undo_delete(self) -> None:
        """Click on the undo button that the page shows for 8 s after a deletion, of one todo or of several.

        Example::

            await todos.undo_delete()
        """
        await self.trigger('todo-undo', 'undo')

    async def show(self, choice: str) -> None:
        """Choose which todos the page shows.

        :param choice: ``All``, ``Active`` or ``Done``

        Example::

            await todos.show('Active')
        """
        with self.user:
            self.element('todo-filter').value = choice

    async def order(self, choice: str) -> None:
        """Choose in which order the page shows the todos.

        :param choice: ``Newest first`` or ``Oldest first``

        Example::

            await todos.order('Oldest first')
        """
        with self.user:
            self.element('todo-order').value = choice
