"""One socket per browser: a leader's socket carries the tabs that follow it.

A carried tab's NiceGUI client is registered with a virtual socket id. What NiceGUI sends to it goes to the leader's
socket, wrapped with the tab's address; what the tab sends comes over the leader's socket, numbered, and is handed to
NiceGUI exactly once. See ``docs/protocol.md``.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs

import socketio
from nicegui import Client, core

from .sessions import Sessions

Role = Literal['leader', 'follower', 'alone', 'none']
"""What a tab is: ``leader`` holds the browser's socket, a ``follower`` is carried by it, ``alone`` is a tab that keeps
a socket for itself because it cannot share one, ``none`` has no connection."""

Refusal = Literal['leader', 'overtaken', 'expired', 'session', 'full']
"""Why a tab is not carried: the socket is no leader's (yet), the tab has connected in another way since it asked, the
page is forgotten, another session, too many."""
DOCUMENTS_PER_CLIENT = 8
"""How many documents of one page the server keeps count of. A browser has one at a time, and may restore others."""
RELAYED_EVENTS = frozenset({'event', 'javascript_response', 'log'})
"""The frames of NiceGUI's page that must arrive exactly once."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """How a carried tab is reached."""

    leader_sid: str
    tab: str
    virtual_sid: str


@dataclass
class Leader:
    """A socket that carries tabs, by their client ids."""

    client_id: str
    carried: set[str] = field(default_factory=set)


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
        self._leaders: dict[str, Leader] = {}
        self._routes: dict[str, Route] = {}
        self._received: dict[str, dict[str, int]] = {}
        self._links: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._nicegui: dict[str, Any] = {}
        self._emit: Any = None

    @property
    def socket_count(self) -> int:
        """How many sockets of browsers are connected."""
        return len(self._leaders)

    @property
    def carried_count(self) -> int:
        """How many tabs have no socket of their own."""
        return len(self._routes)

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
        return sid in self._leaders

    def role(self, client: Client) -> Role:
        """Return what a client's tab is now."""
        if client.id in self._routes:
            return 'follower'
        return 'leader' if client.has_socket_connection else 'none'

    def greet(self, sid: str, client_id: str, document_id: str) -> int | None:
        """Register a socket as one that may carry tabs.

        :param sid: the Socket.IO id
        :param client_id: the NiceGUI client whose handshake the socket made
        :param document_id: the document in which the client's page runs
        :return: the number of the last frame received from that document, ``None`` if the socket is not the client's
        """
        client = self._own_client(sid, client_id)
        if client is None:
            return None
        self._leaders.setdefault(sid, Leader(client_id))
        self._keep_for_reconnect(client)
        return self._last_received(client_id, document_id)

    def forget(self, client: Client) -> None:
        """Forget a client that NiceGUI has deleted."""
        self._release(client.id)
        self._received.pop(client.id, None)
        self._links.pop(client.id, None)

    async def _handle_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> Any:
        query = parse_qs(environ.get('QUERY_STRING', ''))
        client_id = query.get('client_id', [''])[0]
        if self._is_overtaken(client_id, query.get('link_number', [None])[0]):
            return False
        return await self._on_own_socket(client_id, lambda: self._nicegui['connect'](sid, environ, auth))

    async def _handle_handshake(self, sid: str, data: dict[str, Any]) -> Any:
        return await self._on_own_socket(str(data.get('client_id')), lambda: self._nicegui['handshake'](sid, data))

    async def _on_own_socket(self, client_id: str, handshake: Callable[[], Awaitable[Any]]) -> Any:
        # the route must be gone before NiceGUI sends again what the tab has missed
        route = self._routes.pop(client_id, None)
        accepted = False
        try:
            result = await handshake()
            accepted = result is not False
            return result
        finally:
            if route is not None:
                if accepted:
                    self._end(client_id, route)
                else:
                    self._routes[client_id] = route

    def _handle_disconnect(self, sid: str, reason: Any = None) -> None:
        client_ids = [room for room in self._sio.rooms(sid) if room in Client.instances]
        self._nicegui['disconnect'](sid)
        leader = self._leaders.pop(sid, None)
        for client_id in sorted(leader.carried) if leader else ():
            self._release(client_id)
        for client_id in client_ids:
            if client := Client.instances.get(client_id):
                self._on_role(client, self.role(client))

    async def _handle_join(self, sid: str, data: dict[str, Any]) -> dict[str, Any]:
        client_id, tab_id = str(data['client_id']), str(data['tab_id'])
        client, leader = Client.instances.get(client_id), self._leaders.get(sid)
        leading_client = Client.instances.get(leader.client_id) if leader else None
        if leader is None or leading_client is None:
            return _refusal('leader')
        if client is None:
            return _refusal('expired')
        reason = self._reason_not_to_carry(client, leading_client, leader)
        if reason is None and self._is_overtaken(client_id, data.get('link_number')):
            reason = 'overtaken'
        if reason is not None:
            return _refusal(reason)
        route = Route(sid, str(data['tab']), f'carried-{next(self._numbers)}')
        # no socket environment: the leader's would carry the leader's client id, and be refused
        if not client.accept_handshake(route.virtual_sid, tab_id, None):
            return _refusal('expired')
        before = self._routes.get(client_id)
        self._routes[client_id] = route
        leader.carried.add(client_id)
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
        if sid not in self._leaders:
            self._release(client_id)
            return _refusal('leader')
        self._on_role(client, 'follower')
        return {'ok': True, 'received': self._last_received(client_id, str(data['document_id']))}

    def _handle_leave(self, sid: str, data: dict[str, Any]) -> None:
        route = self._routes.get(str(data['client_id']))
        if route is not None and route.leader_sid == sid:
            self._release(str(data['client_id']))

    def _handle_up(self, sid: str, data: dict[str, Any]) -> dict[str, Any]:
        """Hand a numbered frame to NiceGUI. Returns the number up to which frames have been received.

        Frames are processed in the order of their numbers, each once: a repeated one is only acknowledged again, and
        one that comes after a missing one is refused, for its sender to join again and repeat both.
        """
        client_id, number, event, payload = str(data['client_id']), int(data['number']), data['event'], data['data']
        if event not in RELAYED_EVENTS or payload.get('client_id') != client_id or not self._speaks_for(sid, client_id):
            return {'ok': False}
        document_id = str(data['document_id'])
        received = self._last_received(client_id, document_id)
        if number == received + 1:
            self._received[client_id][document_id] = received = number
            try:
                self._nicegui[event](sid, payload)
            except Exception as error:  # it has been received all the same, and must not be sent again
                core.app.handle_exception(error)
        return {'ok': number <= received, 'received': received}

    def _last_received(self, client_id: str, document_id: str) -> int:
        """Return the number of the last frame received from a document of a client; each document begins with 1."""
        received = self._received.setdefault(client_id, {})
        received[document_id] = received.pop(document_id, 0)  # the last to be forgotten
        while len(received) > DOCUMENTS_PER_CLIENT:
            del received[next(iter(received))]
        return received[document_id]

    def _is_overtaken(self, client_id: str, link_number: str | int | None) -> bool:
        """Return whether a page has tried to connect in another way since it made this attempt.

        Attempts travel by different sockets, so an old one may arrive late; it must not undo the one that counts.
        """
        if link_number is None:
            return False
        latest = max(int(link_number), self._links.get(client_id, 0))
        self._links[client_id] = latest
        return int(link_number) < latest

    def _speaks_for(self, sid: str, client_id: str) -> bool:
        route = self._routes.get(client_id)
        if route is not None:
            return route.leader_sid == sid
        return self._own_client(sid, client_id) is not None

    def _own_client(self, sid: str, client_id: str) -> Client | None:
        return Client.instances.get(client_id) if client_id in self._sio.rooms(sid) else None

    def _release(self, client_id: str) -> None:
        route = self._routes.pop(client_id, None)
        if route is not None:
            self._end(client_id, route)
            if client := Client.instances.get(client_id):
                self._on_role(client, self.role(client))

    def _end(self, client_id: str, route: Route) -> None:
        """Tell NiceGUI that a route no longer leads to the tab."""
        if leader := self._leaders.get(route.leader_sid):
            current = self._routes.get(client_id)
            if current is None or current.leader_sid != route.leader_sid:
                leader.carried.discard(client_id)
        if client := Client.instances.get(client_id):
            client.handle_disconnect(route.virtual_sid)

    def _keep_for_reconnect(self, client: Client) -> None:
        # per page, never globally: NiceGUI derives the ping interval of all sockets from the global value
        if client.page.reconnect_timeout is None:
            client.page.reconnect_timeout = self._reconnect_timeout

    def _reason_not_to_carry(self, client: Client, leading_client: Client, leader: Leader) -> Refusal | None:
        if not self._sessions.are_same(client, leading_client):
            return 'session'
        if len(leader.carried - {client.id}) >= self._tabs_per_socket:
            return 'full'
        return None

    async def _route_emit(self, event: str, data: Any = None, to: Any = None, room: Any = None, **options: Any) -> None:
        """Send like ``sio.emit``, but to a carried tab over its leader's socket."""
        route = self._routes.get(to or room) if isinstance(to or room, str) else None
        if route is None:
            await self._emit(event, data, to=to, room=room, **options)
        else:
            await self._emit('todosync_down', {'tab': route.tab, 'event': event, 'data': data}, to=route.leader_sid)


def _refusal(reason: Refusal) -> dict[str, Any]:
    return {'ok': False, 'reason': reason}
