"""Requests wait until the app has started."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

START_PATIENCE = 10.0
PROBE_PATIENCE = 1.0
"""Seconds that requests, and those that ask how the process is, wait for a start that takes long."""


class AfterStart:
    """Lets requests wait until the app has started: NiceGUI takes them before that. Refuses them if it takes long.

    :param app: what answers the requests
    :param start: returns when the app has started; a failure is its own business
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
