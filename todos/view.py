"""What a page binds to for todos, and what can be done with them: ``use_todo_sync()``."""

from __future__ import annotations

from typing import cast

from nicegui import run

from todosync import Live, RefusedWriteError, Row, Rows, View, use_view

from . import actions
from .models import TODOS, Todo


class TodoView(View):
    """A tab's view of the todos, and what can be done with them.

    :ivar todos: the todos, newest first: ``id``, ``title``, ``completed``, ``created_at``
    :ivar count: how many there are
    :ivar completed_count: how many of them are done

    Example::

        view = use_todo_sync()
        ui.label().bind_text_from(view, 'count', lambda n: f'{n} todos')
    """

    todos = Live[Rows](lambda view: view.rows)
    count = Live[int](lambda view: view.totals['count'])
    completed_count = Live[int](lambda view: view.totals['completed_count'])

    async def add(self, title: str) -> Todo:
        """Create a todo.

        :param title: a text of 1 to 500 characters, after spaces at its ends are removed
        :return: the new todo
        :raises RefusedWriteError: the title was refused; ``errors`` says why

        Example::

            todo = await view.add('Buy milk')
        """
        return cast(Todo, await self.insert(title=title))

    async def restore(self, todo: Row) -> None:
        """Put a deleted todo back, with its id and its place in the list. Do nothing if it is not deleted.

        :param todo: the todo as it was in :attr:`todos`
        :raises RefusedWriteError: the page's user may not read the todos

        Example::

            await view.restore(deleted)
        """
        if self.is_withheld:
            raise RefusedWriteError(self.refused)
        await run.io_bound(actions.restore_todo, self.database, todo)


def use_todo_sync() -> TodoView:
    """Return this page's view of the todos; every call on a page returns the same one.

    Call it while the page is built. The todos are then part of the page, so they show before the socket is open.

    :raises RuntimeError: ``todosync.setup()`` was not called with ``TODOS``, or no page is being built

    Example::

        @ui.page('/')
        def index() -> None:
            view = use_todo_sync()
            ui.label().bind_text_from(view, 'count', lambda n: f'{n} todos')
    """
    return use_view(TODOS, TodoView)
