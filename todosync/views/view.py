"""What a page binds to: ``use_stream()`` gives it a view of a stream."""

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
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload

from nicegui import Client, binding, context, ui
from nicegui.binding import BindableProperty

from todosync.access import csrf_token
from todosync.runtime import current_server
from todosync.streams import Channel, Row, Stream
from todosync.tabs import Role

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

LOG_LENGTH = 50
Value = TypeVar('Value')
Kind = TypeVar('Kind', bound='View')
Category = Literal['leader', 'follower', 'cable', 'broadcast']

log = logging.getLogger(__name__)


class Live(BindableProperty, Generic[Value]):
    """A read-only property that can be bound to, computed when it is read: a tab keeps no copy of what all tabs share.

    :param read: returns the value, given the owner

    Example::

        class NotesView(View):
            urgent = Live[int](lambda view: view.totals['urgent'])
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

        print(view.events[0])  # 09:41:00.123 broadcast: todos: version 41 → 42
    """

    at: datetime
    category: Category
    text: str

    def __str__(self) -> str:
        return f'{self.at:%H:%M:%S}.{self.at.microsecond // 1000:03d} {self.category}: {self.text}'


class Rows(Sequence[Row]):
    """A stream's rows as they are whenever one looks, in their order.

    Example::

        note = view.rows.get(note_id)
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __getitem__(self, index: Any) -> Any:
        return self._channel.replica.rows[index]

    def __len__(self) -> int:
        return len(self._channel.replica.rows)

    def get(self, row_id: int) -> Row | None:
        """Return the row with the given id."""
        return self._channel.replica.get(row_id)


class View:
    """A tab's view of a stream. Every attribute below can be bound to, and changes by itself.

    Belongs to the page that made it, and ends with it.

    :ivar rows: the rows in their order, as JSON-like dicts
    :ivar version: the version of the rows
    :ivar totals: the stream's totals, and the texts that are made of them, by name
    :ivar role: ``leader``, ``follower``, ``alone`` or ``none``
    :ivar is_leader: whether this tab has a socket of its own, which it may share
    :ivar connected: whether the tab can be reached
    :ivar events: the event log, newest first, at most 50 entries

    Example::

        view = use_stream(NOTES)
        ui.label().bind_text_from(view, 'rows', lambda notes: f'{len(notes)} notes')
    """

    rows = Live[Rows](lambda view: Rows(view._channel))
    version = Live[int](lambda view: view._channel.replica.version)
    totals = Live[dict[str, Any]](lambda view: view._channel.replica.totals)
    role = Live[Role](lambda view: view._role)
    is_leader = Live[bool](lambda view: view._role in {'leader', 'alone'})
    connected = Live[bool](lambda view: view._role != 'none')
    events = Live[tuple[LogEntry, ...]](lambda view: view._entries())

    _of_rows: tuple[Live[Any], ...] = (rows, version, totals)
    _of_role: tuple[Live[Any], ...] = (role, is_leader, connected)

    def __init__(self, server: SyncServer, channel: Channel, client: Client) -> None:
        self.server = server
        self._channel = channel
        self._client: Client = weakref.proxy(client)  # else a deleted page would wait for the garbage collector
        self._role: Role = 'none'
        self._seen = channel.replica.version
        self._log: deque[tuple[float, Category, str, tuple[object, ...]]] = deque(maxlen=LOG_LENGTH)
        self._listeners: list[Callable[[], Any]] = []
        for attribute in (*self._of_rows, *self._of_role, View.events):
            attribute.offer(self)

    @property
    def stream(self) -> Stream:
        """The stream."""
        return self._channel.stream

    def on_change(self, listener: Callable[[], Any]) -> None:
        """Have ``listener``, a function or a coroutine function, called in the page's context when rows have changed.

        Example::

            view.on_change(lambda: ui.notify('The list has changed'))
        """
        self._listeners.append(listener)

    def clear_events(self) -> None:
        """Empty the event log, here and in the tab.

        Example::

            ui.button('Clear', on_click=view.clear_events)
        """
        self._log.clear()
        self._update([View.events])
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
        self._update([View.events])

    def _entries(self) -> tuple[LogEntry, ...]:
        return tuple(
            LogEntry(datetime.fromtimestamp(at, UTC), kind, text % values) for at, kind, text, values in self._log
        )


def use_stream(stream: Stream) -> View:
    """Return this page's view of a stream; every call on a page returns the same one.

    Call it while the page is built, so that the list is part of the page and shows before there is a socket.

    :param stream: one of those given to ``todosync.setup()``
    :raises RuntimeError: ``todosync.setup()`` has not been called with this stream, or there is no page to belong to

    Example::

        view = use_stream(NOTES)
    """
    return use_view(stream, View)


def use_view(stream: Stream, kind: type[Kind]) -> Kind:
    """Return this page's view of a stream, of a class of one's own; every call on a page returns the same one.

    :param stream: one of those given to ``todosync.setup()``
    :param kind: a subclass of :class:`View`, with what can be done with the rows
    :raises RuntimeError: as :func:`use_stream`

    Example::

        def use_notes() -> NotesView:
            return use_view(NOTES, NotesView)
    """
    server = current_server()
    client = context.client
    views = server.views.setdefault(client.id, {})
    if stream.name not in views:
        channel = server.channel(stream)
        views[stream.name] = kind(server, channel, client)
        client.on_delete(views[stream.name].close)
        _embed(server, channel, client)
    found = views[stream.name]
    assert isinstance(found, kind)
    return found


def _embed(server: SyncServer, channel: Channel, client: Client) -> None:
    tag = server.sessions.tag(client)
    ui.add_head_html(
        f'<meta name="csrf-token" content="{csrf_token(client.request)}">\n'
        f'<script type="application/json" class="todosync-snapshot" data-stream="{html.escape(channel.stream.name)}" '
        f'data-order="{html.escape(channel.stream.order_by)}" data-session="{tag}">{channel.embed()}</script>'
    )
