"""One socket per browser: a leader's socket carries the tabs that follow it.

A carried tab's NiceGUI client is registered with a virtual socket id. What NiceGUI sends to it goes to the leader's
socket, wrapped with the tab's address; what the tab sends comes over the leader's socket, numbered, and is handed to
NiceGUI exactly once. See ``docs/protocol.md``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import socketio
from nicegui import Client

from .carrying import Carrying, keep_for_reconnect
from .connections import Connections
from .frames import READ_NICEGUI, Join, Leave, Up
from .guard import Guard
from .handshakes import Handshakes
from .sessions import Sessions

Role = Literal['leader', 'follower', 'alone', 'none']
"""The role of a tab. A ``leader`` holds the browser's socket. A ``follower`` is carried by it. A tab is ``alone`` if it
keeps its own socket because it cannot share one. A tab with ``none`` has no connection."""

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
        self._reconnect_timeout = reconnect_timeout
        self._on_role = on_role
        self._connections = Connections(on_end=_disconnect, on_release=self._tell_role)
        self._handshakes = Handshakes(self._connections, guard, self._tell_role)
        self._carrying = Carrying(
            self._connections,
            sessions,
            tabs_per_socket=tabs_per_socket,
            reconnect_timeout=reconnect_timeout,
            on_role=self._tell_role,
        )
        self._is_running = False
        self._shares = True
        self._nicegui: dict[str, Any] = {}

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
        self._handshakes.nicegui = self._nicegui
        self._carrying.to_nicegui = {
            name: wrap(self._nicegui[name], read, odd=ODD_TO_NICEGUI) for name, read in READ_NICEGUI.items()
        }
        self._carrying.plain_emit = self._sio.emit
        handlers.update(
            self._carrying.to_nicegui,
            connect=self._handshakes.connect,
            handshake=wrap(self._handshakes.handshake, READ_NICEGUI['handshake']),
            disconnect=self._handshakes.disconnect,
            todosync_join=wrap(self._carrying.join, Join.model_validate),
            todosync_leave=wrap(self._carrying.leave, Leave.model_validate),
            todosync_up=wrap(self._carrying.up, Up.model_validate),
        )
        self._sio.emit = self._carrying.emit

    def start_apart(self) -> None:
        """Only notice which sockets come and go, with a NiceGUI that is not known; safe to call twice.

        Each tab keeps a socket of its own, and NiceGUI does with it what it likes.
        """
        if self._is_running:
            return
        self._is_running, self._shares = True, False
        handlers = self._sio.handlers.setdefault('/', {})
        self._nicegui = {name: handlers[name] for name in ('disconnect',) if name in handlers}
        self._handshakes.nicegui = self._nicegui
        handlers['disconnect'] = self._handshakes.disconnect

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
            self._sio.emit = self._carrying.plain_emit

    def is_leader(self, sid: str) -> bool:
        """Return whether a socket has been registered by :meth:`greet`."""
        socket = self._connections.find_socket(sid)
        return socket is not None and socket.leading_page_id is not None

    def client_of(self, sid: str) -> Client | None:
        """Return the client whose tab leads with a socket, ``None`` if none does."""
        socket = self._connections.find_socket(sid)
        return Client.instances.get(socket.leading_page_id or '') if socket else None

    def sockets_of(self, client_id: str) -> list[str]:
        """Return the Socket.IO ids of the sockets that reach a page: that of its leader, or its own."""
        page = self._connections.find_page(client_id)
        if page is None:
            return []
        return sorted(page.sids) if page.route is None else [page.route.leader_sid]

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
        keep_for_reconnect(client, self._reconnect_timeout)
        page = self._connections.page(client)
        page.is_alone = alone
        self._tell_role(client)
        return page.last_received(document_id)

    def forget(self, client: Client) -> None:
        """Forget a client that NiceGUI has deleted."""
        self._connections.remove_page(client.id)

    def _tell_role(self, client: Client) -> None:
        self._on_role(client, self.role(client))


def _disconnect(client: Client, virtual_sid: str) -> None:
    """Tell NiceGUI that a carried client is not reached any more."""
    client.handle_disconnect(virtual_sid)
