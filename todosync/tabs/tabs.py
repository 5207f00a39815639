"""One socket per browser: a leader's socket carries the tabs that follow it.

A carried tab's NiceGUI client is registered with a virtual socket id. What NiceGUI sends to it goes to the leader's
socket, wrapped with the tab's address; what the tab sends comes over the leader's socket, numbered, and is handed to
NiceGUI exactly once. See ``docs/protocol.md``.

The module is long because it holds all promises about the order of what is sent and received, which only hold together.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal
from urllib.parse import parse_qs

import socketio
from nicegui import Client, core

from .page import Page, Route, Socket
from .sessions import Sessions

Role = Literal['leader', 'follower', 'alone', 'none']
"""What a tab is: ``leader`` holds the browser's socket, a ``follower`` is carried by it, ``alone`` is a tab that keeps
a socket for itself because it cannot share one, ``none`` has no connection."""

Refusal = Literal['leader', 'overtaken', 'expired', 'session', 'full']
"""Why a tab is not carried: the socket is no leader's (yet), the tab has connected in another way since it asked, the
page is forgotten, another session, too many."""
RELAYED_EVENTS = frozenset({'event', 'javascript_response', 'log'})
"""The frames of NiceGUI's page that must arrive exactly once."""

log = logging.getLogger(__name__)


class Tabs:
    """Carries follower tabs over their leader's socket.

    :param sio: NiceGUI's Socket.IO server
    :param sessions: knows which pages belong to the same browser session
    :param tabs_per_socket: how many tabs one socket may carry
    :param reconnect_timeout: seconds that a page's server side outlives its connection
    :param on_role: called when a client's role has changed
    """

    def __init__(
        self,
        sio: socketio.AsyncServer,
        sessions: Sessions,
        *,
        tabs_per_socket: int,
        reconnect_timeout: float,
        on_role: Callable[[Client, Role], None] = lambda client, role: None,
    ) -> None:
        self._sio = sio
        self._sessions = sessions
        self._tabs_per_socket = tabs_per_socket
        self._reconnect_timeout = reconnect_timeout
        self._on_role = on_role
        self._pages: dict[str, Page] = {}
        self._sockets: dict[str, Socket] = {}
        self._numbers = itertools.count(1)
        self._nicegui: dict[str, Any] = {}
        self._emit: Any = None

    @property
    def socket_count(self) -> int:
        """How many sockets of browsers are connected."""
        return sum(socket.leading_page_id is not None for socket in self._sockets.values())

    @property
    def carried_count(self) -> int:
        """How many tabs have no socket of their own."""
        return sum(page.route is not None for page in self._pages.values())

    @property
    def browser_count(self) -> int:
        """How many browser sessions have a tab that is connected."""
        connected = [client for client in list(Client.instances.values()) if client.has_socket_connection]
        return len({self._sessions.id_of(client) for client in connected})

    def start(self) -> None:
        """Step between NiceGUI and its Socket.IO server; safe to call twice."""
        if self._nicegui:
            return
        handlers = self._sio.handlers['/']
        self._nicegui = {name: handlers[name] for name in ('connect', 'handshake', 'disconnect', *RELAYED_EVENTS)}
        handlers.update(
            connect=self._handle_connect,
            handshake=self._handle_handshake,
            disconnect=self._handle_disconnect,
            todosync_join=self._handle_join,
            todosync_leave=self._handle_leave,
            todosync_up=self._handle_up,
        )
        self._emit = self._sio.emit
        self._sio.emit = self._route_emit

    def stop(self) -> None:
        """Step aside again; safe to call twice."""
        if not self._nicegui:
            return
        handlers = self._sio.handlers['/']
        for name in ('todosync_join', 'todosync_leave', 'todosync_up'):
            handlers.pop(name, None)
        handlers.update(self._nicegui)
        self._sio.emit = self._emit
        self._nicegui = {}

    def is_leader(self, sid: str) -> bool:
        """Return whether a socket has been registered by :meth:`greet`."""
        socket = self._sockets.get(sid)
        return socket is not None and socket.leading_page_id is not None

    def role(self, client: Client) -> Role:
        """Return what a client's tab is now."""
        page = self._pages.get(client.id)
        if page is not None and page.route is not None:
            return 'follower'
        return 'leader' if client.has_socket_connection else 'none'

    def greet(self, sid: str, client_id: str, document_id: str) -> int | None:
        """Register a socket as one that may carry tabs.

        :param sid: the Socket.IO id
        :param client_id: the NiceGUI client whose handshake the socket made
        :param document_id: the document in which the client's page runs
        :return: the number of the last frame received from that document, ``None`` if the socket is not the client's
        """
        client, socket = Client.instances.get(client_id), self._sockets.get(sid)
        if client is None or socket is None or client_id not in socket.page_ids:
            return None
        if socket.leading_page_id is None:
            socket.leading_page_id = client_id
        self._keep_for_reconnect(client)
        return self._page(client).last_received(document_id)

    def forget(self, client: Client) -> None:
        """Forget a client that NiceGUI has deleted."""
        self._release(client.id)
        if page := self._pages.pop(client.id, None):
            for sid in page.sids:
                self._sockets[sid].page_ids.discard(client.id)

    async def _handle_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> Any:
        query = {name: values[0] for name, values in parse_qs(environ.get('QUERY_STRING', '')).items()}
        client = Client.instances.get(query.get('client_id', ''))
        if client is not None and self._page(client).is_overtaken(_number(query.get('link_number'))):
            return False
        self._sockets[sid] = Socket()
        accepted = False
        try:
            makes_handshake = query.get('implicit_handshake') == 'true'
            result = await self._on_own_socket(
                sid, client if makes_handshake else None, lambda: self._nicegui['connect'](sid, environ, auth)
            )
            accepted = result is not False
            return result
        finally:
            if not accepted:
                self._drop_socket(sid)

    async def _handle_handshake(self, sid: str, data: dict[str, Any]) -> Any:
        client = Client.instances.get(str(data.get('client_id')))
        return await self._on_own_socket(sid, client, lambda: self._nicegui['handshake'](sid, data))

    async def _on_own_socket(self, sid: str, client: Client | None, handshake: Callable[[], Awaitable[Any]]) -> Any:
        if client is None:
            return await handshake()
        # the route must be gone before NiceGUI sends again what the tab has missed
        page = self._page(client)
        route, page.route = page.route, None
        accepted = False
        try:
            result = await handshake()
            accepted = result is not False
            return result
        finally:
            socket = self._sockets.get(sid)
            if accepted and socket is not None and self._pages.get(client.id) is page:
                socket.page_ids.add(client.id)
                page.sids.add(sid)
            if route is not None:
                if accepted:
                    self._end(client.id, route)
                else:
                    page.route = route

    def _handle_disconnect(self, sid: str, reason: Any = None) -> None:
        self._nicegui['disconnect'](sid)
        for client_id in self._drop_socket(sid):
            if client := Client.instances.get(client_id):
                self._on_role(client, self.role(client))

    async def _handle_join(self, sid: str, data: dict[str, Any]) -> dict[str, Any]:
        client_id, tab_id = str(data['client_id']), str(data['tab_id'])
        client, socket = Client.instances.get(client_id), self._sockets.get(sid)
        leading_client = Client.instances.get(socket.leading_page_id or '') if socket else None
        if socket is None or leading_client is None:
            return _refusal('leader')
        if client is None:
            return _refusal('expired')
        page = self._page(client)
        reason = self._reason_not_to_carry(client, leading_client, socket)
        if reason is None and page.is_overtaken(_number(data.get('link_number'))):
            reason = 'overtaken'
        if reason is not None:
            return _refusal(reason)
        route = Route(sid, str(data['tab']), f'carried-{next(self._numbers)}')
        # no socket environment: the leader's would carry the leader's client id, and be refused
        if not client.accept_handshake(route.virtual_sid, tab_id, None):
            return _refusal('expired')
        before, page.route = page.route, route
        socket.carried.add(client_id)
        client.environ = leading_client.environ
        self._keep_for_reconnect(client)
        await client.handle_handshake(
            route.virtual_sid,
            tab_id,
            data.get('old_tab_id'),
            str(data['document_id']),
            data.get('next_message_id'),
        )
        if before is not None:
            self._end(client_id, before)
        if self._pages.get(client_id) is not page or sid not in self._sockets:  # one has ended meanwhile
            self._release(client_id)
            return _refusal('leader')
        self._on_role(client, 'follower')
        return {'ok': True, 'received': page.last_received(str(data['document_id']))}

    def _handle_leave(self, sid: str, data: dict[str, Any]) -> None:
        client_id = str(data['client_id'])
        page = self._pages.get(client_id)
        if page is not None and page.route is not None and page.route.leader_sid == sid:
            self._release(client_id)

    def _handle_up(self, sid: str, data: dict[str, Any]) -> dict[str, Any]:
        """Hand a numbered frame to NiceGUI. Returns the number up to which frames have been received.

        Frames are processed in the order of their numbers, each once: a repeated one is only acknowledged again, and
        one that comes after a missing one is refused, for its sender to join again and repeat both.
        """
        client_id, number, event, payload = str(data['client_id']), int(data['number']), data['event'], data['data']
        page = self._pages.get(client_id)
        if page is None or event not in RELAYED_EVENTS or payload.get('client_id') != client_id:
            return {'ok': False}
        if not _speaks_for(sid, page):
            return {'ok': False}
        document_id = str(data['document_id'])
        if page.receive(document_id, number):
            try:
                self._nicegui[event](sid, payload)
            except Exception as error:  # it has been received all the same, and must not be sent again
                core.app.handle_exception(error)
        received = page.last_received(document_id)
        return {'ok': number <= received, 'received': received}

    def _page(self, client: Client) -> Page:
        return self._pages.setdefault(client.id, Page())

    def _drop_socket(self, sid: str) -> set[str]:
        """Forget a socket, and return the pages of which it was one. What it carried is carried no longer."""
        socket = self._sockets.pop(sid, None)
        if socket is None:
            return set()
        for client_id in sorted(socket.carried):
            self._release(client_id)
        for client_id in socket.page_ids:
            self._pages[client_id].sids.discard(sid)
        return socket.page_ids

    def _release(self, client_id: str) -> None:
        page = self._pages.get(client_id)
        if page is None or page.route is None:
            return
        route, page.route = page.route, None
        self._end(client_id, route)
        if client := Client.instances.get(client_id):
            self._on_role(client, self.role(client))

    def _end(self, client_id: str, route: Route) -> None:
        """Tell NiceGUI that a route no longer leads to the tab."""
        if socket := self._sockets.get(route.leader_sid):
            page = self._pages.get(client_id)
            if page is None or page.route is None or page.route.leader_sid != route.leader_sid:
                socket.carried.discard(client_id)
        if client := Client.instances.get(client_id):
            client.handle_disconnect(route.virtual_sid)

    def _keep_for_reconnect(self, client: Client) -> None:
        # per page, never globally: NiceGUI derives the ping interval of all sockets from the global value
        if client.page.reconnect_timeout is None:
            client.page.reconnect_timeout = self._reconnect_timeout

    def _reason_not_to_carry(self, client: Client, leading_client: Client, socket: Socket) -> Refusal | None:
        if not self._sessions.are_same(client, leading_client):
            return 'session'
        if len(socket.carried - {client.id}) >= self._tabs_per_socket:
            return 'full'
        return None

    async def _route_emit(self, event: str, data: Any = None, to: Any = None, room: Any = None, **options: Any) -> None:
        """Send like ``sio.emit``, but to a carried tab over its leader's socket."""
        page = self._pages.get(to or room) if isinstance(to or room, str) else None
        if page is None or (route := page.route) is None:
            await self._emit(event, data, to=to, room=room, **options)
        else:
            args = list(data) if isinstance(data, tuple) else [] if data is None else [data]  # as Socket.IO sends them
            await self._emit('todosync_down', {'tab': route.tab, 'event': event, 'args': args}, to=route.leader_sid)


def _speaks_for(sid: str, page: Page) -> bool:
    """Return whether a socket may hand over what a page has to say."""
    return sid in page.sids if page.route is None else sid == page.route.leader_sid


def _number(value: str | int | None) -> int | None:
    return None if value is None else int(value)


def _refusal(reason: Refusal) -> dict[str, Any]:
    return {'ok': False, 'reason': reason}
