"""A simulated person who uses a list that the browser renders.

The module is long because it is the one place for what a test can do with a list, with an example of each.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from nicegui import background_tasks, json
from nicegui.element import Element
from nicegui.testing import User

from todosync.ids import new_id, new_uuid
from todosync.runtime import current_server
from todosync.streams import Row, RowId, ScopeValue, Stream, carried, key_of, nearest, person_key, unknown
from todosync.views import FOCUS_EVENT, UNDO_EVENT, View
from todosync.writes import BATCH_LIMIT, Batch, Inbox, makes_ids

from .away import Away
from .browser import browser_of

TIMEOUT = 10.0
"""Seconds that a handler may take, and that the broadcast of a change may take."""
POLL_INTERVAL = 0.005


class RowUser:
    """A simulated person who has opened a page that shows a stream in a ``LiveList``.

    :param user: NiceGUI's ``User``, who has opened the page
    :param stream: the stream of the list, or its name, which is that of the table unless the stream has another one
    :param scope: its scope, if the stream has scopes
    :raises ValueError: the app has no stream of this name; the message names those that it has

    Example::

        notes = RowUser(user, NOTES)
        await notes.trigger('delete-note', 'click', notes.row(text='Call Ann')['id'])
    """

    def __init__(self, user: User, stream: Stream | str, scope: ScopeValue | UUID | None = None) -> None:
        self.user = user
        self.stream = stream if isinstance(stream, Stream) else _stream_of(stream)
        self.scope = str(scope) if isinstance(scope, UUID) else scope
        self._key = key_of(self.stream.name, self.scope)
        self._browser = browser_of(user)
        self._own = self._browser.own
        # the questions of count_waiting() and forget_waiting(), which a browser answers
        user.javascript_rules[re.compile(r'.*todosync\.writes\?\.count\(')] = lambda _: self._browser.count_waiting()
        user.javascript_rules[re.compile(r'.*todosync\.writes\?\.forget\(')] = lambda _: self._browser.forget_waiting()

    @property
    def view(self) -> View:
        """The page's view of the stream, which has ``totals``, ``refused`` and ``version``, and can be written by.

        :raises AssertionError: the person has opened no page, or it shows no such rows

        Example::

            assert notes.view.totals['urgent'] == 1
        """
        assert self.user.client is not None, 'the person has opened no page'
        view: View | None = current_server().views.of(self.user.client).get(self._key)
        assert view is not None, f'the page shows no {self._key}; call use_stream() in it'
        return view

    def rows(self) -> list[Row]:
        """Return the rows that the page shows, in their order.

        Example::

            assert [note['text'] for note in notes.rows()] == ['Call Ann']
        """
        live_list, away = self.element(self._key), self._browser.away
        rows: list[Row] = live_list.shown if away is None else live_list.shown_of(away.rows(self._key))
        return rows

    def row(self, **fields: Any) -> Row:
        """Return the first row of the page whose fields have these values.

        :param fields: values of Python, or as rows hold them, by the names of the fields
        :raises AssertionError: no row has these values; the message lists the rows of the page
        :raises ValueError: the stream has no such field

        Example::

            note = notes.row(text='Call Ann')
        """
        for name in fields:
            if name not in self.stream.fields:
                raise ValueError(unknown(self.stream, 'field', name, self.stream.fields))
        fields, rows = {name: self.stream.told(name, value) for name, value in fields.items()}, self.rows()
        for row in rows:
            if all(row[name] == value for name, value in fields.items()):
                return row
        raise AssertionError(f'expected to find a row with {fields} among these:\n' + '\n'.join(map(str, rows)))

    async def trigger(self, marker: str, event: str, *args: Any) -> None:
        """Send an element the event that a person's action would cause, and wait until the page shows the effect.

        :param marker: the marker of the element, which may be in the template of a row
        :param event: the name of the event, as the page gave it to ``.on()``
        :param args: the arguments that the page's ``js_handler`` emits; the first is usually the row's id
        :raises AssertionError: the page has no such element, the element has no handler for the event, the person is
            :meth:`offline`, or the handler or the broadcast took longer than 10 s

        Example::

            await notes.trigger('pin-note', 'click', note['id'])
        """
        element = self.element(marker)
        if not any(listener.handler for listener in element._event_listeners.values() if listener.type == event):
            raise AssertionError(f'the element {marker!r} has no handler for {event!r}')
        await self._fire(element, event, *args)

    async def _fire(self, element: Element, event: str, *args: Any) -> None:
        assert self._browser.away is None, 'the person is offline, where no event reaches the server; a write() is kept'
        running = set(background_tasks.running_tasks)
        for listener in list(element._event_listeners.values()):
            if listener.type == event and listener.handler:
                message = {'id': element.id, 'listener_id': listener.id, 'args': [json.dumps(arg) for arg in args]}
                element.client.handle_event(message)
        if started := background_tasks.running_tasks - running:
            _, unfinished = await asyncio.wait(started, timeout=TIMEOUT)
            assert not unfinished, f'the handler for {event!r} was not done after {TIMEOUT:g} s'
        await self.settle()

    async def focus(self, row: Row | RowId | UUID, field: str) -> None:
        """Have the person enter a field of a row, as others see it by ``use_presence``.

        :param row: one of :meth:`rows`, or an id
        :param field: the name of a field that the page has bound both ways
        :raises AssertionError: the list has no such field to type into

        Example::

            await notes.focus(notes.row(text='Call Ann'), 'text')
        """
        bound = [each.name for each in self.element(self._key).bound_fields.values()]
        assert field in bound, f'no element of the list is bound to {field!r}; these fields are: {bound}'
        await self._tell_focus(self.stream.name, _id_of(row), field)

    async def blur(self) -> None:
        """Have the person leave the field that they are in.

        Example::

            await notes.blur()
        """
        await self._tell_focus()

    async def _tell_focus(self, *place: Any) -> None:
        assert self.user.client is not None, 'the person has opened no page'
        layout = self.user.client.layout
        for listener in list(layout._event_listeners.values()):
            if listener.type == FOCUS_EVENT:
                args = [json.dumps(part) for part in place]
                layout.client.handle_event({'id': layout.id, 'listener_id': listener.id, 'args': args})
        await asyncio.sleep(0)

    async def write(self, action: str, row: Row | RowId | UUID | None = None, **values: Any) -> dict[str, Any]:
        """Write as ``todosync.writes`` does in a browser, and wait until the page shows the effect.

        The write takes the way of a browser's queue: it is checked, done and refused as if JavaScript had sent it.

        :param action: ``insert``, ``update``, ``delete``, ``restore`` or the name of a verb
        :param row: one of :meth:`rows`, or an id; none for an insert. What a row holds counts as what the person saw
        :param values: values, by the names of fields
        :return: what the browser would be told: ``state`` is ``done``, ``refused``, or ``waiting`` while the person is
            :meth:`offline`; where it is done, ``conflicts`` has what others had set meanwhile in its fields; where it
            is refused, ``errors`` has the sentences, and ``fields`` those to show beside a field
        :raises ValueError: an insert of a row whose ids only the database makes; there a browser asks the server
        :raises AssertionError: the write was not decided, for example because the database is away; or the page does
            not show the effect after 10 s

        Example::

            refused = await notes.write('insert', text=' ')
            assert refused['fields'] == {'text': 'A note needs a text'}
        """
        if action == 'insert' and not makes_ids(self.stream):
            said = (
                f'rows of the stream {self.stream.name!r} get no ids by new_id, so browsers insert none by themselves'
            )
            raise ValueError(f'{said}; trigger the handler of the page that inserts them')
        new = new_uuid() if self.stream.is_key_a_uuid else new_id()
        row_id = _id_of(new if row is None else row)
        shown = next((shown for shown in self.rows() if shown['id'] == row_id), {})
        seen = row if isinstance(row, Mapping) else shown
        write = {
            'sequence': next(self._browser.sequences),
            'stream': self.stream.name,
            'action': action,
            'id': row_id,
            'values': {name: carried(value) for name, value in values.items()},
            'was': {name: seen[name] for name in values if name in seen and action == 'update'},
        }
        self._own.note(self.stream, write, shown or seen if action == 'delete' else {**shown, **seen})
        return await self._write(write, self.stream)

    async def undo(self) -> dict[str, Any] | None:
        """Take back what the person has done last in this tab, as Ctrl+Z does on a page that has called ``offer_undo``.

        Each further call takes back what they did before that. It works :meth:`offline`, too, for what they have
        written by :meth:`write`. What a handler of the page has written is taken back by the page, which tells the
        person so.

        :return: what the browser would be told, see :meth:`write`; ``None`` where the page was asked, or where there is
            nothing to take back
        :raises AssertionError: as :meth:`write`; or the page has not called ``offer_undo``

        Example::

            await notes.write('update', note, text='Call Bob')
            await notes.undo()
            assert notes.row()['text'] == 'Call Ann'
        """
        own, of_handler = self._own.last, self.view.own_writes.last
        if of_handler and (own is None or own.at < of_handler.at):
            assert self.view.undo_is_offered, (
                'only a page that has called offer_undo(view) can undo what it has written'
            )
            assert self.user.client is not None, 'the person has opened no page'
            await self._fire(self.user.client.layout, UNDO_EVENT, self._key)
            return None
        if own is None:
            return None
        inverse, shows = self._own.take_back(own)
        write = {'sequence': next(self._browser.sequences), 'stream': own.stream.name, **inverse}
        return await self._write(write, own.stream, shows)

    async def _write(self, write: dict[str, Any], stream: Stream, shows: Row | None = None) -> dict[str, Any]:
        if self._browser.away is not None:
            self._browser.away.keep(stream, write, shows)
            return {'state': 'waiting'}
        [outcome] = await self._send([write])
        return outcome

    def offline(self) -> None:
        """Cut this person's connection: the page gets no changes, and what they :meth:`write` waits in their browser.

        It concerns all lists of the page. What waits shows in :meth:`rows` at once, as in the browser, and counts in
        ``pending(view)`` and ``WaitingWrites``. Otherwise ``User.should_see`` sees the page as it would be with a
        connection.

        Example::

            notes.offline()
            await notes.write('update', note, text='Call Ann')
            assert notes.row(id=note['id'])['text'] == 'Call Ann'
        """
        assert self.user.client is not None, 'the person has opened no page'
        views = current_server().views.of(self.user.client)
        self._browser.away = Away(views)
        for view in views.values():
            view.count_waiting = self._browser.count_waiting

    async def online(self) -> list[dict[str, Any]]:
        """Give the connection back: what waits is sent in the order in which it was written.

        :return: what the browser would be told of each write that waited, see :meth:`write`
        :raises AssertionError: as :meth:`write`

        Example::

            [outcome] = await notes.online()
            assert outcome['conflicts'] == {'text': 'Call Bob'}  # what somebody else has written meanwhile
        """
        away, self._browser.away = self._browser.away, None
        waiting = away.waiting if away else []
        outcomes = []
        for start in range(0, len(waiting), BATCH_LIMIT):
            outcomes += await self._send(waiting[start : start + BATCH_LIMIT])
        return outcomes

    async def _send(self, writes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        server = current_server()
        # there is no socket here, and so no leader; everything else is as for a browser
        assert self.user.client is not None, 'the person has opened no page'
        author = server.author(self.user.client.request)
        inbox = Inbox(server.writer, server.streams, may_write=lambda sid: True, author_of=lambda sid: author)
        batch = {'queue': self._browser.queue, 'person': person_key(author.user), 'writes': writes}
        answer = await inbox.receive('test', Batch.model_validate(batch))
        assert answer['ok'], f'the writes were not decided: {answer["reason"]}'
        await self.settle()
        outcomes: list[dict[str, Any]] = answer['outcomes']
        self._own.decided(outcomes)
        return outcomes

    async def settle(self) -> None:
        """Wait until the page has all changes that are committed when this is called, those of rights, too.

        :raises AssertionError: the page does not have them after 10 s

        Example::

            sqlite3.connect(path).execute("INSERT INTO todos(title) VALUES ('Buy milk')").connection.commit()
            await todos.settle()
        """
        server = current_server()
        if server.rights.are_asked:
            await server.rights_watch.look()
        views = server.views.of(self.user.client).values() if self.user.client else ()
        for scope in {self.scope, *(view.scope for view in views if view.stream is self.stream)}:
            await self._settle(scope)

    async def _settle(self, scope: ScopeValue | None) -> None:
        server, key = current_server(), key_of(self.stream.name, scope)
        channel, release = server.channels.watch(self.stream, scope)
        source, replica = channel.source, channel.replica
        committed = await asyncio.to_thread(source.version)

        async def has_arrived() -> bool:
            if self.user.client and server.readers.are_asking(self.user.client, key):
                return False
            return replica.knows(committed) or replica.version == await asyncio.to_thread(source.version)

        try:
            await _until(has_arrived, f'version {committed.number} of the {key} did not arrive')
        finally:
            release()

    def element(self, marker: str) -> Any:
        """Return the page's first element with a marker.

        :param marker: the marker
        :raises AssertionError: the page has no element with it

        Example::

            assert notes.element('new-note').value == ''
        """
        elements = self.user.find(marker=marker).elements
        return min(elements, key=lambda element: element.id)


def _id_of(row: Row | RowId | UUID) -> RowId:
    found = row['id'] if isinstance(row, Mapping) else row
    return str(found) if isinstance(found, UUID) else found


def _stream_of(name: str) -> Stream:
    streams = {stream.name: stream for stream in current_server().streams}
    if name not in streams:
        has = ', '.join(map(repr, streams)) or 'none'
        raise ValueError(f'the app has no stream {name!r}; it has {has}{nearest(name, streams)}')
    return streams[name]


async def _until(condition: Callable[[], Awaitable[bool]], failure: str) -> None:
    deadline = asyncio.get_running_loop().time() + TIMEOUT
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f'{failure} within {TIMEOUT:g} s'
        await asyncio.sleep(POLL_INTERVAL)
