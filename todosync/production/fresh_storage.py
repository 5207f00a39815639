"""Requests see what other processes have put into ``app.storage``, and others see what they have put there."""

from __future__ import annotations

from nicegui.storage import request_contextvar
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .storage import SharedStorage


class FreshStorage:
    """Reads the storages of a request again before it is answered, and has its changes written before the answer.

    :param app: what answers the requests
    :param storage: the storages
    """

    def __init__(self, app: ASGIApp, storage: SharedStorage) -> None:
        self.app = app
        self._storage = storage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        session_id = self._session_of(scope)
        if session_id is None:
            await self.app(scope, receive, send)
            return

        async def send_when_written(message: Message) -> None:
            if message['type'] == 'http.response.start':
                await self._storage.flushed(session_id)
            await send(message)

        await self._storage.refresh(session_id)
        await self.app(scope, receive, send_when_written)

    @staticmethod
    def _session_of(scope: Scope) -> str | None:
        """Return the session of a request that can look at a storage, ``None`` for other requests."""
        if scope['type'] != 'http' or scope['path'].startswith('/_nicegui/') or request_contextvar.get() is None:
            return None
        return str(scope['session']['id'])
