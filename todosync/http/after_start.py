"""Requests wait until the app has started."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

START_PATIENCE = 10.0
PROBE_PATIENCE = 1.0
"""Seconds for which requests wait for the start of the app; those that ask for the health of the process wait less."""


class AfterStart:
    """Lets requests wait until the app has started, because NiceGUI accepts them before. Refuses them after a while.

    :param app: answers the requests
    :param start: returns when the app has started; it handles its own errors
    """

    def __init__(self, app: ASGIApp, start: Callable[[], Awaitable[None]]) -> None:
        self.app = app
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        answer: ASGIApp = self.app
        if scope['type'] != 'lifespan':
            is_probe = scope['path'] == '/up'
            try:
                await asyncio.wait_for(self._start(), PROBE_PATIENCE if is_probe else START_PATIENCE)
            except TimeoutError:
                if not is_probe and scope['type'] == 'http':
                    refusal = {'errors': ['The server is waiting for its database; try again in a few seconds']}
                    answer = JSONResponse(refusal, HTTPStatus.SERVICE_UNAVAILABLE, {'Retry-After': '5'})
            except Exception:  # noqa: S110 - it has been logged, and /up tells what does not work
                pass
        await answer(scope, receive, send)
