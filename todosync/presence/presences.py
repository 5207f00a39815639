"""Who is here: what the pages of this process tell, and what is told to them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import socketio

from todosync.streams import ScopeValue, Stream, head, key_of

from .exchange import Exchange
from .news import News
from .people import Person
from .roster import EDITING_MAX, Entry, Place, Roster
from .spot import Spot

if TYPE_CHECKING:
    from todosync.cable import Cable

CHANGES_EVENT = 'todosync_editing'
"""To each browser, once for all its tabs: what has changed of who edits what in a scope."""
WHOLE_EVENT = 'todosync_editing_all'
"""To a page that has just come: who edits what in a scope."""
FIRST_DELAY = 0.01
"""Seconds in which changes of one moment become one message."""
INTERVAL = 0.1
"""Seconds between two messages about a scope, at least, however often people come, go or edit."""

log = logging.getLogger(__name__)


class Presences:
    """Who is here, in all scopes that pages of this process show. Belongs to the event loop.

    :param cable: brings what other processes tell
    :param sio: the Socket.IO server of the browsers
    :param sockets_of: returns the Socket.IO ids of the sockets that reach a page, by the id of its client
    """

    def __init__(self, cable: Cable, sio: socketio.AsyncServer, sockets_of: Callable[[str], Iterable[str]]) -> None:
        self.roster = Roster()
        """Who is here, as all processes tell."""
        self._exchange = Exchange(cable, self.roster, self._note)
        self._sio = sio
        self._sockets_of = sockets_of
        self._spots: dict[str, dict[Spot, None]] = {}
        """All, by the keys of their scopes."""
        self._news = News(lambda key: self._spots.get(key, {}))
        self._here: dict[Place, dict[Spot, None]] = {}
        """Those of each person who is here; the one that has told something last is the last."""
        self._editors: dict[str, set[str]] = {}
        """Who edits something, as browsers were told, by the keys of scopes."""
        self._streams: dict[str, tuple[Stream, ScopeValue | None]] = {}
        self._own_changes: dict[Place, None] = {}
        self._changes: dict[Place, None] = {}
        self._flushing: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0
        self._outgoing: deque[tuple[str, dict[str, Any], str | list[str]]] = deque()
        self._sending: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell other processes who is here, and to listen to them; safe to call twice."""
        self._exchange.start()

    async def stop(self) -> None:
        """Take leave of the other processes; safe to call twice."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._sending is not None:
            self._sending.cancel()
        self._news.stop()
        await self._exchange.stop()

    def add(
        self,
        stream: Stream,
        scope: ScopeValue | None,
        client_id: str,
        who: Callable[[], str],
        on_news: Callable[[], None],
    ) -> Spot:
        """Return the spot of a page in a scope; it is not here yet.

        :param stream: the stream
        :param scope: its scope, ``None`` for a stream without scopes
        :param client_id: the id of the page's client
        :param who: returns the id of the person, asked each time that the page comes
        :param on_news: called when something has changed in the scope
        """
        key = key_of(stream.name, scope)
        spot = Spot(key, client_id, who, self._on_change, on_news)
        self._spots.setdefault(key, {})[spot] = None
        self._streams[key] = stream, scope
        return spot

    def remove(self, spot: Spot) -> None:
        """Forget a spot; safe to call twice."""
        spot.leave()
        spots = self._spots.get(spot.key, {})
        spots.pop(spot, None)
        if not spots:
            self._spots.pop(spot.key, None)
            self._streams.pop(spot.key, None)

    def people(self, spot: Spot) -> tuple[Person, ...]:
        """Return who is in the scope of a spot."""
        return self.roster.people(spot.key, spot.person)

    def count(self, spot: Spot) -> int:
        """Return how many are in the scope of a spot."""
        return self.roster.count(spot.key)

    def show_editing(self, spot: Spot) -> None:
        """Tell a page's browser who edits what, or, if the page is not here, that it may not know."""
        spot.shows_editing = True
        told = self._head(spot.key)
        if spot.is_here:
            editing = [_packed(person) for person in self.people(spot) if person.editing]
            self._send(WHOLE_EVENT, {**told, 'me': spot.person, 'all': editing}, spot.client_id)
        else:
            self._send(WHOLE_EVENT, {**told, 'me': '', 'all': []}, spot.client_id)

    def _on_change(self, spot: Spot, place: Place) -> None:
        spots = self._here.setdefault(place, {})
        spots.pop(spot, None)
        if spot.is_here:
            spots[spot] = None
        if not spots:
            del self._here[place]
        if self.roster.put(self._exchange.process, place, _entry(spots)):
            self._own_changes[place] = None
            self._note([place])

    def _note(self, places: Iterable[Place]) -> None:
        self._changes |= dict.fromkeys(places)
        if self._changes and self._flushing is None:
            delay = max(FIRST_DELAY, self._flushed_at + INTERVAL - time.monotonic())
            self._flushing = asyncio.get_running_loop().call_later(delay, self._flush)

    def _flush(self) -> None:
        self._flushing, self._flushed_at = None, time.monotonic()
        own, self._own_changes = self._own_changes, {}
        changes, self._changes = self._changes, {}
        self._exchange.tell(own)
        by_key: dict[str, list[str]] = {}
        for key, person in changes:
            by_key.setdefault(key, []).append(person)
        for key, people in by_key.items():
            self._tell_browsers(key, people)
            self._news.tell(key)

    def _tell_browsers(self, key: str, people: Iterable[str]) -> None:
        known = self._editors.get(key, set())
        found = [self.roster.person((key, person)) or Person(person, '') for person in people]
        told = [person for person in found if person.editing or person.id in known]
        editors = {*known, *(person.id for person in told)} - {person.id for person in told if not person.editing}
        self._editors[key] = editors
        if not editors:
            del self._editors[key]
        shown = [spot for spot in self._spots.get(key, {}) if spot.is_here and spot.shows_editing]
        sockets = dict.fromkeys(sid for spot in shown for sid in self._sockets_of(spot.client_id))
        if told and sockets:
            self._send(CHANGES_EVENT, {**self._head(key), 'put': list(map(_packed, told))}, list(sockets))

    def _send(self, event: str, data: dict[str, Any], to: str | list[str]) -> None:
        self._outgoing.append((event, data, to))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._outgoing:  # one after the other, so that a page gets the whole before what changes in it
            event, data, to = self._outgoing.popleft()
            await self._sio.emit(event, data, to=to)

    def _head(self, key: str) -> dict[str, Any]:
        stream, scope = self._streams[key]
        return head(stream.name, scope)


def _entry(spots: Iterable[Spot]) -> Entry | None:
    """Return what the tabs of a person tell together, ``None`` if there is none."""
    newest_first = list(spots)[::-1]
    if not newest_first:
        return None
    name = next((spot.name for spot in newest_first if spot.name), '')
    editing = dict.fromkeys(spot.editing for spot in newest_first if spot.editing is not None)
    return Entry(name, tuple(editing)[:EDITING_MAX])


def _packed(person: Person) -> list[Any]:
    return [person.id, str(person), [[thing.row, thing.field] for thing in person.editing]]
