"""What HTTP asks of every route, the app's and NiceGUI's: HEAD wherever GET is, and no cookies with public files."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILES = '/_nicegui/'
"""Stands in the path of each file that is the same for everybody."""


class Conventions:
    """Keeps the conventions of HTTP around an app.

    HEAD is GET to the app; the server sends no body then. A file that any cache on the way may keep and give to others
    (``Cache-Control: public``) starts nobody's session: the cookie would be kept and given to others with it.

    :param app: the app
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return

        async def send_without_session(message: Message) -> None:
            if message['type'] == 'http.response.start':
                _leave_as_it_was(scope.get('session'))
            await send(message)

        is_file = FILES in scope['path'] and scope['method'] in {'GET', 'HEAD'}
        served = {**scope, 'method': 'GET'} if scope['method'] == 'HEAD' else scope
        await self.app(served, receive, send_without_session if is_file else send)


def _leave_as_it_was(session: Any) -> None:
    # Starlette's layer around this one asks these whether there is something to keep
    if hasattr(session, 'modified') and hasattr(session, 'accessed'):
        session.modified = session.accessed = False
