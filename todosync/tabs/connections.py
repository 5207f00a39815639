"""The pages and the sockets of a process, and which socket reaches which page."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import Client

from .page import Page, Route, Socket


class Connections:
    """A :class:`Page` for each NiceGUI client that has sent something, and a :class:`Socket` for each socket.

    A page is kept until NiceGUI deletes its client, a socket until it ends. Both know each other: a page the sockets of
    its own and the one that carries it, a socket its pages and those that it carries.

    :param on_end: called with a client and its virtual socket when that ends
    :param on_release: called with a client that is no longer carried
    """

    def __init__(self, *, on_end: Callable[[Client, str], None], on_release: Callable[[Client], None]) -> None:
        self._on_end = on_end
        self._on_release = on_release
        self._pages: dict[str, Page] = {}
        self._sockets: dict[str, Socket] = {}

    @property
    def leading_count(self) -> int:
        """How many sockets are offered to tabs."""
        return sum(socket.leading_page_id is not None for socket in self._sockets.values())

    @property
    def carried_count(self) -> int:
        """How many pages are carried."""
        return sum(page.route is not None for page in self._pages.values())

    def page(self, client: Client) -> Page:
        """Return the page of a client that exists."""
        return self._pages.setdefault(client.id, Page())

    def find_page(self, client_id: str) -> Page | None:
        """Return the page of a client, ``None`` if the client has said nothing yet, or is deleted."""
        return self._pages.get(client_id)

    def find_socket(self, sid: str) -> Socket | None:
        """Return a connected socket."""
        return self._sockets.get(sid)

    def add_socket(self, sid: str) -> Socket:
        """Note that a socket is connected, or about to be; safe to call twice."""
        return self._sockets.setdefault(sid, Socket())

    def assign(self, sid: str, client_id: str) -> None:
        """Note that a socket has made the handshake of a page, unless one of them has ended meanwhile."""
        socket, page = self._sockets.get(sid), self._pages.get(client_id)
        if socket is not None and page is not None:
            socket.page_ids.add(client_id)
            page.sids.add(sid)

    def carry(self, client_id: str, route: Route) -> Route | None:
        """Note that a leader's socket carries a page.

        :return: the route of the page until now; end it when NiceGUI knows the new one
        """
        page = self._pages[client_id]
        before, page.route = page.route, route
        self._sockets[route.leader_sid].carried.add(client_id)
        return before

    def release(self, client_id: str) -> None:
        """Note that a page is no longer carried; safe to call twice."""
        page = self._pages.get(client_id)
        if page is None or page.route is None:
            return
        route, page.route = page.route, None
        self.end(client_id, route)
        if client := Client.instances.get(client_id):
            self._on_release(client)

    def end(self, client_id: str, route: Route) -> None:
        """Note that a route to a page has ended. There may be another one."""
        page, socket = self._pages.get(client_id), self._sockets.get(route.leader_sid)
        goes_on = page is not None and page.route is not None and page.route.leader_sid == route.leader_sid
        if socket is not None and not goes_on:
            socket.carried.discard(client_id)
        if client := Client.instances.get(client_id):
            self._on_end(client, route.virtual_sid)

    def remove_socket(self, sid: str) -> set[str]:
        """Forget a socket that has ended, and release the pages that it carried; safe to call twice.

        :return: the ids of the pages that had it as their own
        """
        socket = self._sockets.pop(sid, None)
        if socket is None:
            return set()
        for client_id in socket.page_ids:
            self._pages[client_id].sids.discard(sid)
        for client_id in sorted(socket.carried):
            self.release(client_id)  # the app is told, and may delete any page meanwhile
        return socket.page_ids

    def remove_page(self, client_id: str) -> None:
        """Forget a page that NiceGUI has deleted; safe to call twice.

        NiceGUI is told of no disconnect: it would delete the page once more.
        """
        page = self._pages.pop(client_id, None)
        if page is None:
            return
        if page.route is not None and (socket := self._sockets.get(page.route.leader_sid)):
            socket.carried.discard(client_id)
        for sid in page.sids:
            self._sockets[sid].page_ids.discard(client_id)
