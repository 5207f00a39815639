"""The sockets that pages open for themselves: NiceGUI's handlers of them, and what they mean for what is carried."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client
from pydantic import ValidationError

from .connections import Connections
from .frames import Handshake
from .guard import Guard


class Handshakes:
    """Notes which socket is whose, from its connect to its disconnect. A page that gets one is carried no longer.

    :param connections: the pages and the sockets
    :param guard: counts what is odd
    :param on_role: called with a client whose socket has ended
    """

    def __init__(self, connections: Connections, guard: Guard, on_role: Callable[[Client], None]) -> None:
        self._connections = connections
        self._guard = guard
        self._on_role = on_role
        self.nicegui: dict[str, Any] = {}
        """NiceGUI's own handlers, by event."""

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> Any:
        """Have NiceGUI take a socket, unless what its query says is odd or overtaken."""
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
            result = await self._on_own_socket(sid, client, lambda: self.nicegui['connect'](sid, environ, auth))
            accepted = result is not False
            return result
        finally:
            if not accepted:
                self._connections.remove_socket(sid)

    async def handshake(self, sid: str, data: dict[str, Any]) -> Any:
        """Have NiceGUI make the handshake of a page that did not make it when it connected."""
        client = Client.instances.get(data['client_id'])
        return await self._on_own_socket(sid, client, lambda: self.nicegui['handshake'](sid, data))

    async def disconnect(self, sid: str, reason: Any = None) -> None:
        """Have NiceGUI end a socket, and end what it carried."""
        if handler := self.nicegui.get('disconnect'):
            takes_reason = len(inspect.signature(handler).parameters) > 1
            result = handler(sid, reason) if takes_reason else handler(sid)
            if inspect.isawaitable(result):
                await result
        for client_id in self._connections.remove_socket(sid):
            if client := Client.instances.get(client_id):
                self._on_role(client)

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
