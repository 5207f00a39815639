"""What a page binds to: ``use_todo_sync()`` for todos, ``use_sync()`` for a table of one's own."""

from __future__ import annotations

import html
import logging
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast, overload

from nicegui import Client, binding, context, run, ui
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

log = logging.getLogger(__name__)


class Live(BindableProperty, Generic[Value]):
    """A read-only property that can be bound to, computed when it is read: a tab keeps no copy of what all tabs share.

    :param read: returns the value, given the owner
    """

    def __init__(self, read: Callable[[Any], Value]) -> None:
        super().__init__()
        self._read = read

    @overload
    def __get__(self, owner: None, _: object = None) -> Self: ...
    @overload
    def __get__(self, owner: object, _: object = None) -> Value: ...
    def __get__(self, owner: object | None, _: object = None) -> Self | Value:
        return self if owner is None else self._read(owner)

    def __set__(self, owner: object, value: Value) -> None:
        raise AttributeError(f'{self.name} of {type(owner).__name__} changes by itself and cannot be set')

    def offer(self, owner: object) -> None:
        """Make the property one that NiceGUI need not poll, and bring what is bound to it up to date."""
        super().__set__(owner, object())  # whatever is new makes NiceGUI read the property

    def update(self, owner: object) -> None:
        """Bring what is bound to the property up to date; costs next to nothing where nothing is."""
        if (id(owner), (self.name,)) in binding.bindings:
            self.offer(owner)


@dataclass(frozen=True)
class LogEntry:
    """One line of a tab's event log.

    :param at: when, in UTC; shown with milliseconds
    :param category: what it is about
    :param text: what happened, for a developer to read

    Example::

        print(sync.events[0])  # 09:41:00.123 broadcast: todos: version 41 → 42
    """

    at: datetime
    category: Category
    text: str

    def __str__(self) -> str:
        return f'{self.at:%H:%M:%S}.{self.at.microsecond // 1000:03d} {self.category}: {self.text}'


class Records(Sequence[Record]):
    """A stream's rows as they are whenever one looks, newest first."""

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
    :ivar is_leader: whether this tab has a socket of its own, be it to share or not
    :ivar connected: whether the tab can be reached
    :ivar events: the event log, newest first, at most 50 entries

    Example::

        sync = use_sync(NOTES)
        ui.label().bind_text_from(sync, 'records', lambda notes: f'{len(notes)} notes')
    """

    records = Live[Records](lambda sync: Records(sync._channel))
    version = Live[int](lambda sync: sync._channel.replica.version)
    derived = Live[dict[str, Any]](lambda sync: sync._channel.replica.derived)
    role = Live[Role](lambda sync: sync._role)
    is_leader = Live[bool](lambda sync: sync._role in {'leader', 'alone'})
    connected = Live[bool](lambda sync: sync._role != 'none')
    events = Live[tuple[LogEntry, ...]](lambda sync: sync._entries())

    _of_rows: tuple[Live[Any], ...] = (records, version, derived)
    _of_role: tuple[Live[Any], ...] = (role, is_leader, connected)

    def __init__(self, server: SyncServer, channel: Channel, client: Client) -> None:
        self._server = server
        self._channel = channel
        self._client: Client = weakref.proxy(client)  # else a deleted page would wait for the garbage collector
        self._role: Role = 'none'
        self._seen = channel.replica.version
        self._log: deque[tuple[float, Category, str, tuple[object, ...]]] = deque(maxlen=LOG_LENGTH)
        self._listeners: list[Callable[[], Any]] = []
        for attribute in (*self._of_rows, *self._of_role, Sync.events):
            attribute.offer(self)

    @property
    def stream(self) -> Stream:
        """The stream."""
        return self._channel.stream

    def on_change(self, listener: Callable[[], Any]) -> None:
        """Have ``listener``, a function or a coroutine function, called in the page's context when rows have changed.

        Example::

            sync.on_change(lambda: ui.notify('The list has changed'))
        """
        self._listeners.append(listener)

    def clear_events(self) -> None:
        """Empty the event log, here and in the tab.

        Example::

            ui.button('Clear', on_click=sync.clear_events)
        """
        self._log.clear()
        self._update([Sync.events])
        with suppress(ReferenceError):  # the page is gone
            self._client.run_javascript('todosync.log.clear()')

    def refresh(self) -> None:
        """Take note of new rows; the server calls this after each change, for each tab: it has to be cheap."""
        before, self._seen = self._seen, self._channel.replica.version
        self._note('broadcast', '%s: version %d → %d', self.stream.name, before, self._seen)
        self._update(self._of_rows)
        for listener in self._listeners:
            self._client.safe_invoke(listener)

    def set_role(self, role: Role) -> None:
        """Take note of the tab's role; the server calls this when the tab's connection has changed."""
        if role == self._role:
            return
        before, self._role = self._role, role
        if 'none' in {before, role}:
            self._note('cable', 'connected' if self.connected else 'disconnected')
        if role == 'follower':
            self._note('follower', 'this tab follows')
        elif role != 'none':
            self._note('leader', 'this tab leads' if role == 'leader' else 'this tab keeps a socket of its own')
        self._update(self._of_role)

    def close(self) -> None:
        """Let go of whatever is bound to this view; called when the page is deleted."""
        self._listeners.clear()
        binding.remove([self])

    def _update(self, attributes: Iterable[Live[Any]]) -> None:
        try:
            for attribute in attributes:
                attribute.update(self)
        except Exception:  # one page's mistake is not to keep the others from their change
            log.exception('a binding to the %s failed', self.stream.name)

    def _note(self, category: Category, text: str, *values: object) -> None:
        self._log.appendleft((time(), category, text, values))
        self._update([Sync.events])

    def _entries(self) -> tuple[LogEntry, ...]:
        return tuple(
            LogEntry(datetime.fromtimestamp(at, UTC), kind, text % values) for at, kind, text, values in self._log
        )


class TodoSync(Sync):
    """A tab's view of the todos, and what can be done with them.

    :ivar todos: the todos, newest first: ``id``, ``title``, ``completed``, ``created_at``
    :ivar count: how many there are
    :ivar completed_count: how many of them are done

    Example::

        sync = use_todo_sync()
        ui.label().bind_text_from(sync, 'count', lambda n: f'{n} todos')
    """

    todos = Live[Records](lambda sync: sync.records)
    count = Live[int](lambda sync: sync.derived['count'])
    completed_count = Live[int](lambda sync: sync.derived['completed_count'])

    _of_rows = (*Sync._of_rows, todos, count, completed_count)

    async def add(self, title: str) -> Todo:
        """Create a todo.

        :param title: 1 to 500 characters after stripping
        :raises InvalidTodoError: the title was refused; ``errors`` says why

        Example::

            todo = await sync.add('Buy milk')
        """
        return cast(Todo, await run.io_bound(todos.create_todo, self._server.database, {'title': title}))

    async def update(self, todo_id: int, **fields: Any) -> Todo:
        """Change a todo's ``title`` or ``completed``, or both.

        :raises InvalidTodoError: the fields were refused; ``errors`` says why
        :raises TodoNotFoundError: there is no such todo

        Example::

            await sync.update(todo_id, completed=True)
        """
        return cast(Todo, await run.io_bound(todos.update_todo, self._server.database, todo_id, fields))

    async def delete(self, todo_id: int) -> None:
        """Delete a todo.

        :raises TodoNotFoundError: there is no such todo

        Example::

            await sync.delete(todo_id)
        """
        await run.io_bound(todos.delete_todo, self._server.database, todo_id)

    async def restore(self, todo: Record) -> None:
        """Put a deleted todo back as it was and where it was; nothing happens if it is there.

        :param todo: the todo as ``todos`` held it

        Example::

            await sync.restore(deleted)
        """
        await run.io_bound(todos.restore_todo, self._server.database, todo)


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
    from .app import current_server

    server = current_server()
    client = context.client
    views = server.views.setdefault(client.id, {})
    if stream.name not in views:
        channel = server.channel(stream)
        views[stream.name] = view(server, channel, client)
        client.on_delete(views[stream.name].close)
        _embed(server, channel, client)
    found = views[stream.name]
    assert isinstance(found, view)
    return found


def _embed(server: SyncServer, channel: Channel, client: Client) -> None:
    tag = server.sessions.tag(client)
    ui.add_head_html(
        f'<meta name="csrf-token" content="{csrf.token(client.request)}">\n'
        f'<script type="application/json" class="todosync-snapshot" data-stream="{html.escape(channel.stream.name)}" '
        f'data-order="{html.escape(channel.stream.newest_first)}" data-session="{tag}">{channel.embed()}</script>'
    )
