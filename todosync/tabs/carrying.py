"""How a leader's socket carries pages: they join and leave, their frames go up to NiceGUI, its messages down."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from nicegui import Client

from .connections import Connections
from .frames import Join, Leave, Up
from .page import Page, Route, Socket
from .sessions import Sessions

Refusal = Literal['leader', 'overtaken', 'expired', 'session', 'full']
"""Why a tab is not carried. ``leader``: the socket does not lead, or not yet. ``overtaken``: the tab has made a newer
attempt to connect. ``expired``: the server has forgotten the page. ``session``: the leader has another session.
``full``: the leader carries as many tabs as it may."""
RELAYED_EVENTS = frozenset({'event', 'javascript_response', 'log'})
"""The frames of NiceGUI's page that must arrive exactly once."""


class Carrying:
    """Carries pages over sockets of other pages, as those ask for it.

    :param connections: the pages and the sockets
    :param sessions: knows which pages belong to the same browser session
    :param tabs_per_socket: how many pages one socket may carry
    :param reconnect_timeout: seconds for which a page without a connection is kept
    :param on_role: called with a client that is carried from now on
    """

    def __init__(
        self,
        connections: Connections,
        sessions: Sessions,
        *,
        tabs_per_socket: int,
        reconnect_timeout: float,
        on_role: Callable[[Client], None],
    ) -> None:
        self._connections = connections
        self._sessions = sessions
        self._tabs_per_socket = tabs_per_socket
        self._reconnect_timeout = reconnect_timeout
        self._on_role = on_role
        self._numbers = itertools.count(1)
        self.to_nicegui: dict[str, Callable[..., Awaitable[Any]]] = {}
        """NiceGUI's own handlers, each behind the guard, by event."""
        self.plain_emit: Any = None
        """The server's own ``emit``, which sends to a socket and knows no carried pages."""

    async def join(self, sid: str, asked: Join) -> dict[str, Any]:
        """Carry a page over a leader's socket."""
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
        keep_for_reconnect(client, self._reconnect_timeout)
        await client.handle_handshake(
            route.virtual_sid, asked.tab_id, asked.old_tab_id, asked.document_id, asked.next_message_id
        )
        if before is not None:
            self._connections.end(client.id, before)
        if self._connections.find_page(client.id) is not page or self._connections.find_socket(sid) is not socket:
            self._connections.release(client.id)  # one has ended meanwhile
            return _refusal('leader')
        self._on_role(client)
        return {'ok': True, 'received': page.last_received(asked.document_id)}

    def leave(self, sid: str, asked: Leave) -> None:
        """Carry a page no longer."""
        page = self._connections.find_page(asked.client_id)
        if page is not None and page.route is not None and page.route.leader_sid == sid:
            self._connections.release(asked.client_id)

    async def up(self, sid: str, frame: Up) -> dict[str, Any]:
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
            await self.to_nicegui[frame.event](sid, frame.data)
        received = page.last_received(frame.document_id)
        return {'ok': frame.number <= received, 'received': received}

    async def emit(self, event: str, data: Any = None, to: Any = None, room: Any = None, **options: Any) -> None:
        """Send like ``sio.emit``, but to a carried tab over its leader's socket."""
        page = self._connections.find_page(to or room) if isinstance(to or room, str) else None
        if page is None or (route := page.route) is None:
            await self.plain_emit(event, data, to=to, room=room, **options)
        else:
            args = list(data) if isinstance(data, tuple) else [] if data is None else [data]  # as Socket.IO sends them
            data = {'tab': route.tab, 'event': event, 'args': args}
            await self.plain_emit('todosync_down', data, to=route.leader_sid, callback=options.get('callback'))

    def _reason_not_to_carry(self, client: Client, leading_client: Client, socket: Socket) -> Refusal | None:
        if not self._sessions.are_same(client, leading_client):
            return 'session'
        if len(socket.carried - {client.id}) >= self._tabs_per_socket:
            return 'full'
        return None


def keep_for_reconnect(client: Client, seconds: float) -> None:
    """Have NiceGUI keep a page without a connection for some seconds, unless the page itself says for how long."""
    # per page, never globally: NiceGUI derives the ping interval of all sockets from the global value
    if client.page.reconnect_timeout is None:
        client.page.reconnect_timeout = seconds


def _speaks_for(sid: str, page: Page) -> bool:
    """Return whether a socket may hand over what a page has to say."""
    return sid in page.sids if page.route is None else sid == page.route.leader_sid


def _refusal(reason: Refusal) -> dict[str, Any]:
    return {'ok': False, 'reason': reason}
