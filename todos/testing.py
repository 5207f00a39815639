"""For testing the page of the todos without a browser."""

from __future__ import annotations

from nicegui import ui
from nicegui.testing import User

from todosync.testing import RowUser

from .models import TODOS


class TodoUser(RowUser):
    """A person in front of the page of the todos.

    :param user: NiceGUI's user, who has opened the page

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
        """Return the titles of those that are done.

        Example::

            assert todos.done() == ['Buy milk']
        """
        return [todo['title'] for todo in self.rows() if todo['completed']]

    def field(self) -> ui.input:
        """Return the field for a new todo: ``value`` is what stands in it, ``error`` what stands under it.

        Example::

            assert todos.field().error == "Title can't be blank"
        """
        field = self.element('new-todo')
        assert isinstance(field, ui.input)
        return field

    async def add(self, title: str) -> None:
        """Type a title and press Enter.

        Example::

            await todos.add('Buy milk')
        """
        with self.user:
            self.field().value = title
            self.field().value = ''  # as the browser does, before it sends the title
        await self.trigger('new-todo', 'keydown.enter', title)

    async def toggle(self, title: str) -> None:
        """Click on the checkbox of a todo.

        Example::

            await todos.toggle('Buy milk')
        """
        todo = self.row(title=title)
        await self.trigger('todo-completed', 'click.prevent', todo['id'], not todo['completed'])

    async def edit(self, title: str, new_title: str) -> None:
        """Open the editor of a todo, type a new title and press Enter.

        Example::

            await todos.edit('Buy milk', 'Buy oat milk')
        """
        await self.trigger('todo-edit', 'keydown.enter', self.row(title=title)['id'], new_title)

    async def delete(self, title: str) -> None:
        """Click on the delete button of a todo.

        Example::

            await todos.delete('Buy milk')
        """
        await self.trigger('todo-delete', 'click', self.row(title=title)['id'])

    async def undo(self) -> None:
        """Click on the undo button that appears after a deletion.

        Example::

            await todos.undo()
        """
        await self.trigger('todo-undo', 'undo')

    async def show(self, choice: str) -> None:
        """Choose which todos are shown: ``All``, ``Active`` or ``Done``.

        Example::

            await todos.show('Active')
        """
        with self.user:
            self.element('todo-filter').value = choice
