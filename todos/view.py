"""What a page binds to for todos, and what can be done with them: ``use_todo_sync()``."""

from __future__ import annotations

from typing import cast

from todosync import Live, Rows, View, use_view

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
