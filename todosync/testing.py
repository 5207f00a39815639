"""For testing pages without a browser: what NiceGUI's ``User`` lacks for lists that the browser renders.

The server holds the elements of one row only, so a test cannot click on the third checkbox. It names the row instead,
and the page's own handler gets what the browser would have sent::

    from todosync.testing import TodoUser, todosync_storage


    async def test_a_todo_is_checked(user: User) -> None:
        await user.open('/')
        todos = TodoUser(user)
        await todos.add('Buy milk')
        await todos.toggle('Buy milk')
        await user.should_see('Todos (1 total, 1 done)')
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nicegui import background_tasks, json, ui
from nicegui.testing import User

from .app import current_server
from .models import TODOS
from .streams import Record, Stream

TIMEOUT = 10.0
"""Seconds that a handler may take, or a change until it is broadcast."""
POLL_INTERVAL = 0.005

__all__ = ['RowUser', 'TodoUser', 'todosync_storage']


@pytest.fixture(autouse=True)
def todosync_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a storage directory, and so a database, of its own. Import it into ``conftest.py``.

    Example::

        from todosync.testing import todosync_storage
    """
    storage = tmp_path / 'storage'
    monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(storage))
    return storage


class RowUser:
    """A person in front of a page that shows a stream in a ``LiveList``.

    :param user: NiceGUI's user, who has opened the page
    :param stream: the stream

    Example::

        notes = RowUser(user, NOTES)
        await notes.trigger('delete-note', 'click', notes.row(text='Call Ann')['id'])
    """

    def __init__(self, user: User, stream: Stream) -> None:
        self.user = user
        self.stream = stream

    def rows(self) -> list[Record]:
        """Return the rows that the page shows, in their order.

        Example::

            assert [note['text'] for note in notes.rows()] == ['Call Ann']
        """
        rows: list[Record] = self._element(self.stream.name).shown
        return rows

    def row(self, **fields: Any) -> Record:
        """Return the first row that has these values.

        :raises AssertionError: there is none; the message says what there is

        Example::

            note = notes.row(text='Call Ann')
        """
        rows = self.rows()
        for row in rows:
            if all(row[name] == value for name, value in fields.items()):
                return row
        raise AssertionError(f'expected to find a row with {fields} among these:\n' + '\n'.join(map(str, rows)))

    async def trigger(self, marker: str, event: str, *args: Any) -> None:
        """Do what a person does, to the element of a row or to any other, and wait until its effect has arrived.

        :param marker: the marker of the element
        :param event: the event, as the page gave it to ``.on()``
        :param args: what the page's ``js_handler`` emits, the row's id as a rule being the first
        :raises AssertionError: there is no such element, it has no such handler, or no effect after 10 s

        Example::

            await notes.trigger('pin-note', 'click', note['id'])
        """
        element = self._element(marker)
        listeners = [listener for listener in element._event_listeners.values() if listener.type == event]
        if not any(listener.handler for listener in listeners):
            raise AssertionError(f'the element {marker!r} has no handler for {event!r}')
        running = set(background_tasks.running_tasks)
        for listener in listeners:
            if listener.handler:
                message = {'id': element.id, 'listener_id': listener.id, 'args': [json.dumps(arg) for arg in args]}
                element.client.handle_event(message)
        if started := background_tasks.running_tasks - running:
            _, unfinished = await asyncio.wait(started, timeout=TIMEOUT)
            assert not unfinished, f'the handler for {event!r} of {marker!r} was not done after {TIMEOUT:g} s'
        await self.settle()

    async def settle(self) -> None:
        """Wait until the page has everything that is committed by now.

        :raises AssertionError: it has not after 10 s

        Example::

            sqlite3.connect(path).execute("INSERT INTO todos(title) VALUES ('Buy milk')").connection.commit()
            await todos.settle()
        """
        server = current_server()

        def committed() -> int:
            with server.database.read() as session:
                return self.stream.version(session)

        version = await asyncio.to_thread(committed)
        replica = server.channel(self.stream).replica
        await _until(lambda: replica.version >= version, f'version {version} of the {self.stream.name} did not arrive')

    def _element(self, marker: str) -> Any:
        elements = self.user.find(marker=marker).elements
        return min(elements, key=lambda element: element.id)


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
        field = self._element('new-todo')
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
            self._element('todo-filter').value = choice


async def _until(condition: Callable[[], bool], failure: str) -> None:
    deadline = asyncio.get_running_loop().time() + TIMEOUT
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f'{failure} within {TIMEOUT:g} s'
        await asyncio.sleep(POLL_INTERVAL)
