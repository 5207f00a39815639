"""One socket per browser: a leader's socket carries the tabs that follow it.

A carried tab's NiceGUI client is registered with a virtual socket id. What NiceGUI sends to it goes to the leader's
socket, wrapped with the tab's address; what the tab sends comes over the leader's socket, numbered, and is handed to
NiceGUI exactly once. See ``docs/protocol.md``.

The module is long because it holds all promises about the order of what is sent and received, which only hold together.
"""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal
from urllib.parse import parse_qs

import socketio
from nicegui import Client
from pydantic import ValidationError

from .connections import Connections
from .frames import READ_NICEGUI, Handshake, Join, Leave, Up
from .guard import Guard
from .page import Page, Route, Socket
from .sessions import Sessions

Role = Literal['leader', 'follower', 'alone', 'none']
"""The role of a tab. A ``leader`` holds the browser's socket. A ``follower`` is carried by it. A tab is ``alone`` if it
keeps its own socket because it cannot share one. A tab with ``none`` has no connection."""

Refusal = Literal['leader', 'overtaken', 'expired', 'session', 'full']
"""Why a tab is not carried. ``leader``: the socket does not lead, or not yet. ``overtaken``: the tab has made a newer
attempt to connect. ``expired``: the server has forgotten the page. ``session``: the leader has another session.
``full``: the leader carries as many tabs as it may."""
RELAYED_EVENTS = frozenset({'event', 'javascript_response', 'log'})
"""The frames of NiceGUI's page that must arrive exactly once."""
ODD_TO_NICEGUI = (json.JSONDecodeError, LookupError)
"""The errors that NiceGUI raises for a frame with the right shape but with unknown names, or without JSON."""


class Tabs:
    """Carries follower tabs over their leader's socket.

    :param sio: NiceGUI's Socket.IO server
    :param sessions: knows which pages belong to the same browser session
    :param guard: checks all frames of browsers before they reach the handlers
    :param tabs_per_socket: how many tabs one socket may carry
    :param reconnect_timeout: seconds for which a page without a connection is kept
    :param on_role: called when a client's role has changed
    """

    def __init__(
        self,
        sio: socketio.AsyncServer,
        sessions: Sessions,
        guard: Guard,
        *,
        tabs_per_socket: int,
        reconnect_timeout: float,
        on_role: Callable[[Client, Role], None] = lambda client, role: None,
    ) -> None:
        self._sio = sio
        self._sessions = sessions
        self._guard = guard
        self._tabs_per_socket = tabs_per_socket
        self._reconnect_timeout = reconnect_timeout
        self._on_role = on_role
        self._connections = Connections(on_end=_disconnect, on_release=self._tell_role)
        self._numbers = itertools.count(1)
        self._is_running = False
        self._shares = True
        self._nicegui: dict[str, Any] = {}
        self._to_nicegui: dict[str, Callable[..., Awaitable[Any]]] = {}
        self._emit: Any = None

    @property
    def socket_count(self) -> int:
        """How many sockets of browsers are connected."""
        return self._connections.leading_count

    @property
    def carried_count(self) -> int:
        """How many tabs have no socket of their own."""
        return self._connections.carried_count

    @property
    def browser_count(self) -> int:
        """How many browser sessions have a tab that is connected."""
        connected = [client for client in list(Client.instances.values()) if client.has_socket_connection]
        return len({self._sessions.id_of(client) for client in connected})

    def start(self) -> None:
        """Step between NiceGUI and its Socket.IO server; safe to call twice."""
        if self._is_running:
            return
        self._is_running = self._shares = True
        handlers, wrap = self._sio.handlers['/'], self._guard.wrap
        self._nicegui = {name: handlers[name] for name in ('connect', 'disconnect', *READ_NICEGUI)}
        self._to_nicegui = {
            name: wrap(self._nicegui[name], read, odd=ODD_TO_NICEGUI) for name, read in READ_NICEGUI.items()
        }
        handlers.update(
            self._to_nicegui,
            connect=self._handle_connect,
            handshake=wrap(self._handle_handshake, READ_NICEGUI['handshake']),
            disconnect=self._handle_disconnect,
            todosync_join=wrap(self._handle_join, Join.model_validate),
            todosync_leave=wrap(self._handle_leave, Leave.model_validate),
            todosync_up=wrap(self._handle_up, Up.model_validate),
        )
        self._emit = self._sio.emit
        self._sio.emit = self._route_emit

    def start_apart(self) -> None:
        """Only notice which sockets come and go, with a NiceGUI that is not known; safe to call twice.

        Each tab keeps a socket of its own, and NiceGUI does with it what it likes.
        """
        if self._is_running:
            return
        self._is_running, self._shares = True, False
        handlers = self._sio.handlers.setdefault('/', {})
        self._nicegui = {name: handlers[name] for name in ('disconnect',) if name in handlers}
        handlers['disconnect'] = self._handle_disconnect

    def stop(self) -> None:
        """Step aside again; safe to call twice."""
        if not self._is_running:
            return
        self._is_running = False
        handlers = self._sio.handlers['/']
        for name in ('disconnect', 'todosync_join', 'todosync_leave', 'todosync_up'):
            handlers.pop(name, None)
        handlers.update(self._nicegui)
        if self._shares:
            self._sio.emit = self._emit

    def is_leader(self, sid: str) -> bool:
        """Return whether a socket has been registered by :meth:`greet`."""
        socket = self._connections.find_socket(sid)
        return socket is not None and socket.leading_page_id is not None

    def role(self, client: Client) -> Role:
        """Return what a client's tab is now."""
        page = self._connections.find_page(client.id)
        if page is not None and page.route is not None:
            return 'follower'
        if not client.has_socket_connection:
            return 'none'
        is_alone = not self._shares or (page is not None and page.is_alone)
        return 'alone' if is_alone else 'leader'

    def greet(self, sid: str, client_id: str, document_id: str, *, alone: bool = False) -> int | None:
        """Register a socket as one that may carry tabs.

        :param sid: the Socket.IO id
        :param client_id: the NiceGUI client whose handshake the socket made
        :param document_id: the document in which the client's page runs
        :param alone: whether its tab keeps the socket for itself
        :return: the number of the last frame received from that document, ``None`` if the socket is not the client's
        """
        client = Client.instances.get(client_id)
        if client is not None and not self._shares and client_id in self._sio.rooms(sid):  # where NiceGUI sends to it
            self._connections.add_socket(sid)
            self._connections.page(client)
            self._connections.assign(sid, client_id)
        socket = self._connections.find_socket(sid)
        if client is None or socket is None or client_id not in socket.page_ids:
            return None
        if socket.leading_page_id is None:
            socket.leading_page_id = client_id
        self._keep_for_reconnect(client)
        page = self._connections.page(client)
        page.is_alone = alone
        self._tell_role(client)
        return page.last_received(document_id)

    def forget(self, client: Client) -> None:
        """Forget a client that NiceGUI has deleted."""
        self._connections.remove_page(client.id)

    async def _handle_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> Any:
        query = {name: values[0] for name, values in parse_qs(environ.get('QUERY_STRING', '')).items()}
        client = None
        if query.get('implicit_handshake') == 'true':
            try:
                handshake = Handshake.model_validate(query)
            except ValidationError:
                self._guard.refuse()
                return False
            client = Client.instances.get(handshake.client_id)
            if client is not None and self._connections.page(client).is_overtaken(handshake.link_number):
                return False
        self._connections.add_socket(sid)
        accepted = False
        try:
            result = await self._on_own_socket(sid, client, lambda: self._nicegui['connect'](sid, environ, auth))
            accepted = result is not False
            return result
        finally:
            if not accepted:
                self._connections.remove_socket(sid)

    async def _handle_handshake(self, sid: str, data: dict[str, Any]) -> Any:
        client = Client.instances.get(data['client_id'])
        return await self._on_own_socket(sid, client, lambda: self._nicegui['handshake'](sid, data))

    async def _on_own_socket(self, sid: str, client: Client | None, handshake: Callable[[], Awaitable[Any]]) -> Any:
        if client is None:
            return await handshake()
        # the route must be gone before NiceGUI sends again what the tab has missed
        page = self._connections.page(client)
        route, page.route = page.route, None
        accepted = False
        try:
            result = await handshake()
            accepted = result is not False
            return result
        finally:
            if accepted:
                self._connections.assign(sid, client.id)
            if route is not None:
                if accepted:
                    self._connections.end(client.id, route)
                else:
                    page.route = route

    async def _handle_disconnect(self, sid: str, reason: Any = None) -> None:
        if handler := self._nicegui.get('disconnect'):
            takes_reason = len(inspect.signature(handler).parameters) > 1
            result = handler(sid, reason) if takes_reason else handler(sid)
            if inspect.isawaitable(result):
                await result
        for client_id in self._connections.remove_socket(sid):
            if client := Client.instances.get(client_id):
                self._tell_role(client)

    async def _handle_join(self, sid: str, asked: Join) -> dict[str, Any]:
        client, socket = Client.instances.get(asked.client_id), self._connections.find_socket(sid)
        leading_client = Client.instances.get(socket.leading_page_id or '') if socket else None
        if socket is None or leading_client is None:
            return _refusal('leader')
        if client is None:
            return _refusal('expired')
        page = self._connections.page(client)
        reason = self._reason_not_to_carry(client, leading_client, socket)
        if reason is None and page.is_overtaken(asked.link_number):
            reason = 'overtaken'
        if reason is not None:
            return _refusal(reason)
        route = Route(sid, asked.tab, f'carried-{next(self._numbers)}')
        # no socket environment: the leader's would carry the leader's client id, and be refused
        if not client.accept_handshake(route.virtual_sid, asked.tab_id, None):
            return _refusal('expired')
        before = self._connections.carry(client.id, route)
        page.is_alone = False
        client.environ = leading_client.environ
        self._keep_for_reconnect(client)
        await client.handle_handshake(
            route.virtual_sid, asked.tab_id, asked.old_tab_id, asked.document_id, asked.next_message_id
        )
        if before is not None:
            self._connections.end(client.id, before)
        if self._connections.find_page(client.id) is not page or self._connections.find_socket(sid) is not socket:
            self._connections.release(client.id)  # one has ended meanwhile
            return _refusal('leader')
        self._on_role(client, 'follower')
        return {'ok': True, 'received': page.last_received(asked.document_id)}

    def _handle_leave(self, sid: str, asked: Leave) -> None:
        page = self._connections.find_page(asked.client_id)
        if page is not None and page.route is not None and page.route.leader_sid == sid:
            self._connections.release(asked.client_id)

    async def _handle_up(self, sid: str, frame: Up) -> dict[str, Any]:
        """Hand a numbered frame to NiceGUI. Returns the number up to which frames have been received.

        Frames are processed in the order of their numbers, each once: a repeated one is only acknowledged again, and
        one that comes after a missing one is refused, for its sender to join again and repeat both.
        """
        page = self._connections.find_page(frame.client_id)
        if page is None or frame.event not in RELAYED_EVENTS or frame.data.get('client_id') != frame.client_id:
            return {'ok': False}
        if not _speaks_for(sid, page):
            return {'ok': False}
        if page.receive(frame.document_id, frame.number):
            # whatever becomes of it, it has been received, and must not be sent again
            await self._to_nicegui[frame.event](sid, frame.data)
        received = page.last_received(frame.document_id)
        return {'ok': frame.number <= received, 'received': received}

    def _tell_role(self, client: Client) -> None:
        self._on_role(client, self.role(client))

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
        page = self._connections.find_page(to or room) if isinstance(to or room, str) else None
        if page is None or (route := page.route) is None:
            await self._emit(event, data, to=to, room=room, **options)
        else:
            args = list(data) if isinstance(data, tuple) else [] if data is None else [data]  # as Socket.IO sends them
            await self._emit('todosync_down', {'tab': route.tab, 'event': event, 'args': args}, to=route.leader_sid)


def _disconnect(client: Client, virtual_sid: str) -> None:
    """Tell NiceGUI that a carried client is not reached any more."""
    client.handle_disconnect(virtual_sid)


def _speaks_for(sid: str, page: Page) -> bool:
    """Return whether a socket may hand over what a page has to say."""
    return sid in page.sids if page.route is None else sid == page.route.leader_sid


def _refusal(reason: Refusal) -> dict[str, Any]:
    return {'ok': False, 'reason': reason}
