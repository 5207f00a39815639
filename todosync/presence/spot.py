"""A spot: one page in a scope, and what it tells of the person who has it open."""

from __future__ import annotations

from collections.abc import Callable

from todosync.clock import Timer, clock

from .people import NAME_LENGTH, Editing
from .roster import Place

GRACE = 1.5
"""Seconds for which a page without a connection counts as here. It is loaded again, or another tab takes the lead."""


class Spot:
    """A page in a scope of a stream. Belongs to the event loop.

    :param key: the key of the scope
    :param client_id: the id of the page's client
    :param who: returns the id of the person, asked each time that the page comes
    :param on_change: called with the place when the page has come or gone, or tells something else
    :param on_news: called when something has changed in the scope, whoever it concerns
    """

    def __init__(
        self,
        key: str,
        client_id: str,
        who: Callable[[], str],
        on_change: Callable[[Spot, Place], None],
        on_news: Callable[[], None],
    ) -> None:
        self.key = key
        self.client_id = client_id
        self.on_news = on_news
        self.is_here = False
        self.shows_editing = False
        """Whether the browser is to know who edits what."""
        self.name = ''
        self.editing: Editing | None = None
        self._who = who
        self._person = ''
        self._on_change = on_change
        self._leaving: Timer | None = None

    @property
    def person(self) -> str:
        """The id of the person."""
        return self._person or self._who()

    @property
    def place(self) -> Place:
        """Where it is, and whose."""
        return self.key, self.person

    def come(self) -> None:
        """Note that the page is connected, and that its user may read the scope; safe to call twice."""
        self._cancel()
        person = self._who()
        if self.is_here and person == self._person:
            return
        self.leave()
        self.is_here, self._person = True, person
        self._on_change(self, self.place)

    def leave_soon(self) -> None:
        """Note that the page has no connection. If it does not come back, it leaves."""
        if self.is_here and self._leaving is None:
            self._leaving = clock.call_later(GRACE, self.leave)

    def leave(self) -> None:
        """Note that the page is gone, or that its user may not read the scope; safe to call twice."""
        self._cancel()
        if self.is_here:
            self.is_here = False
            self._on_change(self, self.place)
            self._person = ''

    def rename(self, name: str) -> None:
        """Say how the person is called.

        :param name: the name; what is longer than 100 characters is cut
        """
        name = ' '.join(name.split())[:NAME_LENGTH]
        if name != self.name:
            self.name = name
            self._tell()

    def edit(self, editing: Editing | None) -> None:
        """Say what the person edits, ``None`` for nothing."""
        if editing != self.editing:
            self.editing = editing
            self._tell()

    def _tell(self) -> None:
        if self.is_here:
            self._on_change(self, self.place)

    def _cancel(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
