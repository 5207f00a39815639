"""The app behind a proxy that refuses WebSockets, so that pages poll."""

import runpy
from pathlib import Path

from nicegui import app
from starlette.types import ASGIApp, Receive, Scope, Send


class WithoutWebSockets:
    """Refuses each WebSocket."""

    def __init__(self, app_: ASGIApp) -> None:
        self._app = app_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope['type'] == 'websocket':
            await send({'type': 'websocket.close'})
        else:
            await self._app(scope, receive, send)


app.add_middleware(WithoutWebSockets)
runpy.run_path(str(Path(__file__).parent.parent.parent / 'main.py'), run_name='__main__')
