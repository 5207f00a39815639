"""What a page binds to: ``use_todo_sync()`` for todos, ``use_sync()`` for a table of one's own."""

from __future__ import annotations

import html
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from nicegui import Client, context, run, ui
from nicegui.binding import BindableProperty

from . import csrf, todos
from .channel import Channel
from .models import TODOS, Todo
from .streams import Record, Stream
from .tabs import Role

if TYPE_CHECKING:
    from .server import SyncServer

LOG_LENGTH = 50
Value = TypeVar('Value')
View = TypeVar('View', bound='Sync')
Category = Literal['leader', 'follower', 'cable', 'broadcast']


class Bindable(BindableProperty, Generic[Value]):
    """NiceGUI's bindable property, with the type of its value."""

    if TYPE_CHECKING:

        def __get__(self, owner: object, _: object = None) -> Value: ...
        def __set__(self, owner: object, value: Value) -> None: ...


@dataclass(frozen=True)
class LogEntry:
    """One line of a tab's event log.

    :param at: when, in UTC, precise to the millisecond when shown
    :param category: what it is about
    :param text: what happened, for a developer to read
    """

    at: datetime
    category: Category
    text: str

    def __str__(self) -> str:
        return f'{self.at:%H:%M:%S}.{self.at.microsecond // 1000:03d} {self.category}: {self.text}'


class Records(Sequence[Record]):
    """A stream's rows as they are now, newest first. A new object for each version, so that bindings notice."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __getitem__(self, index: Any) -> Any:
        return self._channel.replica.records[index]

    def __len__(self) -> int:
        return len(self._channel.replica.records)

    def get(self, record_id: int) -> Record | None:
        """Return the row with the given id."""
        return self._channel.replica.get(record_id)


class Sync:
    """A tab's view of a stream. Every attribute below can be bound to, and changes by itself.

    Belongs to the page that made it, and ends with it.

    :ivar records: the rows, newest first, as JSON-like dicts
    :ivar version: the version of the rows
    :ivar derived: what the stream derives from all rows, by name
    :ivar role: ``leader``, ``follower``, ``alone`` or ``none``
    :ivar is_leader: whether this tab holds the browser's socket
    :ivar connected: whether the browser can be reached
    :ivar events: the event log, newest first, at most 50 entries

    Example::

        sync = use_sync(NOTES)
        ui.label().bind_text_from(sync, 'records', lambda notes: f'{len(notes)} notes')
    """

    records = Bindable[Sequence[Record]]()
    version = Bindable[int]()
    derived = Bindable[dict[str, Any]]()
    role = Bindable[Role]()
    is_leader = Bindable[bool]()
    connected = Bindable[bool]()
    events = Bindable[tuple[LogEntry, ...]]()

    def __init__(self, server: SyncServer, channel: Channel, client: Client) -> None:
        self._server = server
        self._channel = channel
        self._client = client
        self._log: deque[LogEntry] = deque(maxlen=LOG_LENGTH)
        self._listeners: list[Callable[[], None]] = []
        self.events = ()
        self.role = 'none'
        self.is_leader = False
        self.connected = False
        self._take_over_values()

    @property
    def stream(self) -> Stream:
        """The stream."""
        return self._channel.stream

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called in the page's context after each change of the rows."""
        self._listeners.append(listener)

    def clear_events(self) -> None:
        """Empty the event log, here and in the tab."""
        self._log.clear()
        self.events = ()
        self._client.run_javascript('todosync.log.clear()')

    def refresh(self) -> None:
        """Take over the current rows; called after each broadcast."""
        before = self.version
        self._take_over_values()
        self._note('broadcast', f'version {before} → {self.version}')
        if self._listeners:
            with self._client:
                for listener in self._listeners:
                    listener()

    def set_role(self, role: Role) -> None:
        """Take over a new role; called when the tab's connection has changed."""
        if role == self.role:
            return
        before, self.role = self.role, role
        self.is_leader = role in {'leader', 'alone'}
        self.connected = role != 'none'
        if before == 'none' or role == 'none':
            self._note('cable', 'connected' if self.connected else 'disconnected')
        if self.connected:
            self._note('leader' if self.is_leader else 'follower', 'this tab leads' if self.is_leader else 'following')

    def _take_over_values(self) -> None:
        self.version = self._channel.replica.version
        self.records = Records(self._channel)
        self.derived = self._channel.replica.derived

    def _note(self, category: Category, text: str) -> None:
        self._log.appendleft(LogEntry(datetime.now(UTC), category, text))
        self.events = tuple(self._log)


class TodoSync(Sync):
    """A tab's view of the todos, and what can be done with them.

    :ivar todos: the todos, newest first: ``id``, ``title``, ``completed``, ``created_at``
    :ivar count: how many there are
    :ivar completed_count: how many of them are done

    Example::

        sync = use_todo_sync()
        ui.label().bind_text_from(sync, 'count', lambda n: f'{n} todos')
    """

    todos = Bindable[Sequence[Record]]()
    count = Bindable[int]()
    completed_count = Bindable[int]()

    async def add(self, title: str) -> Todo:
        """Create a todo.

        :param title: 1 to 500 characters after stripping
        :raises InvalidTodoError: the title was refused; ``errors`` says why
        """
        return cast(Todo, await run.io_bound(todos.create_todo, self._server.database, {'title': title}))

    async def update(self, todo_id: int, **fields: Any) -> Todo:
        """Change a todo's ``title`` or ``completed``, or both.

        :raises InvalidTodoError: the fields were refused; ``errors`` says why
        :raises TodoNotFoundError: there is no such todo
        """
        return cast(Todo, await run.io_bound(todos.update_todo, self._server.database, todo_id, fields))

    async def delete(self, todo_id: int) -> None:
        """Delete a todo.

        :raises TodoNotFoundError: there is no such todo
        """
        await run.io_bound(todos.delete_todo, self._server.database, todo_id)

    def _take_over_values(self) -> None:
        super()._take_over_values()
        self.todos = self.records
        self.count = self.derived['count']
        self.completed_count = self.derived['completed_count']


def use_todo_sync() -> TodoSync:
    """Return this page's view of the todos; every call on a page returns the same one.

    Call it while the page is built, so that the list is part of the page and shows before there is a socket.

    :raises RuntimeError: ``todosync.setup()`` has not been called, or there is no page to belong to

    Example::

        @ui.page('/')
        def index() -> None:
            sync = use_todo_sync()
            ui.label().bind_text_from(sync, 'count', lambda n: f'{n} todos')
    """
    return _use(TODOS, TodoSync)


def use_sync(stream: Stream) -> Sync:
    """Return this page's view of a stream; every call on a page returns the same one.

    :param stream: one of those given to ``todosync.setup()``
    :raises RuntimeError: ``todosync.setup()`` has not been called with this stream, or there is no page to belong to

    Example::

        sync = use_sync(NOTES)
    """
    return _use(stream, Sync)


def _use(stream: Stream, view: type[View]) -> View:
    from .server import current_server

    server = current_server()
    client = context.client
    views = server.views.setdefault(client.id, {})
    if stream.name not in views:
        channel = server.channel(stream)
        views[stream.name] = view(server, channel, client)
        _embed(server, channel, client)
    found = views[stream.name]
    assert isinstance(found, view)
    return found


def _embed(server: SyncServer, channel: Channel, client: Client) -> None:
    tag = server.tabs.session_tag(client)
    ui.add_head_html(
        f'<meta name="csrf-token" content="{csrf.token(client.request)}">\n'
        f'<script type="application/json" class="todosync-snapshot" data-stream="{html.escape(channel.stream.name)}" '
        f'data-order="{html.escape(channel.stream.newest_first)}" data-session="{tag}">{channel.embed()}</script>'
    )
