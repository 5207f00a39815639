"""A simulated browser: it opens pages, holds the leader's socket, and carries follower tabs over it."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from tests.light_socket import LightSocket, Listener

SOCKET_PATH = '/_nicegui_ws/socket.io/'
QUERY = re.compile(r'client_id\W+([0-9a-f-]{36}).*?next_message_id\W+(\d+)', re.DOTALL)
PAGE_TIMEOUT = 120.0


class Page:
    """A page as the server sent it."""

    def __init__(self, html: str) -> None:
        found = QUERY.search(html)
        assert found, 'this is no NiceGUI page'
        self.html = html
        self.client_id = found[1]
        self.handshake: dict[str, Any] = {
            'client_id': found[1],
            'document_id': secrets.token_hex(8),
            'tab_id': secrets.token_hex(8),
            'next_message_id': int(found[2]),
            'implicit_handshake': 'true',
        }


class LightBrowser:
    """One browser session.

    :param url: where the app is
    :param listener: called with each event that a socket receives
    :param user: who a proxy in front of the app would say it is
    """

    def __init__(self, url: str, listener: Listener | None = None, *, user: str = '') -> None:
        self._address = urlsplit(url)
        self._listener = listener
        self._http = httpx.AsyncClient(
            base_url=url, timeout=PAGE_TIMEOUT, headers={'X-User': user} if user else {}, verify=False
        )  # no TLS, no certificates to load
        self.sockets: list[LightSocket] = []

    async def load(self, path: str = '/') -> Page:
        """Request a page, as the first thing that a tab does."""
        response = await self._http.get(path, headers={'Accept': 'text/html'})
        response.raise_for_status()
        return Page(response.text)

    async def open(
        self, path: str = '/', *, stream: str | None = 'todos', scopes: Iterable[int | None] = (None,)
    ) -> LightSocket:
        """Open a tab that gets a socket.

        :param stream: the stream to subscribe to; ``None`` where the server is plain NiceGUI
        :param scopes: the scopes to subscribe to
        """
        page = await self.load(path)
        query = urlencode({'EIO': '4', 'transport': 'websocket', **page.handshake})
        assert self._address.hostname
        assert self._address.port
        socket = await LightSocket.connect(
            self._address.hostname,
            self._address.port,
            f'{SOCKET_PATH}?{query}',
            listener=self._listener,
            cookie='; '.join(f'{cookie.name}={cookie.value}' for cookie in self._http.cookies.jar),
        )
        self.sockets.append(socket)
        if stream is not None:
            assert (await socket.call('todosync_hello', page.handshake))['ok']
            for scope in scopes:
                await self.subscribe(socket, stream, scope)
        return socket

    async def subscribe(self, socket: LightSocket, stream: str, scope: int | None = None) -> None:
        """Ask for all rows of a stream, or of a scope, and wait until they have come or are refused."""
        arrived = asyncio.Event()
        listener = socket.listener

        def note_first(event: str, data: Any, at: float, size: int) -> None:
            listener(event, data, at, size)
            if event == 'todosync_answer' or (event == 'todosync_data' and 'refused' in data):
                arrived.set()

        socket.listener = note_first
        of_scope = {} if scope is None else {'scope': scope}
        answer = await socket.call('todosync_fetch', {'stream': stream, **of_scope, 'version': None})
        if answer['ok']:  # else there is nothing to wait for
            await arrived.wait()
        socket.listener = listener

    async def follow(self, leader: LightSocket, path: str = '/') -> Page:
        """Open a tab that the leader's socket carries."""
        page = await self.load(path)
        answer = await leader.call('todosync_join', {**page.handshake, 'tab': secrets.token_hex(16)})
        assert answer['ok'], answer
        return page

    async def close(self) -> None:
        """Close all tabs."""
        for socket in self.sockets:
            socket.close()
        await self._http.aclose()
