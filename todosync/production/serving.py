"""How one app process listens and stops."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nicegui import ui
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from todosync.production import logs
from todosync.settings import Settings

DRAIN_SIGNAL = signal.SIGUSR1
"""Tells a process that it is going to be stopped."""
GZIP_LEVEL = 4
"""A tenth larger than at best, in a quarter of the time, and the event loop waits meanwhile."""
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
