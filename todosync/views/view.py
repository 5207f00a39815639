"""A view: the values of a stream that a page can read and bind to.

The module is long because it is the one place for what a page can do with a stream, with an example of each.
"""

from __future__ import annotations

import asyncio
import json
import logging
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from nicegui import Client, binding

from todosync.database import Database
from todosync.streams import Channel, Replica, Row, RowId, ScopeValue, Stream, key_of
from todosync.tabs import Role
from todosync.writes import Author, Change, OwnWrites, RowOrId, Writer

from .event_log import Category, EventLog, LogEntry
from .live import Live

if TYPE_CHECKING:
    from .presence import Presence

UNDO_EVENT = 'todosync_undo'
"""The browser asks to take back what a handler has written last, by the key of the view."""

log = logging.getLogger(__name__)


class Withheld:
    """What a view shows in place of a channel whose rows its user may not read, or not yet: no rows.

    :param stream: the stream
    :param scope: its scope
    """

    def __init__(self, stream: Stream, scope: ScopeValue | None) -> None:
        self.stream = stream
        self.scope = scope
        self.key = key_of(stream.name, scope)
        self.replica = Replica(stream)


class Rows(Sequence[Row]):
    """A stream's rows in their order. The sequence is no copy: it always shows the current rows.

    :param channel: the stream's channel, which keeps the rows

    Example::

        note = view.rows.get(note_id)
    """

    def __init__(self, channel: Channel | Withheld) -> None:
        self._channel = channel

    def __getitem__(self, index: Any) -> Any:
        return self._channel.replica.rows[index]

    def __len__(self) -> int:
        return len(self._channel.replica.rows)

    def get(self, row_id: RowId | UUID) -> Row | None:
        """Return the row with the given id, ``None`` if there is none.

        :param row_id: the row's ``id``
        """
        return self._channel.replica.get(str(row_id) if isinstance(row_id, UUID) else row_id)


class View:
    """A page's view of a stream. Its values change by themselves. The page can bind to each and can set none.

    A view belongs to one page and ends with it; :func:`use_stream` makes it. A subclass may add values, see
    :class:`Live`, and methods.

    :param channel: the stream's channel
    :param database: the database of the server
    :param writer: what writes to it
    :param client: the page
    :ivar rows: the rows in their order, a sequence of dicts that hold JSON values
    :ivar version: the version of the rows, a whole number that rises with each change; after the database
        was replaced it may be any other
    :ivar totals: the stream's totals, and the texts that are made of them, a dict by name
    :ivar refused: why there are no rows: a sentence if the page's user may not read them, else an empty text
    :ivar role: ``leader``, ``follower``, ``alone`` or ``none``, see :data:`Role`
    :ivar is_leader: whether this tab has a socket of its own, shared with other tabs or not
    :ivar connected: whether the server can reach the tab
    :ivar events: the event log, newest first, a tuple of at most 50 :class:`LogEntry`
    :ivar database: the database of the server, a :class:`Database`; it blocks, so use it in a thread

    Example::

        view = use_stream(NOTES)
        ui.label().bind_text_from(view, 'rows', lambda notes: f'{len(notes)} notes')
    """

    rows = Live[Rows](lambda view: Rows(view._channel))
    version = Live[int](lambda view: view._channel.replica.version.number)
    totals = Live[dict[str, Any]](lambda view: view._channel.replica.totals)
    refused = Live[str](lambda view: view._refused)
    role = Live[Role](lambda view: view._role)
    is_leader = Live[bool](lambda view: view._role in {'leader', 'alone'})
    connected = Live[bool](lambda view: view._role != 'none')
    events = Live[tuple[LogEntry, ...]](lambda view: view._log.entries)

    _of_rows: tuple[Live[Any], ...] = (rows, version, totals, refused)
    _of_role: tuple[Live[Any], ...] = (role, is_leader, connected)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._of_rows = (*cls._of_rows, *(value for value in vars(cls).values() if isinstance(value, Live)))

    def __init__(self, channel: Channel | Withheld, database: Database, writer: Writer, client: Client) -> None:
        self.database = database
        self._writer = writer
        self.own_writes = OwnWrites(writer)
        """What the page's handlers have written, to be taken back by :meth:`undo`."""
        self.undo_is_offered = False
        """Whether the page has called :func:`offer_undo`."""
        self._turn = asyncio.Lock()
        self._channel = channel
        self._refused = ''
        self._author: Callable[[], Author] = Author
        self._release: Callable[[], None] = lambda: None
        self.is_closed = False
        self.presence: Presence | None = None
        """Who is here, if the page has called :func:`use_presence`."""
        self._client: Client = weakref.proxy(client)  # a strong reference would keep a deleted page in memory
        self._role: Role = 'none'
        self._seen_version = self.version
        self._log = EventLog()
        self._listeners: list[Callable[[], Any]] = []
        self.count_waiting: Callable[[], int] = lambda: 0
        """Returns how many changes wait in the browser: a test without one tells it. A browser counts by itself."""
        for attribute in (*self._of_rows, *self._of_role, View.events):
            attribute.offer(self)

    @property
    def stream(self) -> Stream:
        """The stream."""
        return self._channel.stream

    @property
    def scope(self) -> ScopeValue | None:
        """The scope whose rows these are, ``None`` for a stream without scopes."""
        return self._channel.scope

    @property
    def key(self) -> str:
        """The name of what is shown, the same as in browsers: ``notes`` or ``notes[7]``."""
        return self._channel.key

    @property
    def is_withheld(self) -> bool:
        """Whether there are no rows here, because the page's user may not read them, or not yet."""
        return isinstance(self._channel, Withheld)

    async def insert(self, **values: Any) -> Any:
        """Add a row to the stream.

        :param values: its ``writable`` fields by name, as the model or as a row has them: a date, or its text
        :return: the row, an object of the stream's model
        :raises RefusedWriteError: it was refused; nothing was written
        :raises DatabaseUnavailableError: nothing was written, try again later

        Example::

            note = await view.insert(text='Buy milk')
        """
        return await self._write(self.own_writes.insert, values)

    async def update(self, row: RowOrId, **values: Any) -> Any:
        """Change fields of a row; the others stay as they are.

        :param row: one of ``rows``, an object of the stream's model, or an id
        :param values: ``writable`` fields by name, as for :meth:`insert`
        :return: the row as it is then, an object of the stream's model
        :raises RowGoneError: there is no such row (any more)
        :raises RefusedWriteError: it was refused; nothing was written
        :raises DatabaseUnavailableError: nothing was written, try again later

        Example::

            await view.update(note, urgent=True)
        """
        return await self._write(self.own_writes.update, row, values)

    async def delete(self, row: RowOrId) -> None:
        """Delete a row.

        :param row: one of ``rows``, an object of the stream's model, or an id
        :raises RowGoneError: there is no such row (any more)
        :raises RefusedWriteError: it was refused; nothing was written
        :raises DatabaseUnavailableError: nothing was written, try again later

        Example::

            await view.delete(note)
        """
        await self._write(self.own_writes.delete, row)

    async def do(self, verb: Callable[..., None], row: RowOrId) -> Any:
        """Do what a verb of the stream does to a row.

        :param verb: the verb, a function that is declared by ``stream.verb``
        :param row: one of ``rows``, an object of the stream's model, or an id
        :return: the row as it is then, an object of the stream's model
        :raises RowGoneError: there is no such row (any more)
        :raises RefusedWriteError: it was refused; nothing was written
        :raises DatabaseUnavailableError: nothing was written, try again later

        Example::

            await view.do(archive, note)
        """
        return await self._write(self.own_writes.do, verb.__name__, row)

    async def undo(self, row: RowOrId | None = None) -> str | None:
        """Take back the last write that was made through this view; each further call the one before, up to 100.

        What the browser has written itself, as elements in the rows of a list do, is taken back by the browser only:
        :func:`offer_undo` takes back both, in the order in which the person acted.

        :param row: take back the last write to this row (default: to whichever)
        :return: what was taken back, as a sentence for the person; ``None`` if there is nothing to take back
        :raises RefusedWriteError: somebody has changed the same since, or a verb cannot be undone; nothing was written,
            and the next call goes on with the write before
        :raises DatabaseUnavailableError: nothing was written, try again later

        Example::

            ui.notify(await view.undo() or 'There is nothing to undo')
        """
        async with self._turn:
            return await self._writer.in_thread(self.own_writes.undo, self.stream, row, author=self._author())

    async def restore(self, what: Change | RowOrId) -> Any:
        """Put back what the history has noted: a deleted row, whoever deleted it, or the values before an update.

        :param what: a :class:`Change` that :meth:`history` returned; or a deleted row, as ``rows`` had it, or its id
        :return: the row as it is then, an object of the stream's model. A row that is there already stays as it is
        :raises RefusedWriteError: it was refused, or the history has it no longer; nothing was written
        :raises DatabaseUnavailableError: nothing was written, try again later

        Example::

            await view.restore(note)
        """
        return await self._write(self._writer.restore, what)

    async def history(
        self, row: RowOrId | None = None, *, limit: int = 50, before: Change | None = None
    ) -> list[Change]:
        """Return who changed what and when, the newest change first, as far as the page's user may read it.

        :param row: of which row: one of ``rows``, an object of the stream's model, or an id (default: of all rows, also
            of those that were deleted)
        :param limit: how many changes at most, up to 500
        :param before: only what has happened before this change, to read on
        :raises ValueError: the stream keeps no history, see ``Stream(history=...)``
        :raises DatabaseUnavailableError: the database cannot be read now

        Example::

            for change in await view.history(note):
                ui.label(f'{change.who or "somebody"} at {change.at:%H:%M}')
        """
        read = partial(self._writer.history, self.stream, row, scope=self.scope, limit=limit, before=before)
        return await asyncio.to_thread(read, author=self._author())

    async def _write(self, write: Callable[..., Any], *args: Any) -> Any:
        async with self._turn:  # a page's writes are done in the order in which it asks for them
            last = self.own_writes.last
            done = await self._writer.in_thread(write, self.stream, *args, author=self._author())
        if self.undo_is_offered and self.own_writes.last is not last:
            with suppress(ReferenceError):  # the page is gone
                self._client.run_javascript(f'todosync.writes?.noteOfServer({json.dumps(self.key)})')
        return done

    def on_change(self, listener: Callable[[], Any]) -> None:
        """Have a function called in the page's context whenever rows have changed.

        :param listener: a function or a coroutine function without parameters

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
        """Note that the rows have changed. The server calls this after each change, for each tab: it must be cheap."""
        before, self._seen_version = self._seen_version, self.version
        self._note('broadcast', '%s: version %d → %d', self.key, before, self._seen_version)
        self._update(self._of_rows)
        for listener in self._listeners:
            self._client.safe_invoke(listener)

    def hold(self, release: Callable[[], None]) -> None:
        """Note what to call once when the rows are not needed any more.

        :param release: the function
        """
        self._release = release

    def write_as(self, author: Callable[[], Author]) -> None:
        """Note who writes through this view.

        :param author: returns who it is, each time anew
        """
        self._author = author

    def show(self, channel: Channel, release: Callable[[], None]) -> None:
        """Show the rows of a channel. The server calls this when it knows that the page's user may read them.

        :param channel: the channel
        :param release: called once when they are not needed any more
        """
        self._release()
        self._channel, self._release, self._refused = channel, release, ''
        self.refresh()
        if self.presence is not None:
            self.presence.look()

    def withhold(self, reason: str) -> None:
        """Show no rows. The server calls this when the page's user may not read them, or no longer.

        :param reason: a sentence that says why
        """
        self._let_go()
        self._channel, self._refused = Withheld(self.stream, self.scope), reason
        if self.presence is not None:
            self.presence.look()
        self.refresh()

    def ask_browser(self) -> None:
        """Have the browser ask for the rows, which it was refused before."""
        asked = json.dumps([self.stream.name, self.scope])
        with suppress(ReferenceError):  # the page is gone
            self._client.run_javascript(f'todosync.ask(...{asked})')

    def set_role(self, role: Role) -> None:
        """Note the tab's role. The server calls this when the tab's connection has changed.

        :param role: the new role
        """
        if self.presence is not None:
            self.presence.set_role(role)
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
        """Remove all bindings to this view. The server calls this when the page is deleted."""
        self.is_closed = True
        if self.presence is not None:
            self.presence.close()
        self._let_go()
        self._listeners.clear()
        binding.remove([self])

    def _let_go(self) -> None:
        release, self._release = self._release, lambda: None
        release()

    def _update(self, attributes: Iterable[Live[Any]]) -> None:
        try:
            for attribute in attributes:
                attribute.update(self)
        except Exception:  # an error in one page must not keep the change from other pages
            log.exception('a binding to the %s failed', self.key)

    def _note(self, category: Category, text: str, *values: object) -> None:
        self._log.note(category, text, *values)
        self._update([View.events])
