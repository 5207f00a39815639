"""The app behind a proxy that lets browsers keep its pages in the back-forward cache: without ``no-store``."""

import runpy
from pathlib import Path
from typing import Any

from nicegui import app
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class WithoutNoStore:
    """Drops the header that forbids browsers to keep a page."""

    def __init__(self, app_: ASGIApp) -> None:
        self._app = app_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def send_without(message: Message) -> None:
            if message['type'] == 'http.response.start':
                headers: Any = MutableHeaders(scope=message)
                if headers.get('cache-control') == 'no-store':
                    del headers['cache-control']
            await send(message)

        await self._app(scope, receive, send_without if scope['type'] == 'http' else send)


app.add_middleware(WithoutNoStore)
runpy.run_path(str(Path(__file__).parent.parent.parent / 'main.py'), run_name='__main__')
