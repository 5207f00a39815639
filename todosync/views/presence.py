"""Who is here: ``use_presence()``."""

from __future__ import annotations

import hashlib
import logging
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import Client, binding, context, core
from nicegui.events import GenericEventArguments

from todosync.presence import Editing, Person, Presences
from todosync.runtime import current_server
from todosync.streams import Row, name_of, person_key
from todosync.tabs import Role

from .live import Live
from .view import View

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

FOCUS_EVENT = 'todosync_focus'
"""What the browser says when a person enters or leaves a field of a row: stream, id and field, or nothing."""
ID_LENGTH = 16

log = logging.getLogger(__name__)


class Presence:
    """Who is here: has a page open, in any tab and process, that shows the same scope, and uses presence.

    People are told apart by ``current_user``; where there is no user, each browser session is a person. Several tabs
    of a person count once. Who may not read the scope neither sees anybody nor is seen. A page can bind to each value.

    :param view: the page's view of the stream
    :param presences: knows who is here
    :param client: the page
    :param who: returns the id of the page's person
    :ivar people: all who are here, by their names, a tuple of :class:`Person`
    :ivar others: the same without the person whose page this is
    :ivar count: how many are here
    :ivar name: how the page's person is called; can be set and be bound both ways

    Example::

        presence = use_presence(view)
        ui.label().bind_text_from(presence, 'count', lambda count: f'{count} here')
    """

    people = Live[tuple[Person, ...]](lambda presence: presence._people())
    others = Live[tuple[Person, ...]](lambda presence: presence._others())
    count = Live[int](lambda presence: presence._count())
    name = binding.BindableProperty(on_change=lambda presence, name: presence._spot.rename(str(name or '')))

    def __init__(self, view: View, presences: Presences, client: Client, who: Callable[[], str]) -> None:
        self._view = weakref.proxy(view)
        self._presences = presences
        self._role: Role = view.role
        self._client: Client = weakref.proxy(client)
        self._listeners: list[Callable[[], Any]] = []
        self._has_left = False
        self._spot = presences.add(view.stream, view.scope, client.id, who, self._refresh)
        self.name = ''
        for attribute in (Presence.people, Presence.others, Presence.count):
            attribute.offer(self)

    def editing(self, row: Row | int | str | None, field: str = '') -> None:
        """Say that the person of this page edits a row, or nothing any more.

        What is bound by :func:`bind_value` says that by itself. This is for other ways to edit, such as a dialog.

        :param row: one of the view's ``rows``, or an id; ``None`` for nothing
        :param field: the name of a field; empty for the row as a whole

        Example::

            dialog.on('show', lambda: presence.editing(note))
            dialog.on('hide', lambda: presence.editing(None))
        """
        row_id = row['id'] if isinstance(row, dict) else row
        is_known = type(row_id) in {int, str} and self._view.rows.get(row_id) is not None
        self._spot.edit(Editing(row_id, field) if is_known and row_id is not None else None)

    def on_change(self, listener: Callable[[], Any]) -> None:
        """Have a function called in the page's context whenever somebody comes, goes or edits something else.

        :param listener: a function or a coroutine function without parameters

        Example::

            presence.on_change(show_faces.refresh)
        """
        self._listeners.append(listener)

    def leave(self) -> None:
        """Be here no longer, although the page stays: it shows something else now. :func:`use_presence` comes back.

        Example::

            dialog.on('hide', presence.leave)
        """
        self._has_left = True
        self._spot.edit(None)
        self.look()

    def come(self) -> None:
        """Be here again, after :meth:`leave`."""
        self._has_left = False
        self.look()

    def editors(self, row_id: int | str, field: str | None = None) -> str:
        """Return the names of the others who edit a row, as a row shows them.

        :param row_id: the id of the row
        :param field: the name of a field, ``None`` for whatever they edit in the row

        Example::

            assert presence.editors(note['id']) == 'Ann'
        """
        return ', '.join(
            str(other)
            for other in self.others
            if any(thing.row == row_id and field in {None, thing.field} for thing in other.editing)
        )

    def show_editing(self) -> None:
        """Have the browser know who edits what. A row that shows it calls this."""
        if not self._spot.shows_editing:
            self._presences.show_editing(self._spot)

    def set_role(self, role: Role) -> None:
        """Note the tab's role, also the same once more: the tab may be reached another way.

        :param role: the role
        """
        self._role = role
        self.look()

    def look(self) -> None:
        """Come or leave: the tab's role, or what its person may read, has changed."""
        if self._view.is_withheld or self._has_left:
            self._spot.leave()
        elif self._role == 'none':
            self._spot.leave_soon()
        else:
            self._spot.come()
        if self._spot.shows_editing and self._role != 'none':
            self._presences.show_editing(self._spot)
        self._refresh()

    def close(self) -> None:
        """End with the page."""
        self._presences.remove(self._spot)
        self._listeners.clear()
        binding.remove([self])

    def _people(self) -> tuple[Person, ...]:
        return () if self._view.is_withheld else self._presences.people(self._spot)

    def _others(self) -> tuple[Person, ...]:
        return tuple(person for person in self._people() if not person.is_me)

    def _count(self) -> int:
        return 0 if self._view.is_withheld else self._presences.count(self._spot)

    def _refresh(self) -> None:
        try:
            for attribute in (Presence.people, Presence.others, Presence.count):
                attribute.update(self)
        except Exception:  # an error in one page must not keep the change from other pages
            log.exception('a binding to the presence in %s failed', self._spot.key)
        for listener in self._listeners:
            self._client.safe_invoke(listener)


def use_presence(view: View, *, name: str = '') -> Presence:
    """Return who is here: has the same scope of a stream open. Every call for a view returns the same one.

    :param view: the page's view of the stream, as :func:`use_stream` returned it
    :param name: how the page's person is called (default: the text that ``current_user`` returns, or the ``name`` of
        the object)
    :raises RuntimeError: ``todosync.setup()`` was not called, or no page is being built

    Example::

        presence = use_presence(use_stream(TASKS, project_id=7))
        ui.label().bind_text_from(presence, 'people', lambda people: ', '.join(map(str, people)))
    """
    server, client = current_server(), context.client
    if view.presence is None:
        presence = view.presence = Presence(view, server.presences, client, partial(_who, server, client))
        presence.name = name or _name(server, client)
        client.layout.on(FOCUS_EVENT, partial(_focus, view, presence))
    elif name:
        view.presence.name = name
    view.presence.come()
    return view.presence


def _who(server: SyncServer, client: Client) -> str:
    """Return what tells people apart: a short hash, which says nothing that could be used to sign in."""
    if core.is_script_mode_preflight():
        return ''  # this page is nobody's
    user = server.rights.user_of(client.request)
    if user is not None:
        return person_key(user)
    return hashlib.sha256(f'session {server.sessions.id_of(client) or client.id}'.encode()).hexdigest()[:ID_LENGTH]


def _name(server: SyncServer, client: Client) -> str:
    return '' if core.is_script_mode_preflight() else name_of(server.rights.user_of(client.request))


def _focus(view: View, presence: Presence, e: GenericEventArguments) -> None:
    """Note in which field of which row the person is, as the browser says."""
    match e.args:
        case [view.stream.name, row_id, str(field)] if field in view.stream.fields:
            presence.editing(row_id, field)
        case _:
            presence.editing(None)
