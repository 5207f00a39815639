"""Settings of the process that save memory and processor time."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Sequence
from typing import Any

import socketio
from fastapi import FastAPI
from nicegui import Client
from nicegui import app as nicegui_app
from nicegui.observables import ObservableDict
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

GC_THRESHOLDS = (10_000, 5, 2)
"""The thresholds of ``gc.set_threshold()``: how many new objects start a collection, and how many collections of a
generation start one of the next. With Python's own 700 for the first, collections would stop the serving far more
often. With its own 10 for the others, objects of closed pages would pile up."""
MALLOC_ARENAS = 2
"""How many arenas glibc may use. It would use one for most of the some twenty threads, and the freed memory that the
arenas keep would grow by 10 MB an hour."""
MMAP_THRESHOLD = 128 * 1024
"""Allocations of at least this many bytes get memory of their own from the system, which is given back at once.

glibc begins with this value, too. But it raises it to the largest allocation that was freed, up to 32 MB, and smaller
ones then leave holes in the heap. After 5,000 visits the holes are 17 MB, with a fixed value 10 MB."""
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # of malloc.h, see mallopt(3)
OPEN_FILES = 65_536
"""How many open files a process asks for: more than the sockets that it can serve."""
PING_INTERVAL = 10.0
PING_TIMEOUT = 8.0
"""Seconds between two pings to a socket, and seconds until the answer is late.

NiceGUI uses 0.8 and 0.4 of its reconnect timeout, at least 4 and 2 s, and such pings are half of the cost of an idle
browser. A browser takes a connection for lost when no ping has come for the sum of both."""
FOR_API = 'todosync.for_api'
"""The key in the scope of a request for the API."""


def settle_allocator() -> None:
    """Make glibc give freed memory back to the system or use it again, see the constants above.

    Other allocators do not need this. Call it before there are threads, because a thread keeps the arena that it has.
    """
    if sys.platform == 'linux' and (mallopt := getattr(ctypes.CDLL(None), 'mallopt', None)):
        mallopt(M_ARENA_MAX, MALLOC_ARENAS)
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)


def allow_open_files() -> int | None:
    """Let the process have as many open files as it may give itself: each socket is one, and 1,024 is a common limit.

    :return: the limit now; ``None`` if the system has none
    """
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def tune(app: FastAPI, sio: socketio.AsyncServer, api_routes: Sequence[BaseRoute]) -> None:
    """Tune the process to serve an app that has started; safe to call twice.

    It does nothing for the simulated app of a test, whose middleware is made only when the first request comes.

    :param api_routes: see :class:`ApiFirst`
    """
    if app.middleware_stack is not None and not isinstance(app.middleware_stack, ApiFirst):
        app.middleware_stack = ApiFirst(app, api_routes)
        sio.eio.ping_interval, sio.eio.ping_timeout = PING_INTERVAL, PING_TIMEOUT
        _settle_garbage_collector()


def free_elements(client: Client) -> None:
    """Free the memory of a deleted page's elements at once.

    The classes, the style and the props of each element are in a cycle with their own change handler. So they would
    wait for the garbage collector, and some of the memory that many of them use meanwhile would never be given back.
    """
    for element in client.elements.values():
        for observable in (element.classes, element.style, element.props):
            getattr(observable, '_change_handlers', []).clear()


def forget_unused_tab_storage(client: Client) -> None:
    """Delete the ``app.storage.tab`` of a deleted page if it is empty.

    NiceGUI keeps one for 30 days for each tab that was ever open. A tab that comes back gets a new one in any case.
    """
    storages: dict[str | None, object] = getattr(nicegui_app.storage, '_tabs', {})
    tab_id = _tab_of(client)
    storage = storages.get(tab_id)
    if not isinstance(storage, ObservableDict) or storage:
        return
    if not any(_tab_of(other) == tab_id for other in Client.instances.values() if other is not client):
        del storages[tab_id]


def _tab_of(client: Client) -> str | None:
    tab_id: str | None = getattr(client, '_pinned_tab_id', None)  # the public one is gone with the connection
    return tab_id


class ApiFirst:
    """Keeps requests for some routes from the middleware that NiceGUI puts around every request.

    That middleware is for pages and their files: it tracks the page's request, rewrites prefixes and sets cache
    headers. It is made of Starlette's ``BaseHTTPMiddleware``, which costs more than an insert into the database. All
    other middleware stays, the same objects for the API and for pages.

    :param app: the app, after its middleware was made
    :param routes: the routes that need no middleware of NiceGUI
    """

    def __init__(self, app: FastAPI, routes: Sequence[BaseRoute]) -> None:
        assert app.middleware_stack is not None
        self.app = app.middleware_stack
        self._routes = routes
        layer: Any = self
        # the search ends at a middleware that keeps the next one under another name; those inside stay as they are
        while (wrapped := getattr(layer, 'app', None)) is not None:
            if _is_of_nicegui(wrapped) and hasattr(wrapped, 'app'):
                layer.app = _PassedByApi(wrapped)
            layer = wrapped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._is_for_api(scope):
            scope[FOR_API] = True
        await self.app(scope, receive, send)

    def _is_for_api(self, scope: Scope) -> bool:
        return scope['type'] == 'http' and any(route.matches(scope)[0] is Match.FULL for route in self._routes)


class _PassedByApi:
    """A middleware of NiceGUI that requests for the API pass by."""

    def __init__(self, layer: Any) -> None:
        self.app = layer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self.app.app if FOR_API in scope else self.app
        await answer(scope, receive, send)


def _is_of_nicegui(layer: object) -> bool:
    return type(layer).__module__.partition('.')[0] == 'nicegui'


def _settle_garbage_collector() -> None:
    gc.collect()
    gc.freeze()  # the objects of the start stay in any case, so the collector need not check them again
    gc.set_threshold(*GC_THRESHOLDS)
