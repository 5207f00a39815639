"""How one app process listens and stops."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from nicegui import ui
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from . import logs
from .settings import Settings

DRAIN_SIGNAL = signal.SIGUSR1
"""Tells a process that it is going to be stopped."""
GZIP_LEVEL = 4
"""A tenth larger than at best, in a quarter of the time, and the event loop waits meanwhile."""
START_PATIENCE = 10.0
PROBE_PATIENCE = 1.0
"""Seconds that requests, and those that ask how the process is, wait for a start that takes long."""
STOP_GRACE = 5
"""Seconds that requests in flight get to end before the process ends without them."""


def run_options(settings: Settings) -> dict[str, Any]:
    """Return what ``ui.run()`` has to be told of the settings.

    :param settings: the settings

    Example::

        ui.run(title='Todos', **todosync.run_options(settings))
    """
    options: dict[str, Any] = {
        'host': settings.host,
        'port': settings.port,
        'storage_secret': settings.resolve_storage_secret(),
        'reload': False,
        'show': False,
        'timeout_graceful_shutdown': STOP_GRACE,
        'log_config': logs.configuration(settings),
        # messages are small; a compressor for each socket takes 90 kB, and most of the time that sending one takes
        'ws_per_message_deflate': False,
        'ws_ping_interval': None,  # Engine.IO has pings of its own
        'gzip_middleware_factory': None if settings.behind_proxy else compress_quickly,
    }
    if settings.socket is not None:
        # who can open the socket is the proxy: the directory is closed to others
        options |= {'uds': str(settings.socket), 'forwarded_allow_ips': '*', 'show_welcome_message': False}
    return options


def compress_quickly(app: ASGIApp) -> GZipMiddleware:
    """Return the layer that compresses what is sent."""
    return GZipMiddleware(app, compresslevel=GZIP_LEVEL)


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


def drain_on_signal(drain: Callable[[], None]) -> None:
    """Have ``drain`` called when the process is told that it is going to be stopped."""
    with suppress(NotImplementedError, RuntimeError, ValueError):  # not every loop, system and thread has signals
        asyncio.get_running_loop().add_signal_handler(DRAIN_SIGNAL, drain)


def load_all_elements() -> None:
    """Import every NiceGUI element, for a process that is one of several.

    NiceGUI serves an element's browser part only after the element has been imported. A page made by one process could
    ask another one for a part that that one does not know yet.
    """
    for name in ui._LAZY_IMPORTS:
        with suppress(ImportError):  # an element whose optional package is not installed is on nobody's page
            getattr(ui, name)
